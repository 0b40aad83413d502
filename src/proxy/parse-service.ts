import { ValidationError } from '../errors.js';
import { type Address, type Family, formatAddress, parseAddress } from '../net/address.js';
import { isLoopback } from './node.js';
import { formatCidr, parseCidr } from '../net/cidr.js';
import { integerIn, portNumber } from '../net/number.js';
import type { Protocol } from '../net/protocol.js';
import {
  type Json,
  below,
  listAt,
  objectAt,
  objectsAt,
  optionalText,
  textAt,
  textsByKey,
  wordAt,
} from './fields.js';
import { parseTuning } from './annotations.js';
import type { Service, ServicePort, Source } from './model.js';

const PROTOCOLS = ['TCP', 'UDP', 'SCTP'] as const;
const FAMILIES: ReadonlyMap<unknown, Family> = new Map([
  ['IPv4', 'inet'],
  ['IPv6', 'inet6'],
]);
/** `service.spec.sessionAffinityConfig.clientIP.timeoutSeconds` of the API. */
const DEFAULT_AFFINITY_SECONDS = 10_800;
const MAX_AFFINITY_SECONDS = 86_400;

/** IPv4: 224.0.0.0/4; IPv6: ff00::/8. */
function isMulticast({ family, bytes: [first = 0] }: Address): boolean {
  return family === 'inet' ? first >> 4 === 0xe : first === 0xff;
}

/**
 * An address that packets can be balanced at or sent to, canonical. The API refuses the others as well.
 * @throws ValidationError for what is no address, and for unspecified, loopback and multicast ones.
 */
export function usableAddress(text: unknown, path: string, family?: Family): string {
  const address = parseAddress(text, path, family);
  const canonical = formatAddress(address.bytes, address.family);
  if (address.bytes.every((byte) => byte === 0) || isLoopback(canonical) || isMulticast(address))
    throw new ValidationError(path, 'an address that is not unspecified, loopback or multicast', text);
  return canonical;
}

/** `tcp` for `TCP`, the default. @throws ValidationError */
export function protocolAt(parent: Json, path: string): Protocol {
  const word = wordAt(parent, 'protocol', path, PROTOCOLS, 'TCP');
  return word === 'TCP' ? 'tcp' : word === 'UDP' ? 'udp' : 'sctp';
}

/** Port numbers of the API: absent is `absent`. @throws ValidationError */
export function portAt(parent: Json, key: string, path: string, min: 0 | 1, absent?: number): number {
  return portNumber(parent[key] ?? absent, below(path, key), min);
}

function portsOf(spec: Json): ServicePort[] {
  const seen = new Set<string>();
  const names = new Set<string>();
  return objectsAt(spec, 'ports', 'spec').map(([port, path]) => {
    const parsed = {
      name: optionalText(port, 'name', path) ?? '',
      protocol: protocolAt(port, path),
      port: portAt(port, 'port', path, 1),
      nodePort: portAt(port, 'nodePort', path, 0, 0),
    };
    const key = `${parsed.protocol} ${parsed.port}`;
    if (seen.has(key))
      throw new ValidationError(below(path, 'port'), 'each protocol and port once', parsed.port);
    seen.add(key);
    // Endpoints are found by the name of the port and its protocol.
    const name = `${parsed.protocol} ${parsed.name}`;
    if (names.has(name))
      throw new ValidationError(below(path, 'name'), 'a name of its own for each port', parsed.name);
    names.add(name);
    return parsed;
  });
}

/** Cluster IPs from `clusterIPs`, or else from `clusterIP`; checked against `ipFamilies`, which names their families in order. */
function clusterIPsOf(spec: Json): { clusterIPs: string[]; headless: boolean } {
  const list = listAt(spec, 'clusterIPs', 'spec');
  const single = optionalText(spec, 'clusterIP', 'spec') ?? '';
  const texts = list.length > 0 ? list : single === '' ? [] : [single];
  const pathOf = (i: number): string => (list.length > 0 ? `spec.clusterIPs[${i}]` : 'spec.clusterIP');
  if (texts[0] === 'None') return { clusterIPs: [], headless: true };

  const families = listAt(spec, 'ipFamilies', 'spec').map((name, i) => {
    const family = FAMILIES.get(name);
    if (family === undefined) throw new ValidationError(`spec.ipFamilies[${i}]`, 'IPv4 or IPv6', name);
    return family;
  });
  const seen = new Set<Family>();
  const clusterIPs = texts.map((text, i) => {
    const address = parseAddress(text, pathOf(i), families[i]);
    if (seen.has(address.family)) throw new ValidationError(pathOf(i), 'one address per family', text);
    seen.add(address.family);
    return usableAddress(text, pathOf(i));
  });
  return { clusterIPs, headless: false };
}

/** Only addresses in VIP mode: host names have none, and in proxy mode the balancer wants to be asked itself. */
function loadBalancerIPsOf(status: Json): string[] {
  const balancer = objectAt(status, 'loadBalancer', 'status');
  const addresses: string[] = [];
  for (const [ingress, path] of objectsAt(balancer, 'ingress', 'status.loadBalancer')) {
    const ip = optionalText(ingress, 'ip', path) ?? '';
    const mode = wordAt(ingress, 'ipMode', path, ['VIP', 'Proxy'], 'VIP');
    if (ip === '') continue;
    const address = usableAddress(ip, below(path, 'ip'));
    if (mode === 'VIP') addresses.push(address);
  }
  return addresses;
}

function affinityOf(spec: Json): number | undefined {
  const affinity = wordAt(spec, 'sessionAffinity', 'spec', ['None', 'ClientIP'], 'None');
  const config = objectAt(spec, 'sessionAffinityConfig', 'spec');
  const client = objectAt(config, 'clientIP', 'spec.sessionAffinityConfig');
  const seconds = integerIn(
    client['timeoutSeconds'] ?? DEFAULT_AFFINITY_SECONDS,
    1,
    MAX_AFFINITY_SECONDS,
    'spec.sessionAffinityConfig.clientIP.timeoutSeconds',
    'seconds',
  );
  return affinity === 'None' ? undefined : seconds;
}

/** Namespace and name; objects without a namespace are in `default`. */
export function metadataOf(object: Json): {
  namespace: string;
  name: string;
  labels: Readonly<Record<string, string>>;
  annotations: Readonly<Record<string, string>>;
} {
  const metadata = objectAt(object, 'metadata', '');
  return {
    name: textAt(metadata, 'name', 'metadata'),
    namespace: optionalText(metadata, 'namespace', 'metadata') ?? 'default',
    labels: textsByKey(metadata, 'labels', 'metadata'),
    annotations: textsByKey(metadata, 'annotations', 'metadata'),
  };
}

/**
 * Read a Service (v1). Defaults are those of the Kubernetes API, so hand-written manifests do as well as what the API returns.
 * @throws ValidationError with the path of the first bad field.
 */
export function parseService(object: Json, source?: Source): Service {
  const spec = objectAt(object, 'spec', '');
  const status = objectAt(object, 'status', '');
  const texts = (key: string): (readonly [unknown, string])[] =>
    listAt(spec, key, 'spec').map((item, i) => [item, `spec.${key}[${i}]`] as const);
  const affinitySeconds = affinityOf(spec);
  const metadata = metadataOf(object);
  const tuning = parseTuning(metadata.annotations);
  return {
    ...metadata,
    type: wordAt(
      spec,
      'type',
      'spec',
      ['ClusterIP', 'NodePort', 'LoadBalancer', 'ExternalName'],
      'ClusterIP',
    ),
    ...clusterIPsOf(spec),
    ports: portsOf(spec),
    externalIPs: texts('externalIPs').map(([text, path]) => usableAddress(text, path)),
    loadBalancerIPs: loadBalancerIPsOf(status),
    // The API lets blanks around a range through.
    loadBalancerSourceRanges: texts('loadBalancerSourceRanges').map(([text, path]) =>
      formatCidr(parseCidr(typeof text === 'string' ? text.trim() : text, path)),
    ),
    externalTrafficPolicy: wordAt(spec, 'externalTrafficPolicy', 'spec', ['Cluster', 'Local'], 'Cluster'),
    internalTrafficPolicy: wordAt(spec, 'internalTrafficPolicy', 'spec', ['Cluster', 'Local'], 'Cluster'),
    ...(affinitySeconds === undefined ? {} : { affinitySeconds }),
    healthCheckNodePort: portAt(spec, 'healthCheckNodePort', 'spec', 0, 0),
    ...(tuning === undefined ? {} : { tuning }),
    ...(source === undefined ? {} : { source }),
  };
}
