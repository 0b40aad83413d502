import { describe, expect, it } from 'vitest';
import {
  explain,
  type Explanation,
  formatExplanation,
  type NodeView,
  type Packet,
  type Profile,
  type ProxyConfig,
} from '../../../src/proxy/index.js';
import { services, view } from './view.js';

/** `tcp 10.96.0.10 80` from somewhere. */
function packet(to: string, source: string, more: Partial<Packet> = {}): Packet {
  const [protocol, destination, port] = to.split(' ');
  return {
    protocol: protocol as Packet['protocol'],
    source,
    destination: destination ?? '',
    destinationPort: Number(port),
    ...more,
  };
}

/** Who can answer, and whom they see; or how it ends otherwise, and by which chain. */
function end({ outcome }: Explanation): string {
  switch (outcome.verdict) {
    case 'balanced':
      return outcome.realServers
        .filter(({ eligible }) => eligible)
        .map((real) => `${real.address}${real.masquerade === undefined ? '' : ' as the node'}`)
        .join(', ');
    case 'dropped':
    case 'rejected':
      return `${outcome.verdict} by ${outcome.by.table} ${outcome.by.chain}`;
    default:
      return outcome.verdict;
  }
}

const EVERYBODY = '10.244.1.11, 10.244.1.12, 10.244.2.13';
const EVERYBODY_AS_NODE = '10.244.1.11 as the node, 10.244.1.12 as the node, 10.244.2.13 as the node';
const TOOLBOX = '10.244.1.100';
const OFFICE = '192.0.2.100';
const CAFE = '192.0.2.200';

/** What real packets do on a node that is programmed like this: test/kernel/traffic.test.ts asks the same questions. */
const TRAFFIC: readonly (readonly [question: string, to: string, from: string, answer: string])[] = [
  ['a pod reaches a cluster IP under its own address', 'tcp 10.96.0.10 80', TOOLBOX, EVERYBODY],
  ['the node reaches a cluster IP, masqueraded', 'tcp 10.96.0.10 80', 'node', EVERYBODY_AS_NODE],
  ['a client outside the cluster CIDR, masqueraded', 'tcp 10.96.0.10 80', OFFICE, EVERYBODY_AS_NODE],
  [
    'a pod that reaches itself is masqueraded, towards others it is not',
    'tcp 10.96.0.10 80',
    '10.244.1.11',
    '10.244.1.11 as the node, 10.244.1.12, 10.244.2.13',
  ],
  ['UDP', 'udp 10.96.0.53 53', TOOLBOX, EVERYBODY],
  ['a node port from outside, masqueraded', 'tcp 192.0.2.11 30080', CAFE, EVERYBODY_AS_NODE],
  ['a node port from a pod, masqueraded', 'tcp 192.0.2.11 30080', TOOLBOX, EVERYBODY_AS_NODE],
  ['a node port from the node, masqueraded', 'tcp 192.0.2.11 30080', 'node', EVERYBODY_AS_NODE],
  [
    'a node port with policy Local: pods of this node, which see the client',
    'tcp 192.0.2.11 30081',
    CAFE,
    '10.244.1.11, 10.244.1.12',
  ],
  ['an external IP from outside, masqueraded', 'tcp 198.51.100.10 80', CAFE, EVERYBODY_AS_NODE],
  ['an external IP from a pod, masqueraded', 'tcp 198.51.100.10 80', TOOLBOX, EVERYBODY_AS_NODE],
  ['a load balancer from an allowed range', 'tcp 198.51.100.20 80', OFFICE, EVERYBODY_AS_NODE],
];

describe.each(['classic', 'current'] as const)('%s profile: explain answers what traffic does', (profile) => {
  it.each(TRAFFIC)('%s', (_, to, from, answer) => {
    expect(end(explain(view(profile), packet(to, from)))).toBe(answer);
  });

  it.each([
    ['outside', CAFE, 'INPUT'],
    ['a pod', TOOLBOX, 'INPUT'],
    ['the node', 'node', 'OUTPUT'],
  ])('a load balancer is silent for a source outside its ranges: %s', (_, from) => {
    const chain =
      profile === 'classic'
        ? 'KUBE-PROXY-FIREWALL'
        : from === 'node'
          ? 'KUBE-IPVS-OUT-FILTER'
          : 'KUBE-SOURCE-RANGES-FIREWALL';
    const explanation = explain(view(profile), packet('tcp 198.51.100.20 80', from));
    expect(end(explanation)).toBe(`dropped by filter ${chain}`);
    // From the node, IPVS comes before the filter, and the virtual server is known; from elsewhere it is not asked.
    expect('virtualServer' in explanation.outcome).toBe(from === 'node');
  });

  it('a load balancer answers the node itself when a range holds its address', () => {
    const ranges = { loadBalancerSourceRanges: ['192.0.2.11/32'] };
    const allowed = services.map((service) =>
      service.name === 'web-lb' ? { ...service, ...ranges } : service,
    );
    const explanation = explain(view(profile, {}, 'inet', allowed), packet('tcp 198.51.100.20 80', 'node'));
    expect(end(explanation)).toBe(EVERYBODY_AS_NODE);
    expect(end(explain(view(profile, {}, 'inet', allowed), packet('tcp 198.51.100.20 80', CAFE)))).toMatch(
      /^dropped/,
    );
  });

  it('IPv6 goes the same ways', () => {
    const six = view(profile, {}, 'inet6');
    const pods = ['fd00:10:244:1::11', 'fd00:10:244:1::12', 'fd00:10:244:2::13'];
    expect(end(explain(six, packet('tcp fd00:10:96::10 80', 'fd00:10:244:1::100')))).toBe(pods.join(', '));
    expect(end(explain(six, packet('tcp fd00:10:96::10 80', 'node')))).toBe(
      pods.map((pod) => `${pod} as the node`).join(', '),
    );
  });

  it('masqueradeAll masquerades pods as well', () => {
    const all = view(profile, { masqueradeAll: true });
    expect(end(explain(all, packet('tcp 10.96.0.10 80', TOOLBOX)))).toBe(EVERYBODY_AS_NODE);
  });

  it('persistence is told', () => {
    const { outcome } = explain(view(profile), packet('tcp 10.96.0.50 80', TOOLBOX));
    expect(outcome).toMatchObject({ verdict: 'balanced', scheduler: 'rr', persistenceTimeout: 600 });
  });

  it('what is for others leaves the node', () => {
    expect(explain(view(profile), packet('tcp 8.8.8.8 53', TOOLBOX)).outcome).toEqual({
      verdict: 'forwarded',
    });
    expect(explain(view(profile), packet('tcp 8.8.8.8 53', 'node')).outcome).toEqual({
      verdict: 'forwarded',
    });
  });
});

describe('ports of virtual addresses that no Service has', () => {
  const ssh = packet('tcp 10.96.0.10 22', TOOLBOX);

  it('lead to programs of the node in the classic profile', () => {
    expect(explain(view('classic'), ssh).outcome).toEqual({ verdict: 'delivered', address: '10.96.0.10' });
  });

  it('are refused by the current profile, from outside and from the node', () => {
    for (const source of [TOOLBOX, 'node']) {
      const { outcome } = explain(view('current'), { ...ssh, source });
      expect(outcome).toMatchObject({
        verdict: 'rejected',
        by: { chain: 'KUBE-IPVS-FILTER', sets: [{ set: 'KUBE-IPVS-IPS', entry: '10.96.0.10' }] },
      });
    }
  });

  it('of the node’s own addresses stay open', () => {
    expect(end(explain(view('current'), packet('tcp 192.0.2.11 22', CAFE)))).toBe('delivered');
  });
});

describe.each(['iptables', 'nft'] as const)('policy Local, with %s', (rules) => {
  const notes = (profile: Profile, name: string, to: string, from: string) =>
    explain(view(profile, { rules }, 'inet', services, name), packet(to, from)).notes;

  it.each(['classic', 'current'] as const)(
    'falls back to endpoints of others, whose answers are lost: %s profile',
    (profile) => {
      expect(notes(profile, 'node-x', 'tcp 192.0.2.11 30081', CAFE)).toEqual(
        EVERYBODY.split(', ').map(
          (pod) =>
            `${pod}:8080 is on another node and sees ${CAFE}, and its answer goes past this node and is lost, unless ${CAFE} is a pod of this node (policy Local without endpoints here)`,
        ),
      );
    },
  );

  it.each(['classic', 'current'] as const)(
    'is nothing to note where endpoints are here, packets are masqueraded, or the node itself asks: %s profile',
    (profile) => {
      expect(notes(profile, 'node-a', 'tcp 192.0.2.11 30081', CAFE)).toEqual([]);
      expect(notes(profile, 'node-x', 'tcp 192.0.2.11 30080', CAFE)).toEqual([]);
      expect(notes(profile, 'node-x', 'tcp 192.0.2.11 30081', 'node')).toEqual([]);
    },
  );
});

describe('the node itself at a virtual address', () => {
  const asks = (profile: Profile, config: Partial<ProxyConfig>) =>
    explain(view(profile, config), packet('tcp 10.96.0.10 80', 'node')).notes;

  it('gets no answer from other nodes where nobody masquerades it: they have the address, too', () => {
    expect(asks('classic', { clusterCIDR: [] })).toEqual([
      '10.244.2.13:8080 is on another node and sees 10.96.0.10, which is an address of that node too: its answer goes nowhere',
    ]);
  });

  it('gets answers where a cluster CIDR, masqueradeAll or the current profile masquerade it', () => {
    expect(asks('classic', {})).toEqual([]);
    expect(asks('classic', { clusterCIDR: [], masqueradeAll: true })).toEqual([]);
    expect(asks('current', { clusterCIDR: [] })).toEqual([]);
  });
});

describe('loopback', () => {
  it('is the node itself, whether or not its interfaces are known: node ports are not there', () => {
    const bare: NodeView = { ...view('current'), interfaces: [] };
    for (const from of ['node', '127.0.0.1']) {
      const explanation = explain(bare, packet('tcp 127.0.0.1 30080', from));
      expect(explanation.packet).toMatchObject({ source: '127.0.0.1', origin: 'node' });
      expect(explanation.outcome).toEqual({ verdict: 'delivered', address: '127.0.0.1' });
    }
  });
});

describe('what decided', () => {
  it('names set, entry and rule of the mark, and the rule that masquerades by it', () => {
    const { steps, outcome } = explain(view('current'), packet('tcp 198.51.100.10 80', CAFE));
    expect(steps.filter(({ effect }) => effect.startsWith('mark'))).toMatchObject([
      { hook: 'PREROUTING', table: 'nat', chain: 'KUBE-MARK-MASQ', effect: 'mark 0x4000' },
    ]);
    expect(steps.flatMap(({ sets }) => sets)).toContainEqual({
      set: 'KUBE-EXTERNAL-IP',
      entry: '198.51.100.10,tcp:80',
    });
    expect(outcome).toMatchObject({
      realServers: [
        { masquerade: { by: { chain: 'KUBE-POSTROUTING' }, address: '192.0.2.11' }, seenAs: '192.0.2.11' },
        {},
        {},
      ],
    });
  });

  it('names the range that let a client in, and those that did not', () => {
    const inside = explain(view('current'), packet('tcp 198.51.100.20 80', OFFICE));
    expect(inside.steps.flatMap(({ sets }) => sets)).toContainEqual({
      set: 'KUBE-LOAD-BALANCER-SOURCE-CIDR',
      entry: '198.51.100.20,tcp:80,192.0.2.100',
    });
    const outside = explain(view('current'), packet('tcp 198.51.100.20 80', CAFE));
    expect(outside.outcome).toMatchObject({ by: { notIn: ['KUBE-LOAD-BALANCER-SOURCE-CIDR'] } });
  });

  it('is the interface where that is how pods are told: the one given, or the one of the source’s network', () => {
    const bridge = view('current', {
      detectLocalMode: 'BridgeInterface',
      bridgeInterface: 'cni0',
      clusterCIDR: [],
    });
    const through = (inInterface?: string) =>
      end(
        explain(
          bridge,
          packet('tcp 10.96.0.10 80', TOOLBOX, inInterface === undefined ? {} : { inInterface }),
        ),
      );
    expect(through('cni0')).toBe(EVERYBODY);
    expect(through('eth0')).toBe(EVERYBODY_AS_NODE);
    expect(through()).toBe(EVERYBODY_AS_NODE);
    const known = {
      ...bridge,
      interfaces: [
        ...bridge.interfaces,
        { name: 'cni0', addresses: ['10.244.1.1'], networks: ['10.244.1.0/24'] },
      ],
    };
    expect(end(explain(known, packet('tcp 10.96.0.10 80', TOOLBOX)))).toBe(EVERYBODY);
  });

  it('is a bridge’s port for external IPs of others, where the kernel shows them', () => {
    const { steps } = explain(view('current'), packet('tcp 198.51.100.10 80', CAFE, { bridged: true }));
    expect(steps.at(-1)?.rule).not.toContain('physdev');
    expect(
      steps.some(({ rule, effect }) => rule.includes('addrtype --dst-type LOCAL') && effect === 'accept'),
    ).toBe(true);
  });
});

describe('real servers', () => {
  const base = view('current');
  const withServers = (realServers: NodeView['virtualServers'][number]['realServers']): NodeView => ({
    ...base,
    virtualServers: base.virtualServers.map((server) =>
      server.url === 'tcp://10.96.0.10:80' ? { ...server, realServers } : server,
    ),
  });
  const pod = { address: '10.244.1.11', port: 8080, weight: 1, forwarding: 'masq' } as const;

  it('that drain take no new connections', () => {
    const { outcome } = explain(
      withServers([
        { ...pod, weight: 0 },
        { ...pod, address: '10.244.1.12' },
      ]),
      packet('tcp 10.96.0.10 80', TOOLBOX),
    );
    expect(outcome).toMatchObject({ realServers: [{ eligible: false }, { eligible: true }] });
  });

  it('are missing: the kernel refuses', () => {
    for (const servers of [[], [{ ...pod, weight: 0 }]]) {
      const { outcome } = explain(withServers(servers), packet('tcp 10.96.0.10 80', TOOLBOX));
      expect(outcome.verdict).toBe('no real server');
    }
  });

  it('on the node itself see clients from outside as they are', () => {
    const local = withServers([{ ...pod, address: '192.0.2.11' }]);
    expect(explain(local, packet('tcp 10.96.0.10 80', OFFICE)).outcome).toMatchObject({
      realServers: [{ seenAs: OFFICE }],
    });
    expect(end(explain(local, packet('tcp 10.96.0.10 80', 'node')))).toBe('192.0.2.11 as the node');
  });

  it('behind a tunnel see the client', () => {
    const tunnel = withServers([{ ...pod, forwarding: 'tunnel' }]);
    expect(explain(tunnel, packet('tcp 10.96.0.10 80', OFFICE)).outcome).toMatchObject({
      realServers: [{ forwarding: 'tunnel', seenAs: OFFICE, steps: [] }],
    });
  });

  it('of a firewall mark come before those of the address, and those of all ports last', () => {
    const servers: NodeView['virtualServers'] = [
      { url: 'fwmark://16384', fwmark: 0x4000, scheduler: 'rr', persistenceTimeout: 0, realServers: [pod] },
      {
        url: 'tcp://10.96.0.10:0',
        protocol: 'tcp',
        address: '10.96.0.10',
        port: 0,
        scheduler: 'rr',
        persistenceTimeout: 60,
        realServers: [pod],
      },
    ];
    const more: NodeView = {
      ...view('classic'),
      virtualServers: [...view('classic').virtualServers, ...servers],
    };
    const url = (to: string, from: string): unknown => {
      const { outcome } = explain(more, packet(to, from));
      return 'virtualServer' in outcome ? outcome.virtualServer : outcome.verdict;
    };
    expect(url('tcp 10.96.0.10 80', OFFICE)).toBe('fwmark://16384');
    expect(url('tcp 10.96.0.10 80', TOOLBOX)).toBe('tcp://10.96.0.10:80');
    expect(url('tcp 10.96.0.10 81', TOOLBOX)).toBe('tcp://10.96.0.10:0');
  });
});

describe('rules that cannot be judged', () => {
  it('are named, and taken for not matching', () => {
    const base = view('classic');
    const strange: NodeView = {
      ...base,
      rules: {
        ...base.rules,
        chains: base.rules.chains.map((chain) =>
          chain.name === 'KUBE-SERVICES'
            ? {
                ...chain,
                rules: [
                  { matches: [{ match: 'raw', text: '-m owner --uid-owner 0' }], target: { target: 'drop' } },
                  { matches: [], target: { target: 'raw', text: '-j LOG' } },
                  ...chain.rules,
                ],
              }
            : chain,
        ),
      },
    };
    const explanation = explain(strange, packet('tcp 10.96.0.10 80', TOOLBOX));
    expect(end(explanation)).toBe(EVERYBODY);
    expect(explanation.steps.filter(({ effect }) => effect === 'unknown')).toHaveLength(2);
    expect(explanation.notes).toHaveLength(1);
  });

  it('do not go round in circles', () => {
    const base = view('classic');
    const loop: NodeView = {
      ...base,
      rules: {
        ...base.rules,
        chains: [
          {
            table: 'nat',
            name: 'KUBE-SERVICES',
            rules: [{ matches: [], target: { target: 'jump', chain: 'KUBE-SERVICES' } }],
          },
        ],
      },
    };
    expect(end(explain(loop, packet('tcp 10.96.0.10 80', TOOLBOX)))).toBe(EVERYBODY);
  });
});

describe('input that makes no sense', () => {
  it.each([
    ['an address of the other family', packet('tcp 10.96.0.10 80', 'fd00::1'), 'source'],
    ['no address', packet('tcp 10.96.0.10 80', 'cafe'), 'source'],
    ['a port of 0', packet('tcp 10.96.0.10 0', TOOLBOX), 'destinationPort'],
    ['a port that is too high', packet('tcp 10.96.0.10 80', TOOLBOX, { sourcePort: 70_000 }), 'sourcePort'],
  ])('is refused: %s', (_, given, path) => {
    expect(() => explain(view('classic'), given)).toThrow(new RegExp(`^${path}: expected`));
  });

  it('is refused: the node without an address', () => {
    const { primaryIP: _, ...homeless } = view('classic');
    expect(_).toBe('192.0.2.11');
    expect(() => explain(homeless, packet('tcp 8.8.8.8 53', 'node'))).toThrow(
      /that of the node is not known/,
    );
  });
});

describe('an explanation for people', () => {
  it('has the rules that matched in order, and the end', () => {
    const text = formatExplanation(
      explain(view('classic'), packet('tcp 10.96.0.10 80', OFFICE, { sourcePort: 4000 })),
    );
    expect(text.split('\n')).toEqual([
      'tcp 192.0.2.100:4000 -> 10.96.0.10:80, from outside through eth0',
      '  PREROUTING  nat PREROUTING: -m comment --comment "kubernetes service portals" -j KUBE-SERVICES -> jump',
      '  PREROUTING  nat KUBE-SERVICES: ! -s 10.244.0.0/16 -m set --match-set KUBE-CLUSTER-IP dst,dst -j KUBE-MARK-MASQ (KUBE-CLUSTER-IP has 10.96.0.10,tcp:80) -> jump',
      '  PREROUTING  nat KUBE-MARK-MASQ: -j MARK --set-xmark 0x4000/0x4000 -> mark 0x4000',
      '  PREROUTING  nat KUBE-SERVICES: -m set --match-set KUBE-CLUSTER-IP dst,dst -j ACCEPT (KUBE-CLUSTER-IP has 10.96.0.10,tcp:80) -> accept',
      '  INPUT       filter INPUT: -m comment --comment "kube-proxy firewall rules" -j KUBE-PROXY-FIREWALL -> jump',
      'balanced: tcp://10.96.0.10:80 (rr) sends it to one of',
      ...['10.244.1.11', '10.244.1.12', '10.244.2.13'].map(
        (pod) =>
          `  ${pod}:8080 masq weight 1: masqueraded as 192.0.2.11 by nat KUBE-POSTROUTING: -m comment --comment "kubernetes service traffic requiring SNAT" -m mark --mark 0x4000/0x4000 -j MASQUERADE`,
      ),
    ]);
  });
});
