import { ValidationError } from '../errors.js';
import {
  applyDestinationPatch,
  DEFAULT_DESTINATION,
  DESTINATION_KEYS,
  type DestinationPatch,
  type DestinationSettings,
  parseDestinationPatch,
} from './destination-settings.js';
import {
  type DestinationId,
  destinationName,
  parseRealServer,
  parseVirtualServer,
  type ServiceId,
} from './identity.js';
import { at, isObject } from './objects.js';
import {
  applyServicePatch,
  defaultService,
  parseServicePatch,
  SERVICE_KEYS,
  type ServiceSettings,
} from './service-settings.js';
import type { RealServerSpec, VirtualServerSpec } from './types.js';

/** A real server as specified, with defaults filled in. */
export interface DestinationEntry {
  readonly id: DestinationId;
  readonly settings: DestinationSettings;
}

/** A virtual server as specified, with defaults filled in. */
export interface ServiceEntry {
  readonly id: ServiceId;
  readonly settings: ServiceSettings;
  /** Undefined when the spec says nothing about real servers. */
  readonly destinations: readonly DestinationEntry[] | undefined;
}

const REAL_SERVER_KEYS = ['address', 'port', ...DESTINATION_KEYS] as const;
const VIRTUAL_SERVER_KEYS = ['url', 'realServers', ...SERVICE_KEYS] as const;

/** Parse a name or an object of identity and attributes. @throws ValidationError naming the path. */
export function parseRealServerSpec(
  spec: RealServerSpec,
  service: ServiceId,
  path: string,
): { readonly id: DestinationId; readonly patch: DestinationPatch } {
  if (typeof spec === 'string') {
    return { id: parseRealServer(spec, service, path === '' ? 'realServer' : path), patch: {} };
  }
  if (!isObject(spec)) {
    throw new ValidationError(
      path === '' ? 'realServer' : path,
      'ADDRESS:PORT or an object with address, port and attributes',
      spec,
    );
  }
  // Attributes first: they refuse unknown keys, and `adress` should be called a typo rather than a missing address.
  const patch = parseDestinationPatch(spec, path, REAL_SERVER_KEYS);
  return { id: parseRealServer(spec, service, path), patch };
}

/** A new real server: what is not given has its default. @throws ValidationError naming the path. */
export function newDestination(spec: RealServerSpec, service: ServiceId, path: string): DestinationEntry {
  const { id, patch } = parseRealServerSpec(spec, service, path);
  const families = { service: service.family, destination: id.family };
  return { id, settings: applyDestinationPatch(DEFAULT_DESTINATION, patch, families, path) };
}

/** Parse a whole spec. @throws ValidationError naming the path, also for a real server that comes twice. */
export function parseSpec(spec: VirtualServerSpec, path = ''): ServiceEntry {
  if (!isObject(spec)) {
    throw new ValidationError(
      path === '' ? 'spec' : path,
      `an object with ${VIRTUAL_SERVER_KEYS.join(', ')}`,
      spec,
    );
  }
  const given: Readonly<Record<string, unknown>> = spec;
  if (typeof given['url'] !== 'string') {
    throw new ValidationError(at(path, 'url'), 'a URL such as tcp://10.0.0.1:80', given['url']);
  }
  const id = parseVirtualServer(spec.url, at(path, 'url'));
  const patch = parseServicePatch(spec, id, path, VIRTUAL_SERVER_KEYS);
  const settings = applyServicePatch(defaultService(id.family), patch, id.family, path);
  return {
    id,
    settings,
    destinations: parseRealServers(given['realServers'], spec, id, at(path, 'realServers')),
  };
}

function parseRealServers(
  value: unknown,
  spec: VirtualServerSpec,
  id: ServiceId,
  path: string,
): readonly DestinationEntry[] | undefined {
  if (spec.realServers === undefined) return undefined;
  if (!Array.isArray(value)) throw new ValidationError(path, 'a list of real servers', value);
  const seen = new Set<string>();
  return spec.realServers.map((realServer, i) => {
    const itemPath = `${path}[${String(i)}]`;
    const entry = newDestination(realServer, id, itemPath);
    const name = destinationName(entry.id);
    if (seen.has(name)) throw new ValidationError(itemPath, 'each real server once', name);
    seen.add(name);
    return entry;
  });
}
