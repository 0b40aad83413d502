import { afterAll, beforeAll, expect, it } from 'vitest';
import type { Family } from '../../src/net/address.js';
import { joinHostPort } from '../../src/net/address.js';
import { openKernel } from '../../src/kernel/open.js';
import { diffRules, noRules } from '../../src/rules/diff.js';
import { currentRules } from '../../src/rules/kube/current.js';
import type { CurrentRulesInput } from '../../src/rules/kube/input.js';
import { KUBE_CHAINS, KUBE_SETS, kubeSetName, type KubeSetName } from '../../src/rules/kube/names.js';
import { nftTable } from '../../src/rules/nft/compile.js';
import { diffNft } from '../../src/rules/nft/diff.js';
import type { RuleSetContent } from '../../src/rules/nft/elements.js';
import { createNft } from '../../src/rules/nft/nft.js';
import { createRules } from '../../src/rules/rules.js';
import { createRunner } from '../../src/rules/runner.js';
import type { Answer } from './agent.js';
import { run } from './netns.js';
import { makeTopology, type Topology } from './topology.js';

/** Everything that has an address, in one family. */
interface Places {
  readonly family: Family;
  readonly node: string;
  /** The node's address towards the pods: what masqueraded packets come from. */
  readonly gateway: string;
  readonly pods: string;
  readonly web: string;
  readonly other: string;
  /** Inside the source ranges, and outside of them. */
  readonly near: string;
  readonly far: string;
  readonly clusterIP: string;
  readonly externalIP: string;
  readonly externalLocalIP: string;
  /** Its range leaves the node out. */
  readonly strict: string;
  readonly strictRange: string;
  /** Its range holds the node, and its clients keep their addresses. */
  readonly open: string;
  readonly openRange: string;
}

const PLACES: readonly Places[] = [
  {
    family: 'inet',
    node: '192.0.2.1',
    gateway: '10.244.1.1',
    pods: '10.244.1.0/24',
    web: '10.244.1.10',
    other: '10.244.1.20',
    near: '192.0.2.7',
    far: '192.0.2.200',
    clusterIP: '10.96.0.10',
    externalIP: '203.0.113.1',
    externalLocalIP: '203.0.113.2',
    strict: '203.0.113.10',
    strictRange: '192.0.2.4/30',
    open: '203.0.113.11',
    openRange: '192.0.2.0/25',
  },
  {
    family: 'inet6',
    node: '2001:db8:2::1',
    gateway: 'fd00:10:244:1::1',
    pods: 'fd00:10:244:1::/64',
    web: 'fd00:10:244:1::10',
    other: 'fd00:10:244:1::20',
    near: '2001:db8:2::7',
    far: '2001:db8:2::200',
    clusterIP: 'fd00:10:96::10',
    externalIP: '2001:db8:113::1',
    externalLocalIP: '2001:db8:113::2',
    strict: '2001:db8:113::10',
    strictRange: '2001:db8:2::4/126',
    open: '2001:db8:113::11',
    openRange: '2001:db8:2::/121',
  },
];

const HOST_PORT = 2222;
const HEALTH_PORT = 30_000;
const NODE_PORT = 30_080;
const LOCAL_NODE_PORT = 30_081;

const virtual = (at: Places): readonly string[] => [
  at.clusterIP,
  at.externalIP,
  at.externalLocalIP,
  at.strict,
  at.open,
];

/** What is in the sets; the rest is empty. */
function entries(at: Places): Partial<Record<KubeSetName, readonly string[]>> {
  const tcp = (address: string): string => `${address},tcp:80`;
  return {
    'KUBE-LOOP-BACK': [`${at.web},tcp:8080,${at.web}`],
    'KUBE-CLUSTER-IP': [tcp(at.clusterIP)],
    'KUBE-EXTERNAL-IP': [tcp(at.externalIP)],
    'KUBE-EXTERNAL-IP-LOCAL': [tcp(at.externalLocalIP)],
    'KUBE-LOAD-BALANCER': [tcp(at.strict), tcp(at.open)],
    'KUBE-LOAD-BALANCER-LOCAL': [tcp(at.open)],
    'KUBE-LOAD-BALANCER-FW': [tcp(at.strict), tcp(at.open)],
    'KUBE-LOAD-BALANCER-SOURCE-CIDR': [
      `${tcp(at.strict)},${at.strictRange}`,
      `${tcp(at.open)},${at.openRange}`,
    ],
    'KUBE-LOAD-BALANCER-SOURCE-IP': [`${tcp(at.open)},${at.open}`],
    'KUBE-NODE-PORT-TCP': [String(NODE_PORT), String(LOCAL_NODE_PORT)],
    'KUBE-NODE-PORT-LOCAL-TCP': [String(LOCAL_NODE_PORT)],
    'KUBE-HEALTH-CHECK-NODE-PORT': [String(HEALTH_PORT)],
    'KUBE-IPVS-IPS': virtual(at),
  };
}

const contents = (at: Places): RuleSetContent[] =>
  (Object.keys(KUBE_SETS) as KubeSetName[]).map((name) => ({
    name: kubeSetName(name, at.family),
    type: KUBE_SETS[name].type,
    entries: entries(at)[name] ?? [],
  }));

const input = (at: Places): CurrentRulesInput => ({
  family: at.family,
  masqueradeAll: false,
  masqueradeBit: 14,
  localDetector: { mode: 'NodeCIDR', cidr: at.pods },
  nonEmptySets: new Set(Object.keys(entries(at)) as KubeSetName[]),
  refusedFromNode: [{ address: at.strict, protocol: 'tcp', port: 80 }],
});

/** Puts the rules of both families into a namespace, and takes them away again. */
interface RulesBackend {
  readonly name: string;
  install(netns: string): Promise<void>;
  remove(netns: string): Promise<void>;
}

function throughIptables(backend: 'nft' | 'legacy'): RulesBackend {
  return {
    name: `iptables (${backend})`,
    install: async (netns) => {
      const rules = createRules(createRunner({ netnsPath: netns }), { backend });
      const lines = PLACES.flatMap((at) =>
        contents(at).flatMap(({ name, type, entries: list }) => [
          `create ${name} ${type} ${type === 'bitmap:port' ? 'range 0-65535' : `family ${at.family}`}`,
          ...list.map((entry) => `add ${name} ${entry}`),
        ]),
      );
      await run(netns, ['ipset', 'restore'], { stdin: `${lines.join('\n')}\n` });
      for (const at of PLACES) {
        const { ipvsMatch } = await rules.features(at.family);
        const wanted = currentRules({ ...input(at), ipvsMatch: ipvsMatch.available });
        await rules.apply(diffRules(wanted, noRules(at.family)));
      }
    },
    remove: async (netns) => {
      const rules = createRules(createRunner({ netnsPath: netns }), { backend });
      for (const { family } of PLACES)
        await rules.apply(diffRules(noRules(family), await rules.read(family, KUBE_CHAINS)));
      await run(netns, ['ipset', 'destroy']);
    },
  };
}

const throughNft: RulesBackend = {
  name: 'nft',
  install: async (netns) => {
    const nft = createNft(createRunner({ netnsPath: netns }));
    for (const at of PLACES)
      await nft.apply(diffNft(nftTable(currentRules(input(at)), contents(at)), undefined));
  },
  remove: async (netns) => {
    const nft = createNft(createRunner({ netnsPath: netns }));
    for (const { family } of PLACES)
      await nft.apply(diffNft({ family, sets: [], chains: [] }, await nft.read(family)));
  },
};

/** Emulated machines are slow; of the two kinds of iptables one is enough there. */
const BACKENDS = (balanced: boolean): readonly RulesBackend[] =>
  balanced
    ? [throughIptables('nft'), throughNft]
    : [throughIptables('nft'), throughIptables('legacy'), throughNft];

const outcome = ([answer]: readonly Answer[]): string =>
  answer?.error ?? `${answer?.pod ?? ''} saw ${answer?.clientAddress ?? ''}`;

const REFUSED = 'ECONNREFUSED';
const DROPPED = 'ETIMEDOUT';

/** What becomes of each packet, and how it is sent. `balanced`: IPVS is there, so that load balancer addresses lead to the pod. */
function packets(
  topology: Topology,
  at: Places,
  balanced: boolean,
): readonly { readonly title: string; readonly expected: string; readonly send: () => Promise<string> }[] {
  const http =
    (from: 'client' | 'node' | 'web' | 'other', to: string, port: number, localAddress?: string) =>
    async (timeoutMs: number): Promise<string> =>
      outcome(
        await topology.host(from).agent.request(`http://${joinHostPort(to, port)}/`, {
          timeoutMs,
          ...(localAddress === undefined ? {} : { localAddress }),
        }),
      );
  const udp =
    (to: string, port: number) =>
    async (timeoutMs: number): Promise<string> =>
      outcome(
        await topology
          .host('client')
          .agent.request(`udp://${joinHostPort(to, port)}`, { localAddress: at.near, timeoutMs }),
      );
  const ping = (to: string) => async (): Promise<string> => {
    const { stdout, code } = await run(topology.netns('client').path, ['ping', '-c', '1', '-W', '6', to], {
      check: false,
    });
    if (code === 0) return 'echo';
    return /unreachable/i.test(stdout) ? REFUSED : DROPPED;
  };
  const masqueraded = `web saw ${at.gateway}`;
  const fromNear = `web saw ${at.near}`;
  const tcp = [
    ['cluster IP, from outside', masqueraded, http('client', at.clusterIP, 80, at.near)],
    ['cluster IP, from a pod', `web saw ${at.other}`, http('other', at.clusterIP, 80)],
    ['cluster IP, from the pod behind it', masqueraded, http('web', at.clusterIP, 80)],
    ['external IP', masqueraded, http('client', at.externalIP, 80, at.near)],
    ['external IP with Local policy', fromNear, http('client', at.externalLocalIP, 80, at.near)],
    ['node port', masqueraded, http('client', at.node, NODE_PORT, at.near)],
    ['node port with Local policy', fromNear, http('client', at.node, LOCAL_NODE_PORT, at.near)],
    ['node port of TCP by UDP', fromNear, udp(at.node, NODE_PORT)],
    [
      'source ranges, inside',
      balanced ? masqueraded : `node saw ${at.near}`,
      http('client', at.strict, 80, at.near),
    ],
    ['source ranges, outside', DROPPED, http('client', at.strict, 80, at.far)],
    [
      'wide source ranges, inside',
      balanced ? fromNear : `node saw ${at.near}`,
      http('client', at.open, 80, at.near),
    ],
    ['wide source ranges, outside', DROPPED, http('client', at.open, 80, at.far)],
    ['host port at a virtual address', REFUSED, http('client', at.strict, HOST_PORT, at.near)],
    ['host port at the node', `node saw ${at.near}`, http('client', at.node, HOST_PORT, at.near)],
    ['health check port', `node saw ${at.near}`, http('client', at.strict, HEALTH_PORT, at.near)],
    ['echo of a virtual address', REFUSED, ping(at.clusterIP)],
    ['echo of the node', 'echo', ping(at.node)],
  ] as const;
  const fromNode = [
    ['source ranges without the node, from the node', DROPPED, http('node', at.strict, 80)],
    ['source ranges with the node, from the node', `web saw ${at.open}`, http('node', at.open, 80)],
  ] as const;
  return [...tcp, ...(balanced ? fromNode : [])].map(([title, expected, send]) => ({
    title: `${at.family}: ${title}`,
    expected,
    // An answer may take its time in an emulated machine; what is dropped costs the whole of it.
    send: () => send(expected === DROPPED ? 6000 : 60_000),
  }));
}

/** Instead of IPVS, where there is none: destination NAT behind our own rules. Load balancer addresses are served by the node. */
async function translate(netns: string): Promise<void> {
  const tables = PLACES.map((at) => {
    const ip = at.family === 'inet' ? 'ip' : 'ip6';
    const to = at.family === 'inet' ? `${at.web}:8080` : `[${at.web}]:8080`;
    return [
      `table ${ip} balance {`,
      '  chain prerouting { type nat hook prerouting priority -90;',
      `    ${ip} daddr { ${[at.clusterIP, at.externalIP, at.externalLocalIP].join(', ')} } tcp dport 80 dnat to ${to}`,
      `    ${ip} daddr ${at.node} tcp dport { ${NODE_PORT}, ${LOCAL_NODE_PORT} } dnat to ${to}`,
      `    ${ip} daddr ${at.node} udp dport ${NODE_PORT} dnat to ${to}`,
      '  }',
      '}',
    ].join('\n');
  });
  await run(netns, ['nft', '-f', '-'], { stdin: `${tables.join('\n')}\n` });
}

async function balance(netns: string): Promise<void> {
  await using kernel = await openKernel({ netns });
  const operations = PLACES.flatMap((at) => {
    const urls = [
      ...virtual(at).map((address) => `tcp://${joinHostPort(address, 80)}` as const),
      `tcp://${joinHostPort(at.node, NODE_PORT)}` as const,
      `tcp://${joinHostPort(at.node, LOCAL_NODE_PORT)}` as const,
      `udp://${joinHostPort(at.node, NODE_PORT)}` as const,
    ];
    return urls.flatMap((virtualServer) => [
      { op: 'add' as const, virtualServer, attributes: { scheduler: 'rr' } },
      {
        op: 'addReal' as const,
        virtualServer,
        realServer: { address: at.web, port: 8080, weight: 1, forwarding: 'masq' as const },
      },
    ]);
  });
  const report = await kernel.ipvs.batch(operations);
  expect(report.items.filter(({ status }) => status !== 'done')).toEqual([]);
  // Without it, packets that IPVS has translated are not masqueraded.
  await kernel.sysctl.set('net/ipv4/vs/conntrack', 1);
}

const cluster = (): Promise<Topology> =>
  makeTopology({
    nodes: [
      {
        name: 'node',
        addresses: PLACES.map((at) => `${at.node}/${at.family === 'inet' ? 24 : 64}`),
        podCidrs: PLACES.map((at) => at.pods),
        agent: true,
      },
    ],
    pods: [
      { name: 'web', node: 'node', addresses: PLACES.map((at) => at.web), http: [8080], udp: [8080] },
      { name: 'other', node: 'node', addresses: PLACES.map((at) => at.other) },
    ],
    clients: [
      {
        name: 'client',
        addresses: PLACES.flatMap((at) =>
          [at.near, at.far].map((a) => `${a}/${at.family === 'inet' ? 24 : 64}`),
        ),
      },
    ],
    throughFirstNode: PLACES.flatMap((at) => virtual(at)),
  });

/**
 * Sends every kind of packet through the rules of the current profile, by each back end. `balanced`: through IPVS, which has to be there;
 * otherwise through destination NAT behind our own rules.
 */
export function verdictSuite(balanced: boolean): void {
  let topology: Topology;
  let netns: string;
  beforeAll(async () => {
    topology = await cluster();
    netns = topology.netns('node').path;
    const device = balanced ? 'kube-ipvs0' : 'lo';
    const commands = PLACES.flatMap((at) => {
      const held = balanced ? virtual(at) : [at.strict, at.open];
      return held.map((address) => `addr add ${address}/${at.family === 'inet' ? 32 : 128} dev ${device}`);
    });
    await run(netns, ['ip', '-batch', '-'], {
      stdin: `${[...(balanced ? [`link add ${device} type dummy`] : []), ...commands].join('\n')}\n`,
    });
    if (balanced) await balance(netns);
    else await translate(netns);
    const { agent } = topology.host('node');
    for (const port of [HOST_PORT, HEALTH_PORT, ...(balanced ? [] : [80])]) await agent.serveHttp(port);
  });
  afterAll(() => topology.remove());

  /** Sends the packets, all at the same time; what became of each, and what should have. */
  const outcomes = async (
    chosen: (title: string) => boolean = () => true,
  ): Promise<[Record<string, string>, Record<string, string>]> => {
    const list = PLACES.flatMap((at) => packets(topology, at, balanced)).filter(({ title }) => chosen(title));
    const seen = await Promise.all(list.map(async ({ title, send }) => [title, await send()] as const));
    return [
      Object.fromEntries(seen),
      Object.fromEntries(list.map(({ title, expected }) => [title, expected])),
    ];
  };

  it.each(BACKENDS(balanced))('are the same through $name', async (backend) => {
    await backend.install(netns);
    try {
      const [seen, expected] = await outcomes();
      expect(seen).toEqual(expected);
    } finally {
      await backend.remove(netns);
    }
  });

  it('come from the rules: without them nothing is refused, nor is any source address changed', async () => {
    const [seen] = await outcomes((title) =>
      /(source ranges|wide source ranges), outside$|host port at a virtual|external IP$|node port$/.test(
        title,
      ),
    );
    for (const { family, near, far } of PLACES) {
      const balancer = balanced ? 'web' : 'node';
      expect(seen[`${family}: source ranges, outside`]).toBe(`${balancer} saw ${far}`);
      expect(seen[`${family}: wide source ranges, outside`]).toBe(`${balancer} saw ${far}`);
      expect(seen[`${family}: host port at a virtual address`]).toBe(`node saw ${near}`);
      expect(seen[`${family}: external IP`]).toBe(`web saw ${near}`);
      expect(seen[`${family}: node port`]).toBe(`web saw ${near}`);
    }
  });
}
