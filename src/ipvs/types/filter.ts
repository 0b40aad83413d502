import type { Family } from '../../net/address.js';
import type { Protocol } from '../../net/protocol.js';
import type { VirtualServerUrl } from './server.js';

/** One value, or several of which one has to fit. */
export type OneOrMany<T> = T | readonly T[];

/** A number, or those from one to another (both included). */
export type NumberMatch = number | { readonly from: number; readonly to: number };

/** Which virtual server: what its name says. */
export interface VirtualServerIdentity {
  readonly url: VirtualServerUrl;
  readonly family: Family;
  /** Absent for servers by firewall mark, as are address and port. */
  readonly protocol?: Protocol | undefined;
  readonly address?: string | undefined;
  readonly port?: number | undefined;
  /** Only for servers by firewall mark. */
  readonly fwmark?: number | undefined;
}

/**
 * Which virtual servers are meant, by their identity. All fields that are given have to fit; a field with several values fits when one of them
 * does. `{}` means all. Servers by firewall mark have neither protocol nor address nor port: a filter that asks for one of these
 * leaves them out, and a filter that asks for marks leaves out all others. Where a list of filters is taken, one of them has to fit.
 */
export interface VirtualServerFilter {
  readonly protocol?: OneOrMany<Protocol>;
  readonly family?: OneOrMany<Family>;
  /** Addresses or networks: `10.96.0.0/12`, `2001:db8::/32`, `10.0.0.1`. */
  readonly address?: OneOrMany<string>;
  readonly port?: OneOrMany<NumberMatch>;
  readonly fwmark?: OneOrMany<NumberMatch>;
  /** Asked last, of those that everything else fits. Only `true` means yes. */
  readonly where?: (server: VirtualServerIdentity) => boolean;
}
