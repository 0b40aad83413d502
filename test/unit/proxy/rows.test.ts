import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { type NodeFacts, type Profile, type ProxyConfig, renderState } from '../../../src/proxy/index.js';
import { desired, proxyConfig, readManifests } from '../../../src/proxy/index.js';
import { PROFILE_SETS } from '../../../src/proxy/sets.js';
import { KUBE_SETS, type KubeSetName, kubeSetName } from '../../../src/rules/kube/names.js';
import { schemaErrors } from '../../support/json-schema.js';
import type { Fields } from './objects.js';
import { endpoint, ingress, service, slice } from './objects.js';

/**
 * Every rule by which Services and endpoints become state, with the whole state that follows from it: in both families, which have
 * nothing to do with each other, and in both profiles.
 */

const SCHEMA: unknown = JSON.parse(
  readFileSync(new URL('../../../docs/rendered-state.schema.json', import.meta.url), 'utf8'),
);

/** The addresses of one family that the cases speak of. */
interface Book {
  readonly family: 'inet' | 'inet6';
  readonly cluster: string;
  /** Pods of this node and of another. */
  readonly here: string;
  readonly here2: string;
  readonly there: string;
  readonly there2: string;
  readonly external: string;
  readonly balancer: string;
  readonly balancer2: string;
  /** Addresses of the node: its own, and that of its bridge. */
  readonly node: string;
  readonly bridge: string;
  /** A network with nobody of the above in it, and that of the node. */
  readonly range: string;
  readonly nodeRange: string;
  /** Something of the other family, which must never matter. */
  readonly other: string;
  readonly otherRange: string;
}

const FOUR: Book = {
  family: 'inet',
  cluster: '10.96.0.10',
  here: '10.244.1.2',
  here2: '10.244.1.3',
  there: '10.244.2.3',
  there2: '10.244.2.4',
  external: '198.51.100.10',
  balancer: '198.51.100.20',
  balancer2: '198.51.100.21',
  node: '192.0.2.11',
  bridge: '10.244.1.1',
  range: '203.0.113.0/24',
  nodeRange: '192.0.2.0/24',
  other: '2001:db8:51::99',
  otherRange: '2001:db8:f::/48',
};
const SIX: Book = {
  family: 'inet6',
  cluster: 'fd00:10:96::10',
  here: 'fd00:10:244:1::2',
  here2: 'fd00:10:244:1::3',
  there: 'fd00:10:244:2::3',
  there2: 'fd00:10:244:2::4',
  external: '2001:db8:51::10',
  balancer: '2001:db8:51::20',
  balancer2: '2001:db8:51::21',
  node: '2001:db8:10::11',
  bridge: 'fd00:10:244:1::1',
  range: '2001:db8:f::/48',
  nodeRange: '2001:db8:10::/64',
  other: '198.51.100.99',
  otherRange: '203.0.113.0/24',
};

const NODE: NodeFacts = {
  name: 'node-a',
  labels: { 'topology.kubernetes.io/zone': 'zone-1' },
  podCIDRs: [],
  primaryIPs: [FOUR.node, SIX.node],
  interfaces: [
    { name: 'lo', addresses: ['127.0.0.1', '::1'] },
    { name: 'eth0', addresses: [FOUR.node, SIX.node, 'fe80::1'] },
    { name: 'cni0', addresses: [FOUR.bridge, SIX.bridge] },
    { name: 'kube-ipvs0', addresses: [FOUR.cluster, SIX.cluster] },
  ],
};

type Sets = Partial<Record<KubeSetName, readonly string[]>>;

/** One case: what is given, and everything that follows. */
interface Case {
  readonly objects: readonly Fields[];
  readonly config?: Partial<ProxyConfig>;
  readonly node?: Partial<NodeFacts>;
  /** `tcp 10.96.0.10 80` → scheduler, flags, timeout where they are not `rr 0 0`, and real servers with weights that are not 1. */
  readonly servers: Readonly<Record<string, string>>;
  readonly sets: Sets;
  readonly bound: readonly string[];
  /** Paths of what is left out. */
  readonly skipped?: readonly string[];
  readonly health?: Readonly<Record<string, number>>;
}

/** What differs in the classic profile, which has fewer sets. */
function classic(sets: Sets): Sets {
  const known = PROFILE_SETS.classic;
  const rest = Object.fromEntries(
    Object.entries(sets).filter(([name]) =>
      [...known.always, ...known.onDemand].some((other) => other === name),
    ),
  );
  const external = [...(sets['KUBE-EXTERNAL-IP'] ?? []), ...(sets['KUBE-EXTERNAL-IP-LOCAL'] ?? [])].sort();
  return external.length === 0 ? rest : { ...rest, 'KUBE-EXTERNAL-IP': external };
}

const join = (address: string, port: number): string =>
  address.includes(':') ? `[${address}]:${port}` : `${address}:${port}`;

function check(book: Book, profile: Profile, given: Case): void {
  const text = JSON.stringify({ apiVersion: 'v1', kind: 'List', items: given.objects });
  const { services, slices, problems } = readManifests([{ file: 'case', text }]);
  expect(problems).toEqual([]);
  const config = proxyConfig({ ...given.config, profile, families: [book.family] });
  const state = desired(services, slices, { ...NODE, ...given.node }, config);
  const rendered = renderState(state);
  expect(schemaErrors(SCHEMA, JSON.parse(JSON.stringify(rendered)))).toEqual([]);
  const [family] = rendered.families;
  const servers = family?.virtualServers.map((server) => {
    const attributes = `${server.scheduler} ${server.flags} ${server.persistenceTimeout}`;
    return [
      `${server.protocol} ${server.address} ${server.port}`,
      [
        ...(attributes === 'rr 0 0' ? [] : [attributes]),
        ...server.realServers.map(
          (real) =>
            `${join(real.address, real.port)}${real.weight === 1 ? '' : `*${real.weight}`}${real.forwarding === 'masq' ? '' : ` ${real.forwarding}`}`,
        ),
      ].join(' '),
    ];
  });
  const sets: Sets = { ...given.sets, ...(given.bound.length === 0 ? {} : { 'KUBE-IPVS-IPS': given.bound }) };
  const named = Object.entries(profile === 'classic' ? classic(sets) : sets).map(([name, entries]) => [
    kubeSetName(name as KubeSetName, book.family),
    [...entries].sort(),
  ]);
  expect({
    servers: Object.fromEntries(servers ?? []) as unknown,
    sets: Object.fromEntries(
      family?.sets.filter(({ entries }) => entries.length > 0).map(({ name, entries }) => [name, entries]) ??
        [],
    ),
    bound: [...(family?.boundAddresses ?? [])].sort(),
    skipped: family?.skipped.map(({ path }) => path),
    health: family?.healthCheckNodePorts,
  }).toEqual({
    servers: given.servers,
    sets: Object.fromEntries(named) as unknown,
    bound: [...given.bound].sort(),
    skipped: given.skipped ?? [],
    health: given.health ?? {},
  });
}

/** Objects of the family of a book. */
function objects(b: Book) {
  const addressType = b.family === 'inet' ? 'IPv4' : 'IPv6';
  return {
    web: (spec: Fields = {}, status: Fields = {}, metadata: Fields = {}): Fields =>
      service('web', { clusterIP: b.cluster, ...spec }, status, metadata),
    slice: (endpoints: readonly Fields[], more: Fields = {}): Fields =>
      slice('web', endpoints, { addressType, ...more }),
  };
}

const NOT_READY = { conditions: { ready: false } };
const ENDING = { conditions: { ready: false, serving: true, terminating: true } };
const GONE = { conditions: { ready: false, serving: false, terminating: true } };
const NODE_PORT = { type: 'NodePort', ports: [{ name: 'http', port: 80, nodePort: 30080 }] };
const BALANCED = { type: 'LoadBalancer' };
const LOCAL = { externalTrafficPolicy: 'Local' };

const CASES: Readonly<Record<string, (b: Book) => Case>> = {
  // ---- a Service becomes virtual servers
  'a cluster IP is bound, has every ready endpoint with weight 1 by masquerading': (b) => ({
    objects: [objects(b).web(), objects(b).slice([endpoint(b.here, 'node-a'), endpoint(b.there)])],
    servers: { [`tcp ${b.cluster} 80`]: `${join(b.here, 8080)} ${join(b.there, 8080)}` },
    sets: { 'KUBE-CLUSTER-IP': [`${b.cluster},tcp:80`], 'KUBE-LOOP-BACK': [`${b.here},tcp:8080,${b.here}`] },
    bound: [b.cluster],
  }),
  'clusterIPs names the address of each family; clusterIP is only asked where it is missing': (b) => ({
    objects: [
      service('web', {
        clusterIP: FOUR.cluster,
        clusterIPs: [FOUR.cluster, SIX.cluster],
        ipFamilies: ['IPv4', 'IPv6'],
      }),
    ],
    servers: { [`tcp ${b.cluster} 80`]: '' },
    sets: { 'KUBE-CLUSTER-IP': [`${b.cluster},tcp:80`] },
    bound: [b.cluster],
  }),
  'without a cluster IP of the family, addresses of the family mean nothing': (b) => ({
    objects: [
      service(
        'web',
        { clusterIP: b.family === 'inet' ? SIX.cluster : FOUR.cluster, externalIPs: [b.external] },
        ingress(b.balancer),
      ),
    ],
    servers: {},
    sets: {},
    bound: [],
    skipped: ['spec.clusterIPs'],
  }),
  'addresses and ranges of the other family mean nothing': (b) => ({
    objects: [
      objects(b).web(
        { ...BALANCED, externalIPs: [b.other], loadBalancerSourceRanges: [b.otherRange] },
        ingress(b.other),
      ),
    ],
    servers: { [`tcp ${b.cluster} 80`]: '' },
    sets: { 'KUBE-CLUSTER-IP': [`${b.cluster},tcp:80`] },
    bound: [b.cluster],
  }),
  'an ExternalName is skipped': (b) => ({
    objects: [objects(b).web({ type: 'ExternalName', externalName: 'example.com' })],
    servers: {},
    sets: {},
    bound: [],
    skipped: ['spec.type'],
  }),
  'a headless Service is skipped': (b) => ({
    objects: [objects(b).web({ clusterIP: 'None', clusterIPs: ['None'] })],
    servers: {},
    sets: {},
    bound: [],
    skipped: ['spec.clusterIP'],
  }),
  'a Service without cluster IP is skipped': (b) => ({
    objects: [objects(b).web({ clusterIP: '' })],
    servers: {},
    sets: {},
    bound: [],
    skipped: ['spec.clusterIP'],
  }),
  'a Service for another proxy is skipped, even when the label is empty': (b) => ({
    objects: [objects(b).web({}, {}, { labels: { 'service.kubernetes.io/service-proxy-name': '' } })],
    servers: {},
    sets: {},
    bound: [],
    skipped: ['metadata.labels.service.kubernetes.io/service-proxy-name'],
  }),
  'protocols have virtual servers of their own at the same port': (b) => ({
    objects: [
      objects(b).web({
        ports: (['TCP', 'UDP', 'SCTP'] as const).map((protocol) => ({ name: protocol, protocol, port: 53 })),
      }),
      objects(b).slice([endpoint(b.here, 'node-a')], {
        ports: [
          { name: 'TCP', protocol: 'TCP', port: 5301 },
          { name: 'UDP', protocol: 'UDP', port: 5302 },
          { name: 'SCTP', protocol: 'SCTP', port: 5303 },
        ],
      }),
    ],
    servers: {
      [`tcp ${b.cluster} 53`]: join(b.here, 5301),
      [`udp ${b.cluster} 53`]: join(b.here, 5302),
      [`sctp ${b.cluster} 53`]: join(b.here, 5303),
    },
    sets: {
      'KUBE-CLUSTER-IP': [`${b.cluster},tcp:53`, `${b.cluster},udp:53`, `${b.cluster},sctp:53`],
      'KUBE-LOOP-BACK': [
        `${b.here},tcp:5301,${b.here}`,
        `${b.here},udp:5302,${b.here}`,
        `${b.here},sctp:5303,${b.here}`,
      ],
    },
    bound: [b.cluster],
  }),
  'an external IP is bound': (b) => ({
    objects: [objects(b).web({ externalIPs: [b.external] }), objects(b).slice([endpoint(b.there)])],
    servers: { [`tcp ${b.cluster} 80`]: join(b.there, 8080), [`tcp ${b.external} 80`]: join(b.there, 8080) },
    sets: { 'KUBE-CLUSTER-IP': [`${b.cluster},tcp:80`], 'KUBE-EXTERNAL-IP': [`${b.external},tcp:80`] },
    bound: [b.cluster, b.external],
  }),
  'an external IP that the node has on another interface is not bound': (b) => ({
    objects: [objects(b).web({ externalIPs: [b.node] })],
    servers: { [`tcp ${b.cluster} 80`]: '', [`tcp ${b.node} 80`]: '' },
    sets: { 'KUBE-CLUSTER-IP': [`${b.cluster},tcp:80`], 'KUBE-EXTERNAL-IP': [`${b.node},tcp:80`] },
    bound: [b.cluster],
  }),
  'an external IP with policy Local leads here and is in the Local set only': (b) => ({
    objects: [
      objects(b).web({ externalIPs: [b.external], ...LOCAL }),
      objects(b).slice([endpoint(b.here, 'node-a'), endpoint(b.there)]),
    ],
    servers: {
      [`tcp ${b.cluster} 80`]: `${join(b.here, 8080)} ${join(b.there, 8080)}`,
      [`tcp ${b.external} 80`]: join(b.here, 8080),
    },
    sets: {
      'KUBE-CLUSTER-IP': [`${b.cluster},tcp:80`],
      'KUBE-EXTERNAL-IP-LOCAL': [`${b.external},tcp:80`],
      'KUBE-LOOP-BACK': [`${b.here},tcp:8080,${b.here}`],
    },
    bound: [b.cluster, b.external],
  }),
  'load-balancer addresses count in VIP mode, whatever the type of the Service': (b) => ({
    objects: [
      objects(b).web(
        {},
        {
          loadBalancer: {
            ingress: [
              { ip: b.balancer },
              { ip: b.balancer2, ipMode: 'VIP' },
              { ip: b.external, ipMode: 'Proxy' },
              { hostname: 'lb.example' },
            ],
          },
        },
      ),
    ],
    servers: { [`tcp ${b.cluster} 80`]: '', [`tcp ${b.balancer} 80`]: '', [`tcp ${b.balancer2} 80`]: '' },
    sets: {
      'KUBE-CLUSTER-IP': [`${b.cluster},tcp:80`],
      'KUBE-LOAD-BALANCER': [`${b.balancer},tcp:80`, `${b.balancer2},tcp:80`],
    },
    bound: [b.cluster, b.balancer, b.balancer2],
  }),
  'a load-balancer address that is the node’s own is not bound': (b) => ({
    objects: [objects(b).web(BALANCED, ingress(b.node))],
    servers: { [`tcp ${b.cluster} 80`]: '', [`tcp ${b.node} 80`]: '' },
    sets: { 'KUBE-CLUSTER-IP': [`${b.cluster},tcp:80`], 'KUBE-LOAD-BALANCER': [`${b.node},tcp:80`] },
    bound: [b.cluster],
  }),
  'Local, source ranges and a health check come together; the node is outside the ranges': (b) => ({
    objects: [
      objects(b).web(
        {
          ...BALANCED,
          ...LOCAL,
          healthCheckNodePort: 32000,
          loadBalancerSourceRanges: [` ${b.range} `],
        },
        ingress(b.balancer),
      ),
      objects(b).slice([endpoint(b.here, 'node-a'), endpoint(b.there)]),
    ],
    servers: {
      [`tcp ${b.cluster} 80`]: `${join(b.here, 8080)} ${join(b.there, 8080)}`,
      [`tcp ${b.balancer} 80`]: join(b.here, 8080),
    },
    sets: {
      'KUBE-CLUSTER-IP': [`${b.cluster},tcp:80`],
      'KUBE-LOOP-BACK': [`${b.here},tcp:8080,${b.here}`],
      'KUBE-LOAD-BALANCER': [`${b.balancer},tcp:80`],
      'KUBE-LOAD-BALANCER-LOCAL': [`${b.balancer},tcp:80`],
      'KUBE-LOAD-BALANCER-FW': [`${b.balancer},tcp:80`],
      'KUBE-LOAD-BALANCER-SOURCE-CIDR': [`${b.balancer},tcp:80,${b.range}`],
      'KUBE-HEALTH-CHECK-NODE-PORT': ['32000'],
    },
    bound: [b.cluster, b.balancer],
    health: { 'shop/web': 32000 },
  }),
  'a range that holds the node lets the node itself in': (b) => ({
    objects: [
      objects(b).web(
        { ...BALANCED, loadBalancerSourceRanges: [b.range, b.nodeRange] },
        ingress(b.balancer, b.balancer2),
      ),
    ],
    servers: { [`tcp ${b.cluster} 80`]: '', [`tcp ${b.balancer} 80`]: '', [`tcp ${b.balancer2} 80`]: '' },
    sets: {
      'KUBE-CLUSTER-IP': [`${b.cluster},tcp:80`],
      'KUBE-LOAD-BALANCER': [`${b.balancer},tcp:80`, `${b.balancer2},tcp:80`],
      'KUBE-LOAD-BALANCER-FW': [`${b.balancer},tcp:80`, `${b.balancer2},tcp:80`],
      'KUBE-LOAD-BALANCER-SOURCE-CIDR': [b.balancer, b.balancer2].flatMap((ip) => [
        `${ip},tcp:80,${b.range}`,
        `${ip},tcp:80,${b.nodeRange}`,
      ]),
      'KUBE-LOAD-BALANCER-SOURCE-IP': [b.balancer, b.balancer2].map((ip) => `${ip},tcp:80,${ip}`),
    },
    bound: [b.cluster, b.balancer, b.balancer2],
  }),
  'a health check port counts for a LoadBalancer with policy Local only': (b) => ({
    objects: [objects(b).web({ ...BALANCED, healthCheckNodePort: 32000 }, ingress(b.balancer))],
    servers: { [`tcp ${b.cluster} 80`]: '', [`tcp ${b.balancer} 80`]: '' },
    sets: { 'KUBE-CLUSTER-IP': [`${b.cluster},tcp:80`], 'KUBE-LOAD-BALANCER': [`${b.balancer},tcp:80`] },
    bound: [b.cluster, b.balancer],
  }),

  // ---- attributes
  'session affinity is persistence, three hours long unless said otherwise': (b) => ({
    objects: [objects(b).web({ sessionAffinity: 'ClientIP' })],
    servers: { [`tcp ${b.cluster} 80`]: 'rr 1 10800' },
    sets: { 'KUBE-CLUSTER-IP': [`${b.cluster},tcp:80`] },
    bound: [b.cluster],
  }),
  'session affinity with mh has both flags': (b) => ({
    objects: [
      objects(b).web({
        sessionAffinity: 'ClientIP',
        sessionAffinityConfig: { clientIP: { timeoutSeconds: 600 } },
      }),
    ],
    config: { scheduler: 'mh' },
    servers: { [`tcp ${b.cluster} 80`]: `mh 17 600` },
    sets: { 'KUBE-CLUSTER-IP': [`${b.cluster},tcp:80`] },
    bound: [b.cluster],
  }),
  'mh hashes the port as well; sh does not unless asked': (b) => ({
    objects: [objects(b).web()],
    config: { scheduler: 'mh' },
    servers: { [`tcp ${b.cluster} 80`]: `mh 16 0` },
    sets: { 'KUBE-CLUSTER-IP': [`${b.cluster},tcp:80`] },
    bound: [b.cluster],
  }),
  'every virtual server of a Service has the same attributes': (b) => ({
    objects: [objects(b).web({ ...NODE_PORT, externalIPs: [b.external], sessionAffinity: 'ClientIP' })],
    config: { scheduler: 'sh', nodePortAddresses: ['primary'] },
    servers: {
      [`tcp ${b.cluster} 80`]: 'sh 1 10800',
      [`tcp ${b.external} 80`]: 'sh 1 10800',
      [`tcp ${b.node} 30080`]: 'sh 1 10800',
    },
    sets: {
      'KUBE-CLUSTER-IP': [`${b.cluster},tcp:80`],
      'KUBE-EXTERNAL-IP': [`${b.external},tcp:80`],
      'KUBE-NODE-PORT-TCP': ['30080'],
    },
    bound: [b.cluster, b.external],
  }),

  // ---- endpoints
  'endpoints that are not ready are left out, but for the loopback set': (b) => ({
    objects: [objects(b).web(), objects(b).slice([endpoint(b.here, 'node-a', NOT_READY), endpoint(b.there)])],
    servers: { [`tcp ${b.cluster} 80`]: join(b.there, 8080) },
    sets: { 'KUBE-CLUSTER-IP': [`${b.cluster},tcp:80`], 'KUBE-LOOP-BACK': [`${b.here},tcp:8080,${b.here}`] },
    bound: [b.cluster],
  }),
  'terminating endpoints that still serve are used when none is ready': (b) => ({
    objects: [
      objects(b).web(),
      objects(b).slice([
        endpoint(b.there, 'node-b', ENDING),
        endpoint(b.there2, 'node-b', GONE),
        endpoint(b.here2, 'node-b', NOT_READY),
      ]),
    ],
    servers: { [`tcp ${b.cluster} 80`]: join(b.there, 8080) },
    sets: { 'KUBE-CLUSTER-IP': [`${b.cluster},tcp:80`] },
    bound: [b.cluster],
  }),
  'absent conditions mean ready, serving, not terminating': (b) => ({
    objects: [
      objects(b).web(),
      objects(b).slice([
        endpoint(b.there, 'node-b', { conditions: {} }),
        endpoint(b.there2, 'node-b', ENDING),
      ]),
    ],
    servers: { [`tcp ${b.cluster} 80`]: join(b.there, 8080) },
    sets: { 'KUBE-CLUSTER-IP': [`${b.cluster},tcp:80`] },
    bound: [b.cluster],
  }),
  'only the first address of an endpoint counts': (b) => ({
    objects: [objects(b).web(), objects(b).slice([{ addresses: [b.there, b.there2], nodeName: 'node-b' }])],
    servers: { [`tcp ${b.cluster} 80`]: join(b.there, 8080) },
    sets: { 'KUBE-CLUSTER-IP': [`${b.cluster},tcp:80`] },
    bound: [b.cluster],
  }),
  'slices come together, and an endpoint that moves between them counts by the entry that is not terminating':
    (b) => ({
      objects: [
        objects(b).web(),
        objects(b).slice([endpoint(b.there, 'node-b', ENDING)]),
        objects(b).slice([endpoint(b.there), endpoint(b.there2)]),
        objects(b).slice([endpoint(b.there2, 'node-b', GONE)]),
      ],
      servers: { [`tcp ${b.cluster} 80`]: `${join(b.there, 8080)} ${join(b.there2, 8080)}` },
      sets: { 'KUBE-CLUSTER-IP': [`${b.cluster},tcp:80`] },
      bound: [b.cluster],
    }),
  'ports are found by name and protocol, in every slice anew': (b) => ({
    objects: [
      objects(b).web({
        ports: [
          { name: 'http', port: 80 },
          { name: 'dns', port: 53, protocol: 'UDP' },
        ],
      }),
      objects(b).slice([endpoint(b.there)], {
        ports: [
          { name: 'http', port: 8080 },
          { name: 'dns', port: 5353, protocol: 'TCP' },
        ],
      }),
      objects(b).slice([endpoint(b.there2)], { ports: [{ name: 'http', port: 9090 }] }),
      objects(b).slice([endpoint(b.here, 'node-a')], {
        ports: [{ name: 'http' }, { name: 'http', port: 0 }],
      }),
    ],
    servers: {
      [`tcp ${b.cluster} 80`]: `${join(b.there, 8080)} ${join(b.there2, 9090)}`,
      [`udp ${b.cluster} 53`]: '',
    },
    sets: { 'KUBE-CLUSTER-IP': [`${b.cluster},tcp:80`, `${b.cluster},udp:53`] },
    bound: [b.cluster],
  }),
  'a port without a name belongs to the port without a name': (b) => ({
    objects: [
      objects(b).web({ ports: [{ port: 80 }] }),
      objects(b).slice([endpoint(b.there)], { ports: [{ name: '', port: 8080 }] }),
      objects(b).slice([endpoint(b.there2)]),
    ],
    servers: { [`tcp ${b.cluster} 80`]: join(b.there, 8080) },
    sets: { 'KUBE-CLUSTER-IP': [`${b.cluster},tcp:80`] },
    bound: [b.cluster],
  }),
  'internal policy Local: those of this node': (b) => ({
    objects: [
      objects(b).web({ internalTrafficPolicy: 'Local' }),
      objects(b).slice([endpoint(b.here, 'node-a'), endpoint(b.there)]),
    ],
    servers: { [`tcp ${b.cluster} 80`]: join(b.here, 8080) },
    sets: { 'KUBE-CLUSTER-IP': [`${b.cluster},tcp:80`], 'KUBE-LOOP-BACK': [`${b.here},tcp:8080,${b.here}`] },
    bound: [b.cluster],
  }),
  'internal policy Local: terminating ones of this node before any of another': (b) => ({
    objects: [
      objects(b).web({ ...NODE_PORT, internalTrafficPolicy: 'Local' }),
      objects(b).slice([endpoint(b.here, 'node-a', ENDING), endpoint(b.there)]),
    ],
    config: { nodePortAddresses: ['primary'] },
    servers: { [`tcp ${b.cluster} 80`]: join(b.here, 8080), [`tcp ${b.node} 30080`]: join(b.there, 8080) },
    sets: {
      'KUBE-CLUSTER-IP': [`${b.cluster},tcp:80`],
      'KUBE-NODE-PORT-TCP': ['30080'],
      'KUBE-LOOP-BACK': [`${b.here},tcp:8080,${b.here}`],
    },
    bound: [b.cluster],
  }),
  'internal policy Local, none here, nothing outside: no real servers': (b) => ({
    objects: [objects(b).web({ internalTrafficPolicy: 'Local' }), objects(b).slice([endpoint(b.there)])],
    servers: { [`tcp ${b.cluster} 80`]: '' },
    sets: { 'KUBE-CLUSTER-IP': [`${b.cluster},tcp:80`] },
    bound: [b.cluster],
  }),
  'internal policy Local, none here, reachable from outside: those of the cluster': (b) => ({
    objects: [
      objects(b).web({ internalTrafficPolicy: 'Local', externalIPs: [b.external] }),
      objects(b).slice([endpoint(b.there)]),
    ],
    servers: { [`tcp ${b.cluster} 80`]: join(b.there, 8080), [`tcp ${b.external} 80`]: join(b.there, 8080) },
    sets: { 'KUBE-CLUSTER-IP': [`${b.cluster},tcp:80`], 'KUBE-EXTERNAL-IP': [`${b.external},tcp:80`] },
    bound: [b.cluster, b.external],
  }),
  'external policy Local means nothing to a ClusterIP Service': (b) => ({
    objects: [
      objects(b).web(LOCAL, ingress(b.balancer)),
      objects(b).slice([endpoint(b.here, 'node-a'), endpoint(b.there)]),
    ],
    servers: {
      [`tcp ${b.cluster} 80`]: `${join(b.here, 8080)} ${join(b.there, 8080)}`,
      [`tcp ${b.balancer} 80`]: `${join(b.here, 8080)} ${join(b.there, 8080)}`,
    },
    sets: {
      'KUBE-CLUSTER-IP': [`${b.cluster},tcp:80`],
      'KUBE-LOAD-BALANCER': [`${b.balancer},tcp:80`],
      'KUBE-LOOP-BACK': [`${b.here},tcp:8080,${b.here}`],
    },
    bound: [b.cluster, b.balancer],
  }),
  'external policy Local, none here: those of the cluster': (b) => ({
    objects: [objects(b).web({ ...NODE_PORT, ...LOCAL }), objects(b).slice([endpoint(b.there)])],
    config: { nodePortAddresses: ['primary'] },
    servers: { [`tcp ${b.cluster} 80`]: join(b.there, 8080), [`tcp ${b.node} 30080`]: join(b.there, 8080) },
    sets: {
      'KUBE-CLUSTER-IP': [`${b.cluster},tcp:80`],
      'KUBE-NODE-PORT-TCP': ['30080'],
      'KUBE-NODE-PORT-LOCAL-TCP': ['30080'],
    },
    bound: [b.cluster],
  }),

  // ---- topology
  ...Object.fromEntries(
    (
      [
        ['names this node', ['node-a'], ['node-b'], 'one'],
        ['names other nodes only', ['node-b'], ['node-c'], 'both'],
        ['is missing on one endpoint', ['node-a'], [], 'both'],
      ] as const
    ).map(([what, first, second, used]) => [
      `a hint for nodes that ${what}: ${used}`,
      (b: Book): Case => {
        const hints = (nodes: readonly string[]) => ({
          hints: { forNodes: nodes.map((name) => ({ name })) },
        });
        return {
          objects: [
            objects(b).web(),
            objects(b).slice([
              endpoint(b.there, 'node-b', hints(first)),
              endpoint(b.there2, 'node-b', hints(second)),
            ]),
          ],
          servers: {
            [`tcp ${b.cluster} 80`]:
              used === 'one' ? join(b.there, 8080) : `${join(b.there, 8080)} ${join(b.there2, 8080)}`,
          },
          sets: { 'KUBE-CLUSTER-IP': [`${b.cluster},tcp:80`] },
          bound: [b.cluster],
        };
      },
    ]),
  ),
  ...Object.fromEntries(
    (
      [
        ['names this zone', ['zone-1'], ['zone-2'], 'one'],
        ['names other zones only', ['zone-2'], ['zone-3'], 'both'],
        ['is missing on one endpoint', ['zone-1'], [], 'both'],
      ] as const
    ).map(([what, first, second, used]) => [
      `a hint for zones that ${what}: ${used}`,
      (b: Book): Case => {
        const hints = (zones: readonly string[]) => ({
          hints: { forZones: zones.map((name) => ({ name })) },
        });
        return {
          objects: [
            objects(b).web({ trafficDistribution: 'PreferClose' }),
            objects(b).slice([
              endpoint(b.there, 'node-b', hints(first)),
              endpoint(b.there2, 'node-b', hints(second)),
              // Hints of endpoints that are not ready do not matter.
              endpoint(b.here2, 'node-b', NOT_READY),
            ]),
          ],
          servers: {
            [`tcp ${b.cluster} 80`]:
              used === 'one' ? join(b.there, 8080) : `${join(b.there, 8080)} ${join(b.there2, 8080)}`,
          },
          sets: { 'KUBE-CLUSTER-IP': [`${b.cluster},tcp:80`] },
          bound: [b.cluster],
        };
      },
    ]),
  ),
  'hints do not matter to terminating endpoints, nor to policy Local': (b) => {
    const far = { hints: { forZones: [{ name: 'zone-1' }] } };
    const away = { hints: { forZones: [{ name: 'zone-9' }] } };
    return {
      objects: [
        objects(b).web({ ...NODE_PORT, ...LOCAL }),
        objects(b).slice([endpoint(b.there, 'node-b', far), endpoint(b.here, 'node-a', away)]),
      ],
      config: { nodePortAddresses: ['primary'] },
      servers: { [`tcp ${b.cluster} 80`]: join(b.there, 8080), [`tcp ${b.node} 30080`]: join(b.here, 8080) },
      sets: {
        'KUBE-CLUSTER-IP': [`${b.cluster},tcp:80`],
        'KUBE-NODE-PORT-TCP': ['30080'],
        'KUBE-NODE-PORT-LOCAL-TCP': ['30080'],
        'KUBE-LOOP-BACK': [`${b.here},tcp:8080,${b.here}`],
      },
      bound: [b.cluster],
    };
  },

  // ---- node ports
  ...Object.fromEntries(
    (
      [
        ['nowhere said: everywhere but loopback, link-local and kube-ipvs0', () => [], 'all'],
        ['a network', (b: Book) => [b.nodeRange], 'node'],
        ['networks of the other family only: everywhere', (b: Book) => [b.otherRange], 'all'],
        [
          'the network of everything',
          (b: Book) => [b.range, b.family === 'inet' ? '0.0.0.0/0' : '::/0'],
          'all',
        ],
        ['primary', () => ['primary'], 'node'],
      ] as const
    ).map(([what, nodePortAddresses, where]) => [
      `node ports: ${what}`,
      (b: Book): Case => ({
        objects: [objects(b).web(NODE_PORT)],
        config: { nodePortAddresses: nodePortAddresses(b) },
        servers: {
          [`tcp ${b.cluster} 80`]: '',
          [`tcp ${b.node} 30080`]: '',
          ...(where === 'all' ? { [`tcp ${b.bridge} 30080`]: '' } : {}),
        },
        sets: { 'KUBE-CLUSTER-IP': [`${b.cluster},tcp:80`], 'KUBE-NODE-PORT-TCP': ['30080'] },
        bound: [b.cluster],
      }),
    ]),
  ),
  'node ports: an address on kube-ipvs0 and elsewhere is the node’s own': (b) => ({
    objects: [objects(b).web(NODE_PORT)],
    node: {
      interfaces: [
        { name: 'eth0', addresses: [b.node] },
        { name: 'kube-ipvs0', addresses: [b.node, b.cluster] },
      ],
    },
    servers: { [`tcp ${b.cluster} 80`]: '', [`tcp ${b.node} 30080`]: '' },
    sets: { 'KUBE-CLUSTER-IP': [`${b.cluster},tcp:80`], 'KUBE-NODE-PORT-TCP': ['30080'] },
    bound: [b.cluster],
  }),
  'node ports without an address for them are reported; the health check port stays open': (b) => ({
    objects: [
      objects(b).web(
        { ...NODE_PORT, ...BALANCED, ...LOCAL, healthCheckNodePort: 32000 },
        ingress(b.balancer),
      ),
    ],
    config: { nodePortAddresses: [b.range] },
    servers: { [`tcp ${b.cluster} 80`]: '', [`tcp ${b.balancer} 80`]: '' },
    sets: {
      'KUBE-CLUSTER-IP': [`${b.cluster},tcp:80`],
      'KUBE-LOAD-BALANCER': [`${b.balancer},tcp:80`],
      'KUBE-LOAD-BALANCER-LOCAL': [`${b.balancer},tcp:80`],
      'KUBE-HEALTH-CHECK-NODE-PORT': ['32000'],
    },
    bound: [b.cluster, b.balancer],
    skipped: ['spec.ports[0].nodePort'],
    health: { 'shop/web': 32000 },
  }),
  'node ports of UDP and SCTP are in sets of their own; with policy Local in two': (b) => ({
    objects: [
      objects(b).web({
        ...LOCAL,
        type: 'NodePort',
        ports: [
          { name: 'u', protocol: 'UDP', port: 53, nodePort: 30053 },
          { name: 's', protocol: 'SCTP', port: 54, nodePort: 30054 },
        ],
      }),
    ],
    config: { nodePortAddresses: ['primary'] },
    servers: {
      [`udp ${b.cluster} 53`]: '',
      [`udp ${b.node} 30053`]: '',
      [`sctp ${b.cluster} 54`]: '',
      [`sctp ${b.node} 30054`]: '',
    },
    sets: {
      'KUBE-CLUSTER-IP': [`${b.cluster},udp:53`, `${b.cluster},sctp:54`],
      'KUBE-NODE-PORT-UDP': ['30053'],
      'KUBE-NODE-PORT-LOCAL-UDP': ['30053'],
      'KUBE-NODE-PORT-SCTP-HASH': [`${b.node},sctp:30054`],
      'KUBE-NODE-PORT-LOCAL-SCTP-HASH': [`${b.node},sctp:30054`],
    },
    bound: [b.cluster],
  }),
  'the node port of a LoadBalancer is a node port': (b) => ({
    objects: [objects(b).web({ ...NODE_PORT, ...BALANCED }, ingress(b.balancer))],
    config: { nodePortAddresses: ['primary'] },
    servers: { [`tcp ${b.cluster} 80`]: '', [`tcp ${b.balancer} 80`]: '', [`tcp ${b.node} 30080`]: '' },
    sets: {
      'KUBE-CLUSTER-IP': [`${b.cluster},tcp:80`],
      'KUBE-LOAD-BALANCER': [`${b.balancer},tcp:80`],
      'KUBE-NODE-PORT-TCP': ['30080'],
    },
    bound: [b.cluster, b.balancer],
  }),
  'direct routing keeps sources: open to everybody, marked by nothing': (b) => ({
    objects: [
      objects(b).web({ externalIPs: [b.external] }, {}, { annotations: { 'ipvs.proxy/forwarding': 'dr' } }),
      objects(b).slice([endpoint(b.there)], { ports: [{ name: 'http', port: 80 }] }),
    ],
    servers: {
      [`tcp ${b.cluster} 80`]: `${join(b.there, 80)} dr`,
      [`tcp ${b.external} 80`]: `${join(b.there, 80)} dr`,
    },
    sets: { 'KUBE-EXTERNAL-IP-LOCAL': [`${b.cluster},tcp:80`, `${b.external},tcp:80`] },
    bound: [b.cluster, b.external],
  }),
};

/** The classic profile has no set for addresses whose packets keep their source. */
const NOT_CLASSIC = ['direct routing keeps sources: open to everybody, marked by nothing'];

describe.each([
  ['IPv4', FOUR],
  ['IPv6', SIX],
] as const)('%s', (_, book) => {
  describe.each(['classic', 'current'] as const)('%s profile', (profile) => {
    const names = Object.keys(CASES).filter((name) => profile === 'current' || !NOT_CLASSIC.includes(name));
    it.each(names)('%s', (name) => {
      const given = CASES[name]?.(book);
      if (given === undefined) throw new Error(name);
      check(book, profile, given);
    });
  });

  it('the current profile always has all 17 sets, under names of at most 31 characters', () => {
    const { families } = desired([], [], NODE, proxyConfig({ profile: 'current', families: [book.family] }));
    const names = families[0]?.sets.map(({ name }) => name) ?? [];
    const all = Object.keys(KUBE_SETS).map((name) => kubeSetName(name as KubeSetName, book.family));
    expect([...names].sort()).toEqual(all.sort());
    expect(names.filter((name) => name.length > 31)).toEqual([]);
    expect(names).toHaveLength(17);
  });

  it('the node is kept from balancers whose ranges do not hold it by one rule each, in the current profile', () => {
    const { web } = objects(book);
    const balanced = (ranges: readonly string[]) =>
      web(
        { ...BALANCED, loadBalancerSourceRanges: ranges },
        { loadBalancer: { ingress: [{ ip: book.balancer }, { ip: book.balancer2 }] } },
      );
    const rulesOf = (ranges: readonly string[], node: Partial<NodeFacts> = {}) => {
      const text = JSON.stringify(balanced(ranges));
      const { services } = readManifests([{ file: 'case', text }]);
      const config = proxyConfig({ profile: 'current', families: [book.family] });
      const [family] = renderState(desired(services, [], { ...NODE, ...node }, config)).families;
      return family?.rules.filter['KUBE-IPVS-OUT-FILTER'];
    };
    const bits = book.family === 'inet' ? 32 : 128;
    const dropped = [book.balancer, book.balancer2].map(
      (ip) => `-A KUBE-IPVS-OUT-FILTER -s ${ip}/${bits} -m ipvs --vproto 6 --vaddr ${ip} --vport 80 -j DROP`,
    );
    expect(rulesOf([book.range])).toEqual(dropped);
    expect(rulesOf([book.nodeRange])).toEqual([]);
    expect(rulesOf([])).toEqual([]);
    // Nobody knows where the node is: it is not in the range.
    expect(rulesOf([book.nodeRange], { primaryIPs: [] })).toEqual(dropped);
  });
});
