import { ValidationError } from '../errors.js';
import type { CallOptions } from '../netlink/types.js';
import { EntryArena } from './arena.js';
import { bulk } from './bulk.js';
import { Cmd, packCommand } from './command.js';
import { ipsetError, type AnswerContext } from './errors.js';
import { refusalAt } from './failure.js';
import { layoutOf, type EntryLayout } from './layout.js';
import { EntryIterator, EntryList, list } from './listing.js';
import { checkReply, isExist, refusalError, type Session } from './session.js';
import type {
  BulkInput,
  BulkOptions,
  BulkResult,
  Entry,
  EntryInput,
  IPSet,
  SetHeader,
  SetType,
} from './types.js';

type Verb = 'add' | 'delete' | 'has';
const COMMAND = { add: Cmd.add, delete: Cmd.del, has: Cmd.test } as const;

/** The verbs that a handle shares with {@link Ipset}, which go by name. */
export interface SetVerbs {
  flush(name: string, options?: CallOptions): Promise<void>;
  destroy(name: string, options?: CallOptions & { readonly ifExists?: boolean }): Promise<boolean>;
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
    this.#layout = layoutOf(header.type, header.family);
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

  entries(options?: CallOptions): AsyncIterable<Entry<T>> {
    return this.#iterate(options);
  }

  [Symbol.asyncIterator](): AsyncIterator<Entry<T>> {
    return this.#iterate();
  }

  async texts(options?: CallOptions): Promise<string[]> {
    const listed = await this.#list(options);
    return listed.texts(options?.signal);
  }

  async size(options?: CallOptions): Promise<number> {
    const context = this.#context('size');
    const listing = await list(this.#session, { name: this.name, headersOnly: true }, context, options);
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
    const context = this.#context(verb);
    const head = packCommand({
      command: COMMAND[verb],
      protocol: await this.#session.protocol(context, options),
      name: this.name,
    });
    const channel = await this.#session.channel();
    const reply = await channel.run({ shape: 'SetEntry', records: arena.records(), head }, options);
    const refusal = refusalAt(reply, 0);
    if (refusal === undefined) {
      checkReply(reply, context);
      return true;
    }
    if (isExist(refusal)) return false;
    throw refusalError(refusal, refusal.wholeMessage ? context : this.#context(verb, arena.text(0)));
  }

  #iterate(options?: CallOptions): EntryIterator<T> {
    return new EntryIterator<T>(() => this.#list(options), options?.signal);
  }

  async #list(options?: CallOptions): Promise<EntryList<T>> {
    const context = this.#context('entries');
    const listing = await list(this.#session, { name: this.name, headersOnly: false }, context, options);
    const raw = listing?.headers[0];
    if (listing === undefined || raw === undefined) throw ipsetError(-2, context);
    // A set of another type may have taken the name since this handle was made: decode what came, not what was expected.
    if (raw.header === undefined) throw ipsetError(-4098, { ...context, type: raw.type });
    return new EntryList<T>(listing.records, raw, raw.header);
  }

  #context(verb: string, entry?: string): AnswerContext {
    return {
      operation: `ipset.${verb}`,
      target: entry === undefined ? `set ${this.name}` : `set ${this.name} entry ${entry}`,
      type: this.type,
    };
  }
}
