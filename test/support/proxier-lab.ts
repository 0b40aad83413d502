import type { Family } from '../../src/net/address.js';
import { joinHostPort } from '../../src/net/address.js';
import { openKernel } from '../../src/kernel/open.js';
import type { Kernel } from '../../src/kernel/types.js';
import { Proxier, type ProxierOptions } from '../../src/proxier/index.js';
import {
  deriveNodeFacts,
  type EndpointSlice,
  type Profile,
  proxyConfig,
  type ProxyConfig,
  type RulesBackend,
  type Service,
  type ServicePort,
} from '../../src/proxy/index.js';
import { run } from './netns.js';
import { makeTopology, type Topology } from './topology.js';

/** Everything that has an address, in one family. */
export interface Places {
  readonly family: Family;
  /** Addresses of the node: on the network, and towards its pods. Masqueraded packets come from there. */
  readonly node: string;
  readonly gateway: string;
  /** Pods: two behind every Service, one of them on another node, and one that only asks. */
  readonly web: string;
  readonly away: string;
  readonly box: string;
  /** Addresses of the client: inside the source ranges, and outside of them. */
  readonly near: string;
  readonly far: string;
  /** The client alone, and the lower half of the network: with the node. */
  readonly nearOnly: string;
  readonly nearAndNode: string;
}

export const PLACES: readonly Places[] = [
  {
    family: 'inet',
    node: '192.0.2.11',
    gateway: '10.244.1.1',
    web: '10.244.1.11',
    away: '10.244.2.13',
    box: '10.244.1.100',
    near: '192.0.2.100',
    far: '192.0.2.200',
    nearOnly: '192.0.2.100/32',
    nearAndNode: '192.0.2.0/25',
  },
  {
    family: 'inet6',
    node: '2001:db8:10::11',
    gateway: 'fd00:10:244:1::1',
    web: 'fd00:10:244:1::11',
    away: 'fd00:10:244:2::13',
    box: 'fd00:10:244:1::100',
    near: '2001:db8:10::77',
    far: '2001:db8:10::200',
    nearOnly: '2001:db8:10::77/128',
    nearAndNode: '2001:db8:10::/121',
  },
];

/** Cluster IP number `n`, and address number `n` of load balancers and the like. */
export const clusterIP = (family: Family, n: number): string =>
  family === 'inet' ? `10.96.${n >> 8}.${n & 255}` : `fd00:10:96::${n.toString(16)}`;
export const outsideIP = (family: Family, n: number): string =>
  family === 'inet' ? `198.51.100.${n}` : `2001:db8:99::${n.toString(16)}`;

/** Ports of the pods. */
export const POD_PORTS = { tcp: 8080, udp: 5353, sctp: 7 } as const;

/** A Service of both families with its endpoints. */
export interface Sample {
  readonly service: Service;
  readonly slices: readonly EndpointSlice[];
}

/** A port of a Service, called by its protocol. */
export const portOf = (protocol: keyof typeof POD_PORTS, port: number, nodePort = 0): ServicePort => ({
  name: protocol,
  protocol,
  port,
  nodePort,
});

/** How an endpoint is doing, by pod; absent ones are ready, `undefined` ones are not there. */
export type Conditions = Partial<Record<'web' | 'away', 'terminating' | undefined>>;

/** A Service `shop/NAME` at cluster IP number `n` with the pods web and away behind it. */
export function sample(
  name: string,
  n: number,
  more: Partial<Service> = {},
  conditions: Conditions = {},
): Sample {
  const service: Service = {
    namespace: 'shop',
    name,
    labels: {},
    annotations: {},
    type: 'ClusterIP',
    clusterIPs: PLACES.map(({ family }) => clusterIP(family, n)),
    headless: false,
    ports: [portOf('tcp', 80)],
    externalIPs: [],
    loadBalancerIPs: [],
    loadBalancerSourceRanges: [],
    externalTrafficPolicy: 'Cluster',
    internalTrafficPolicy: 'Cluster',
    healthCheckNodePort: 0,
    ...more,
  };
  return { service, slices: PLACES.map((at) => sliceOf(service, at, conditions)) };
}

/** The slice of one family. */
export function sliceOf(
  { namespace, name, ports }: Service,
  at: Places,
  conditions: Conditions = {},
): EndpointSlice {
  const pods = (['web', 'away'] as const).filter(
    (pod) => !(pod in conditions) || conditions[pod] !== undefined,
  );
  return {
    namespace,
    name: `${name}-${at.family}`,
    service: name,
    family: at.family,
    ports: ports.map((port) => ({
      name: port.name,
      protocol: port.protocol,
      port: POD_PORTS[port.protocol],
    })),
    endpoints: pods.map((pod) => ({
      address: at[pod],
      ready: conditions[pod] === undefined,
      serving: true,
      terminating: conditions[pod] === 'terminating',
      nodeName: pod === 'web' ? 'node' : 'node-b',
      hints: { zones: [], nodes: [] },
    })),
  };
}

/** How the node is programmed. */
export interface LabConfig {
  readonly rules: RulesBackend;
  /** Default current. */
  readonly profile?: Profile;
  readonly masqueradeAll?: boolean;
}

const configOf = ({ rules, profile = 'current', masqueradeAll = false }: LabConfig): ProxyConfig =>
  proxyConfig({ profile, rules, masqueradeAll, clusterCIDR: ['10.244.0.0/16', 'fd00:10:244::/48'] });

/** A node, another one, their pods, and a client: see {@link Places}. */
export interface ProxierLab {
  readonly topology: Topology;
  readonly kernel: Kernel;
  /** A proxier of the node that knows these Services. */
  proxier(
    config: LabConfig,
    samples: readonly Sample[],
    options?: Partial<ProxierOptions> & { readonly kernel?: Kernel },
  ): Proxier;
  remove(): Promise<void>;
}

/** A port of a program of the node. */
export const HOST_PORT = 10_250;

const length = ({ family }: Places): number => (family === 'inet' ? 24 : 64);

/** Build it. */
export async function makeProxierLab(): Promise<ProxierLab> {
  const lan = (pick: (at: Places) => readonly string[]): readonly string[] =>
    PLACES.flatMap((at) => pick(at).map((address) => `${address}/${length(at)}`));
  const serving = { http: [POD_PORTS.tcp], udp: [POD_PORTS.udp] };
  const topology = await makeTopology({
    nodes: [
      {
        name: 'node',
        addresses: lan((at) => [at.node]),
        podCidrs: ['10.244.1.0/24', 'fd00:10:244:1::/64'],
        agent: true,
      },
      {
        name: 'node-b',
        addresses: ['192.0.2.12/24', '2001:db8:10::12/64'],
        podCidrs: ['10.244.2.0/24', 'fd00:10:244:2::/64'],
      },
    ],
    pods: [
      { name: 'web', node: 'node', addresses: PLACES.map((at) => at.web), ...serving },
      { name: 'away', node: 'node-b', addresses: PLACES.map((at) => at.away), ...serving },
      { name: 'box', node: 'node', addresses: PLACES.map((at) => at.box) },
    ],
    clients: [{ name: 'client', addresses: lan((at) => [at.near, at.far]) }],
    throughFirstNode: ['198.51.100.0/24', '10.96.0.0/16', 'fd00:10:96::/112', '2001:db8:99::/64'],
  });
  let kernel: Kernel | undefined;
  const remove = async (): Promise<void> => {
    await kernel?.close();
    await topology.remove();
  };
  try {
    await run(undefined, ['modprobe', '-a', 'sctp', 'nf_conntrack']);
    // Many packets are refused at once, and each refusal is looked for.
    await run(topology.netns('node').path, [
      'sysctl',
      '-q',
      '-w',
      'net.ipv4.icmp_ratelimit=0',
      'net.ipv6.icmp.ratelimit=0',
    ]);
    await topology.host('node').agent.serveHttp(HOST_PORT);
    const opened = await openKernel({ netns: topology.netns('node').path });
    kernel = opened;
    return {
      topology,
      kernel: opened,
      proxier: (config, samples, { kernel: through = opened, ...options } = {}) => {
        const proxier = new Proxier(through, configOf(config), {
          node: () => deriveNodeFacts(opened, 'node'),
          syncPeriod: 0x7fffffff,
          ...options,
        });
        proxier.replace(
          samples.map(({ service }) => service),
          samples.flatMap(({ slices }) => slices),
        );
        return proxier;
      },
      remove,
    };
  } catch (err) {
    await remove().catch(() => undefined);
    throw err;
  }
}

/** `http://ADDRESS:PORT/`, `udp://…` */
export const urlOf = (scheme: 'http' | 'udp', address: string, port: number, path = ''): string =>
  `${scheme}://${joinHostPort(address, port)}${scheme === 'http' ? path || '/' : ''}`;
