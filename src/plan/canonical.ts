import { type AddressId, parseAddressUrl } from '../ipvs/identity.js';
import { parseSpec, type ServiceEntry } from '../ipvs/spec.js';
import type { VirtualServerSpec } from '../ipvs/types.js';
import { parseAddress } from '../net/address.js';
import { PROTOCOL_NUMBER } from '../net/protocol.js';

export { type AddressId, parseAddressUrl as parseUrl };

/** The entry of a `hash:ip,port` set that stands for a virtual server: `10.96.0.10,tcp:80`. */
export function recordEntry({ address, protocol, port }: AddressId): string {
  return `${address},${protocol}:${String(port)}`;
}

/** Text that sorts virtual servers as they are listed: family, protocol number, address and port as numbers. */
export function sortKey({ protocol, family, address, port }: Omit<AddressId, 'url'>): string {
  const rank = String(PROTOCOL_NUMBER[protocol]).padStart(3, '0');
  const bytes = Buffer.from(parseAddress(address, 'address').bytes).toString('hex');
  return `${family} ${rank} ${bytes} ${String(port).padStart(5, '0')}`;
}

/** A wanted virtual server by address, in the terms of the kernel, with all defaults filled in. */
export type WantedServer = ServiceEntry & { readonly id: AddressId };

/** @throws ValidationError below `path`, also for a firewall mark, which a plan could not record as ours, and for a real server that comes twice */
export function wantedServer(spec: VirtualServerSpec, path = 'virtualServer'): WantedServer {
  const { settings, destinations } = parseSpec(spec, path);
  return { id: parseAddressUrl(spec.url, `${path}.url`), settings, destinations };
}
