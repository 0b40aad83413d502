import type { ValidationError } from '../errors.js';
import { SetEntry } from '../native/records.js';
import type { EntryArena } from './arena.js';
import { EntryChunks } from './entry-chunks.js';
import { ipsetError, type AnswerContext } from './errors.js';
import { TextHeap } from './heap.js';
import { entryTable, type EntryLayout } from './layout.js';
import type { Session } from './session.js';
import type { EntrySink } from './sink.js';
import { Slice } from './slice.js';

/** Keeps all entries of an input as records. The first one that is malformed ends it. */
export class Collector implements EntrySink {
  readonly entries: EntryChunks;
  readonly stop = true;
  readonly signal: AbortSignal | undefined;
  readonly slice: Slice = new Slice();
  readonly #session: Session;
  readonly #context: AnswerContext;

  constructor(
    session: Session,
    layout: EntryLayout,
    context: AnswerContext,
    signal: AbortSignal | undefined,
  ) {
    this.#session = session;
    this.#context = context;
    this.entries = new EntryChunks(layout);
    this.signal = signal;
  }

  get layout(): EntryLayout {
    return this.entries.layout;
  }

  send(arena: EntryArena): Promise<void> {
    if (arena.count > 0) {
      const table = entryTable(arena.records().slice(), new TextHeap(arena.heap.slice()));
      this.entries.add(table, arena.count);
    }
    return Promise.resolve();
  }

  async load(
    text: Uint8Array,
    grammar: Uint8Array,
  ): Promise<{ readonly consumed: number; readonly lines: number } | undefined> {
    const channel = await this.#session.channel();
    if (channel.parse === undefined) return undefined;
    this.signal?.throwIfAborted();
    const reply = await channel.parse({ text, grammar });
    if (reply.error !== 0) throw ipsetError(reply.error, this.#context);
    const records = reply.SetEntry ?? new Uint8Array();
    const count = Math.floor(records.length / SetEntry.size);
    if (count > 0) this.entries.add(entryTable(records, new TextHeap(reply.heap)), count);
    return { consumed: reply.consumed ?? 0, lines: reply.lines ?? 0 };
  }

  ended(error: ValidationError): ValidationError {
    return error;
  }
}
