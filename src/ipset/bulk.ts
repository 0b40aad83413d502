import { ValidationError, type NetlinkError } from '../errors.js';
import type { CallOptions, Reply } from '../netlink/types.js';
import { EntryArena } from './arena.js';
import { Cmd, packCommand } from './command.js';
import { ipsetError, type AnswerContext } from './errors.js';
import { refusalAt, refusalCount, type Refusal } from './failure.js';
import type { EntryLayout } from './layout.js';
import { isMissingSet, refusalError, type Session } from './session.js';
import { Slice } from './slice.js';
import type { BulkOptions, BulkResult, EntryFailure } from './types.js';

/** The first chunk is small, so that the kernel starts early; the later ones keep it busy for some 10 ms each. */
const FIRST_CHUNK = 1024;
const LAST_CHUNK = 16_384;

/** Which set a load goes into. */
export interface LoadTarget {
  readonly session: Session;
  readonly name: string;
  readonly layout: EntryLayout;
}

/**
 * Add or delete many entries: pack a chunk while the previous one is with the kernel. Packing is cut into slices, so the event loop is
 * never held long, whatever the iterable. Two arenas are all that is allocated.
 */
export async function bulk(
  verb: 'add' | 'delete',
  target: LoadTarget,
  entries: Iterable<unknown> | AsyncIterable<unknown>,
  options: BulkOptions = {},
): Promise<BulkResult> {
  const input = checkEntries(entries);
  const load = new Load(verb, target, options);
  try {
    await load.begin();
    if (Symbol.asyncIterator in input) {
      for await (const entry of input) await load.push(entry);
    } else {
      for (const entry of input) {
        // Awaiting only where there is something to wait for: a promise per entry would cost more than its packing.
        const wait = load.push(entry);
        if (wait !== undefined) await wait;
      }
    }
    return await load.finish();
  } catch (err) {
    // What is with the kernel is finished first; a refusal there is about earlier entries, so it is the one to report.
    await load.landed();
    throw err;
  }
}

function checkEntries(entries: unknown): Iterable<unknown> | AsyncIterable<unknown> {
  if (typeof entries === 'object' && entries !== null) {
    if (Symbol.asyncIterator in entries) return entries as AsyncIterable<unknown>;
    if (Symbol.iterator in entries) return entries as Iterable<unknown>;
  }
  throw new ValidationError('entries', 'an iterable or async iterable of entries', entries);
}

/** A refusal whose error is built when it is looked at: a load that goes on can collect very many. */
class Refused implements EntryFailure {
  readonly index: number;
  readonly entry: string;
  readonly #make: () => NetlinkError;
  #error: NetlinkError | undefined;

  constructor(index: number, entry: string, make: () => NetlinkError) {
    this.index = index;
    this.entry = entry;
    this.#make = make;
  }

  get error(): NetlinkError {
    this.#error ??= this.#make();
    return this.#error;
  }
}

class Load {
  readonly #target: LoadTarget;
  readonly #operation: string;
  readonly #command: typeof Cmd.add | typeof Cmd.del;
  readonly #exist: boolean;
  readonly #stop: boolean;
  readonly #options: BulkOptions;
  readonly #call: CallOptions;
  readonly #slice = new Slice();
  readonly #failures: EntryFailure[] = [];
  #head: Uint8Array = new Uint8Array();
  #filling: EntryArena;
  #spare: EntryArena;
  #flight: Promise<void> = Promise.resolve();
  #chunk = FIRST_CHUNK;
  #next = 0;
  #settled = 0;
  #applied = 0;

  constructor(verb: 'add' | 'delete', target: LoadTarget, options: BulkOptions) {
    this.#target = target;
    this.#operation = verb === 'add' ? 'ipset.add' : 'ipset.delete';
    this.#command = verb === 'add' ? Cmd.add : Cmd.del;
    this.#exist = options.exist ?? true;
    this.#stop = (options.onError ?? 'stop') === 'stop';
    this.#options = options;
    this.#call = options.signal === undefined ? {} : { signal: options.signal };
    this.#filling = new EntryArena(target.layout, 64);
    this.#spare = new EntryArena(target.layout, 64);
  }

  async begin(): Promise<void> {
    this.#options.signal?.throwIfAborted();
    this.#head = packCommand({
      command: this.#command,
      protocol: await this.#target.session.protocol(this.#context({}), this.#call),
      name: this.#target.name,
      exist: this.#exist,
    });
  }

  /** Take one more. Returns a promise only when the caller has to wait. */
  push(entry: unknown): Promise<void> | undefined {
    try {
      this.#filling.push(entry);
    } catch (err) {
      throw err instanceof ValidationError ? err.under(`[${String(this.#next)}]`) : err;
    }
    this.#next++;
    if (this.#filling.count >= this.#chunk) return this.#send();
    // The clock is read every few entries; an iterable that is slow itself is held to the same slices.
    if ((this.#next & 15) === 0 && this.#slice.over) return this.#rest();
    return undefined;
  }

  async finish(): Promise<BulkResult> {
    if (this.#filling.count > 0) await this.#send();
    await this.#flight;
    return { applied: this.#applied, failures: this.#failures };
  }

  /** Wait for the chunk that is with the kernel. @throws what it was refused for. */
  landed(): Promise<void> {
    return this.#flight;
  }

  async #rest(): Promise<void> {
    await this.#slice.rest();
    this.#options.signal?.throwIfAborted();
  }

  /** Hand the filled arena over as soon as the previous one is settled; go on filling the other. */
  async #send(): Promise<void> {
    await this.#flight;
    if (this.#slice.over) await this.#slice.rest();
    this.#options.signal?.throwIfAborted();
    const arena = this.#filling;
    const base = this.#next - arena.count;
    this.#filling = this.#spare;
    this.#spare = arena;
    this.#filling.reset();
    this.#chunk = Math.min(LAST_CHUNK, this.#chunk * 2);
    this.#flight = this.#run(arena, base);
    // Its outcome is taken by the next #send, by finish() or by landed(), which may be later than the rejection.
    this.#flight.catch(() => undefined);
  }

  async #run(arena: EntryArena, base: number): Promise<void> {
    const channel = await this.#target.session.channel();
    let from = 0;
    while (from < arena.count) {
      const reply = await channel.run(
        { shape: 'SetEntry', records: arena.records(from), head: this.#head, stopOnError: this.#stop },
        this.#call,
      );
      await this.#account(reply, arena, base, from);
      this.#settled = base + from + reply.settled;
      if (from + reply.settled < arena.count && !(reply.overrun && this.#exist && reply.settled > 0)) {
        throw ipsetError(-105, this.#context({ position: this.#settled, applied: this.#applied }));
      }
      // Replies were dropped. With `exist` the rest can be sent again whatever became of it.
      from += reply.settled;
    }
    this.#options.onProgress?.(this.#settled);
  }

  async #account(reply: Reply, arena: EntryArena, base: number, from: number): Promise<void> {
    const count = refusalCount(reply);
    for (let n = 0; n < count; n++) {
      const refusal = refusalAt(reply, n);
      if (refusal === undefined) break;
      const index = base + from + refusal.index;
      const entry = arena.text(from + refusal.index);
      const ofSet = refusal.wholeMessage || isMissingSet(refusal);
      const make = (): NetlinkError =>
        refusalError(
          refusal,
          this.#context(
            { position: index, applied: this.#applied + refusal.index - n },
            ofSet ? undefined : entry,
          ),
        );
      if (this.#stop || ofSet) throw make();
      this.#failures.push(this.#refused(refusal, index, entry));
      if ((n & 15) === 0 && this.#slice.over) await this.#slice.rest();
    }
    this.#applied += Math.max(0, reply.settled - count);
    if (reply.error !== 0) {
      throw ipsetError(
        reply.error,
        this.#context({ position: base + from + reply.settled, applied: this.#applied }),
      );
    }
  }

  #refused(refusal: Refusal, index: number, entry: string): EntryFailure {
    return new Refused(index, entry, () => refusalError(refusal, this.#context({ position: index }, entry)));
  }

  #context(where: { position?: number; applied?: number }, entry?: string): AnswerContext {
    const { name, layout } = this.#target;
    return {
      operation: this.#operation,
      target: entry === undefined ? `set ${name}` : `set ${name} entry ${entry}`,
      type: layout.spec.name,
      ...where,
    };
  }
}
