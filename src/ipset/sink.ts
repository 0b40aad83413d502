import type { ValidationError } from '../errors.js';
import type { EntryArena } from './arena.js';
import type { EntryLayout } from './layout.js';
import type { Slice } from './slice.js';
import type { EntryFailure } from './types.js';

/** Where an entry stands in the input, as it is reported. */
export interface Position {
  /** Of the entry; of the line in a text. From 0. */
  readonly index: number;
  /** Of a text: `index` + 1. */
  readonly line?: number;
  readonly entry: string;
}

/** Where entries go to. */
export interface EntrySink {
  readonly layout: EntryLayout;
  /** The first entry that is malformed ends it. */
  readonly stop: boolean;
  readonly signal: AbortSignal | undefined;
  readonly slice: Slice;
  /**
   * Take all entries of an arena.
   * @param where an entry stands, by its index in the arena
   * @param malformed what was found among them and is not in the arena
   */
  send(
    arena: EntryArena,
    where: (index: number) => Position,
    malformed?: readonly EntryFailure[],
  ): Promise<void>;
  /**
   * Take lines of text, up to the first that is not plain.
   * @param where a line, by its number in the text and its place
   * @returns how far it went; undefined when no text can be read
   */
  load(
    text: Uint8Array,
    grammar: Uint8Array,
    where: (number: number, offset: number) => Position,
  ): Promise<{ readonly consumed: number; readonly lines: number } | undefined>;
  /** The error for a malformed entry that ends it. */
  ended(error: ValidationError): ValidationError;
}
