import type { CallOptions, Reply } from '../netlink/types.js';
import { SetEntry } from '../native/records.js';
import { Cmd, ListFlags, packCommand } from './command.js';
import { ipsetError, type AnswerContext } from './errors.js';
import { unpackHeaders, type RawHeader } from './header.js';
import { TextHeap } from './heap.js';
import { entryTable, layoutOf, type EntryLayout, type EntryTable } from './layout.js';
import type { Session } from './session.js';
import { Slice, sortTexts } from './slice.js';
import type { Entry, EntryReadOptions, SetHeader, SetType } from './types.js';
import { entryObject, entryText } from './unpack.js';

/** What a listing brought: headers, and all entries together. */
export interface Listing {
  readonly headers: readonly RawHeader[];
  readonly table: EntryTable;
}

/** How much of each set is asked for. */
export type ListDepth = keyof typeof ListFlags;

/**
 * List one set, or all. The kernel is read to its end natively, so the sets are not held while the caller walks through the answer.
 * @returns undefined when there is no set of the name
 */
export async function list(
  session: Session,
  what: { readonly name?: string; readonly depth: ListDepth },
  context: AnswerContext,
  options?: CallOptions,
): Promise<Listing | undefined> {
  const protocol = await session.protocol(context, options);
  const channel = await session.channel();
  const record = packCommand({
    command: Cmd.list,
    protocol,
    name: what.name ?? '',
    listFlags: ListFlags[what.depth],
  });
  const reply: Reply = await channel.dump({ shape: 'SetCommand', record }, options);
  if (reply.error === -2 && what.name !== undefined) return undefined;
  if (reply.error !== 0) throw ipsetError(reply.error, context);
  if (reply.overrun) throw ipsetError(-105, context);
  return {
    headers: unpackHeaders(reply.SetHeader ?? new Uint8Array()),
    table: entryTable(reply.SetEntry ?? new Uint8Array(), new TextHeap(reply.heap)),
  };
}

/** The entries of one set in a listing; decoded one by one as they are asked for. */
export class EntryList<T extends SetType = SetType> {
  readonly layout: EntryLayout;
  readonly length: number;
  readonly #table: EntryTable;
  readonly #first: number;

  constructor(table: EntryTable, raw: RawHeader, header: SetHeader) {
    this.layout = layoutOf(header.type, header.family);
    this.#table = table;
    this.#first = raw.firstEntry;
    this.length = raw.entryCount;
  }

  /** Entry `index`; 64-bit counters as `bigint` when asked for. */
  object<N extends number | bigint = number>(index: number, bigint = false): Entry<T, N> {
    return entryObject<T, N>(this.#table, (this.#first + index) * SetEntry.size, this.layout, bigint);
  }

  text(index: number): string {
    return entryText(this.#table, (this.#first + index) * SetEntry.size, this.layout);
  }

  /** All as text, sorted by code unit, but the members of a `list:set` in their order; in slices. */
  async texts(signal?: AbortSignal): Promise<string[]> {
    const slice = new Slice();
    const texts: string[] = [];
    for (let i = 0; i < this.length; i++) {
      texts.push(this.text(i));
      if ((i & 255) === 255 && slice.over) {
        await slice.rest();
        signal?.throwIfAborted();
      }
    }
    return this.layout.spec.kind === 'list' ? texts : sortTexts(texts, slice);
  }
}

/**
 * The entries of a listing as objects, in the kernel's order. The listing is asked for by the first `next()`, and the event loop gets its
 * turn in between even when the consumer never waits. Written by hand since an async generator takes three times as long per entry.
 */
export class EntryIterator<T extends SetType, N extends number | bigint> implements AsyncIterableIterator<
  Entry<T, N>
> {
  readonly #load: () => Promise<EntryList<T>>;
  readonly #signal: AbortSignal | undefined;
  readonly #bigint: boolean;
  readonly #slice = new Slice();
  #list: EntryList<T> | undefined;
  #next = 0;
  #waiting: Promise<void> | undefined;
  #done = false;

  constructor(load: () => Promise<EntryList<T>>, options: EntryReadOptions = {}) {
    this.#load = load;
    this.#signal = options.signal;
    this.#bigint = options.bigint ?? false;
  }

  next(): Promise<IteratorResult<Entry<T, N>, undefined>> {
    if (this.#waiting !== undefined) return this.#waiting.then(() => this.next());
    if (this.#done) return Promise.resolve({ done: true, value: undefined });
    if (this.#list === undefined) return this.#wait(this.#begin());
    if ((this.#next & 15) === 15 && this.#slice.over) return this.#wait(this.#slice.rest());
    if (this.#next === this.#list.length) return this.return();
    return Promise.resolve({ done: false, value: this.#list.object<N>(this.#next++, this.#bigint) });
  }

  return(): Promise<IteratorResult<Entry<T, N>, undefined>> {
    this.#done = true;
    return Promise.resolve({ done: true, value: undefined });
  }

  [Symbol.asyncIterator](): this {
    return this;
  }

  async #begin(): Promise<void> {
    this.#list = await this.#load();
  }

  /** Let calls of `next()` queue up behind something, then go on; after a failure there is nothing more. */
  #wait(work: Promise<void>): Promise<IteratorResult<Entry<T, N>, undefined>> {
    const waiting = work
      .then(() => this.#signal?.throwIfAborted())
      .catch((err: unknown) => {
        this.#done = true;
        throw err;
      })
      .finally(() => {
        this.#waiting = undefined;
      });
    this.#waiting = waiting;
    return waiting.then(() => this.next());
  }
}
