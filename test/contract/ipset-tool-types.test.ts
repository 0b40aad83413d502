import { spawnSync } from 'node:child_process';
import { it } from 'vitest';
import { describeKernel } from '../support/backends.js';
import { compareTranscript, TYPE_TRANSCRIPTS } from '../support/ipset-compare.js';

const TYPES: Readonly<Record<(typeof TYPE_TRANSCRIPTS)[number], readonly string[]>> = {
  'elements-mac-mark': ['hash:mac', 'hash:ip,mac', 'hash:ip,mark'],
  'elements-net-net': ['hash:net,net', 'hash:net,port,net'],
};

/** Which of these types the running kernel does not have. */
function lacking(types: readonly string[]): readonly string[] {
  return types.filter((type) => {
    const probe = spawnSync('unshare', ['--net', 'ipset', 'create', 'probe', type], { stdio: 'ignore' });
    return probe.status !== 0;
  });
}

describeKernel(['ipset'], 'ipvs ipset beside ipset, types that not every kernel has', () => {
  for (const name of TYPE_TRANSCRIPTS) {
    const absent = lacking(TYPES[name]);
    if (absent.length > 0) {
      it.skip(`${name} (skipped: the running kernel lacks ${absent.join(' ')})`, () => undefined);
      continue;
    }
    it(`says what ipset says: ${name}`, () => compareTranscript(`${name}.txt`));
  }
});
