/**
 * Runs the transcripts of test/golden/ipvsadm with the real ipvsadm, each in a network namespace of its own, and writes them with
 * what came. Needs ipvsadm, root and a kernel with IPVS:
 *
 *     scripts/vm --out /tmp/transcripts node --import tsx scripts/capture-ipvsadm.ts
 *     cp /tmp/transcripts/*.txt test/golden/ipvsadm/
 */
import { readdir, readFile, writeFile } from 'node:fs/promises';
import { basename, join } from 'node:path';
import { makeNetns } from '../test/support/netns.js';
import { formatTranscript, parseTranscript, type Step } from '../test/support/transcript.js';

const folder = new URL('../test/golden/ipvsadm/', import.meta.url);
const out = process.env['IPVS_VM_OUT'] ?? '.';
const wanted = process.argv.slice(2);

for (const file of await readdir(folder)) {
  if (wanted.length > 0 && !wanted.includes(basename(file, '.txt'))) continue;
  await using netns = await makeNetns('capture');
  const steps: Step[] = [];
  for (const step of parseTranscript(await readFile(new URL(file, folder), 'utf8'))) {
    if (step.kind === 'shell') await netns.run(['sh', '-c', step.text]);
    steps.push(
      step.kind === 'command'
        ? {
            ...step,
            outcome: await netns.run(['ipvsadm', ...step.argv], { stdin: step.stdin, check: false }),
          }
        : step,
    );
  }
  await writeFile(join(out, file), formatTranscript(steps));
  console.log(file, steps.length);
}
