import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { type Profile, renderState } from '../../../src/proxy/index.js';
import { desired, proxyConfig, readManifests } from '../../../src/proxy/index.js';
import { NODE } from './objects.js';

/**
 * What Services and endpoints become, read a second time: slowly, straight from the objects and in other words. rows.test.ts says each rule
 * by itself; this holds their combinations, several Services and slices at once, against what is computed.
 */

interface Slice {
  readonly of: number;
  readonly endpoints: readonly {
    readonly host: number;
    readonly node: string;
    readonly state: 'ready' | 'not' | 'ending' | 'gone' | 'unsaid';
    readonly zone: string;
    readonly hintedNode: string;
  }[];
  readonly targets: readonly number[];
}
interface Given {
  readonly type: 'ClusterIP' | 'NodePort' | 'LoadBalancer';
  readonly protocols: readonly ('TCP' | 'UDP' | 'SCTP')[];
  readonly nodePorts: boolean;
  readonly external: boolean;
  readonly balancer: 'none' | 'VIP' | 'Proxy';
  readonly ranges: readonly string[];
  readonly externalLocal: boolean;
  readonly internalLocal: boolean;
  readonly affinity: boolean;
}

const services = fc.array(
  fc.record<Given>({
    type: fc.constantFrom('ClusterIP', 'NodePort', 'LoadBalancer'),
    protocols: fc.array(fc.constantFrom('TCP', 'UDP', 'SCTP'), { minLength: 1, maxLength: 3 }),
    nodePorts: fc.boolean(),
    external: fc.boolean(),
    balancer: fc.constantFrom('none', 'VIP', 'Proxy'),
    ranges: fc.subarray(['192.0.2.0/24', '203.0.113.7/24', '0.0.0.0/0', '2001:db8::/32']),
    externalLocal: fc.boolean(),
    internalLocal: fc.boolean(),
    affinity: fc.boolean(),
  }),
  { minLength: 1, maxLength: 3 },
);
const slices = fc.array(
  fc.record<Slice>({
    of: fc.integer({ min: 0, max: 2 }),
    endpoints: fc.array(
      fc.record({
        host: fc.integer({ min: 2, max: 5 }),
        node: fc.constantFrom('node-a', 'node-b'),
        state: fc.constantFrom('ready', 'ready', 'not', 'ending', 'gone', 'unsaid'),
        zone: fc.constantFrom('', 'zone-1', 'zone-1', 'zone-2'),
        hintedNode: fc.constantFrom('', '', '', 'node-a', 'node-b'),
      }),
      { maxLength: 4 },
    ),
    targets: fc.array(fc.integer({ min: 8080, max: 8081 }), { minLength: 3, maxLength: 3 }),
  }),
  { maxLength: 6 },
);

const CONDITIONS = {
  ready: { ready: true },
  not: { ready: false, serving: false },
  ending: { ready: false, serving: true, terminating: true },
  gone: { ready: false, serving: false, terminating: true },
  unsaid: undefined,
};
const clusterIP = (i: number): string => `10.96.1.${i}`;
const externalIP = (i: number): string => `198.51.100.${i}`;
const balancerIP = (i: number): string => `198.51.100.${100 + i}`;

function manifests(given: readonly Given[], parts: readonly Slice[]): string {
  const items = [
    ...given.map((g, i) => ({
      apiVersion: 'v1',
      kind: 'Service',
      metadata: { name: `s${i}` },
      spec: {
        type: g.type,
        clusterIP: clusterIP(i),
        ports: g.protocols.map((protocol, p) => ({
          name: `p${p}`,
          protocol,
          port: 80 + p,
          ...(g.nodePorts ? { nodePort: 30_000 + 10 * i + p } : {}),
        })),
        externalIPs: g.external ? [externalIP(i), '2001:db8::9'] : [],
        loadBalancerSourceRanges: g.ranges,
        externalTrafficPolicy: g.externalLocal ? 'Local' : 'Cluster',
        internalTrafficPolicy: g.internalLocal ? 'Local' : 'Cluster',
        sessionAffinity: g.affinity ? 'ClientIP' : 'None',
      },
      status: {
        loadBalancer: g.balancer === 'none' ? {} : { ingress: [{ ip: balancerIP(i), ipMode: g.balancer }] },
      },
    })),
    ...parts.map(({ of, endpoints, targets }, i) => ({
      apiVersion: 'discovery.k8s.io/v1',
      kind: 'EndpointSlice',
      metadata: { name: `slice-${i}`, labels: { 'kubernetes.io/service-name': `s${of}` } },
      addressType: 'IPv4',
      ports: targets.map((port, p) => ({ name: `p${p}`, protocol: given[of]?.protocols[p] ?? 'TCP', port })),
      endpoints: endpoints.map(({ host, node, state, zone, hintedNode }) => ({
        addresses: [`10.244.2.${host}`],
        nodeName: node,
        conditions: CONDITIONS[state],
        hints: {
          ...(zone === '' ? {} : { forZones: [{ name: zone }] }),
          ...(hintedNode === '' ? {} : { forNodes: [{ name: hintedNode }] }),
        },
      })),
    })),
  ];
  return JSON.stringify({ apiVersion: 'v1', kind: 'List', items });
}

/** `tcp 10.96.1.0 80` → real servers; entries as `SET entry`; bound addresses. */
interface Outcome {
  readonly servers: Record<string, string>;
  readonly entries: string[];
  readonly bound: string[];
}

function secondReading(given: readonly Given[], parts: readonly Slice[], profile: Profile): Outcome {
  const servers: Record<string, string> = {};
  const entries = new Set<string>();
  const bound = new Set<string>();
  for (const [i, g] of given.entries()) {
    const isLocal = g.externalLocal && (g.type !== 'ClusterIP' || g.external);
    const outer = g.nodePorts || g.external || g.balancer === 'VIP';
    for (const [p, upper] of g.protocols.entries()) {
      const protocol = upper.toLowerCase();
      const port = 80 + p;
      const seen = new Map<
        string,
        Slice['endpoints'][number] & { readonly at: string; readonly key: string }
      >();
      for (const { of, endpoints, targets } of parts) {
        if (of !== i) continue;
        for (const endpoint of endpoints) {
          const key = `10.244.2.${endpoint.host}:${targets[p] ?? 0}`;
          const before = seen.get(key);
          const ends = ({ state }: { readonly state: string }): boolean =>
            state === 'ending' || state === 'gone';
          if (before === undefined || (ends(before) && !ends(endpoint)))
            seen.set(key, { ...endpoint, key, at: `10.244.2.${endpoint.host}` });
        }
      }
      const all = [...seen.values()].sort((a, b) => (a.key < b.key ? -1 : 1));
      const usable = (list: typeof all): typeof all => {
        const ready = list.filter(({ state }) => state === 'ready' || state === 'unsaid');
        return ready.length > 0 ? ready : list.filter(({ state }) => state === 'ending');
      };
      const ready = all.filter(({ state }) => state === 'ready' || state === 'unsaid');
      const byNode = ready.every((e) => e.hintedNode !== '')
        ? ready.filter((e) => e.hintedNode === 'node-a')
        : [];
      const byZone = ready.every((e) => e.zone !== '') ? ready.filter((e) => e.zone === 'zone-1') : [];
      const near = byNode.length > 0 ? byNode : byZone.length > 0 ? byZone : usable(all);
      const cluster = g.internalLocal && !outer ? [] : near;
      const here = usable(all.filter(({ node }) => node === 'node-a'));
      const textOf = (local: boolean): string =>
        [
          g.affinity ? 'rr 1 10800' : 'rr 0 0',
          ...(local && here.length > 0 ? here : cluster).map(({ key }) => key),
        ].join(' ');
      const at = (address: string): string => `${address},${protocol}:${port}`;

      for (const endpoint of all)
        if (endpoint.node === 'node-a')
          entries.add(
            `KUBE-LOOP-BACK ${endpoint.at},${protocol}:${endpoint.key.split(':')[1] ?? ''},${endpoint.at}`,
          );
      servers[`${protocol} ${clusterIP(i)} ${port}`] = textOf(g.internalLocal);
      entries.add(`KUBE-CLUSTER-IP ${at(clusterIP(i))}`);
      bound.add(clusterIP(i));
      if (g.external) {
        servers[`${protocol} ${externalIP(i)} ${port}`] = textOf(isLocal);
        const set = isLocal && profile === 'current' ? 'KUBE-EXTERNAL-IP-LOCAL' : 'KUBE-EXTERNAL-IP';
        entries.add(`${set} ${at(externalIP(i))}`);
        bound.add(externalIP(i));
      }
      if (g.balancer === 'VIP') {
        const vip = at(balancerIP(i));
        servers[`${protocol} ${balancerIP(i)} ${port}`] = textOf(isLocal);
        bound.add(balancerIP(i));
        entries.add(`KUBE-LOAD-BALANCER ${vip}`);
        if (isLocal) entries.add(`KUBE-LOAD-BALANCER-LOCAL ${vip}`);
        const ranges = g.ranges.filter((range) => !range.includes(':'));
        if (ranges.length > 0) entries.add(`KUBE-LOAD-BALANCER-FW ${vip}`);
        for (const range of ranges) {
          const nets = range === '0.0.0.0/0' ? ['0.0.0.0/1', '128.0.0.0/1'] : [range.replace('.7/', '.0/')];
          for (const net of nets) entries.add(`KUBE-LOAD-BALANCER-SOURCE-CIDR ${vip},${net}`);
          if (range !== '203.0.113.7/24') entries.add(`KUBE-LOAD-BALANCER-SOURCE-IP ${vip},${balancerIP(i)}`);
        }
      }
      if (!g.nodePorts) continue;
      const nodePort = 30_000 + 10 * i + p;
      for (const address of ['192.0.2.11', '10.244.1.1']) {
        servers[`${protocol} ${address} ${nodePort}`] = textOf(isLocal);
        const entry = upper === 'SCTP' ? `${address},sctp:${nodePort}` : String(nodePort);
        const suffix = upper === 'SCTP' ? 'SCTP-HASH' : upper;
        entries.add(`KUBE-NODE-PORT-${suffix} ${entry}`);
        if (isLocal) entries.add(`KUBE-NODE-PORT-LOCAL-${suffix} ${entry}`);
      }
    }
  }
  if (profile === 'current') for (const address of bound) entries.add(`KUBE-IPVS-IPS ${address}`);
  return { servers, entries: [...entries].sort(), bound: [...bound].sort() };
}

function computed(given: readonly Given[], parts: readonly Slice[], profile: Profile): Outcome {
  const read = readManifests([{ file: 'random', text: manifests(given, parts) }]);
  expect(read.problems).toEqual([]);
  const state = desired(read.services, read.slices, NODE, proxyConfig({ profile, families: ['inet'] }));
  const [family] = renderState(state).families;
  return {
    servers: Object.fromEntries(
      (family?.virtualServers ?? []).map((server) => [
        `${server.protocol} ${server.address} ${server.port}`,
        [
          `${server.scheduler} ${server.flags} ${server.persistenceTimeout}`,
          ...server.realServers.map(({ address, port }) => `${address}:${port}`),
        ].join(' '),
      ]),
    ),
    entries: (family?.sets ?? [])
      .flatMap(({ name, entries }) => entries.map((entry) => `${name} ${entry}`))
      .sort(),
    bound: [...(family?.boundAddresses ?? [])].sort(),
  };
}

describe('random clusters', () => {
  it.each(['classic', 'current'] as const)(
    'become what a second reading of the rules says: %s profile',
    (profile) => {
      fc.assert(
        fc.property(services, slices, (given, parts) => {
          expect(computed(given, parts, profile)).toEqual(secondReading(given, parts, profile));
        }),
        { numRuns: 300 },
      );
    },
  );
});
