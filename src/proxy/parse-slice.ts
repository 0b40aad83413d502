import { ValidationError } from '../errors.js';
import type { Family } from '../net/address.js';
import { parseSliceWeights } from './annotations.js';
import { type Json, booleanAt, listAt, objectAt, objectsAt, optionalText, textAt, wordAt } from './fields.js';
import type { Endpoint, EndpointPort, EndpointSlice, Source } from './model.js';
import { metadataOf, portAt, protocolAt, usableAddress } from './parse-service.js';

/** The label that names the Service of a slice. */
export const SERVICE_NAME_LABEL = 'kubernetes.io/service-name';
/** The label that slices of headless Services have: no proxy looks at them. */
const HEADLESS_LABEL = 'service.kubernetes.io/headless';

/** Names in a list of `{ name }` objects. */
function namesAt(parent: Json, key: string, path: string): string[] {
  return objectsAt(parent, key, path).map(([item, at]) => textAt(item, 'name', at));
}

function endpointsOf(object: Json, family: Family): Endpoint[] {
  return objectsAt(object, 'endpoints', '').map(([endpoint, path]) => {
    const addresses = listAt(endpoint, 'addresses', path).map((address, i) =>
      usableAddress(address, `${path}.addresses[${i}]`, family),
    );
    const [address] = addresses;
    if (address === undefined)
      throw new ValidationError(`${path}.addresses`, 'at least one address', addresses);
    const conditions = objectAt(endpoint, 'conditions', path);
    const hints = objectAt(endpoint, 'hints', path);
    const nodeName = optionalText(endpoint, 'nodeName', path);
    return {
      address,
      // What consumers are to make of an absent condition (EndpointConditions of discovery.k8s.io/v1).
      ready: booleanAt(conditions, 'ready', `${path}.conditions`, true),
      serving: booleanAt(conditions, 'serving', `${path}.conditions`, true),
      terminating: booleanAt(conditions, 'terminating', `${path}.conditions`, false),
      ...(nodeName === undefined ? {} : { nodeName }),
      hints: {
        zones: namesAt(hints, 'forZones', `${path}.hints`),
        nodes: namesAt(hints, 'forNodes', `${path}.hints`),
      },
    };
  });
}

/** Ports with a number; one without means "all ports", which no service port asks for. */
function portsOf(object: Json): EndpointPort[] {
  const ports: EndpointPort[] = [];
  for (const [port, path] of objectsAt(object, 'ports', '')) {
    const parsed = {
      name: optionalText(port, 'name', path) ?? '',
      protocol: protocolAt(port, path),
      port: portAt(port, 'port', path, 0, 0),
    };
    if (parsed.port !== 0) ports.push(parsed);
  }
  return ports;
}

/** A slice, or why there is nothing in it for us, and whether nobody expects that there is. */
export type ParsedSlice =
  | { readonly slice: EndpointSlice }
  | { readonly slice?: undefined; readonly ignored: string; readonly intended: boolean };

/**
 * Read an EndpointSlice (discovery.k8s.io/v1).
 * @throws ValidationError with the path of the first bad field.
 */
export function parseSlice(object: Json, source?: Source): ParsedSlice {
  const { namespace, name, labels, annotations } = metadataOf(object);
  if (HEADLESS_LABEL in labels) return { ignored: 'it belongs to a headless Service', intended: true };
  const weights = parseSliceWeights(annotations);
  const type = wordAt(
    { addressType: textAt(object, 'addressType', '') },
    'addressType',
    '',
    ['IPv4', 'IPv6', 'FQDN'],
    'IPv4',
  );
  if (type === 'FQDN') return { ignored: 'its endpoints are host names', intended: false };
  const family = type === 'IPv4' ? 'inet' : 'inet6';
  const slice = {
    namespace,
    name,
    service: labels[SERVICE_NAME_LABEL] ?? '',
    family,
    endpoints: endpointsOf(object, family),
    ports: portsOf(object),
    ...(weights === undefined ? {} : { weights }),
    ...(source === undefined ? {} : { source }),
  } as const;
  if (slice.service === '') return { ignored: `it has no label ${SERVICE_NAME_LABEL}`, intended: false };
  return { slice };
}
