import fc from 'fast-check';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { diffRules, isEmptyDiff, noRules } from '../../src/rules/diff.js';
import { restoreText, saveText } from '../../src/rules/iptables/writer.js';
import { classicRules } from '../../src/rules/kube/classic.js';
import { currentRules } from '../../src/rules/kube/current.js';
import { KUBE_CHAINS } from '../../src/rules/kube/names.js';
import { createRules, iptablesVersion } from '../../src/rules/rules.js';
import { createRunner, type Runner } from '../../src/rules/runner.js';
import type { Rules, RuleSet } from '../../src/rules/types.js';
import { describeKernel } from '../support/backends.js';
import { createSets, plain, tool, unusable } from '../support/iptables.js';
import { makeNetns, type TestNetns } from '../support/netns.js';
import { missing } from '../support/needs.js';
import { rejection } from '../support/rejection.js';
import { ruleOf } from '../unit/rules/arbitrary.js';
import { profileOf } from '../unit/rules/nft-arbitrary.js';
import { CLASSIC_CASES, COMBINED_CASES, CURRENT_CASES } from '../unit/rules/cases.js';

interface Case {
  readonly name: string;
  readonly wanted: RuleSet;
}
const CASES: readonly Case[] = [
  ...[...CLASSIC_CASES, ...COMBINED_CASES].map(({ name, input }) => ({ name, wanted: classicRules(input) })),
  ...CURRENT_CASES.map(({ name, input }) => ({ name, wanted: currentRules(input) })),
];

describeKernel(['rules', 'ipset'], 'rules in the kernel', () => {
  let netns: TestNetns;
  let runner: Runner;
  beforeEach(async () => {
    netns = await makeNetns('rules');
    runner = createRunner({ netnsPath: netns.path });
    await createSets(netns);
  });
  afterEach(() => netns.remove());

  describe.each(['nft', 'legacy'] as const)('%s', (backend) => {
    const reason = unusable(backend);
    if (reason !== undefined) {
      it.skip(`skipped: ${reason}`, () => undefined);
      return;
    }
    const rules = (): Rules => createRules(runner, { backend });
    const install = (wanted: RuleSet): Promise<void> =>
      rules().apply(diffRules(wanted, noRules(wanted.family)));

    it('is the back end that the tool says it is', async () => {
      expect(await iptablesVersion(runner, 'inet', { backend })).toMatchObject({ backend });
    });

    it.each(CASES)(
      'prints $name as written in the golden file, and reads it back as what was wanted',
      async ({ name, wanted }) => {
        await install(wanted);
        await expect(plain(await rules().save(wanted.family))).toMatchFileSnapshot(
          `../golden/rules/${name}.save`,
        );
        const actual = await rules().read(wanted.family, KUBE_CHAINS);
        expect(isEmptyDiff(diffRules(wanted, actual))).toBe(true);
        expect(actual.chains).toHaveLength(wanted.chains.length);
      },
    );

    it('changes from every case to every other and to nothing, touching nobody else', async () => {
      const save = async (): Promise<string> => plain(await rules().save('inet'));
      await netns.run([`${tool('inet', backend)}-restore`, '--noflush'], {
        stdin: [
          '*nat',
          ':OTHERS - [0:0]',
          '-A OTHERS -p tcp -m tcp --dport 8443 -j RETURN',
          '-A PREROUTING -m comment --comment "not ours" -j OTHERS',
          'COMMIT',
          '*filter',
          '-A INPUT -p tcp -m tcp --dport 22 -j ACCEPT',
          'COMMIT\n',
        ].join('\n'),
      });
      const before = await save();
      const cases = CASES.filter(({ wanted }) => wanted.family === 'inet');
      for (const { wanted } of [...cases, ...[...cases].reverse()]) {
        await rules().apply(diffRules(wanted, await rules().read('inet', KUBE_CHAINS)));
        expect(isEmptyDiff(diffRules(wanted, await rules().read('inet', KUBE_CHAINS)))).toBe(true);
      }
      await rules().apply(diffRules(noRules('inet'), await rules().read('inet', KUBE_CHAINS)));
      expect(await save()).toBe(before);
    });

    it.each(['inet', 'inet6'] as const)(
      'leads from any configuration of either profile to any other (%s)',
      async (family) => {
        const lacks = missing(['ipvs']) !== undefined;
        for (const { rules: given } of fc.sample(profileOf(family), { numRuns: 5, seed: 11 })) {
          const wanted: RuleSet = {
            ...given,
            // One chain is about xt_ipvs; kernels without it refuse the rules.
            chains: given.chains.map((chain) =>
              lacks && chain.name === 'KUBE-IPVS-OUT-FILTER' ? { ...chain, rules: [] } : chain,
            ),
          };
          await rules().apply(diffRules(wanted, await rules().read(family, KUBE_CHAINS)));
          const left = diffRules(wanted, await rules().read(family, KUBE_CHAINS));
          expect(isEmptyDiff(left), JSON.stringify(left)).toBe(true);
        }
      },
    );

    it('puts jumps at the head of the base chain, in their order, before rules of others', async () => {
      await netns.run([tool('inet', backend), '-A', 'INPUT', '-p', 'tcp', '--dport', '22', '-j', 'ACCEPT']);
      const chain = (name: string): RuleSet['chains'][number] => ({ table: 'filter', name, rules: [] });
      const jump = (to: string): RuleSet['jumps'][number] => ({
        table: 'filter',
        from: 'INPUT',
        rule: { matches: [], target: { target: 'jump', chain: to } },
      });
      await install({
        family: 'inet',
        chains: [chain('FIRST'), chain('SECOND')],
        jumps: [jump('FIRST'), jump('SECOND')],
      });
      const { stdout } = await netns.run([tool('inet', backend), '-S', 'INPUT']);
      expect(stdout.trim().split('\n')).toEqual([
        '-P INPUT ACCEPT',
        '-A INPUT -j FIRST',
        '-A INPUT -j SECOND',
        '-A INPUT -p tcp -m tcp --dport 22 -j ACCEPT',
      ]);
    });

    it('removes a second copy of a jump, and jumps of another form', async () => {
      const wanted = classicRules(CLASSIC_CASES[0]!.input);
      await install(wanted);
      await netns.run([`${tool('inet', backend)}-restore`, '--noflush'], {
        stdin: [
          '*nat',
          '-A PREROUTING -m comment --comment "kubernetes service portals" -j KUBE-SERVICES',
          '-A PREROUTING -m limit --limit 5/min -m comment --comment "it\'s \\"old\\"" -j KUBE-SERVICES',
          '-A PREROUTING -p icmp -m icmp --icmp-type 8 -g KUBE-SERVICES',
          'COMMIT\n',
        ].join('\n'),
      });
      const diff = diffRules(wanted, await rules().read('inet', KUBE_CHAINS));
      expect(diff.removeJumps).toHaveLength(3);
      await rules().apply(diff);
      const { stdout } = await netns.run([tool('inet', backend), '-t', 'nat', '-S', 'PREROUTING']);
      expect(stdout.trim().split('\n')).toEqual([
        '-P PREROUTING ACCEPT',
        '-A PREROUTING -m comment --comment "kubernetes service portals" -j KUBE-SERVICES',
      ]);
    });

    it('says which set is missing and in which line, and changes nothing', async () => {
      await netns.run(['ipset', 'destroy', 'KUBE-CLUSTER-IP']);
      const diff = diffRules(classicRules(CLASSIC_CASES[0]!.input), noRules('inet'));
      for (const err of await Promise.all([rules().check(diff), rules().apply(diff)].map(rejection))) {
        expect(err).toMatchObject({
          code: 'ERR_COMMAND_FAILED',
          lineText: expect.stringMatching(/^-A KUBE-SERVICES .*KUBE-CLUSTER-IP/) as string,
          hint: expect.stringContaining('create the set KUBE-CLUSTER-IP') as string,
        });
      }
      expect((await rules().read('inet', KUBE_CHAINS)).chains).toEqual([]);
    });

    it('changes nat no more than filter when the fault is in filter', async () => {
      await netns.run(['ipset', 'destroy', 'KUBE-IPVS-IPS']);
      const diff = diffRules(currentRules(CURRENT_CASES[0]!.input), noRules('inet'));
      expect(await rejection(rules().apply(diff))).toMatchObject({
        lineText: expect.stringMatching(/^-A KUBE-IPVS-FILTER .*KUBE-IPVS-IPS/) as string,
        committed: [],
      });
      expect(await rules().read('inet', KUBE_CHAINS)).toEqual(noRules('inet'));
    });

    it('says that nat was changed when only the kernel could know what is wrong with filter', async () => {
      const wanted: RuleSet = {
        family: 'inet',
        chains: [
          { table: 'nat', name: 'KUBE-SERVICES', rules: [] },
          // Masquerading is for nat; the tools take the rule, and the kernel refuses it.
          {
            table: 'filter',
            name: 'KUBE-FORWARD',
            rules: [{ matches: [], target: { target: 'masquerade' } }],
          },
        ],
        jumps: [],
      };
      expect(await rejection(install(wanted))).toMatchObject({ committed: ['nat'] });
      expect((await rules().read('inet', KUBE_CHAINS)).chains.map(({ name }) => name)).toEqual([
        'KUBE-SERVICES',
      ]);
    });

    it('checks without changing anything', async () => {
      const diff = diffRules(classicRules(CLASSIC_CASES[2]!.input), noRules('inet'));
      await rules().check(diff);
      expect(plain(await rules().save('inet'))).not.toContain('KUBE-');
    });

    it('names the line of a chain that others still lead to', async () => {
      const wanted = classicRules(CLASSIC_CASES[0]!.input);
      await install(wanted);
      await netns.run([`${tool('inet', backend)}-restore`, '--noflush'], {
        stdin: '*nat\n:OTHERS - [0:0]\n-A OTHERS -j KUBE-MARK-MASQ\nCOMMIT\n',
      });
      const err = await rejection(
        rules().apply(diffRules(noRules('inet'), await rules().read('inet', KUBE_CHAINS))),
      );
      expect(err).toMatchObject({ code: 'ERR_COMMAND_FAILED', lineText: '-X KUBE-MARK-MASQ' });
      expect(isEmptyDiff(diffRules(wanted, await rules().read('inet', KUBE_CHAINS)))).toBe(true);
    });

    it.each(['inet', 'inet6'] as const)('prints any rule as the tool prints it (%s)', async (family) => {
      const given = fc
        .sample(ruleOf(family), { numRuns: 200, seed: 20 })
        .filter(({ target: { target } }) => target !== 'reject' && target !== 'drop')
        .filter(
          ({ matches }) => missing(['ipvs']) === undefined || matches.every(({ match }) => match !== 'ipvs'),
        );
      const sets = new Set(
        given.flatMap((r) => r.matches.flatMap((m) => (m.match === 'set' ? [m.set] : []))),
      );
      await netns.run(['ipset', 'restore'], {
        stdin: [...sets].map((name) => `create ${name} hash:ip,port,ip family ${family}\n`).join(''),
      });
      const wanted: RuleSet = {
        family,
        chains: [
          { table: 'nat', name: 'CHAIN-A', rules: [] },
          { table: 'nat', name: 'RANDOM', rules: given },
        ],
        jumps: [],
      };
      await install(wanted);
      expect(plain(await rules().save(family))).toBe(saveText(wanted));
      expect(isEmptyDiff(diffRules(wanted, await rules().read(family, wanted.chains)))).toBe(true);
    });

    it('quotes comments as the tool does, and reads them back', async () => {
      const comments = [
        "it's",
        'a "b"',
        'back\\slash',
        'tab\tx',
        'ünï',
        'a,b;c#d',
        '#x',
        'x -j DROP',
        'two  blanks',
      ];
      const wanted: RuleSet = {
        family: 'inet',
        chains: [
          {
            table: 'nat',
            name: 'COMMENTS',
            rules: comments.map((text) => ({
              matches: [{ match: 'comment', text }],
              target: { target: 'return' },
            })),
          },
        ],
        jumps: [],
      };
      await install(wanted);
      expect(await rules().read('inet', [{ table: 'nat', name: 'COMMENTS' }])).toEqual(wanted);
      expect(plain(await rules().save('inet'))).toContain(
        restoreText(diffRules(wanted, noRules('inet')))
          .split('\n')
          .filter((line) => line.startsWith('-A'))
          .join('\n'),
      );
    });
  });

  it('says when nft has made a table unreadable for iptables, rather than that our chains are missing', async () => {
    await netns.run([
      'nft',
      'add table ip nat; add chain ip nat mine { type filter hook input priority 5; }',
    ]);
    const err = await rejection(createRules(runner, { backend: 'nft' }).read('inet', KUBE_CHAINS));
    expect(err).toMatchObject({
      code: 'ERR_COMMAND_FAILED',
      hint: expect.stringContaining('used nft directly') as string,
    });
  });
});
