import { run } from './netns.js';
import type { Outcome } from './transcript.js';

/** What {@link runIpvsadm} runs: a command line of ipvsadm, or a line of shell. */
export type ToolStep =
  | {
      readonly argv: readonly string[];
      readonly stdin?: string;
      /** Path of another namespace than the others'. */
      readonly netns?: string;
    }
  | { readonly shell: string };

const quote = (text: string): string => `'${text.replaceAll("'", "'\\''")}'`;

/**
 * Run command lines of the real ipvsadm in a network namespace, one after the other, and tell how each ended. One shell starts them
 * all, which in an emulated machine is ten times as fast as starting each from here. Its marks between the outputs are NUL characters.
 */
export async function runIpvsadm(netns: string | undefined, steps: readonly ToolStep[]): Promise<Outcome[]> {
  const script = steps.map((step) => {
    if ('shell' in step) return `{ ${step.shell}; } </dev/null >/dev/null || exit 99`;
    const { argv, stdin = '', netns: own } = step;
    const inside = own === undefined ? '' : `nsenter --net=${quote(own)} `;
    const input = stdin === '' ? '' : `printf %s ${quote(stdin)} | `;
    const from = stdin === '' ? ' </dev/null' : '';
    return `${input}${inside}ipvsadm ${argv.map(quote).join(' ')}${from}; printf '\\0%d\\0' $?; printf '\\0' >&2`;
  });
  // The script is the shell's standard input: every command has one of its own.
  const { stdout, stderr } = await run(netns, ['sh', '-s'], { stdin: `${script.join('\n')}\n` });
  const out = stdout.split('\0');
  const err = stderr.split('\0');
  return steps
    .filter((step) => 'argv' in step)
    .map((_, i) => ({ stdout: out[2 * i] ?? '', stderr: err[i] ?? '', code: Number(out[2 * i + 1]) }));
}
