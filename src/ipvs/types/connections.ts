import type { CallOptions } from '../../netlink/types.js';
import type { NumberMatch, OneOrMany } from './filter.js';

/** One end of a connection. */
export interface ConnectionEnd {
  /** Canonical. */
  readonly address: string;
  readonly port: number;
}

/** An entry of the connection table. */
export interface Connection {
  /** `tcp`, `udp`, `sctp`; `ip` for a persistence template of a firewall mark, which is then the virtual address. */
  readonly protocol: string;
  /** Who connected. Port 0 in a persistence template. */
  readonly client: ConnectionEnd;
  readonly virtual: ConnectionEnd;
  /** The real server. */
  readonly server: ConnectionEnd;
  /** The kernel's word for the state: `ESTABLISHED`, `FIN_WAIT`, `UDP`, `NONE` … */
  readonly state: string;
  /** Seconds until the entry goes, unless packets come. */
  readonly expires: number;
  /**
   * A persistence template: what binds a client to the server, and no connection. Told by the client's port 0, which a data connection of FTP
   * that is yet to come has as well.
   */
  readonly template: boolean;
  /** What a persistence engine keeps, such as the call id of a SIP dialogue. */
  readonly engine?: { readonly name: string; readonly data: string };
}

/** What an end of a connection has to be. */
export interface ConnectionEndFilter {
  /** Addresses or networks. */
  readonly address?: OneOrMany<string>;
  readonly port?: OneOrMany<NumberMatch>;
}

/** Which connections are meant. All fields that are given have to fit; one with several values fits when one of them does. */
export interface ConnectionFilter {
  readonly protocol?: OneOrMany<string>;
  readonly client?: ConnectionEndFilter;
  readonly virtual?: ConnectionEndFilter;
  readonly server?: ConnectionEndFilter;
  /** `ESTABLISHED`, `FIN_WAIT` … in any case of letters. */
  readonly state?: OneOrMany<string>;
  /** Persistence templates only, or connections only. */
  readonly template?: boolean;
  /** Asked last. Only `true` means yes. */
  readonly where?: (connection: Connection) => boolean;
}

/** Options of `connections`. */
export interface ConnectionOptions extends CallOptions {
  readonly filter?: ConnectionFilter;
}
