import { it } from 'vitest';
import { describeKernel } from '../support/backends.js';
import { compareTranscript, TYPE_TRANSCRIPTS } from '../support/ipset-compare.js';

const TYPES = {
  'elements-mac-mark': ['set hash:mac', 'set hash:ip,mac', 'set hash:ip,mark'],
  'elements-net-net': ['set hash:net,net', 'set hash:net,port,net'],
} as const satisfies Record<(typeof TYPE_TRANSCRIPTS)[number], readonly string[]>;

for (const name of TYPE_TRANSCRIPTS) {
  describeKernel(['ipset', ...TYPES[name]], `types that not every kernel has, ${name}`, () => {
    it('says what ipset says', () => compareTranscript(`${name}.txt`));
  });
}
