import fc from 'fast-check';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { classicRules } from '../../src/rules/kube/classic.js';
import { currentRules } from '../../src/rules/kube/current.js';
import { KUBE_SETS, kubeSetName, type KubeSetName } from '../../src/rules/kube/names.js';
import { nftTable } from '../../src/rules/nft/compile.js';
import { diffNft, isEmptyNftDiff } from '../../src/rules/nft/diff.js';
import type { RuleSetContent } from '../../src/rules/nft/elements.js';
import { createNft } from '../../src/rules/nft/nft.js';
import type { Nft, NftDiff, NftTable } from '../../src/rules/nft/types.js';
import { createRunner } from '../../src/rules/runner.js';
import type { Family } from '../../src/net/address.js';
import type { RuleSet } from '../../src/rules/types.js';
import { describeKernel } from '../support/backends.js';
import { makeNetns, type TestNetns } from '../support/netns.js';
import { rejection } from '../support/rejection.js';
import { ruleOf } from '../unit/rules/arbitrary.js';
import { CLASSIC_CASES, COMBINED_CASES, CURRENT_CASES, CURRENT_IPVS_CASES } from '../unit/rules/cases.js';
import { isSayable, nftTableOf } from '../unit/rules/nft-arbitrary.js';

const ENTRIES: Readonly<Record<(typeof KUBE_SETS)[KubeSetName]['type'], Record<Family, string[]>>> = {
  'hash:ip': { inet: ['203.0.113.10'], inet6: ['2001:db8::10', '::ffff:192.0.2.1'] },
  'hash:ip,port': {
    inet: ['203.0.113.10,tcp:80', '203.0.113.10,udp:53', '203.0.113.11,sctp:5060'],
    inet6: ['2001:db8::10,tcp:80', '2001:db8::10,udp:53', '2001:db8::11,sctp:5060'],
  },
  'hash:ip,port,ip': {
    inet: ['10.244.1.2,tcp:8080,10.244.1.2'],
    inet6: ['fd00::2,udp:53,fd00::2'],
  },
  'hash:ip,port,net': {
    inet: [
      '203.0.113.10,tcp:80,0.0.0.0/0',
      '203.0.113.10,udp:53,10.0.0.0/8',
      '203.0.113.10,udp:53,10.1.0.0/16',
    ],
    inet6: ['2001:db8::10,tcp:80,::/0', '2001:db8::10,udp:53,fd00::/8', '2001:db8::10,udp:53,fd00::7/128'],
  },
  'bitmap:port': { inet: ['30080', '30443'], inet6: ['30080', '30443'] },
};

const filled = (family: Family): RuleSetContent[] =>
  (Object.keys(KUBE_SETS) as KubeSetName[]).map((name) => ({
    name: kubeSetName(name, family),
    type: KUBE_SETS[name].type,
    entries: ENTRIES[KUBE_SETS[name].type][family],
  }));

const CASES: readonly { readonly name: string; readonly wanted: NftTable }[] = [
  ...[...CLASSIC_CASES, ...COMBINED_CASES].map(({ name, input }) => ({ name, rules: classicRules(input) })),
  ...[...CURRENT_CASES, ...CURRENT_IPVS_CASES].map(({ name, input }) => ({
    name,
    rules: currentRules(input),
  })),
].map(({ name, rules }) => ({ name, wanted: nftTable(rules, filled(rules.family)) }));

const all = CASES.find(({ name }) => name === 'current-all')!.wanted;

describeKernel(['nft'], 'rules through nft', () => {
  let netns: TestNetns;
  let nft: Nft;
  beforeEach(async () => {
    netns = await makeNetns('nft');
    nft = createNft(createRunner({ netnsPath: netns.path }));
  });
  afterEach(() => netns.remove());

  const install = async (wanted: NftTable): Promise<void> =>
    nft.apply(diffNft(wanted, await nft.read(wanted.family)));
  const rest = async (wanted: NftTable): Promise<NftDiff> => diffNft(wanted, await nft.read(wanted.family));

  it('are read back as they were written: every case of both profiles', async () => {
    for (const { name, wanted } of CASES) {
      const fresh = diffNft(wanted, undefined);
      await nft.check(fresh);
      await nft.apply(fresh);
      const left = await rest(wanted);
      expect(isEmptyNftDiff(left), `${name}: ${JSON.stringify(left)}`).toBe(true);
    }
  });

  it.each(['inet', 'inet6'] as const)(
    'lead from any state to any other by what differs (%s)',
    async (family) => {
      for (const wanted of fc.sample(nftTableOf(family), { numRuns: 12, seed: 7 })) {
        const diff = await rest(wanted);
        await nft.apply(diff);
        const left = await rest(wanted);
        expect(isEmptyNftDiff(left), JSON.stringify(left)).toBe(true);
        expect((await nft.read(family))?.sets.map((set) => set.elements.length)).toEqual(
          wanted.sets.map((set) => set.elements.length),
        );
      }
    },
  );

  it.each(['inet', 'inet6'] as const)('are read back, whatever nft makes of them (%s)', async (family) => {
    const given = fc.sample(ruleOf(family), { numRuns: 400, seed: 3 });
    const names = given.flatMap((r) => r.matches.flatMap((m) => (m.match === 'set' ? [m.set] : [])));
    const rules: RuleSet = {
      family,
      chains: [
        { table: 'filter', name: 'CHAIN-A', rules: [] },
        {
          table: 'filter',
          name: 'RANDOM',
          rules: given.filter((r) => r.target.target !== 'masquerade' && isSayable(r, family, names)),
        },
      ],
      jumps: [],
    };
    expect(rules.chains[1]?.rules.length).toBeGreaterThan(50);
    const used = new Set(
      rules.chains.flatMap((c) =>
        c.rules.flatMap((r) => r.matches.flatMap((m) => (m.match === 'set' ? [m.set] : []))),
      ),
    );
    const wanted = nftTable(
      rules,
      [...used].map((name, i) => ({
        name,
        type: i % 2 === 0 ? 'hash:ip,port,ip' : 'hash:ip,port,net',
        entries: [],
      })),
    );
    await install(wanted);
    const actual = await nft.read(family);
    expect(actual?.chains.find(({ name }) => name === 'filter-RANDOM')?.rules).toEqual(
      wanted.chains[1]?.rules,
    );
    expect(isEmptyNftDiff(diffNft(wanted, actual))).toBe(true);
  });

  it('change nothing when they are checked, nor when they are refused', async () => {
    await nft.check(diffNft(all, undefined));
    expect(await nft.read('inet')).toBeUndefined();
    await install(all);
    const before = await nft.read('inet');
    const stale: NftDiff = {
      ...diffNft(all, all),
      writeChains: [{ name: 'nat-KUBE-SERVICES', rules: [{ text: 'accept' }] }],
      deleteElements: [{ set: 'KUBE-CLUSTER-IP', elements: ['192.0.2.99 . tcp . 80'] }],
    };
    for (const err of [await rejection(nft.check(stale)), await rejection(nft.apply(stale))]) {
      expect(err).toMatchObject({
        code: 'ERR_COMMAND_FAILED',
        lineText: 'delete element ip kube-ipvs KUBE-CLUSTER-IP { 192.0.2.99 . tcp . 80 }',
      });
    }
    expect(await nft.read('inet')).toEqual(before);
  });

  it('leave tables of others alone, and go away as a whole', async () => {
    await netns.run(['nft', '-f', '-'], {
      stdin:
        'table ip others { set S { type ipv4_addr; }\nchain input { type filter hook input priority 0; drop; }\n}\n',
    });
    const others = (await netns.run(['nft', 'list', 'ruleset'])).stdout;
    await install(all);
    expect((await nft.save('inet')).startsWith('table ip kube-ipvs {')).toBe(true);
    await install({ family: 'inet', sets: [], chains: [] });
    expect((await netns.run(['nft', 'list', 'ruleset'])).stdout).toBe(others);
    expect(await nft.save('inet')).toBe('');
  });

  it('put right what others did to our table', async () => {
    await install(all);
    await netns.run(['nft', '-f', '-'], {
      stdin: [
        'add rule ip kube-ipvs nat-KUBE-SERVICES counter log prefix "x" accept',
        'add chain ip kube-ipvs theirs { type filter hook forward priority 7; policy drop; }',
        'add set ip kube-ipvs their_set { type ipv4_addr; flags timeout; timeout 1m; }',
      ].join('\n'),
    });
    expect((await rest(all)).replace).toBe(true);
    await install(all);
    expect(isEmptyNftDiff(await rest(all))).toBe(true);
    await netns.run(['nft', 'add rule ip kube-ipvs nat-KUBE-SERVICES counter']);
    await netns.run(['nft', 'flush set ip kube-ipvs KUBE-CLUSTER-IP']);
    const repair = await rest(all);
    expect(repair).toMatchObject({ replace: false, writeChains: [{ name: 'nat-KUBE-SERVICES' }] });
    expect(repair.addElements.map(({ set }) => set)).toEqual(['KUBE-CLUSTER-IP']);
    await nft.apply(repair);
    expect(isEmptyNftDiff(await rest(all))).toBe(true);
  });

  it('are written and read while somebody else changes tables of his own all the time', async () => {
    const others = 'add table ip others\\nadd set ip others S { type ipv4_addr; }\\n';
    let over = false;
    const strangers = async (): Promise<number> => {
      let rounds = 0;
      for (; !over; rounds++)
        await netns.run([
          'sh',
          '-c',
          `for i in 1 2 3 4 5; do printf 'delete table ip others\\n${others}' | nft -f -; done`,
        ]);
      return rounds;
    };
    await netns.run(['sh', '-c', `printf '${others}' | nft -f -`]);
    const without = { ...all, sets: all.sets.map((set) => ({ ...set, elements: set.elements.slice(1) })) };
    const ours = async (): Promise<void> => {
      for (const wanted of [all, without, all, without, all]) {
        await install(wanted);
        expect(isEmptyNftDiff(await rest(wanted))).toBe(true);
      }
    };
    const [rounds] = await Promise.all([strangers(), ours().finally(() => (over = true))]);
    expect(rounds).toBeGreaterThan(0);
    expect((await netns.run(['nft', 'list', 'table', 'ip', 'others'])).stdout).toContain('set S');
  });

  it('change by elements alone when only members change, ranges inside ranges included', async () => {
    const range = (...entries: readonly string[]): NftTable =>
      nftTable({ family: 'inet', chains: [], jumps: [] }, [
        { name: 'RANGES', type: 'hash:ip,port,net', entries: entries.map((e) => `203.0.113.1,tcp:80,${e}`) },
      ]);
    await install(range('10.0.0.0/8', '10.1.0.0/16', '192.0.2.1'));
    for (const next of [
      range('10.1.0.0/16'),
      range('0.0.0.0/0', '10.1.0.0/16'),
      range('10.1.0.0/16', '10.0.0.0/9'),
    ]) {
      const diff = await rest(next);
      expect(diff).toMatchObject({ replace: false, addSets: [], writeChains: [], removeSets: [] });
      await nft.apply(diff);
      expect(isEmptyNftDiff(await rest(next))).toBe(true);
    }
  });

  it('hold more elements than an ipset does by default, written in one transaction', async () => {
    const elements = Array.from(
      { length: 66_000 },
      (_, i) => `10.96.${(i >> 8) & 255}.${i & 255} . ${i < 65_536 ? 'tcp' : 'udp'} . 80`,
    );
    const many: NftTable = {
      family: 'inet',
      sets: [{ name: 'MANY', key: ['ipv4_addr', 'inet_proto', 'inet_service'], interval: false, elements }],
      chains: [
        {
          name: 'filter-BIG',
          rules: [{ text: 'ip daddr . meta l4proto . th dport @MANY accept' }],
        },
      ],
    };
    await nft.apply(diffNft(many, undefined));
    await nft.apply({
      ...diffNft(many, many),
      deleteElements: [{ set: 'MANY', elements: elements.slice(-1) }],
    });
    const counted = await netns.run(['sh', '-c', 'nft list set ip kube-ipvs MANY | grep -o " . 80" | wc -l']);
    expect(Number(counted.stdout)).toBe(65_999);
  });
});
