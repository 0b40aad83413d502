/**
 * Runs the transcripts of test/golden/ipset with the real ipset, each in a network namespace of its own, and writes them with what came.
 * Needs ipset 7.17, root and a kernel with all set types:
 *
 *     scripts/vm --out /tmp/transcripts node --import tsx scripts/capture-ipset.ts
 *     cp /tmp/transcripts/*.txt test/golden/ipset/
 */
import { readdir, readFile, writeFile } from 'node:fs/promises';
import { basename, join } from 'node:path';
import { runTool } from '../test/support/ipset-script.js';
import { makeNetns } from '../test/support/netns.js';
import { steady } from '../test/support/steady.js';
import { formatTranscript, parseTranscript, type Step } from '../test/support/transcript.js';

const folder = new URL('../test/golden/ipset/', import.meta.url);
const out = process.env['IPVS_VM_OUT'] ?? '.';
const wanted = process.argv.slice(2);

for (const file of await readdir(folder)) {
  if (wanted.length > 0 && !wanted.includes(basename(file, '.txt'))) continue;
  await using netns = await makeNetns('capture');
  const steps = parseTranscript(await readFile(new URL(file, folder), 'utf8'));
  const commands = steps.filter((step) => step.kind === 'command');
  const outcomes = await runTool(netns, commands);
  const captured = steps.map((step): Step => {
    const outcome = step.kind === 'command' ? outcomes[commands.indexOf(step)] : undefined;
    if (step.kind !== 'command' || outcome === undefined) return step;
    return { ...step, outcome: { ...outcome, stdout: steady(outcome.stdout) } };
  });
  await writeFile(join(out, file), formatTranscript(captured));
  console.log(file, commands.length);
}
