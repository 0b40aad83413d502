import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  explain,
  type Explanation,
  formatExplanation,
  type NodeView,
  type Packet,
} from '../../../src/proxy/index.js';
import { view } from './view.js';
import type { NftTable } from '../../../src/rules/nft/types.js';

const tcp = (destination: string, destinationPort: number, source: string): Packet => ({
  protocol: 'tcp',
  source,
  destination,
  destinationPort,
});

/** Where a packet ends, in words that both back ends have; who stops a packet of the node itself is a matter of hooks. */
function end({ outcome, steps }: Explanation): unknown {
  const chain = (name: string): string => name.replace(/^(nat|filter)-/, '');
  const marks = steps.flatMap(({ effect }) => (effect.startsWith('mark') ? [effect] : []));
  switch (outcome.verdict) {
    case 'balanced':
    case 'no real server':
      return [
        outcome.verdict,
        outcome.virtualServer,
        marks,
        outcome.realServers.map(({ address, port, seenAs, masquerade }) => [
          address,
          port,
          seenAs,
          masquerade === undefined ? undefined : chain(masquerade.by.chain),
        ]),
      ];
    case 'dropped':
    case 'rejected':
      return [outcome.verdict, chain(outcome.by.chain), marks];
    case 'delivered':
      return [outcome.verdict, outcome.address, marks];
    case 'forwarded':
      return [outcome.verdict, outcome.masquerade?.address, marks];
  }
}

/** Packets that meet the sample cluster, or just miss it. */
function packets(ofView: NodeView): fc.Arbitrary<Packet> {
  const six = ofView.family === 'inet6';
  const own = ofView.interfaces
    .flatMap(({ addresses }) => addresses)
    .filter((address) => address.includes(':') === six);
  const pods = ofView.virtualServers.flatMap(({ realServers }) => realServers.map(({ address }) => address));
  const others = six
    ? ['fd00:10:244:1::100', '2001:db8:10::200', '2001:db8:ffff::1', '::1']
    : ['10.244.1.100', '192.0.2.100', '192.0.2.200', '8.8.8.8', '127.0.0.1'];
  const ports = ofView.virtualServers.flatMap(({ port }) => (port === undefined ? [] : [port]));
  return fc
    .record({
      protocol: fc.constantFrom('tcp' as const, 'udp' as const, 'sctp' as const),
      source: fc.constantFrom('node', ...new Set([...own, ...pods, ...others])),
      destination: fc.constantFrom(...new Set([...own, ...pods, ...others])),
      destinationPort: fc.constantFrom(...new Set([...ports, 22, 8080, 30_000, 32_000])),
      sourcePort: fc.option(fc.constantFrom(80, 40_000), { nil: undefined }),
    })
    .map(({ sourcePort, ...packet }) => ({ ...packet, ...(sourcePort === undefined ? {} : { sourcePort }) }));
}

describe('explain with nft', () => {
  it.each(
    (['classic', 'current'] as const).flatMap((profile) =>
      (['inet', 'inet6'] as const).map((family) => ({ profile, family })),
    ),
  )('says of every packet what it says with iptables: $profile, $family', ({ profile, family }) => {
    const [nft, iptables] = [
      view(profile, { rules: 'nft' }, family),
      view(profile, { rules: 'iptables' }, family),
    ];
    expect(nft.nft).toBeDefined();
    const seen = new Set<string>();
    fc.assert(
      fc.property(packets(nft), (packet) => {
        const explanation = explain(nft, packet);
        seen.add(explanation.outcome.verdict);
        expect(end(explanation)).toEqual(end(explain(iptables, packet)));
        expect(explanation.notes).toEqual(explain(iptables, packet).notes);
      }),
      { numRuns: 500, seed: 5 },
    );
    expect([...seen]).toEqual(expect.arrayContaining(['balanced', 'delivered', 'forwarded']));
  });

  it('names chain, rule and element in the words of nft', () => {
    const current = view('current', { rules: 'nft' });
    const inside = explain(current, tcp('198.51.100.20', 80, '192.0.2.100'));
    expect(inside.steps).toContainEqual({
      hook: 'INPUT',
      table: 'filter',
      chain: 'filter-KUBE-SOURCE-RANGES-FIREWALL',
      rule: 'meta l4proto tcp ip daddr . th dport . ip saddr @KUBE-LOAD-BALANCER-SOURCE-CIDR-TCP return',
      sets: [{ set: 'KUBE-LOAD-BALANCER-SOURCE-CIDR-TCP', entry: '198.51.100.20 . 80 . 192.0.2.100' }],
      notIn: [],
      effect: 'return',
    });
    const outside = formatExplanation(explain(current, tcp('198.51.100.20', 80, '192.0.2.200')));
    expect(outside.split('\n').at(-1)).toBe(
      'dropped by filter-KUBE-SOURCE-RANGES-FIREWALL: drop (not in KUBE-LOAD-BALANCER-SOURCE-CIDR-TCP)',
    );
  });

  it('stops what the node may not reach before IPVS knows of it', () => {
    const { outcome } = explain(view('current', { rules: 'nft' }), tcp('198.51.100.20', 80, 'node'));
    expect(outcome).toEqual({
      verdict: 'dropped',
      by: {
        table: 'filter',
        chain: 'filter-KUBE-IPVS-OUT-FILTER',
        rule: 'meta l4proto tcp ip saddr 198.51.100.20 ip daddr 198.51.100.20 th dport 80 drop',
        sets: [],
        notIn: [],
      },
    });
  });

  it('takes what it cannot judge for not matching, and says so', () => {
    const base = view('current', { rules: 'nft' });
    const table = base.nft!;
    const first = (...texts: readonly string[]): NodeView => ({
      ...base,
      nft: {
        ...table,
        chains: table.chains.map((chain) =>
          chain.name === 'filter-INPUT'
            ? { ...chain, rules: [...texts.map((text) => ({ text })), ...chain.rules] }
            : chain,
        ),
      },
    });
    const packet = tcp('10.96.0.10', 80, '10.244.1.100');
    const strange = explain(
      first(
        '? {"xt":null} drop',
        'ip daddr @NONE drop',
        'meta l4proto udp ? {"xt":null} drop',
        '? {"log":null}',
      ),
      packet,
    );
    expect(strange.outcome.verdict).toBe('balanced');
    expect(strange.steps.filter(({ effect }) => effect === 'unknown').map(({ rule }) => rule)).toEqual([
      '? {"xt":null} drop',
      'ip daddr @NONE drop',
      '? {"log":null}',
    ]);
    expect(strange.notes).toHaveLength(1);
    expect(explain(first('meta l4proto { tcp, udp } th dport != 81 drop'), packet).outcome.verdict).toBe(
      'dropped',
    );
    expect(explain(first('th sport 5 drop'), packet).outcome.verdict).toBe('balanced');
  });

  it.each([
    ['meta mark set 0x5', 0x5],
    ['meta mark set meta mark | 0x4', 0x4],
    ['meta mark set meta mark & 0xfffffffa ^ 0x6', 0x6],
    ['meta mark set meta mark ^ 0x80000000', 0x80000000],
  ])('follows the mark: %s', (text, mark) => {
    const base = view('current', { rules: 'nft' });
    const nft: NftTable = {
      family: 'inet',
      sets: [],
      chains: [
        {
          name: 'nat-PREROUTING',
          hook: { type: 'nat', hook: 'prerouting', priority: -100 },
          rules: [{ text }, { text: `meta mark & 0x${mark.toString(16)} == 0x${mark.toString(16)} drop` }],
        },
      ],
    };
    const { steps, outcome } = explain({ ...base, nft }, tcp('10.96.0.10', 80, '10.244.1.100'));
    expect(steps[0]?.effect).toBe(`mark 0x${mark.toString(16)}`);
    expect(outcome.verdict).toBe('dropped');
  });
});
