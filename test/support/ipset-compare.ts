import { readFileSync } from 'node:fs';
import { expect } from 'vitest';
import { openKernel } from '../../src/kernel/open.js';
import { runTool } from './ipset-script.js';
import { ipset } from './ipset-tool.js';
import { makeNetns } from './netns.js';
import { steady } from './steady.js';
import { formatStep, type Outcome, parseTranscript, type Step } from './transcript.js';

/** Where the transcripts are. */
export const folder: URL = new URL('../golden/ipset/', import.meta.url);

/** Transcripts of types that kernels may be built without. */
export const TYPE_TRANSCRIPTS = ['elements-mac-mark', 'elements-net-net'] as const;

/** Run the command lines of a transcript with both tools, each in a network namespace of its own; both must say the same. */
export async function compareTranscript(file: string): Promise<void> {
  await using theirs = await makeNetns('tool');
  await using ours = await makeNetns('ours');
  await using kernel = await openKernel({ netns: ours.path });
  const steps = parseTranscript(readFileSync(new URL(file, folder), 'utf8')).filter(
    (step): step is Extract<Step, { readonly kind: 'command' }> => step.kind === 'command',
  );
  const outcomes = await runTool(theirs, steps);
  const said = (step: (typeof steps)[number], { stdout, stderr, code }: Outcome): string =>
    formatStep({ ...step, outcome: { stdout: steady(stdout), stderr, code } });
  const expected: string[] = [];
  const actual: string[] = [];
  for (const [i, step] of steps.entries()) {
    expected.push(said(step, outcomes[i]!));
    actual.push(said(step, await ipset(kernel.ipset, step.argv, step.stdin)));
  }
  expect(actual).toEqual(expected);
}
