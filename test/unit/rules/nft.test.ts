import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { CommandError } from '../../../src/errors.js';
import { currentRules } from '../../../src/rules/kube/current.js';
import { KUBE_SETS, kubeSetName, type KubeSetName } from '../../../src/rules/kube/names.js';
import { nftTable } from '../../../src/rules/nft/compile.js';
import { diffNft, isEmptyNftDiff } from '../../../src/rules/nft/diff.js';
import { nftSets } from '../../../src/rules/nft/elements.js';
import { createNft } from '../../../src/rules/nft/nft.js';
import { readNft } from '../../../src/rules/nft/reader.js';
import type { NftTable } from '../../../src/rules/nft/types.js';
import { nftText } from '../../../src/rules/nft/writer.js';
import type { Runner, RunnerResult } from '../../../src/rules/runner.js';
import type { Match, RuleSet, Target } from '../../../src/rules/types.js';
import { rejection } from '../../support/rejection.js';
import { CURRENT_CASES, CURRENT_IPVS_CASES } from './cases.js';
import { nftTableOf } from './nft-arbitrary.js';

const RETURN: Target = { target: 'return' };
const one = (target: Target, ...matches: readonly Match[]): RuleSet => ({
  family: 'inet',
  chains: [{ table: 'filter', name: 'A', rules: [{ matches, target }] }],
  jumps: [],
});
const PORTS = [{ name: 'PORTS', type: 'bitmap:port', entries: ['80'] }];
const text = (rules: RuleSet, sets = PORTS): string | undefined =>
  nftTable(rules, sets).chains[0]?.rules[0]?.text;

const tableFor = (name: string): NftTable => {
  const found = [...CURRENT_CASES, ...CURRENT_IPVS_CASES].find((one_) => one_.name === name);
  if (found === undefined) throw new Error(`no case ${name}`);
  const { family } = found.input;
  const sets = (Object.keys(KUBE_SETS) as KubeSetName[]).map((set) => ({
    name: kubeSetName(set, family),
    type: KUBE_SETS[set].type,
    entries: set === 'KUBE-CLUSTER-IP' ? [family === 'inet' ? '10.96.0.10,udp:53' : 'fd00::a,udp:53'] : [],
  }));
  return nftTable(currentRules(found.input), sets);
};

describe('a table of nft', () => {
  it.each([...CURRENT_CASES, ...CURRENT_IPVS_CASES].map(({ name }) => name))(
    'has the rules of %s as in the golden file',
    async (name) => {
      await expect(nftText(diffNft(tableFor(name), undefined))).toMatchFileSnapshot(
        `../../golden/rules/${name}.nft`,
      );
    },
  );

  it('hangs its chains where iptables has them, but before IPVS at output', () => {
    const hooks = tableFor('current-all').chains.flatMap(({ name, hook }) =>
      hook === undefined ? [] : [`${name} ${hook.type} ${hook.hook} ${hook.priority}`],
    );
    expect(hooks.sort()).toEqual([
      'filter-FORWARD filter forward 0',
      'filter-INPUT filter input 0',
      'filter-OUTPUT filter output -99',
      'nat-OUTPUT nat output -100',
      'nat-POSTROUTING nat postrouting 100',
      'nat-PREROUTING nat prerouting -100',
    ]);
  });

  it.each<[string, Target, readonly Match[], string]>([
    ['a host', RETURN, [{ match: 'source', cidr: '10.1.2.3/32' }], 'ip saddr 10.1.2.3 return'],
    [
      'a network',
      RETURN,
      [{ match: 'destination', cidr: '10.1.2.3/8', not: true }],
      'ip daddr != 10.0.0.0/8 return',
    ],
    ['every address', RETURN, [{ match: 'source', cidr: '0.0.0.0/0' }], 'return'],
    [
      'a prefix of interfaces',
      RETURN,
      [{ match: 'inInterface', name: 'veth+', not: true }],
      'iifname != "veth*" return',
    ],
    [
      'the protocol, first',
      RETURN,
      [
        { match: 'addrtype', side: 'src', type: 'LOCAL', not: true },
        { match: 'protocol', protocol: 'udp' },
      ],
      'meta l4proto udp fib saddr type != local return',
    ],
    [
      'ports of two protocols',
      RETURN,
      [{ match: 'set', set: 'PORTS', directions: ['dst'] }],
      'meta l4proto { tcp, udp } th dport @PORTS return',
    ],
    [
      'ports of one protocol',
      RETURN,
      [
        { match: 'protocol', protocol: 'tcp' },
        { match: 'set', set: 'PORTS', directions: ['src'] },
      ],
      'meta l4proto tcp th sport @PORTS return',
    ],
    ['a whole mark', RETURN, [{ match: 'mark', value: 7, mask: 0xffffffff }], 'meta mark 0x7 return'],
    [
      'states',
      RETURN,
      [{ match: 'conntrack', states: ['RELATED', 'ESTABLISHED'] }],
      'ct state established,related return',
    ],
    [
      'a virtual server',
      RETURN,
      [{ match: 'ipvs', address: '203.0.113.1', protocol: 'sctp', port: 5 }],
      'meta l4proto sctp ip daddr 203.0.113.1 th dport 5 return',
    ],
    ['a mark that is set', { target: 'mark', value: 5, mask: 0xffffffff }, [], 'meta mark set 0x5'],
    ['bits that are set', { target: 'mark', value: 5, mask: 5 }, [], 'meta mark set meta mark | 0x5'],
    ['bits that flip', { target: 'mark', value: 5, mask: 0 }, [], 'meta mark set meta mark ^ 0x5'],
    ['bits that go', { target: 'mark', value: 0, mask: 5 }, [], 'meta mark set meta mark & 0xfffffffa'],
    [
      'bits of every kind',
      { target: 'mark', value: 6, mask: 5 },
      [],
      'meta mark set meta mark & 0xfffffffa ^ 0x6',
    ],
  ])('says %s', (_, target, matches, expected) => {
    expect(text(one(target, ...matches))).toBe(expected);
  });

  it.each<[string, RuleSet, string]>([
    [
      'a set that is not there',
      one(RETURN, { match: 'set', set: 'NONE', directions: ['dst'] }),
      'chains[0].rules[0].matches[0].set',
    ],
    ['bridge ports', one(RETURN, { match: 'physdevIsIn', not: true }), 'chains[0].rules[0].matches[0]'],
    [
      'an empty mask',
      one(RETURN, { match: 'mark', value: 0, mask: 0 }),
      'chains[0].rules[0].matches[0].mask',
    ],
    ['a quote in a comment', one(RETURN, { match: 'comment', text: '"' }), 'chains[0].rules[0]'],
    ['a long comment', one(RETURN, { match: 'comment', text: 'ü'.repeat(64) }), 'chains[0].rules[0]'],
    [
      'the contrary of ports',
      one(RETURN, { match: 'set', set: 'PORTS', directions: ['dst'], not: true }),
      'chains[0].rules[0].matches[0]',
    ],
    [
      'directions that the set has not',
      one(RETURN, { match: 'set', set: 'PORTS', directions: ['dst', 'dst'] }),
      'chains[0].rules[0].matches[0].directions',
    ],
    [
      'a chain without a capital',
      { family: 'inet', chains: [{ table: 'nat', name: 'a b', rules: [] }], jumps: [] },
      'chains[0].name',
    ],
    [
      'a base chain that is none',
      {
        family: 'inet',
        chains: [],
        jumps: [{ table: 'nat', from: 'FORWARD', rule: { matches: [], target: RETURN } }],
      },
      'jumps[0].from',
    ],
  ])('refuses %s by its path', (_, rules, path) => {
    expect(() => nftTable(rules, PORTS)).toThrow(expect.objectContaining({ path }) as Error);
  });

  it('has a rule for each protocol where there is a set for each, without the protocol in the lookup', () => {
    const ranges = [{ name: 'RANGES', type: 'hash:ip,port,net', entries: [] }];
    const match: Match = { match: 'set', set: 'RANGES', directions: ['dst', 'dst', 'src'] };
    const texts = (...matches: readonly Match[]): unknown =>
      nftTable(one(RETURN, ...matches), ranges).chains[0]?.rules.map(({ text: t }) => t);
    expect(texts({ match: 'source', cidr: '10.0.0.0/8' }, match)).toEqual(
      ['tcp', 'udp', 'sctp'].map(
        (protocol) =>
          `meta l4proto ${protocol} ip saddr 10.0.0.0/8 ip daddr . th dport . ip saddr @RANGES-${protocol.toUpperCase()} return`,
      ),
    );
    expect(texts(match, { match: 'protocol', protocol: 'udp' })).toEqual([
      'meta l4proto udp ip daddr . th dport . ip saddr @RANGES-UDP return',
    ]);
    expect(() =>
      nftTable(one(RETURN), [...ranges, { name: 'RANGES-UDP', type: 'hash:ip', entries: [] }]),
    ).toThrow(expect.objectContaining({ path: 'sets[1]' }) as Error);
  });

  it('leaves the test for bridge ports out where accepting only ends our own rules', () => {
    const external = tableFor('current-all').chains[0]?.rules.filter(({ text: t }) =>
      t.includes('KUBE-EXTERNAL-IP '),
    );
    expect(external?.[1]?.text).toBe(
      'ip daddr . meta l4proto . th dport @KUBE-EXTERNAL-IP fib saddr type != local accept',
    );
  });
});

describe('a set of nft', () => {
  const ranges = (...entries: readonly string[]): Record<string, readonly string[]> =>
    Object.fromEntries(
      nftSets({ name: 'S', type: 'hash:ip,port,net', entries }, 'inet').map(({ name, elements }) => [
        name,
        elements,
      ]),
    );

  it('with networks is one for each protocol, and keeps the outermost of ranges inside each other, for each address and port', () => {
    expect(
      ranges(
        '192.0.2.1,tcp:80,10.1.0.0/16',
        '192.0.2.1,tcp:80,10.0.0.0/8',
        '192.0.2.1,tcp:80,10.0.0.0/8',
        '192.0.2.1,tcp:80,11.0.0.0/32',
        '192.0.2.1,tcp:81,10.1.0.0/16',
        '192.0.2.1,udp:80,10.1.0.0/16',
      ),
    ).toEqual({
      'S-TCP': ['192.0.2.1 . 80 . 10.0.0.0/8', '192.0.2.1 . 80 . 11.0.0.0', '192.0.2.1 . 81 . 10.1.0.0/16'],
      'S-UDP': ['192.0.2.1 . 80 . 10.1.0.0/16'],
      'S-SCTP': [],
    });
    expect(ranges('192.0.2.1,sctp:80,0.0.0.0/0', '192.0.2.1,sctp:80,0.0.0.0/1')['S-SCTP']).toEqual([
      '192.0.2.1 . 80 . 0.0.0.0/0',
    ]);
  });

  it.each([
    ['hash:ip', '10.0.0.1,tcp:80'],
    ['hash:ip', '::1'],
    ['hash:ip,port', '10.0.0.1,icmp:8'],
    ['hash:ip,port', '10.0.0.1,tcp:65536'],
    ['hash:ip,port,net', '10.0.0.1,tcp:80,10.0.0.0/33'],
    ['bitmap:port', '080'],
  ])('of %s refuses %s', (type, entry) => {
    expect(() => nftSets({ name: 'S', type, entries: ['', entry].slice(1) }, 'inet')).toThrow(
      expect.objectContaining({ path: 'set.entries[0]' }) as Error,
    );
  });
});

describe('a difference of tables', () => {
  const all = tableFor('current-all');

  it('is empty between equal ones, and everything where there was none', () => {
    expect(isEmptyNftDiff(diffNft(all, all))).toBe(true);
    expect(nftText(diffNft(all, all))).toBe('');
    expect(diffNft(all, undefined)).toMatchObject({
      replace: true,
      addSets: all.sets,
      writeChains: all.chains,
    });
  });

  it('removes the table when nothing is wanted, and does nothing when there is none', () => {
    const nothing: NftTable = { family: 'inet', sets: [], chains: [] };
    expect(nftText(diffNft(nothing, all))).toBe('add table ip kube-ipvs\ndelete table ip kube-ipvs\n');
    expect(isEmptyNftDiff(diffNft(nothing, undefined))).toBe(true);
  });

  it('is as long as what differs, not as the table', () => {
    const many = Array.from({ length: 5000 }, (_, i) => `10.${i >> 8}.${i & 255}.1,tcp:80`);
    const before = nftTable({ family: 'inet', chains: [], jumps: [] }, [
      { name: 'S', type: 'hash:ip,port', entries: many },
    ]);
    const after = nftTable({ family: 'inet', chains: [], jumps: [] }, [
      { name: 'S', type: 'hash:ip,port', entries: [...many.slice(1), '192.0.2.1,udp:53'] },
    ]);
    expect(nftText(diffNft(after, before))).toBe(
      [
        'add table ip kube-ipvs',
        'delete element ip kube-ipvs S { 10.0.0.1 . tcp . 80 }',
        'add element ip kube-ipvs S { 192.0.2.1 . udp . 53 }',
        '',
      ].join('\n'),
    );
  });

  it('replaces the table when a set has another key or a base chain another hook', () => {
    const set = all.sets[0]!;
    const chain = all.chains.at(-1)!;
    for (const actual of [
      { ...all, sets: [{ ...set, interval: true }, ...all.sets.slice(1)] },
      { ...all, sets: [{ ...set, key: ['inet_service'] as const }, ...all.sets.slice(1)] },
      { ...all, chains: [...all.chains.slice(0, -1), { name: chain.name, rules: chain.rules }] },
      { ...all, other: ['map x'] },
    ])
      expect(diffNft(all, actual).replace).toBe(true);
  });

  it('leads from any table to any other: what is not deleted or rewritten was equal', () => {
    fc.assert(
      fc.property(nftTableOf('inet'), nftTableOf('inet'), (from, to) => {
        const diff = diffNft(to, from);
        expect(diff.replace).toBe(false);
        for (const set of to.sets) {
          const now = new Set(from.sets.find(({ name }) => name === set.name)?.elements);
          for (const change of diff.deleteElements)
            if (change.set === set.name) for (const e of change.elements) expect(now.delete(e)).toBe(true);
          for (const change of diff.addElements)
            if (change.set === set.name) for (const e of change.elements) now.add(e);
          expect([...now].sort()).toEqual([...set.elements].sort());
        }
        for (const chain of to.chains) {
          const kept = from.chains.find(({ name }) => name === chain.name);
          if (!diff.writeChains.includes(chain)) expect(kept?.rules).toEqual(chain.rules);
        }
      }),
      { numRuns: 50 },
    );
  });
});

describe('reading nft', () => {
  const read = (...items: readonly object[]): NftTable | undefined =>
    readNft(
      JSON.stringify({
        nftables: [
          { metainfo: { version: '1.0.6' } },
          ...items.map((item) =>
            Object.fromEntries(
              Object.entries(item).map(([kind, value]) => [
                kind,
                { family: 'ip', table: 'kube-ipvs', ...(value as object) },
              ]),
            ),
          ),
        ],
      }),
      'inet',
    );
  const TABLE = { table: { family: 'ip', name: 'kube-ipvs' } };
  const rule = (...expr: readonly object[]): string | undefined =>
    read(TABLE, { chain: { name: 'c' } }, { rule: { chain: 'c', expr } })?.chains[0]?.rules[0]?.text;

  it('says that there is no table, whatever else there is', () => {
    expect(read()).toBeUndefined();
    expect(read({ table: { name: 'other' } })).toBeUndefined();
    expect(read({ table: { family: 'ip6', name: 'kube-ipvs' } })).toBeUndefined();
    expect(read(TABLE)).toEqual({ family: 'inet', sets: [], chains: [] });
  });

  it('knows protocols by number, as nft prints them where /etc/protocols is missing', () => {
    const set = {
      name: 'S',
      type: ['ipv4_addr', 'inet_proto', 'inet_service'],
      elem: [{ concat: ['10.0.0.1', 6, 80] }],
    };
    expect(read(TABLE, { set })?.sets[0]?.elements).toEqual(['10.0.0.1 . tcp . 80']);
    expect(rule({ match: { op: '==', left: { meta: { key: 'l4proto' } }, right: 132 } })).toBe(
      'meta l4proto sctp',
    );
  });

  it('knows a set of ranges, as a list of flags and as the one flag that newer versions print', () => {
    const name = 'S';
    const type = ['ipv4_addr', 'inet_service', 'ipv4_addr'];
    const elem = [{ concat: ['10.0.0.1', 80, { prefix: { addr: '0.0.0.0', len: 0 } }] }];
    const [wanted] = nftSets(
      { name: 'S', type: 'hash:ip,port,net', entries: ['10.0.0.1,tcp:80,0.0.0.0/0'] },
      'inet',
    );
    for (const flags of [['interval'], 'interval'])
      expect(read(TABLE, { set: { name, type, flags, elem, handle: 3, count: 1 } })?.sets).toEqual([
        { ...wanted, name },
      ]);
    expect(read(TABLE, { set: { name, type, flags: 'dynamic' } })?.sets[0]?.key).toContain('unknown');
  });

  it('finds the protocol that nft has put into the name of a port', () => {
    expect(
      rule(
        { match: { op: '==', left: { payload: { protocol: 'ip', field: 'saddr' } }, right: '10.0.0.1' } },
        { match: { op: '==', left: { payload: { protocol: 'udp', field: 'dport' } }, right: 53 } },
        { drop: null },
      ),
    ).toBe('meta l4proto udp ip saddr 10.0.0.1 th dport 53 drop');
  });

  it.each([
    { counter: { packets: 0, bytes: 0 } },
    { match: { op: '<', left: { payload: { protocol: 'th', field: 'dport' } }, right: 53 } },
    { match: { op: '==', left: { ct: { key: 'state', dir: 'original' } }, right: 'new' } },
    { reject: { type: 'tcp reset' } },
    { masquerade: { port: 5 } },
    { mangle: { key: { meta: { key: 'priority' } }, value: 1 } },
    { xt: null },
  ])('keeps %j as something that nothing wanted equals', (expression) => {
    expect(rule(expression)).toMatch(/^\? \{/);
  });

  it('takes a set with a timeout, a map and a chain that drops for things of others', () => {
    expect(read(TABLE, { set: { name: 'S', type: 'ipv4_addr', timeout: 60 } })?.sets[0]?.key).toEqual([
      'unknown',
    ]);
    expect(read(TABLE, { map: { name: 'M' } })?.other).toEqual(['map M']);
    expect(read({ table: { name: 'kube-ipvs', flags: 'dormant' } })?.other).toHaveLength(1);
    const chain = { name: 'c', type: 'filter', hook: 'input', prio: 0, policy: 'drop' };
    expect(read(TABLE, { chain })?.other).toEqual(['chain c']);
  });
});

describe('nft, the program', () => {
  const all = tableFor('current-empty');
  const answering = (...results: readonly Partial<RunnerResult>[]): Runner & { argvs: string[] } => {
    const left = [...results];
    const argvs: string[] = [];
    return {
      argvs,
      run: (argv) => {
        argvs.push(argv.join(' '));
        return Promise.resolve({ exitCode: 0, stdout: '', stderr: '', ...left.shift() });
      },
    };
  };

  it('is started once per change, and not at all when there is none', async () => {
    const runner = answering();
    const nft = createNft(runner);
    await nft.apply(diffNft(all, all));
    await nft.check(diffNft(all, undefined));
    await nft.apply(diffNft(all, undefined));
    expect(runner.argvs).toEqual(['nft --check -f -', 'nft -f -']);
  });

  it('names the line that it refuses', async () => {
    const runner = answering({ exitCode: 1, stderr: '/dev/stdin:3:5-9: Error: No such file or directory\n' });
    expect(await rejection(createNft(runner).apply(diffNft(all, undefined)))).toMatchObject({
      code: 'ERR_COMMAND_FAILED',
      line: 3,
      lineText: 'add table ip kube-ipvs',
    });
  });

  it('tells a table that is not there from one that cannot be read', async () => {
    const refused = { exitCode: 1, stderr: 'Error: no\n' };
    const tables = (names: readonly string[]): Partial<RunnerResult> => ({
      stdout: JSON.stringify({ nftables: names.map((name) => ({ table: { family: 'ip', name } })) }),
    });
    expect(await createNft(answering(refused, tables(['other']))).read('inet')).toBeUndefined();
    expect(await createNft(answering(refused, tables([]))).save('inet')).toBe('');
    const unreadable = createNft(answering(refused, tables(['kube-ipvs']))).read('inet');
    expect(await rejection(unreadable)).toBeInstanceOf(CommandError);
  });

  it('says its version', async () => {
    expect(await createNft(answering({ stdout: 'nftables v1.0.6 (Lester Gooch #5)\n' })).version()).toBe(
      '1.0.6',
    );
    expect(await rejection(createNft(answering({ stdout: '?' })).version())).toBeInstanceOf(CommandError);
  });
});
