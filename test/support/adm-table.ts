import { type Meaning, SWITCHES } from '../../src/ipvs/text/switches.js';
import { Scanner } from '../../src/ipvs/text/scan.js';
import { splitWords } from '../../src/ipvs/text/words.js';
import type { Step } from './transcript.js';

/** A row of the tables in docs/ipvsadm-compat.md. */
export interface CompatibilityRow {
  /** `-A`, `--add-service` */
  readonly spellings: string;
  /** Command lines that used it, on both tools. */
  readonly lines: number;
  /** `same`, or `differs` where such a line, as a command, was answered differently. */
  readonly state: string;
}

/** A command line that both tools ran. */
export interface Compared {
  readonly step: Extract<Step, { readonly kind: 'command' }>;
  readonly same: boolean;
}

/** Printed without asking the kernel, in words of our own. */
const OWN_TEXT = new Set(['--help', '--version']);

const spelling = (long: string): string =>
  [
    ...SWITCHES.flatMap((entry) =>
      entry.long === long && entry.short !== undefined ? [entry.short] : [],
    ).map((short) => `\`-${short}\``),
    `\`--${long}\``,
  ].join(', ');

const LONG_NAMES: readonly string[] = [...new Set(SWITCHES.map(({ long }) => long))];
const LONG_OF: ReadonlyMap<Meaning, string> = new Map(SWITCHES.map(({ meaning, long }) => [meaning, long]));

/** The switches of a command line, up to the first that there is not. */
function switchesOf(words: readonly string[]): readonly string[] {
  const scanner = new Scanner(words);
  const found: string[] = [];
  try {
    for (let next = scanner.next(); next !== undefined; next = scanner.next()) {
      const long = LONG_OF.get(next.meaning);
      if (long !== undefined) found.push(long);
    }
  } catch {
    // A word that the tool refuses as well.
  }
  return found;
}

/** What a comparison says about every switch. A restore counts as what is restored, too. */
export function tabulate(compared: readonly Compared[]): readonly CompatibilityRow[] {
  const lines = new Map<string, number>();
  const different = new Set<string>();
  for (const { step, same } of compared) {
    const typed = [step.argv, ...step.stdin.split('\n').map(splitWords)].map(switchesOf);
    for (const long of new Set(typed.flat())) lines.set(long, (lines.get(long) ?? 0) + 1);
    const [command] = typed[0] ?? [];
    if (!same && command !== undefined) different.add(command);
  }
  return LONG_NAMES.filter((long) => !OWN_TEXT.has(`--${long}`)).map((long) => ({
    spellings: spelling(long),
    lines: lines.get(long) ?? 0,
    state: different.has(long) ? 'differs' : 'same',
  }));
}

/** The rows of the tables in docs/ipvsadm-compat.md: of all tables whose first column is a switch and whose second is a number. */
export function readTable(markdown: string): readonly CompatibilityRow[] {
  return Array.from(
    markdown.matchAll(/^\| (`-.*?`) +\| +(\d+) +\| (\w+)[^|]*\|/gm),
    ([, spellings = '', lines = '', state = '']) => ({ spellings, lines: Number(lines), state }),
  );
}

/** Long switches that a help text names. */
export function switchesIn(help: string): readonly string[] {
  return [
    ...new Set(Array.from(help.matchAll(/--([a-z][a-z0-9]*(?:-[a-z]+)*)/g), ([, long = '']) => long)),
  ].sort();
}
