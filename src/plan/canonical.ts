import { ValidationError } from '../errors.js';
import {
  applyDestinationPatch,
  DEFAULT_DESTINATION,
  DESTINATION_KEYS,
  describeTunnel,
  parseDestinationPatch,
} from '../ipvs/destination-settings.js';
import { parseRealServer, parseVirtualServer, type ServiceId } from '../ipvs/identity.js';
import {
  applyServicePatch,
  defaultService,
  describeService,
  parseServicePatch,
  SERVICE_KEYS,
} from '../ipvs/service-settings.js';
import type {
  RealServerSpec,
  RealServerState,
  VirtualServerAttributes,
  VirtualServerSpec,
  VirtualServerState,
} from '../ipvs/types.js';
import { parseAddress } from '../net/address.js';
import { PROTOCOL_NUMBER } from '../net/protocol.js';
import type { RealServerFacts } from './types.js';

/** Identity of a virtual server by address. */
export type AddressId = Extract<ServiceId, { readonly address: string }>;

/**
 * Identity behind a URL.
 * @throws ValidationError for anything malformed, and for firewall marks: a plan could not record those as ours.
 */
export function parseUrl(url: string, path = 'url'): AddressId {
  const id = parseVirtualServer(url, path);
  if (id.fwmark !== undefined) throw new ValidationError(path, 'a virtual server by address', url);
  return id;
}

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

/** An object with the given keys of another one, as far as it has them. */
function pick<T extends object, K extends keyof T>(from: T, keys: readonly K[]): Pick<T, K> {
  const out: Partial<Pick<T, K>> = {};
  for (const key of keys) if (from[key] !== undefined) out[key] = from[key];
  return out as Pick<T, K>;
}

/**
 * Attributes of a wanted virtual server, every one spelled out as listings spell it, so that equal settings are equal data.
 * @throws ValidationError below `path`.
 */
export function wantedAttributes(
  spec: VirtualServerSpec,
  id: AddressId,
  path: string,
): VirtualServerAttributes {
  const patch = parseServicePatch(pick(spec, SERVICE_KEYS), id, path);
  const settings = applyServicePatch(defaultService(id.family), patch, id.family, path);
  return pick(describeService(settings, id.family), SERVICE_KEYS);
}

/** Attributes of a listed virtual server. */
export function observedAttributes(state: VirtualServerState): VirtualServerAttributes {
  return pick(state, SERVICE_KEYS);
}

/**
 * A wanted real server, every attribute spelled out.
 * @throws ValidationError below `path`.
 */
export function wantedRealServer(spec: RealServerSpec, server: AddressId, path: string): RealServerFacts {
  const id = parseRealServer(spec, server, path);
  const patch = parseDestinationPatch(typeof spec === 'string' ? {} : pick(spec, DESTINATION_KEYS), path);
  const families = { service: server.family, destination: id.family };
  const settings = applyDestinationPatch(DEFAULT_DESTINATION, patch, families, path);
  return {
    address: id.address,
    port: id.port,
    weight: settings.weight,
    forwarding: settings.forwarding,
    upperThreshold: settings.upperThreshold,
    lowerThreshold: settings.lowerThreshold,
    ...(settings.forwarding === 'tunnel' ? { tunnel: describeTunnel(settings) } : {}),
  };
}

/** The comparable part of a real server that was listed. */
export function observedRealServer(state: RealServerState): RealServerFacts {
  const { address, port, weight, forwarding, upperThreshold, lowerThreshold, tunnel } = state;
  return {
    address,
    port,
    weight,
    forwarding,
    upperThreshold,
    lowerThreshold,
    ...(tunnel === undefined ? {} : { tunnel }),
  };
}
