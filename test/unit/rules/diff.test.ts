import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { diffRules, isEmptyDiff, noRules } from '../../../src/rules/diff.js';
import { fakeRunner } from '../../../src/rules/fake.js';
import { restoreText } from '../../../src/rules/iptables/writer.js';
import { KUBE_CHAINS } from '../../../src/rules/kube/names.js';
import { createRules } from '../../../src/rules/rules.js';
import type { Chain, Jump, RuleSet } from '../../../src/rules/types.js';
import { family, OUR_CHAINS, ruleSetOf } from './arbitrary.js';
import { profileOf } from './nft-arbitrary.js';

const chain = (name: string, ...marks: number[]): Chain => ({
  table: 'nat',
  name,
  rules: marks.map((value) => ({ matches: [], target: { target: 'mark', value, mask: 0 } })),
});
const jump = (from: string, to: string, comment?: string): Jump => ({
  table: 'nat',
  from,
  rule: {
    matches: comment === undefined ? [] : [{ match: 'comment', text: comment }],
    target: { target: 'jump', chain: to },
  },
});
const set = (chains: Chain[], jumps: Jump[] = []): RuleSet => ({ family: 'inet', chains, jumps });

describe('difference of rules', () => {
  it('leads from any configuration of either profile to any other', async () => {
    await fc.assert(
      fc.asyncProperty(
        family.chain((of) => fc.tuple(profileOf(of), profileOf(of))),
        async (states) => {
          const rules = createRules(fakeRunner());
          for (const { rules: wanted } of states) {
            await rules.apply(diffRules(wanted, await rules.read(wanted.family, KUBE_CHAINS)));
            const actual = await rules.read(wanted.family, KUBE_CHAINS);
            expect(isEmptyDiff(diffRules(wanted, actual))).toBe(true);
            expect(actual.chains).toHaveLength(wanted.chains.length);
            expect(actual.jumps).toHaveLength(wanted.jumps.length);
          }
        },
      ),
      { numRuns: 50 },
    );
  });

  it('is empty for equal rules, and carrying it out leads from any rules to any others', async () => {
    await fc.assert(
      fc.asyncProperty(
        family.chain((of) => fc.tuple(ruleSetOf(of), ruleSetOf(of))),
        async ([first, second]) => {
          const rules = createRules(fakeRunner());
          for (const wanted of [first, second, noRules(first.family)]) {
            const diff = diffRules(wanted, await rules.read(wanted.family, OUR_CHAINS));
            await rules.check(diff);
            await rules.apply(diff);
            const actual = await rules.read(wanted.family, OUR_CHAINS);
            expect(isEmptyDiff(diffRules(wanted, actual))).toBe(true);
            expect(actual.chains).toHaveLength(wanted.chains.length);
            expect(actual.jumps).toHaveLength(wanted.jumps.length);
          }
        },
      ),
      { numRuns: 60 },
    );
  });

  it('rewrites only the chains that differ', () => {
    const diff = diffRules(
      set([chain('A', 1), chain('B', 1, 2), chain('C', 3)]),
      set([chain('A', 1), chain('B', 2, 1)]),
    );
    expect(diff.write.map((c) => c.name)).toEqual(['B', 'C']);
    expect(diff.removeChains).toEqual([]);
  });

  it('removes chains and jumps that are not wanted', () => {
    const diff = diffRules(set([chain('A')]), set([chain('A'), chain('B')], [jump('OUTPUT', 'B')]));
    expect(diff).toMatchObject({
      write: [],
      addJumps: [],
      removeJumps: [{ from: 'OUTPUT' }],
      removeChains: [{ table: 'nat', name: 'B' }],
    });
  });

  it('replaces a jump whose comment changed and keeps one that stands elsewhere', () => {
    const wanted = set([chain('A')], [jump('OUTPUT', 'A', 'new'), jump('INPUT', 'A')]);
    const diff = diffRules(wanted, set([chain('A')], [jump('INPUT', 'A'), jump('OUTPUT', 'A', 'old')]));
    expect(diff.addJumps).toEqual([jump('OUTPUT', 'A', 'new')]);
    expect(diff.removeJumps).toEqual([jump('OUTPUT', 'A', 'old')]);
  });

  it('takes a chain with a rule that nobody understands for different', () => {
    const foreign: Chain = {
      ...chain('A'),
      rules: [{ matches: [{ match: 'raw', text: '-m u32 --u32 1' }], target: { target: 'accept' } }],
    };
    expect(diffRules(set([chain('A')]), set([foreign])).write).toHaveLength(1);
  });

  it('writes declarations, removals, rules, insertions and chain removals in this order, nat before filter', () => {
    const text = restoreText({
      family: 'inet',
      write: [{ ...chain('F'), table: 'filter' }, chain('A', 1)],
      addJumps: [jump('OUTPUT', 'A'), jump('PREROUTING', 'A')],
      removeJumps: [jump('OUTPUT', 'B')],
      removeChains: [{ table: 'nat', name: 'B' }],
    });
    expect(text.split('\n')).toEqual([
      '*nat',
      ':A - [0:0]',
      ':B - [0:0]',
      '-D OUTPUT -j B',
      '-A A -j MARK --set-xmark 0x1/0x0',
      '-I PREROUTING -j A',
      '-I OUTPUT -j A',
      '-X B',
      'COMMIT',
      '*filter',
      ':F - [0:0]',
      'COMMIT',
      '',
    ]);
  });

  it('refuses families that differ, things named twice and raw rules', () => {
    expect(() => diffRules(noRules('inet'), noRules('inet6'))).toThrow(/family/);
    expect(() => diffRules(set([chain('A'), chain('A')]), noRules('inet'))).toThrow(/chains\[1\]/);
    expect(() => diffRules(set([chain('A')], [jump('X', 'A'), jump('X', 'A')]), noRules('inet'))).toThrow(
      /jumps\[1\]/,
    );
    const raw: Chain = { ...chain('A'), rules: [{ matches: [], target: { target: 'raw', text: '-g B' } }] };
    expect(() => diffRules(set([raw]), noRules('inet'))).toThrow(/without raw parts/);
  });
});
