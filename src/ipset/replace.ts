import { isNotFound } from '../errors.js';
import { SetEntry } from '../native/records.js';
import type { Family } from '../net/address.js';
import type { CallOptions } from '../netlink/types.js';
import { Collector } from './collector.js';
import { Cmd, packCommand } from './command.js';
import { Fate, difference, isUpdate, leftOut, type Difference } from './difference.js';
import { EntryChunks, idOf, type EntryChunk } from './entry-chunks.js';
import { VALUE_PARTS } from './entry-keys.js';
import { ipsetError, mismatchError, type AnswerContext } from './errors.js';
import { refusalAt } from './failure.js';
import { feed } from './feed.js';
import { entryTable, layoutOf, type EntryTable } from './layout.js';
import { list } from './listing.js';
import { listPages } from './pages.js';
import { changedOptions, differingParameters, hashSizeFor } from './parameters.js';
import { refusalError, type Session } from './session.js';
import { Slice } from './slice.js';
import { patiently, removeLeftovers, withTemporary, type SetMaker } from './temporary.js';
import type { BulkInput, CreateOptions, ReplaceOptions, ReplaceResult, SetHeader, SetType } from './types.js';
import { entryText } from './unpack.js';

/** Changes that are few whatever the size of the set. */
const FEW = 64;
/** From this part of the entries on, changes are many. */
const MANY_PART = 4;
/** Records that are sent in one piece. */
const PIECE = 16_384;

/** Which set, and what can be done with sets. */
export interface ReplaceTarget<T extends SetType> {
  readonly session: Session;
  readonly sets: SetMaker;
  readonly name: string;
  readonly type: T;
}

/** Make a set hold just these entries; see IPSet.replace. */
export async function replaceEntries<T extends SetType>(
  target: ReplaceTarget<T>,
  entries: BulkInput<T>,
  options: ReplaceOptions<T> = {},
): Promise<ReplaceResult> {
  return exclusively(target, async () => {
    const replacement = new Replacement(target, options);
    const header = await replacement.header();
    const parameters = options.parameters ?? {};
    const changed = differingParameters(header, parameters, 'options.parameters');
    if (changed.includes('family')) {
      const { family } = parameters as CreateOptions;
      throw mismatchError(
        'ipset.replace',
        target.name,
        `family ${header.family ?? ''}`,
        `family ${family ?? ''}`,
      );
    }
    const collector = replacement.collector(future(header, parameters));
    await feed(entries as BulkInput<SetType>, collector);
    return replacement.bring(header, collector.entries, changed.length > 0);
  });
}

/** Make a set that nobody has yet: it appears with all its entries. @returns how many they are */
export async function createFilled<T extends SetType>(
  target: ReplaceTarget<T>,
  entries: BulkInput<T>,
  parameters: CreateOptions<T>,
  family: Family | undefined,
  call: CallOptions,
): Promise<number> {
  return exclusively(target, async () => {
    const replacement = new Replacement<T>(target, { ...call, parameters });
    const header = future({ type: target.type, ...(family && { family }) } as SetHeader<T>, parameters);
    const collector = replacement.collector(header);
    await feed(entries as BulkInput<SetType>, collector);
    return replacement.create(header, collector.entries);
  });
}

/** True for an input that gives the same entries each time. */
export function isRepeatable(entries: unknown): boolean {
  return (
    typeof entries === 'string' ||
    entries instanceof Uint8Array ||
    Array.isArray(entries) ||
    entries instanceof Set
  );
}

/** Give a set other parameters and keep its entries. @returns how many it has */
export async function rebuild<T extends SetType>(
  target: ReplaceTarget<T>,
  parameters: CreateOptions<T>,
  call: CallOptions,
): Promise<number> {
  return exclusively(target, async () => {
    const replacement = new Replacement(target, { ...call, parameters });
    return replacement.rebuild(await replacement.header());
  });
}

/** The header that the set will have, as far as entries depend on it. */
function future<T extends SetType>(header: SetHeader<T>, parameters: CreateOptions<T>): SetHeader<T> {
  const all: Record<string, unknown> = { ...header };
  for (const [name, value] of Object.entries(parameters)) {
    if (value === undefined) continue;
    if (value === false) Reflect.deleteProperty(all, name);
    else all[name] = value;
  }
  return all as unknown as SetHeader<T>;
}

/** One replacement at a time for each set: two at once would remove each other's temporary sets. */
const running = new WeakMap<Session, Map<string, Promise<unknown>>>();

async function exclusively<T extends SetType, R>(
  { session, name }: ReplaceTarget<T>,
  work: () => Promise<R>,
): Promise<R> {
  const all = running.get(session) ?? new Map<string, Promise<unknown>>();
  running.set(session, all);
  const before = all.get(name) ?? Promise.resolve();
  const mine = before.then(work, work);
  all.set(name, mine);
  try {
    return await mine;
  } finally {
    if (all.get(name) === mine) all.delete(name);
  }
}

class Replacement<T extends SetType> {
  readonly #target: ReplaceTarget<T>;
  readonly #options: ReplaceOptions<T>;
  readonly #call: CallOptions;
  readonly #context: AnswerContext;
  readonly #slice = new Slice();

  constructor(target: ReplaceTarget<T>, options: ReplaceOptions<T>) {
    this.#target = target;
    this.#options = options;
    this.#call = options.signal === undefined ? {} : { signal: options.signal };
    this.#context = { operation: 'ipset.replace', target: `set ${target.name}`, type: target.type };
  }

  async header(): Promise<SetHeader<T>> {
    const { session, name, type } = this.#target;
    const listing = await list(session, { name, depth: 'headersOnly' }, this.#context, this.#call);
    const header = listing?.headers[0]?.header;
    if (header === undefined) throw ipsetError(-2, this.#context);
    if (header.type !== type) throw mismatchError('ipset.replace', name, header.type, type);
    return header as SetHeader<T>;
  }

  collector(header: SetHeader<T>): Collector {
    const layout = layoutOf(header.type, header.family, header);
    return new Collector(this.#target.session, layout, this.#context, this.#options.signal);
  }

  async bring(header: SetHeader<T>, given: EntryChunks, changed: boolean): Promise<ReplaceResult> {
    const { sets, name } = this.#target;
    await removeLeftovers(sets, name, this.#call);
    const wanted = await this.#expanded(header, given);
    const differs = await this.#difference(wanted);
    const { added, updated, kept } = differs;
    const removed = differs.unwanted.count;
    const changes = added + removed + updated;
    const counts = { added, removed, kept, updated };
    if (changes === 0 && !changed && !differs.reordered) return { ...counts, way: 'none' };
    const strategy = this.#options.strategy ?? 'auto';
    const mustSwap = changed || header.type === 'list:set';
    const fits = kept + removed + added <= (header.maxElements ?? Number.POSITIVE_INFINITY);
    const few = changes <= FEW || changes * MANY_PART <= kept + removed;
    if (mustSwap || strategy === 'swap' || (strategy === 'auto' && !(few && fits))) {
      await this.#swapIn(header, wanted, (id) => (differs.fate(id) & 3) !== Fate.repeated);
      return { ...counts, way: 'swap' };
    }
    await this.#change(differs);
    return { ...counts, way: 'delta' };
  }

  /** The entries in a new set. */
  async create(header: SetHeader<T>, entries: EntryChunks): Promise<number> {
    const { sets, name, type } = this.#target;
    await removeLeftovers(sets, name, this.#call);
    const options = this.#createOptions(header, entries.count);
    return withTemporary(sets, name, type, options, this.#call, async (set) => {
      await this.#send(
        Cmd.add,
        set.name,
        pieces(entries, this.#slice, () => true),
      );
      const elements = await set.size(this.#call);
      await patiently(() => sets.rename(set.name, name, this.#call), this.#options.signal);
      return elements;
    });
  }

  /** The same entries in a set with other parameters. */
  async rebuild(header: SetHeader<T>): Promise<number> {
    const { session, sets, name } = this.#target;
    await removeLeftovers(sets, name, this.#call);
    const pages = await listPages(session, name, this.#context, this.#call);
    if (pages === undefined) throw ipsetError(-2, this.#context);
    const { layout } = this.collector(future(header, this.#options.parameters ?? {}));
    const entries = new EntryChunks(layout);
    for (let page = pages.next(); page !== undefined; page = pages.next()) {
      drop(page.table, page.count, layout.lacking);
      entries.add(page.table, page.count);
      if (this.#slice.over) await this.#slice.rest();
    }
    await this.#swapIn(header, entries, () => true);
    return entries.count;
  }

  async #difference(wanted: EntryChunks): Promise<Difference> {
    const { session, name } = this.#target;
    const listed = await listPages(session, name, this.#context, this.#call);
    if (listed === undefined) throw ipsetError(-2, this.#context);
    return difference(wanted, listed, wanted.layout.lacking, this.#slice);
  }

  /**
   * Entries that stand for several, and those of sets that store something else than what they are given (a part of the address): the
   * kernel says what they come to.
   */
  async #expanded(header: SetHeader<T>, given: EntryChunks): Promise<EntryChunks> {
    const { netmask, bitmask, markMask = 0xffff_ffff } = future(header, this.#options.parameters ?? {});
    const masked = netmask !== undefined || bitmask !== undefined || markMask !== 0xffff_ffff;
    if (given.count === 0 || (!given.hasRanges && !masked)) return given;
    const { session, sets, name, type } = this.#target;
    const options = this.#createOptions(header, given.count);
    return withTemporary(sets, name, type, options, this.#call, async (set) => {
      await this.#send(
        Cmd.add,
        set.name,
        pieces(given, this.#slice, () => true),
      );
      const pages = await listPages(session, set.name, this.#context, this.#call);
      const stored = new EntryChunks(given.layout);
      // What nobody said, such as the set's default timeout, is no wish.
      const unsaid = VALUE_PARTS & ~given.parts;
      for (let page = pages?.next(); page !== undefined; page = pages?.next()) {
        drop(page.table, page.count, unsaid);
        stored.add(page.table, page.count);
        if (this.#slice.over) await this.#slice.rest();
      }
      return stored;
    });
  }

  /** Add, correct, remove: nothing that stays is ever missing. A refusal takes back what was added. */
  async #change(differs: Difference): Promise<void> {
    const { wanted, unwanted } = differs;
    const fate = (id: number): number => differs.fate(id);
    const { name } = this.#target;
    const news = (id: number): boolean => fate(id) === Fate.add;
    try {
      await this.#send(Cmd.add, name, pieces(wanted, this.#slice, news));
      await this.#send(
        Cmd.add,
        name,
        pieces(
          wanted,
          this.#slice,
          (id) => isUpdate(fate(id)),
          (id) => leftOut(fate(id)),
        ),
      );
    } catch (err) {
      await this.#send(
        Cmd.del,
        name,
        pieces(wanted, this.#slice, news, () => VALUE_PARTS),
        {},
      ).catch(() => undefined);
      throw err;
    }
    // Not to be stopped any more: half of both would be left.
    await this.#send(
      Cmd.del,
      name,
      pieces(unwanted, this.#slice, () => true),
      {},
    );
  }

  /** Fill another set and let it take the place of this one. */
  async #swapIn(header: SetHeader<T>, entries: EntryChunks, select: (id: number) => boolean): Promise<void> {
    const { sets, name, type } = this.#target;
    const options = this.#createOptions(header, entries.count);
    await withTemporary(sets, name, type, options, this.#call, async (set) => {
      await this.#send(Cmd.add, set.name, pieces(entries, this.#slice, select));
      await patiently(() => sets.swap(set.name, name, this.#call), this.#options.signal);
    });
  }

  #createOptions(header: SetHeader<T>, count: number): CreateOptions<T> {
    const parameters: CreateOptions<T> = this.#options.parameters ?? {};
    const sized =
      header.type.startsWith('hash:') && parameters.hashSize === undefined
        ? { hashSize: hashSizeFor(count) }
        : {};
    return changedOptions(header, { ...parameters, ...sized } as CreateOptions<T>);
  }

  /** Send all or throw; what was done before a refusal stays. */
  async #send(
    command: typeof Cmd.add | typeof Cmd.del,
    name: string,
    all: AsyncIterable<Piece>,
    call: CallOptions = this.#call,
  ): Promise<void> {
    const { session } = this.#target;
    const channel = await session.channel();
    const protocol = await session.protocol(this.#context, call);
    const head = packCommand({ command, protocol, name, exist: true });
    for await (const { table, count } of all) {
      for (let from = 0; from < count;) {
        const records = table.bytes.subarray(from * SetEntry.size, count * SetEntry.size);
        const reply = await channel.run(
          { shape: 'SetEntry', records, heap: table.heap.bytes, head, stopOnError: true },
          call,
        );
        const refusal = refusalAt(reply, 0);
        if (refusal !== undefined) throw this.#refused(refusal, table, from, name);
        if (reply.error !== 0) throw ipsetError(reply.error, this.#context);
        if (reply.settled === 0) throw ipsetError(-105, this.#context);
        from += reply.settled;
      }
      if (this.#slice.over) await this.#slice.rest();
    }
  }

  #refused(
    refusal: NonNullable<ReturnType<typeof refusalAt>>,
    table: EntryTable,
    from: number,
    name: string,
  ): Error {
    const at = (from + refusal.index) * SetEntry.size;
    const ofSet = refusal.wholeMessage || refusal.code === -2;
    const layout = layoutOf(this.#target.type, table.bytes[at + SetEntry.family] === 10 ? 'inet6' : 'inet');
    const context = ofSet
      ? this.#context
      : { ...this.#context, target: `set ${this.#target.name} entry ${entryText(table, at, layout)}` };
    const error = refusalError(refusal, context);
    // Another replacement of the same set, in another process, has taken it for a leftover.
    if (ofSet && name !== this.#target.name && isNotFound(error)) {
      return ipsetError(-2, {
        ...this.#context,
        target: `temporary set ${name} for set ${this.#target.name}`,
      });
    }
    return error;
  }
}

/** Take parts away from records. */
function drop(table: EntryTable, count: number, parts: number): void {
  for (let i = 0; i < count; i++) {
    const at = (i * SetEntry.size + SetEntry.parts) >> 2;
    table.u32[at] = (table.u32[at] ?? 0) & ~parts;
  }
}

interface Piece {
  readonly table: EntryTable;
  readonly count: number;
}

/** Chosen entries in pieces, in order; without the parts that are left out. In slices. */
async function* pieces(
  entries: EntryChunks,
  slice: Slice,
  select: (id: number) => boolean,
  omit: (id: number) => number = () => 0,
): AsyncGenerator<Piece> {
  for (let c = 0; c < entries.chunks.length; c++) {
    const chunk = entries.chunks[c];
    if (chunk === undefined) return;
    let piece = new Filling(chunk);
    for (let i = 0; i < chunk.count; i++) {
      const id = idOf(c, i);
      if (select(id)) piece.add(i * SetEntry.size, omit(id));
      if (piece.count === PIECE) {
        yield piece.done();
        piece = new Filling(chunk);
      }
      if ((i & 1023) === 1023 && slice.over) await slice.rest();
    }
    if (piece.count > 0) yield piece.done();
  }
}

/** Copies of some records of a chunk. */
class Filling {
  count = 0;
  readonly #from: EntryChunk;
  #table: EntryTable | undefined;

  constructor(from: EntryChunk) {
    this.#from = from;
  }

  add(at: number, omitted: number): void {
    const { table, count } = this.#from;
    this.#table ??= entryTable(new Uint8Array(Math.min(PIECE, count) * SetEntry.size), table.heap);
    const to = this.count++ * SetEntry.size;
    this.#table.bytes.set(table.bytes.subarray(at, at + SetEntry.size), to);
    const parts = (to + SetEntry.parts) >> 2;
    if (omitted !== 0) this.#table.u32[parts] = (this.#table.u32[parts] ?? 0) & ~omitted;
  }

  done(): Piece {
    return { table: this.#table ?? this.#from.table, count: this.count };
  }
}
