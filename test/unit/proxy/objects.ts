import {
  desired,
  type KubeFamilyState,
  type NodeFacts,
  proxyConfig,
  type ProxyConfig,
  readManifests,
} from '../../../src/proxy/index.js';

/** API objects as short as a test can say them; everything else is a default of the API. */
export type Fields = Readonly<Record<string, unknown>>;

/** A Service `shop/NAME` with the cluster IP 10.96.0.10 and the port tcp 80 named http. */
export function service(name: string, spec: Fields = {}, status: Fields = {}, metadata: Fields = {}): Fields {
  return {
    apiVersion: 'v1',
    kind: 'Service',
    metadata: { namespace: 'shop', name, ...metadata },
    spec: { clusterIP: '10.96.0.10', ports: [{ name: 'http', port: 80 }], ...spec },
    status,
  };
}

/** A status with these addresses of a load balancer. */
export const ingress = (...ips: readonly string[]): Fields => ({
  loadBalancer: { ingress: ips.map((ip) => ({ ip })) },
});

/** An endpoint: an address, and what is special about it. */
export function endpoint(address: string, nodeName = 'node-b', more: Fields = {}): Fields {
  return { addresses: [address], nodeName, ...more };
}

/** A slice of a Service in `shop`, port 8080 named http. */
export function slice(serviceName: string, endpoints: readonly Fields[], more: Fields = {}): Fields {
  sliceCount++;
  return {
    apiVersion: 'discovery.k8s.io/v1',
    kind: 'EndpointSlice',
    metadata: {
      namespace: 'shop',
      name: `${serviceName}-${sliceCount}`,
      labels: { 'kubernetes.io/service-name': serviceName },
    },
    addressType: 'IPv4',
    ports: [{ name: 'http', port: 8080 }],
    endpoints,
    ...more,
  };
}
let sliceCount = 0;

/** The node that is programmed. */
export const NODE: NodeFacts = {
  name: 'node-a',
  labels: { 'topology.kubernetes.io/zone': 'zone-1' },
  podCIDRs: [],
  primaryIPs: ['192.0.2.11', '2001:db8:10::11'],
  interfaces: [
    { name: 'lo', addresses: ['127.0.0.1', '::1'] },
    { name: 'eth0', addresses: ['192.0.2.11', '2001:db8:10::11', 'fe80::1'] },
    { name: 'cni0', addresses: ['10.244.1.1'] },
    { name: 'kube-ipvs0', addresses: ['10.96.0.10'] },
  ],
};

/** What {@link wanted} differs in. */
export interface Setting {
  readonly config?: Partial<ProxyConfig>;
  readonly node?: Partial<NodeFacts>;
  readonly family?: 'inet' | 'inet6';
}

/** Desired state of one family (IPv4 unless said otherwise) for API objects, which must all be good. */
export function wanted(objects: readonly Fields[], setting: Setting = {}): KubeFamilyState {
  const text = JSON.stringify({ apiVersion: 'v1', kind: 'List', items: objects });
  const { services, slices, problems } = readManifests([{ file: 'test', text }]);
  if (problems.length > 0) throw new Error(JSON.stringify(problems));
  const state = desired(services, slices, { ...NODE, ...setting.node }, proxyConfig(setting.config));
  const family = state.families.find((f) => f.family === (setting.family ?? 'inet'));
  if (family === undefined) throw new Error('the family is not there');
  return family;
}

/** Virtual servers with their real servers: `tcp://10.96.0.10:80 -> 10.244.1.2:8080 10.244.2.3:8080`. */
export function servers(state: KubeFamilyState): string[] {
  return state.virtualServers.map(({ url, realServers = [] }) => {
    const real = realServers.map((r) => (typeof r === 'string' ? r : `${r.address}:${r.port ?? ''}`));
    return [url, '->', ...real].join(' ');
  });
}

/** The sets that have entries. */
export function entries(state: KubeFamilyState): Record<string, readonly string[]> {
  return Object.fromEntries(
    state.sets.filter((set) => set.entries.length > 0).map((set) => [set.name, set.entries]),
  );
}
