import { expect, it } from 'vitest';
import { diffRules, isEmptyDiff, noRules } from '../../src/rules/diff.js';
import { restoreText } from '../../src/rules/iptables/writer.js';
import type { Chain, Jump, RuleSet } from '../../src/rules/types.js';
import { describeOn } from '../support/backends.js';
import { rejection } from '../support/rejection.js';

const CHAINS = [
  { table: 'nat', name: 'T-SERVICES' },
  { table: 'nat', name: 'T-MARK' },
  { table: 'filter', name: 'T-FIREWALL' },
] as const;

const services: Chain = {
  table: 'nat',
  name: 'T-SERVICES',
  rules: [
    {
      matches: [
        { match: 'source', cidr: '10.244.0.0/16', not: true },
        { match: 'comment', text: 'it\'s "quoted"' },
      ],
      target: { target: 'jump', chain: 'T-MARK' },
    },
    { matches: [{ match: 'addrtype', side: 'dst', type: 'LOCAL' }], target: { target: 'accept' } },
  ],
};
const marks: Chain = {
  table: 'nat',
  name: 'T-MARK',
  rules: [{ matches: [], target: { target: 'mark', value: 0x4000, mask: 0x4000 } }],
};
const firewall: Chain = {
  table: 'filter',
  name: 'T-FIREWALL',
  rules: [{ matches: [{ match: 'mark', value: 0x8000, mask: 0x8000 }], target: { target: 'drop' } }],
};
const jump = (table: 'nat' | 'filter', from: string, chain: string): Jump => ({
  table,
  from,
  rule: { matches: [{ match: 'comment', text: 'test rules' }], target: { target: 'jump', chain } },
});
const wanted: RuleSet = {
  family: 'inet',
  chains: [services, marks, firewall],
  jumps: [jump('nat', 'OUTPUT', 'T-SERVICES'), jump('filter', 'INPUT', 'T-FIREWALL')],
};

describeOn(['rules'], 'rules', (open) => {
  it('are not there in a fresh namespace', async () => {
    const { rules } = await open();
    expect(await rules.read('inet', CHAINS)).toEqual(noRules('inet'));
    expect(await rules.read('inet6', CHAINS)).toEqual(noRules('inet6'));
  });

  it('are read back as they were written', async () => {
    const { rules } = await open();
    await rules.apply(diffRules(wanted, noRules('inet')));
    const actual = await rules.read('inet', CHAINS);
    expect(isEmptyDiff(diffRules(wanted, actual))).toBe(true);
    expect(actual.chains).toEqual(expect.arrayContaining([services, marks, firewall]));
    expect(await rules.read('inet6', CHAINS)).toEqual(noRules('inet6'));
  });

  it('are printed by iptables-save as the restore text has them', async () => {
    const { rules } = await open();
    const diff = diffRules(wanted, noRules('inet'));
    await rules.apply(diff);
    const printed = (await rules.save('inet')).split('\n');
    for (const line of restoreText(diff)
      .split('\n')
      .filter((l) => /^-[AI]/.test(l)))
      expect(printed).toContain(line.replace(/^-I/, '-A'));
  });

  it('change by rewriting what differs, and go away', async () => {
    const { rules } = await open();
    await rules.apply(diffRules(wanted, noRules('inet')));
    const other: RuleSet = { family: 'inet', chains: [{ ...marks, rules: [] }], jumps: [] };
    const diff = diffRules(other, await rules.read('inet', CHAINS));
    expect(diff.write.map((chain) => chain.name)).toEqual(['T-MARK']);
    expect(diff.removeChains.map((chain) => chain.name).sort()).toEqual(['T-FIREWALL', 'T-SERVICES']);
    await rules.apply(diff);
    expect(await rules.read('inet', CHAINS)).toEqual(other);
    await rules.apply(diffRules(noRules('inet'), await rules.read('inet', CHAINS)));
    expect(await rules.read('inet', CHAINS)).toEqual(noRules('inet'));
  });

  it('may be removed when they are gone already', async () => {
    const { rules } = await open();
    await rules.apply({
      family: 'inet',
      write: [],
      addJumps: [],
      removeJumps: [],
      removeChains: [{ table: 'nat', name: 'T-MARK' }],
    });
    expect(await rules.read('inet', CHAINS)).toEqual(noRules('inet'));
  });

  it('of a table stay as they were when one of them is refused', async () => {
    const { rules } = await open();
    const bad: RuleSet = {
      family: 'inet',
      chains: [
        marks,
        {
          table: 'filter',
          name: 'T-FIREWALL',
          rules: [{ matches: [], target: { target: 'jump', chain: 'T-NOWHERE' } }],
        },
      ],
      jumps: [],
    };
    expect(await rejection(rules.apply(diffRules(bad, noRules('inet'))))).toMatchObject({
      name: 'CommandError',
      code: 'ERR_COMMAND_FAILED',
      committed: ['nat'],
    });
    // Each table is a transaction of its own, and nat goes first.
    expect((await rules.read('inet', CHAINS)).chains.map((chain) => chain.name)).toEqual(['T-MARK']);
  });

  it('are checked without being changed', async () => {
    const { rules } = await open();
    await rules.check(diffRules(wanted, noRules('inet')));
    expect((await rules.read('inet', CHAINS)).chains).toEqual([]);
  });

  it('of both families live beside each other', async () => {
    const { rules } = await open();
    const six: RuleSet = {
      family: 'inet6',
      chains: [
        { table: 'filter', name: 'T-FIREWALL', rules: [{ matches: [], target: { target: 'reject' } }] },
      ],
      jumps: [],
    };
    await Promise.all([
      rules.apply(diffRules(wanted, noRules('inet'))),
      rules.apply(diffRules(six, noRules('inet6'))),
    ]);
    expect(await rules.read('inet6', CHAINS)).toEqual(six);
    expect(isEmptyDiff(diffRules(wanted, await rules.read('inet', CHAINS)))).toBe(true);
  });

  it('say which tools there are, and whether rules may ask for balanced connections', async () => {
    const { rules } = await open();
    for (const family of ['inet', 'inet6'] as const) {
      const features = await rules.features(family);
      expect(features.version).toMatch(/^\d+\.\d+\.\d+$/);
      const probe: RuleSet = {
        family,
        chains: [
          {
            table: 'filter',
            name: 'T-FIREWALL',
            rules: [
              {
                matches: [
                  {
                    match: 'ipvs',
                    address: family === 'inet' ? '192.0.2.7' : '2001:db8::7',
                    protocol: 'tcp',
                    port: 80,
                  },
                ],
                target: { target: 'drop' },
              },
            ],
          },
        ],
        jumps: [],
      };
      const tried = rules.apply(diffRules(probe, noRules(family)));
      if (features.ipvsMatch.available) await tried;
      else {
        expect(await rejection(tried)).toMatchObject({ code: 'ERR_COMMAND_FAILED' });
        expect(features.ipvsMatch.reason).toMatch(/ipvs/);
        expect(await rejection(rules.check(diffRules(probe, noRules(family))))).toMatchObject({
          committed: [],
          hint: 'the kernel module is missing: modprobe xt_ipvs',
        });
        const both: RuleSet = {
          ...probe,
          chains: [{ table: 'nat', name: 'T-MARK', rules: [] }, ...probe.chains],
        };
        expect(await rejection(rules.apply(diffRules(both, noRules(family))))).toMatchObject({
          committed: [],
        });
        expect(await rules.read(family, CHAINS)).toEqual(noRules(family));
      }
    }
  });
});
