import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { diffRules, isEmptyDiff, noRules } from '../../src/rules/diff.js';
import { currentRules } from '../../src/rules/kube/current.js';
import { KUBE_CHAINS } from '../../src/rules/kube/names.js';
import { createRules } from '../../src/rules/rules.js';
import { createRunner } from '../../src/rules/runner.js';
import { describeKernel } from '../support/backends.js';
import { createSets, plain } from '../support/iptables.js';
import { makeNetns, type TestNetns } from '../support/netns.js';
import { verdictSuite } from '../support/rule-verdicts.js';
import { CURRENT_IPVS_CASES } from '../unit/rules/cases.js';

describeKernel(['rules', 'nft', 'ipset', 'ipvs', 'dummy'], 'verdicts about packets that IPVS balances', () =>
  verdictSuite(true),
);

describeKernel(['rules', 'ipset', 'ipvs'], 'rules about packets that IPVS balances', () => {
  let netns: TestNetns;
  beforeEach(async () => {
    netns = await makeNetns('rules');
    await createSets(netns);
  });
  afterEach(() => netns.remove());

  describe.each(['nft', 'legacy'] as const)('%s', (backend) => {
    it.each(CURRENT_IPVS_CASES)(
      'are printed as written in the golden file, and read back as what was wanted: $name',
      async ({ name, input }) => {
        const rules = createRules(createRunner({ netnsPath: netns.path }), { backend });
        const wanted = currentRules(input);
        await rules.apply(diffRules(wanted, noRules(wanted.family)));
        await expect(plain(await rules.save(wanted.family))).toMatchFileSnapshot(
          `../golden/rules/${name}.save`,
        );
        expect(isEmptyDiff(diffRules(wanted, await rules.read(wanted.family, KUBE_CHAINS)))).toBe(true);
      },
    );
  });
});
