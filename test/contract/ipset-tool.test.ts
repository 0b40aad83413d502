import { readdirSync } from 'node:fs';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { formatIpsetSave } from '../../src/ipset/dump.js';
import { restoreIpset } from '../../src/ipset/restore.js';
import { openKernel } from '../../src/kernel/open.js';
import { describeKernel } from '../support/backends.js';
import { runTool } from '../support/ipset-script.js';
import { compareTranscript, folder, TYPE_TRANSCRIPTS } from '../support/ipset-compare.js';
import { ipset } from '../support/ipset-tool.js';
import { makeNetns } from '../support/netns.js';
import { steady } from '../support/steady.js';
import type { Outcome } from '../support/transcript.js';

/** Types that a kernel may lack have a file of their own: it is the one to run in a guest. */
const ELSEWHERE: ReadonlySet<string> = new Set(TYPE_TRANSCRIPTS);

/** Both tools on this kernel, each in a namespace of its own, with the same command lines: what they say and how they end. */
describeKernel(['ipset'], 'ipvs ipset beside ipset', () => {
  for (const file of readdirSync(folder)) {
    if (ELSEWHERE.has(file.replace('.txt', ''))) continue;
    it(`says what ipset says: ${file.replace('.txt', '')}`, () => compareTranscript(file));
  }

  it('reads and writes the same files, and asks in the same way', async () => {
    await using theirs = await makeNetns('tool');
    await using ours = await makeNetns('ours');
    await using kernel = await openKernel({ netns: ours.path });
    const temporary = await mkdtemp(join(tmpdir(), 'ipset-tool-'));
    try {
      const input = join(temporary, 'input');
      await writeFile(input, 'create a hash:net comment\nadd a 10.0.0.0/8 comment "x y"\n');
      const out = (name: string): string => join(temporary, name);
      const script = (name: string): readonly { argv: readonly string[]; stdin: string }[] => [
        { argv: ['restore', '-f', input], stdin: '' },
        { argv: ['-file', input, 'restore', '-exist'], stdin: '' },
        { argv: ['save', '-f', out(`${name}.save`)], stdin: '' },
        { argv: ['list', 'a', '-o', 'xml', '-f', out(`${name}.xml`)], stdin: '' },
        { argv: ['save', '-f', join(temporary, 'no', 'such')], stdin: '' },
        { argv: ['list', 'nosuch', '-f', out(`${name}.none`)], stdin: '' },
        {
          argv: ['-'],
          stdin: 'list -n\n\n# x\nfoo\nadd a 10.0.0.0/8\ntest a 10.1.1.1\n-n list\nlist\nquit\nlist\n',
        },
        { argv: ['-r', 'list', 'a', '-t'], stdin: '' },
        { argv: ['destroy'], stdin: '' },
        { argv: ['save'], stdin: '' },
      ];
      const tool = await runTool(theirs, script('theirs'));
      const mine: Outcome[] = [];
      for (const { argv, stdin } of script('ours')) mine.push(await ipset(kernel.ipset, argv, stdin));
      const comparable = (outcomes: readonly Outcome[]): Outcome[] =>
        outcomes.map((outcome) => ({ ...outcome, stdout: steady(outcome.stdout) }));
      expect(comparable(mine)).toEqual(comparable(tool));
      for (const kind of ['save', 'xml', 'none']) {
        const [theirFile, ourFile] = await Promise.all(
          ['theirs', 'ours'].map((name) => readFile(out(`${name}.${kind}`), 'utf8')),
        );
        expect(steady(ourFile ?? '')).toBe(steady(theirFile ?? ''));
      }
    } finally {
      await rm(temporary, { recursive: true });
    }
  });

  it('shows what the tool has made, and the tool what it has made, entry for entry', async () => {
    await using netns = await makeNetns('both');
    await using kernel = await openKernel({ netns: netns.path });
    const entries = Array.from(
      { length: 500 },
      (_, i) => `add a 10.0.${i >> 8}.${i & 255},udp:${i} timeout 0 comment "n ${i}"`,
    );
    const few = entries.slice(0, 20).map((line) => line.replace(' a ', ' b '));
    const text = `create a hash:ip,port timeout 0 comment counters\n${entries.join('\n')}\n`;
    await restoreIpset(kernel, text);
    const { stdout: theirs } = await netns.run(['ipset', 'save']);
    let ours = '';
    for await (const piece of formatIpsetSave(kernel)) ours += piece;
    // The same listing of the same kernel: the order is that of the hash.
    expect(ours).toBe(theirs);
    // Of more than some 2 KB the tool loses parts of elements when it sorts.
    await restoreIpset(kernel, `create b hash:ip,port timeout 0 comment counters\n${few.join('\n')}\n`);
    const sorted = ['list', 'b', '-s'];
    expect((await ipset(kernel.ipset, sorted)).stdout).toBe((await netns.run(['ipset', ...sorted])).stdout);
    await netns.run(['ipset', 'destroy']);
    await netns.run(['ipset', 'restore'], { stdin: ours });
    expect((await kernel.ipset.get('a'))?.header.elements).toBe(500);
  });

  it('keeps forceadd, which the tool forgets', async () => {
    await using netns = await makeNetns('forceadd');
    await using kernel = await openKernel({ netns: netns.path });
    await ipset(kernel.ipset, ['create', 'a', 'hash:ip', 'forceadd']);
    expect((await ipset(kernel.ipset, ['save'])).stdout).toContain(' forceadd ');
    expect((await netns.run(['ipset', 'save'])).stdout).not.toContain('forceadd');
  });
});
