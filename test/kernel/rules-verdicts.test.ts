import { describeKernel } from '../support/backends.js';
import { verdictSuite } from '../support/rule-verdicts.js';

// The same packets as in rules-ipvs.test.ts as far as they need no IPVS.
describeKernel(['rules', 'nft', 'ipset'], 'verdicts about packets that are translated', () =>
  verdictSuite(false),
);
