import { styleText } from 'node:util';

const WIDTH = 100;

const forced = process.env['FORCE_COLOR'];
const colours =
  process.env['NO_COLOR'] === undefined &&
  (forced === undefined ? process.stdout.isTTY : forced !== '0' && forced !== '');

type Style = Parameters<typeof styleText>[0];
const paint = (style: Style, text: string): string => (colours ? styleText(style, text) : text);

/** `text` in bold where colours are shown. */
export const bold = (text: string): string => paint('bold', text);
/** `text` less prominent where colours are shown. */
export const dim = (text: string): string => paint('dim', text);

let blank = false;

/** Print one line; never two empty ones in a row. */
function print(line: string): void {
  if (line !== '' || !blank) process.stdout.write(`${line}\n`);
  blank = line === '';
}

/** Print lines, indented by two columns. */
export function say(...lines: readonly string[]): void {
  for (const line of lines.join('\n').split('\n')) print(line === '' ? '' : `  ${line}`);
}

/** Print the title of a part of the demo. */
export function title(text: string): void {
  print('');
  print(paint(['bold', 'cyan'], `━━ ${text} ${'━'.repeat(Math.max(0, WIDTH - text.length - 4))}`));
  print('');
}

/** Print the title of a step. */
export function step(text: string): void {
  print('');
  print(`  ${bold(text)}`);
}

/** Print a table, columns as wide as their widest cell; the first row is the head. */
export function table(rows: readonly (readonly string[])[]): void {
  const widths: number[] = [];
  for (const row of rows)
    for (const [i, cell] of row.entries()) widths[i] = Math.max(widths[i] ?? 0, cell.length);
  for (const [i, row] of rows.entries()) {
    const line = row
      .map((cell, column) => cell.padEnd(widths[column] ?? 0))
      .join('  ')
      .trimEnd();
    say(i === 0 ? dim(line) : line);
  }
}

/** Print how many requests each backend answered, one bar per backend. */
export function chart(counts: ReadonlyMap<string, number>): void {
  const most = Math.max(1, ...counts.values());
  const widest = Math.max(...[...counts.keys()].map((name) => name.length));
  // One block per request as long as they fit, so that bars of different charts can be compared.
  const scale = Math.min(3, 36 / most);
  for (const [name, count] of counts) {
    const bar = '█'.repeat(Math.round(count * scale));
    say(`    ${name.padEnd(widest)} ${paint('green', bar)}${bar === '' ? '' : ' '}${String(count)}`);
  }
}

/** Counts what was expected and what came. */
export interface Expectations {
  readonly met: number;
  readonly failed: readonly string[];
  /** Print one expectation; `detail` says what came instead when it does not hold. */
  check(text: string, holds: boolean, detail?: string): void;
}

/** A fresh count. */
export function expectations(): Expectations {
  let met = 0;
  const failed: string[] = [];
  return {
    get met() {
      return met;
    },
    failed,
    check(text, holds, detail) {
      if (holds) {
        met += 1;
        say(`    ${paint('green', '✓')} ${text}`);
      } else {
        failed.push(text);
        say(`    ${paint('red', '✗')} ${text}${detail === undefined ? '' : `: ${detail}`}`);
      }
    },
  };
}

/** Break a text into lines of at most the width of a title; `indent` goes before the first, `hanging` before the others. */
export function wrap(text: string, indent = '', hanging: string = indent): string {
  const lines: string[] = [];
  let line = indent;
  let empty = true;
  for (const word of text.split(' ')) {
    if (!empty && line.length + 1 + word.length > WIDTH) {
      lines.push(line);
      line = hanging;
      empty = true;
    }
    line += empty ? word : ` ${word}`;
    empty = false;
  }
  return [...lines, line].join('\n');
}
