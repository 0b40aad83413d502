/**
 * Runs the transcripts of test/golden/ipvsadm with the real ipvsadm, each in a network namespace of its own, and writes them with
 * what came; those of test/golden/ipvsadm-differs with ipvsadm and with `ipvs adm`. Needs ipvsadm, root and a kernel with IPVS:
 *
 *     scripts/vm --out /tmp/transcripts node --import tsx scripts/capture-ipvsadm.ts
 *     cp -r /tmp/transcripts/. test/golden/
 */
import { mkdir, readdir, readFile, writeFile } from 'node:fs/promises';
import { basename, join } from 'node:path';
import { openKernel } from '../src/kernel/open.js';
import { adm } from '../test/support/adm.js';
import { runIpvsadm, type ToolStep } from '../test/support/ipvsadm.js';
import { makeNetns } from '../test/support/netns.js';
import { formatTranscript, type Outcome, parseTranscript, type Step } from '../test/support/transcript.js';

const goldens = new URL('../test/golden/', import.meta.url);
const out = process.env['IPVS_VM_OUT'] ?? '.';
const wanted = process.argv.slice(2);

async function byTool(netns: string, steps: readonly Step[]): Promise<readonly Outcome[]> {
  const toolSteps = steps.flatMap((step): ToolStep[] =>
    step.kind === 'comment' ? [] : [step.kind === 'shell' ? { shell: step.text } : step],
  );
  return runIpvsadm(netns, toolSteps);
}

async function byUs(netns: string, steps: readonly Step[]): Promise<readonly Outcome[]> {
  await using kernel = await openKernel({ netns });
  const outcomes: Outcome[] = [];
  for (const step of steps) {
    if (step.kind === 'command') outcomes.push(await adm(kernel.ipvs, step.argv, step.stdin));
  }
  return outcomes;
}

for (const folder of ['ipvsadm', 'ipvsadm-differs']) {
  await mkdir(join(out, folder), { recursive: true });
  for (const file of await readdir(new URL(folder, goldens))) {
    const name = basename(file, '.txt');
    if (wanted.length > 0 && !wanted.includes(name)) continue;
    await using netns = await makeNetns('capture');
    const steps = parseTranscript(await readFile(new URL(`${folder}/${file}`, goldens), 'utf8'));
    const outcomes = [...(await (name === 'adm' ? byUs : byTool)(netns.path, steps))];
    const captured = steps.map((step) =>
      step.kind === 'command' ? { ...step, outcome: outcomes.shift() ?? step.outcome } : step,
    );
    await writeFile(join(out, folder, file), formatTranscript(captured));
    console.log(folder, file, steps.length);
  }
}
