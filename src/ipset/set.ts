import { ValidationError, type NetlinkError } from '../errors.js';
import type { CallOptions } from '../netlink/types.js';
import { EntryArena } from './arena.js';
import { bulk } from './bulk.js';
import { Cmd, packCommand } from './command.js';
import { ipsetError, type AnswerContext } from './errors.js';
import { refusalAt, type Refusal } from './failure.js';
import { isRange, layoutOf, type EntryLayout } from './layout.js';
import { list } from './listing.js';
import { EntryIterator, batches, listPages, type EntryPages } from './pages.js';
import { replaceEntries } from './replace.js';
import { checkReply, isExist, refusalError, type Session } from './session.js';
import type { SetMaker } from './temporary.js';
import type {
  BulkInput,
  BulkOptions,
  BulkResult,
  Entry,
  EntryInput,
  IPSet,
  EntryReadOptions,
  ReplaceOptions,
  ReplaceResult,
  SetHeader,
  SetType,
} from './types.js';

type Verb = 'add' | 'delete' | 'has';
const COMMAND = { add: Cmd.add, delete: Cmd.del, has: Cmd.test } as const;

/** The verbs that a handle shares with {@link Ipset}, which go by name. */
export interface SetVerbs extends SetMaker {
  flush(name: string, options?: CallOptions): Promise<void>;
}

/** A set of the kernel behind a session. Holds no kernel resource: it is a name with what is known about the set. */
export class SetHandle<T extends SetType> implements IPSet<T> {
  readonly header: SetHeader<T>;
  readonly #session: Session;
  readonly #verbs: SetVerbs;
  readonly #layout: EntryLayout;

  constructor(session: Session, verbs: SetVerbs, header: SetHeader<T>) {
    this.header = header;
    this.#session = session;
    this.#verbs = verbs;
    this.#layout = layoutOf(header.type, header.family, header);
  }

  get name(): string {
    return this.header.name;
  }

  get type(): T {
    return this.header.type;
  }

  add(entry: EntryInput<T>, options?: CallOptions): Promise<boolean> {
    return this.#one('add', entry, options);
  }

  delete(entry: EntryInput<T>, options?: CallOptions): Promise<boolean> {
    return this.#one('delete', entry, options);
  }

  has(entry: EntryInput<T>, options?: CallOptions): Promise<boolean> {
    return this.#one('has', entry, options);
  }

  addAll(entries: BulkInput<T>, options?: BulkOptions): Promise<BulkResult> {
    return bulk('add', { session: this.#session, name: this.name, layout: this.#layout }, entries, options);
  }

  deleteAll(entries: BulkInput<T>, options?: BulkOptions): Promise<BulkResult> {
    const target = { session: this.#session, name: this.name, layout: this.#layout };
    return bulk('delete', target, entries, options);
  }

  entries(options: EntryReadOptions & { readonly bigint: true }): AsyncIterable<Entry<T, bigint>>;
  entries(options?: EntryReadOptions): AsyncIterable<Entry<T>>;
  entries(options?: EntryReadOptions): AsyncIterable<Entry<T, number | bigint>> {
    return this.#iterate<number | bigint>(options);
  }

  [Symbol.asyncIterator](): AsyncIterator<Entry<T>> {
    return this.#iterate<number>();
  }

  batches(options: EntryReadOptions & { readonly bigint: true }): AsyncIterable<Entry<T, bigint>[]>;
  batches(options?: EntryReadOptions): AsyncIterable<Entry<T>[]>;
  batches(options?: EntryReadOptions): AsyncIterable<Entry<T, number | bigint>[]> {
    return batches<T, number | bigint>(() => this.#list(options), options);
  }

  async texts(options?: CallOptions): Promise<string[]> {
    const listed = await this.#list(options);
    return listed.texts(options?.signal);
  }

  replace(entries: BulkInput<T>, options?: ReplaceOptions<T>): Promise<ReplaceResult> {
    const { name, type } = this;
    return replaceEntries<T>({ session: this.#session, sets: this.#verbs, name, type }, entries, options);
  }

  async size(options?: CallOptions): Promise<number> {
    const context = this.#context('size');
    const listing = await list(this.#session, { name: this.name, depth: 'headersOnly' }, context, options);
    const header = listing?.headers[0]?.header;
    if (header === undefined) throw ipsetError(-2, context);
    return header.elements;
  }

  flush(options?: CallOptions): Promise<void> {
    return this.#verbs.flush(this.name, options);
  }

  destroy(options?: CallOptions & { readonly ifExists?: boolean }): Promise<boolean> {
    return this.#verbs.destroy(this.name, options);
  }

  /** Add, delete and test share one shape; "it is there already", "it is not there" and "no match" are all EXIST. */
  async #one(verb: Verb, entry: unknown, options?: CallOptions): Promise<boolean> {
    const arena = new EntryArena(this.#layout);
    try {
      arena.push(entry);
    } catch (err) {
      throw err instanceof ValidationError ? err.under('entry') : err;
    }
    const range = isRange(arena.table, 0, this.#layout);
    if (verb === 'has' && range) {
      // The kernel would look at the first address only.
      throw new ValidationError('entry', 'one entry, not a range', entry);
    }
    const refusal = await this.#send(verb, arena, false, options);
    if (refusal === undefined) return true;
    if (isExist(refusal)) {
      // Of a range the kernel has done what was before the first that was there, or was not.
      const again = range ? await this.#send(verb, arena, true, options) : undefined;
      if (again === undefined) return false;
      throw this.#refused(verb, again, arena);
    }
    throw this.#refused(verb, refusal, arena);
  }

  async #send(
    verb: Verb,
    arena: EntryArena,
    exist: boolean,
    options?: CallOptions,
  ): Promise<Refusal | undefined> {
    const context = this.#context(verb);
    const head = packCommand({
      command: COMMAND[verb],
      protocol: await this.#session.protocol(context, options),
      name: this.name,
      exist,
    });
    const channel = await this.#session.channel();
    const reply = await channel.run(
      { shape: 'SetEntry', records: arena.records(), heap: arena.heap, head },
      options,
    );
    const refusal = refusalAt(reply, 0);
    if (refusal === undefined) checkReply(reply, context);
    return refusal;
  }

  #refused(verb: Verb, refusal: Refusal, arena: EntryArena): NetlinkError {
    return refusalError(
      refusal,
      refusal.wholeMessage ? this.#context(verb) : this.#context(verb, arena.text(0)),
    );
  }

  #iterate<N extends number | bigint>(options?: EntryReadOptions): EntryIterator<T, N> {
    return new EntryIterator<T, N>(() => this.#list(options), options);
  }

  async #list(options?: CallOptions): Promise<EntryPages> {
    const context = this.#context('entries');
    const pages = await listPages(this.#session, this.name, context, options);
    if (pages === undefined) throw ipsetError(-2, context);
    return pages;
  }

  #context(verb: string, entry?: string): AnswerContext {
    return {
      operation: `ipset.${verb}`,
      target: entry === undefined ? `set ${this.name}` : `set ${this.name} entry ${entry}`,
      type: this.type,
    };
  }
}
