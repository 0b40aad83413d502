import { Slice } from '../slice.js';
import type { SetContents } from '../types.js';
import type { Printer } from './print.js';
import { compareAsIpset } from './sort.js';

/** How much of sets is printed, and how. */
export interface RenderOptions {
  /** Entries in the order of `ipset -sorted`; members of a `list:set` stay where they are. */
  readonly sorted?: boolean;
  /** How much: all, without entries, or only names. */
  readonly depth?: 'everything' | 'headers' | 'names';
  /** Changes the text of an entry: with names in place of addresses. */
  readonly entryText?: (set: SetContents, text: string) => string;
  /** Order of the texts. Default {@link compareAsIpset}. */
  readonly compare?: (a: string, b: string) => number;
  readonly signal?: AbortSignal;
}

/** Characters of a piece of output. */
const PIECE = 65_536;

/** Sets as text, in pieces of whole lines, some 64 KB each; others get their turn in between. */
export async function* renderSets(
  sets: readonly SetContents[],
  printer: Printer,
  options: RenderOptions = {},
): AsyncGenerator<string, void, undefined> {
  const { depth = 'everything', sorted = false, entryText, compare = compareAsIpset, signal } = options;
  const slice = new Slice();
  let piece = printer.begin;
  for (const [i, set] of sets.entries()) {
    const { header, length } = set;
    // Names stand close.
    if (i > 0 && !(depth === 'names' && printer.between === '\n')) piece += printer.between;
    if (depth === 'names') {
      piece += printer.name(header.name);
      continue;
    }
    piece += printer.header(header);
    if (depth === 'everything') {
      piece += printer.members;
      const text = (n: number): string =>
        entryText === undefined ? set.text(n) : entryText(set, set.text(n));
      const inOrder =
        sorted && header.type !== 'list:set'
          ? Array.from({ length }, (_, n) => text(n)).sort(compare)
          : undefined;
      for (let n = 0; n < length; n++) {
        piece += printer.entry(header.name, inOrder?.[n] ?? text(n), n === 0);
        if (piece.length >= PIECE) {
          yield piece;
          piece = '';
        }
        if ((n & 255) === 255 && slice.over) {
          await slice.rest();
          signal?.throwIfAborted();
        }
      }
      piece += printer.afterMembers;
    }
    piece += printer.afterSet;
  }
  piece += printer.end;
  if (piece !== '') yield piece;
}
