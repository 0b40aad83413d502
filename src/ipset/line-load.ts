import { isUtf8 } from 'node:buffer';
import { ValidationError } from '../errors.js';
import { EntryArena } from './arena.js';
import { lineContent, lineGrammar } from './lines.js';
import type { EntrySink, Position } from './sink.js';
import type { EntryFailure } from './types.js';

/** Text that goes to the worker thread at once: some 10 ms of kernel time, and 0.1 ms of one turn of the event loop. */
const CHUNK_BYTES = 512 * 1024;
/** What a line says is no entry beyond this: one with all its options has a few hundred bytes. */
const MAX_LINE_BYTES = 32_767;
/** Of a line that is too long, what is reported. */
const SHOWN_BYTES = 200;
/** Lines that are looked at here, on the JavaScript thread, before the native reader is asked again. */
const MOST_SLOW_LINES = 4096;

const LF = 10;
const encoder = new TextEncoder();
/** A byte order mark is dropped at the very beginning only. */
const decoder = new TextDecoder('utf-8', { ignoreBOM: true });

/**
 * Entries that come as text, one a line. The channel reads what is plain; where it stops, this grammar (packEntry) decides about the
 * line: it is either an unusual spelling or a mistake. After each such stop a longer stretch is read here, so that a text that is
 * unusual throughout costs no exchange per line.
 */
export class LineLoad {
  readonly #sink: EntrySink;
  readonly #grammar: Uint8Array;
  readonly #arena: EntryArena;
  #pending: Uint8Array[] = [];
  #pendingBytes = 0;
  #flight: Promise<void> = Promise.resolve();
  #lines = 0;
  #slowLines = 1;
  #started = false;
  /** Within a line that is left out. */
  #skipping = false;

  constructor(sink: EntrySink, prefix?: string) {
    this.#sink = sink;
    this.#grammar = lineGrammar(sink.layout, prefix);
    this.#arena = new EntryArena(sink.layout, 64);
  }

  /** Take more text, cut anywhere. Returns a promise only when the caller has to wait. */
  push(text: unknown): Promise<void> | undefined {
    const bytes = bytesOf(text);
    if (bytes.length === 0) return undefined;
    this.#pending.push(bytes);
    this.#pendingBytes += bytes.length;
    return this.#pendingBytes < CHUNK_BYTES ? undefined : this.#drain(false);
  }

  async finish(): Promise<void> {
    await this.#drain(true);
    await this.#flight;
  }

  /** Wait for what is with the kernel. @throws what it was refused for. */
  landed(): Promise<void> {
    return this.#flight;
  }

  /** Hand over whole lines; `last`: what follows the last line feed too. */
  async #drain(last: boolean): Promise<void> {
    let text = joined(this.#pending);
    if (!this.#started && text.length > 0) {
      this.#started = true;
      if (text[0] === 0xef && text[1] === 0xbb && text[2] === 0xbf) text = text.subarray(3);
    }
    if (this.#skipping) text = this.#skip(text);
    while (text.length >= CHUNK_BYTES || (last && text.length > 0)) {
      const cut =
        text.length <= CHUNK_BYTES && last ? text.length : text.lastIndexOf(LF, CHUNK_BYTES - 1) + 1;
      if (cut === 0) {
        await this.#leaveOut(text);
        text = this.#skip(text);
        continue;
      }
      const chunk = text.subarray(0, cut);
      text = text.subarray(cut);
      await this.#flight;
      this.#flight = this.#take(chunk);
      // Its outcome is taken by the next turn, by finish() or by landed(), which may be later than the rejection.
      this.#flight.catch(() => undefined);
    }
    this.#pending = text.length === 0 ? [] : [text];
    this.#pendingBytes = text.length;
  }

  /** A line that is longer than all that is kept of a text: a comment, or too long. */
  async #leaveOut(text: Uint8Array): Promise<void> {
    await this.#flight;
    const index = this.#lines++;
    const entry = decoder.decode(text.subarray(0, SHOWN_BYTES));
    if (/^[ \t\r]*[#;]/.test(entry)) return;
    const error = tooLong(entry).under(`line ${String(index + 1)}`);
    if (this.#sink.stop) throw this.#sink.ended(error);
    this.#arena.reset();
    await this.#sink.send(this.#arena, () => ({ index, entry }), [{ index, line: index + 1, entry, error }]);
  }

  /** What follows the rest of the line. */
  #skip(text: Uint8Array): Uint8Array {
    const feed = text.indexOf(LF);
    this.#skipping = feed < 0;
    return text.subarray(feed < 0 ? text.length : feed + 1);
  }

  async #take(chunk: Uint8Array): Promise<void> {
    for (let at = 0; at < chunk.length;) {
      const text = chunk.subarray(at);
      const first = this.#lines;
      const read = await this.#sink.load(text, this.#grammar, (number, offset) =>
        this.#position(text, first + number, offset),
      );
      at += read?.consumed ?? 0;
      this.#lines += read?.lines ?? 0;
      if (at >= chunk.length) {
        this.#slowLines = 1;
        return;
      }
      at += await this.#slowly(chunk.subarray(at), read === undefined ? MOST_SLOW_LINES : this.#slowLines);
      this.#slowLines = Math.min(MOST_SLOW_LINES, 2 * this.#slowLines);
    }
  }

  #position(text: Uint8Array, index: number, offset: number): Position {
    const end = text.indexOf(LF, offset);
    const line = decoder.decode(text.subarray(offset, end < 0 ? text.length : end));
    return { index, line: index + 1, entry: lineContent(line) };
  }

  /** Read up to `most` lines with the whole grammar, and send them. @returns how many bytes they were */
  async #slowly(text: Uint8Array, most: number): Promise<number> {
    const arena = this.#arena;
    const lines: number[] = [];
    const offsets: number[] = [];
    const malformed: EntryFailure[] = [];
    const where = (n: number): Position => this.#position(text, lines[n] ?? 0, offsets[n] ?? 0);
    arena.reset();
    let at = 0;
    for (let n = 0; n < most && at < text.length; n++) {
      const feed = text.indexOf(LF, at);
      const end = feed < 0 ? text.length : feed;
      const bytes = text.subarray(at, end);
      const index = this.#lines++;
      let entry = lineContent(decoder.decode(bytes));
      if (entry !== '') {
        try {
          if (entry.length > MAX_LINE_BYTES) {
            entry = entry.slice(0, SHOWN_BYTES);
            throw tooLong(entry);
          }
          if (entry.includes('\ufffd') && !isUtf8(bytes)) {
            throw new ValidationError('', 'text in UTF-8', entry);
          }
          arena.push(entry);
          lines.push(index);
          offsets.push(at);
        } catch (err) {
          if (!(err instanceof ValidationError)) throw err;
          const error = err.under(`line ${String(index + 1)}`);
          if (this.#sink.stop) {
            // What stands before it goes first: it stays, and may be refused itself.
            await this.#sink.send(arena, where);
            throw this.#sink.ended(error);
          }
          malformed.push({ index, line: index + 1, entry, error });
        }
      }
      at = Math.min(text.length, end + 1);
      if ((n & 15) === 15 && this.#sink.slice.over) {
        await this.#sink.slice.rest();
        this.#sink.signal?.throwIfAborted();
      }
    }
    await this.#sink.send(arena, where, malformed);
    return at;
  }
}

function tooLong(entry: string): ValidationError {
  return new ValidationError('', `at most ${String(MAX_LINE_BYTES)} bytes`, entry);
}

function bytesOf(text: unknown): Uint8Array {
  if (text instanceof Uint8Array) return text;
  if (typeof text === 'string') return encoder.encode(text);
  throw new ValidationError('entries', 'nothing but pieces of text behind the first one', text);
}

function joined(pieces: readonly Uint8Array[]): Uint8Array {
  const [first] = pieces;
  if (first !== undefined && pieces.length === 1) return first;
  const whole = new Uint8Array(pieces.reduce((sum, { length }) => sum + length, 0));
  let at = 0;
  for (const piece of pieces) {
    whole.set(piece, at);
    at += piece.length;
  }
  return whole;
}
