import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { TestNetns } from './netns.js';
import type { Outcome } from './transcript.js';

/** A command line for the tool. */
export interface ToolLine {
  readonly argv: readonly string[];
  readonly stdin: string;
}

const quote = (word: string): string => `'${word.replaceAll("'", String.raw`'\''`)}'`;

/**
 * Run many command lines of the real ipset in a namespace, one after the other, from one shell: in an emulated machine a shell and
 * a namespace for each would take most of the time.
 */
export async function runTool(netns: TestNetns, lines: readonly ToolLine[]): Promise<Outcome[]> {
  const folder = await mkdtemp(join(tmpdir(), 'ipset-script-'));
  try {
    const script: string[] = [`cd ${quote(folder)}`];
    for (const [i, { argv, stdin }] of lines.entries()) {
      if (stdin !== '') await writeFile(join(folder, `${String(i)}.in`), stdin);
      const input = stdin === '' ? '/dev/null' : `${String(i)}.in`;
      script.push(
        `ipset ${argv.map(quote).join(' ')} <${input} >${String(i)}.out 2>${String(i)}.err; echo "$?" >${String(i)}.code`,
      );
    }
    await netns.run(['sh', '-s'], { stdin: script.join('\n') });
    const read = (name: string): Promise<string> => readFile(join(folder, name), 'utf8');
    const outcomes: Outcome[] = [];
    for (const i of lines.keys()) {
      const [stdout, stderr, code] = await Promise.all([
        read(`${String(i)}.out`),
        read(`${String(i)}.err`),
        read(`${String(i)}.code`),
      ]);
      outcomes.push({ stdout, stderr, code: Number(code) });
    }
    return outcomes;
  } finally {
    await rm(folder, { recursive: true });
  }
}
