/**
 * Transcripts of a command: what was typed, what came, how it ended. The same file says what to run and what to expect.
 *
 *     # a comment
 *     ! ip link set lo up            run by the shell where the transcript is captured, or skipped
 *     $ -A -t 10.0.0.1:80            words of a command line, 'quoted' where they are empty or have blanks
 *     $ -R < '-C\n'                  with standard input
 *     standard output
 *     2> standard error
 *     = 255                          exit code, where it is not 0
 */
export type Step =
  | { readonly kind: 'comment'; readonly text: string }
  | { readonly kind: 'shell'; readonly text: string }
  | {
      readonly kind: 'command';
      /** As it stands behind the dollar sign. */
      readonly text: string;
      readonly argv: readonly string[];
      readonly stdin: string;
      readonly outcome: Outcome;
    };

/** How a command ended. */
export interface Outcome {
  readonly stdout: string;
  readonly stderr: string;
  readonly code: number;
}

/** Read a transcript. */
export function parseTranscript(text: string): readonly Step[] {
  const steps: Step[] = [];
  let command: { text: string; stdout: string; stderr: string; code: number } | undefined;
  const finish = (): void => {
    if (command === undefined) return;
    const { text: typed, ...outcome } = command;
    const words = wordsOf(typed);
    const redirected = words.indexOf('<');
    steps.push({
      kind: 'command',
      text: typed,
      argv: redirected < 0 ? words : words.slice(0, redirected),
      stdin:
        redirected < 0 ? '' : (words[redirected + 1] ?? '').replaceAll('\\n', '\n').replaceAll('\\t', '\t'),
      outcome,
    });
    command = undefined;
  };
  for (const line of text.replace(/\n$/, '').split('\n')) {
    if (line.startsWith('$')) {
      finish();
      command = { text: line.slice(1).trim(), stdout: '', stderr: '', code: 0 };
    } else if (line.startsWith('# ') || line.startsWith('! ')) {
      finish();
      steps.push({ kind: line.startsWith('#') ? 'comment' : 'shell', text: line.slice(2) });
    } else if (command === undefined) {
      if (line !== '') throw new Error(`no command before: ${line}`);
    } else if (line.startsWith('2> ')) {
      command.stderr += `${line.slice(3)}\n`;
    } else if (line.startsWith('= ')) {
      command.code = Number(line.slice(2));
    } else {
      command.stdout += `${line}\n`;
    }
  }
  finish();
  return steps;
}

function wordsOf(text: string): readonly string[] {
  return Array.from(text.matchAll(/'([^']*)'|(\S+)/g), ([, quoted, plain]) => quoted ?? plain ?? '');
}

/** Write a transcript. */
export function formatTranscript(steps: readonly Step[]): string {
  return steps.map(formatStep).join('');
}

/** One step as it stands in a transcript. */
export function formatStep(step: Step): string {
  if (step.kind !== 'command') return `${step.kind === 'comment' ? '#' : '!'} ${step.text}\n`;
  const { stdout, stderr, code } = step.outcome;
  const said = stderr === '' ? '' : stderr.replace(/\n$/, '').replaceAll(/^/gm, '2> ') + '\n';
  return `$ ${step.text}\n${stdout}${said}${code === 0 ? '' : `= ${String(code)}\n`}`;
}
