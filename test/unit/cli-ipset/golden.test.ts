import { readdirSync, readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { fakeKernel } from '../../../src/testing.js';
import { ipset, TOOL_NAMES } from '../../support/ipset-tool.js';
import { steady } from '../../support/steady.js';
import { formatStep, parseTranscript, type Step } from '../../support/transcript.js';

const folder = new URL('../../golden/ipset/', import.meta.url);

/** The fake has the hash's own parameters of no kernel in particular. */
function comparable(step: Step): string {
  return formatStep(step)
    .replaceAll(/ bucketsize \d+ initval 0x\w+/g, '')
    .replaceAll(/<bucketsize>\d+<.bucketsize><initval>\w+<.initval>/g, '');
}

/**
 * Real outputs of ipset 7.17 (scripts/capture-ipset.ts), against the command on the fake kernel: this holds the parser, the messages, the
 * exit codes and the printers to what the tool does, and the fake kernel to what the kernel does.
 */
describe('ipvs ipset does what ipset did', () => {
  const replay = async (name: string): Promise<{ readonly expected: Step[]; readonly actual: Step[] }> => {
    const kernel = fakeKernel();
    const expected = parseTranscript(readFileSync(new URL(name, folder), 'utf8')).filter(
      ({ kind }) => kind === 'command',
    );
    const actual: Step[] = [];
    for (const step of expected) {
      if (step.kind !== 'command') continue;
      const outcome = await ipset(kernel.ipset, step.argv, step.stdin, TOOL_NAMES);
      actual.push({ ...step, outcome: { ...outcome, stdout: steady(outcome.stdout) } });
    }
    return { expected, actual };
  };

  for (const file of readdirSync(folder)) {
    it(file.replace('.txt', ''), async () => {
      const { expected, actual } = await replay(file);
      expect(expected.length).toBeGreaterThan(10);
      expect(actual.map(comparable)).toEqual(expected.map(comparable));
    });
  }
});
