import { readdirSync, readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { fakeKernel } from '../../../src/testing.js';
import { adm, fixedNames } from '../../support/adm.js';
import { formatStep, parseTranscript, type Step } from '../../support/transcript.js';

const folder = new URL('../../golden/ipvsadm/', import.meta.url);

/**
 * Real outputs of ipvsadm 1.31 (scripts/capture-ipvsadm.ts), against the command on the fake kernel: this holds the parser, the
 * messages, the exit codes and the printers to what the tool does, and the fake kernel to what the kernel does.
 */
describe('ipvs adm does what ipvsadm did', () => {
  for (const file of readdirSync(folder)) {
    it(file.replace('.txt', ''), async () => {
      const kernel = fakeKernel();
      const text = readFileSync(new URL(file, folder), 'utf8');
      const interfaces = new Set(text.includes('! ip link add eth0') ? ['lo', 'eth0'] : ['lo']);
      kernel.fake.ipvs.machine = { ...kernel.fake.ipvs.machine, interfaces };
      const expected = parseTranscript(text);
      const steps: Step[] = [];
      for (const step of expected) {
        if (step.kind !== 'command') steps.push(step);
        else {
          const outcome = await adm(
            kernel.ipvs,
            step.argv,
            step.stdin,
            fixedNames({ localhost: '127.0.0.1' }),
          );
          steps.push({ ...step, outcome });
        }
      }
      expect(steps.filter(({ kind }) => kind === 'command').length).toBeGreaterThan(10);
      expect(steps.map(formatStep)).toEqual(expected.map(formatStep));
    });
  }
});
