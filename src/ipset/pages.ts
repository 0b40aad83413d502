import { SetEntry } from '../native/records.js';
import type { CallOptions, ListingReply, Reply } from '../netlink/types.js';
import { Cmd, ListFlags, packCommand } from './command.js';
import { ipsetError, type AnswerContext } from './errors.js';
import { unpackHeaders } from './header.js';
import { TextHeap } from './heap.js';
import { entryTable, layoutOf, type EntryLayout, type EntryTable } from './layout.js';
import type { Session } from './session.js';
import { Slice, sortTexts } from './slice.js';
import type { Entry, EntryReadOptions, SetHeader, SetType } from './types.js';
import { entryObject, entryText } from './unpack.js';

/** A stretch of a set's entries. */
export interface EntryPage {
  readonly table: EntryTable;
  readonly count: number;
}

/**
 * The entries of one set, page by page. The kernel was read to its end before the first page; what it said lies outside of the V8 heap,
 * in pieces, and each is decoded when it is asked for and let go of with the page. To be read once.
 */
export class EntryPages<T extends SetType = SetType> {
  readonly header: SetHeader<T>;
  readonly layout: EntryLayout;
  #first: Reply | undefined;
  readonly #rest: Iterator<Reply, undefined> | undefined;
  readonly #context: AnswerContext;

  constructor(
    header: SetHeader<T>,
    first: Reply,
    rest: Iterator<Reply, undefined> | undefined,
    context: AnswerContext,
  ) {
    this.header = header;
    this.layout = layoutOf(header.type, header.family);
    this.#first = first;
    this.#rest = rest;
    this.#context = context;
  }

  /** The next page that has entries; undefined behind the last. @throws ProtocolError when the kernel's words make no sense */
  next(): EntryPage | undefined {
    for (;;) {
      const reply = this.#first ?? this.#rest?.next().value;
      this.#first = undefined;
      if (reply === undefined) return undefined;
      if (reply.error !== 0) throw ipsetError(reply.error, this.#context);
      const records = reply.SetEntry ?? new Uint8Array();
      if (records.length === 0) continue;
      return {
        table: entryTable(records, new TextHeap(reply.heap)),
        count: Math.floor(records.length / SetEntry.size),
      };
    }
  }

  /** All as canonical text, sorted by code unit, but the members of a `list:set` in their order; in slices. */
  async texts(signal?: AbortSignal): Promise<string[]> {
    const slice = new Slice();
    const texts: string[] = [];
    for (let page = this.next(); page !== undefined; page = this.next()) {
      for (let i = 0; i < page.count; i++) {
        texts.push(entryText(page.table, i * SetEntry.size, this.layout));
        if ((i & 255) === 255 && slice.over) {
          await slice.rest();
          signal?.throwIfAborted();
        }
      }
    }
    return this.layout.spec.kind === 'list' ? texts : sortTexts(texts, slice);
  }
}

/** List the entries of one set. @returns undefined when there is no set of the name */
export async function listPages(
  session: Session,
  name: string,
  context: AnswerContext,
  options?: CallOptions,
): Promise<EntryPages | undefined> {
  const protocol = await session.protocol(context, options);
  const channel = await session.channel();
  const record = packCommand({ command: Cmd.list, protocol, name, listFlags: ListFlags.everything });
  const reply: ListingReply = await channel.dump({ shape: 'SetCommand', record, inParts: true }, options);
  if (reply.error === -2) return undefined;
  if (reply.error !== 0) throw ipsetError(reply.error, context);
  if (reply.overrun) throw ipsetError(-105, context);
  const first = reply.parts === undefined ? reply : reply.parts.next().value;
  const [raw] = unpackHeaders(first?.SetHeader ?? new Uint8Array());
  if (first === undefined || raw === undefined) return undefined;
  // A set of another type may have taken the name since the caller looked: what came is decoded, not what was expected.
  if (raw.header === undefined) throw ipsetError(-4098, { ...context, type: raw.type });
  return new EntryPages(raw.header, first, reply.parts, context);
}

/** Entries that come at once. */
const BATCH = 1024;

/** The entries of a listing as objects, many at a time. */
export async function* batches<T extends SetType, N extends number | bigint = number>(
  load: () => Promise<EntryPages>,
  options: EntryReadOptions = {},
): AsyncGenerator<Entry<T, N>[], void, undefined> {
  const slice = new Slice();
  const pages = await load();
  for (let page = pages.next(); page !== undefined; page = pages.next()) {
    for (let from = 0; from < page.count; from += BATCH) {
      const batch: Entry<T, N>[] = [];
      for (let i = from; i < Math.min(page.count, from + BATCH); i++) {
        batch.push(entryObject<T, N>(page.table, i * SetEntry.size, pages.layout, options.bigint));
      }
      if (slice.over) await slice.rest();
      options.signal?.throwIfAborted();
      yield batch;
    }
  }
}

/**
 * The entries of a listing as objects, in the kernel's order. The listing is asked for by the first `next()`, and the event loop gets its
 * turn in between even when the consumer never waits. Written by hand since an async generator takes three times as long per entry.
 */
export class EntryIterator<
  T extends SetType,
  N extends number | bigint = number,
> implements AsyncIterableIterator<Entry<T, N>> {
  readonly #load: () => Promise<EntryPages>;
  readonly #options: EntryReadOptions;
  readonly #slice = new Slice();
  #pages: EntryPages | undefined;
  #page: EntryPage | undefined;
  #next = 0;
  #waiting: Promise<void> | undefined;
  #done = false;

  constructor(load: () => Promise<EntryPages>, options: EntryReadOptions = {}) {
    this.#load = load;
    this.#options = options;
  }

  next(): Promise<IteratorResult<Entry<T, N>, undefined>> {
    if (this.#waiting !== undefined) return this.#waiting.then(() => this.next());
    if (this.#done) return Promise.resolve({ done: true, value: undefined });
    if (this.#pages === undefined) return this.#wait(this.#begin());
    if ((this.#next & 15) === 15 && this.#slice.over) return this.#wait(this.#slice.rest());
    if (this.#page === undefined || this.#next === this.#page.count) {
      try {
        this.#page = this.#pages.next();
      } catch (err) {
        this.#end();
        // Whatever it is, it is passed on as it came.
        return Promise.resolve().then(() => {
          throw err;
        });
      }
      this.#next = 0;
      if (this.#page === undefined) return this.return();
    }
    const at = this.#next++ * SetEntry.size;
    const value = entryObject<T, N>(this.#page.table, at, this.#pages.layout, this.#options.bigint);
    return Promise.resolve({ done: false, value });
  }

  return(): Promise<IteratorResult<Entry<T, N>, undefined>> {
    this.#end();
    return Promise.resolve({ done: true, value: undefined });
  }

  [Symbol.asyncIterator](): this {
    return this;
  }

  /** Nothing of the listing is kept behind its end. */
  #end(): void {
    this.#done = true;
    this.#pages = undefined;
    this.#page = undefined;
  }

  async #begin(): Promise<void> {
    this.#pages = await this.#load();
  }

  /** Let calls of `next()` queue up behind something, then go on; after a failure there is nothing more. */
  #wait(work: Promise<void>): Promise<IteratorResult<Entry<T, N>, undefined>> {
    const waiting = work
      .then(() => this.#options.signal?.throwIfAborted())
      .catch((err: unknown) => {
        this.#end();
        throw err;
      })
      .finally(() => {
        this.#waiting = undefined;
      });
    this.#waiting = waiting;
    return waiting.then(() => this.next());
  }
}
