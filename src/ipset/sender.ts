import { ValidationError, type NetlinkError } from '../errors.js';
import { SetLine } from '../native/records.js';
import type { CallOptions, Channel, Reply } from '../netlink/types.js';
import type { EntryArena } from './arena.js';
import { Cmd, packCommand } from './command.js';
import { ipsetError, type AnswerContext } from './errors.js';
import { refusalAt, refusalCount } from './failure.js';
import type { EntryLayout } from './layout.js';
import { isMissingSet, refusalError, type Session } from './session.js';
import type { EntrySink, Position } from './sink.js';
import { Slice } from './slice.js';
import type { BulkOptions, BulkResult, EntryFailure } from './types.js';

/** Which set a load goes into. */
export interface LoadTarget {
  readonly session: Session;
  readonly name: string;
  readonly layout: EntryLayout;
}

/** A refusal whose error is built when it is looked at: a load that goes on can collect very many. */
class Refused implements EntryFailure {
  readonly index: number;
  readonly line?: number;
  readonly entry: string;
  readonly #make: () => NetlinkError;
  #error: NetlinkError | undefined;

  constructor({ index, line, entry }: Position, make: () => NetlinkError) {
    this.index = index;
    if (line !== undefined) this.line = line;
    this.entry = entry;
    this.#make = make;
  }

  get error(): NetlinkError {
    this.#error ??= this.#make();
    return this.#error;
  }
}

/**
 * The part of a bulk load that talks to the kernel: sends entries, counts what took effect, and turns refusals into errors or reports,
 * as the options say.
 */
export class Sender implements EntrySink {
  readonly #target: LoadTarget;
  readonly stop: boolean;
  readonly signal: AbortSignal | undefined;
  readonly slice: Slice = new Slice();
  readonly #operation: string;
  readonly #command: typeof Cmd.add | typeof Cmd.del;
  readonly #exist: boolean;
  readonly #onProgress: BulkOptions['onProgress'];
  readonly #call: CallOptions;
  readonly #failures: EntryFailure[] = [];
  #head: Uint8Array | undefined;
  #settled = 0;
  #applied = 0;

  constructor(verb: 'add' | 'delete', target: LoadTarget, options: BulkOptions) {
    this.#target = target;
    this.#operation = verb === 'add' ? 'ipset.add' : 'ipset.delete';
    this.#command = verb === 'add' ? Cmd.add : Cmd.del;
    this.#exist = options.exist ?? true;
    this.stop = (options.onError ?? 'stop') === 'stop';
    this.signal = options.signal;
    this.#onProgress = options.onProgress;
    this.#call = options.signal === undefined ? {} : { signal: options.signal };
  }

  get layout(): EntryLayout {
    return this.#target.layout;
  }

  get result(): BulkResult {
    return { applied: this.#applied, failures: this.#failures };
  }

  async send(
    arena: EntryArena,
    where: (index: number) => Position,
    malformed: readonly EntryFailure[] = [],
  ): Promise<void> {
    const before = this.#failures.length;
    const channel = await this.#channel();
    for (let from = 0; from < arena.count;) {
      const start = from;
      const reply = await channel.run(
        {
          shape: 'SetEntry',
          records: arena.records(from),
          heap: arena.heap,
          head: await this.#headRecord(),
          stopOnError: this.stop,
        },
        this.#call,
      );
      await this.#account(reply, (refused) => where(start + refused));
      from += reply.settled;
      if (from < arena.count) this.#checkLost(reply, () => where(from));
    }
    if (malformed.length > 0) {
      const all = [...this.#failures.splice(before), ...malformed];
      this.#failures.push(...all.sort((a, b) => a.index - b.index));
    }
    this.#onProgress?.(this.#settled);
  }

  async load(
    text: Uint8Array,
    grammar: Uint8Array,
    where: (number: number, offset: number) => Position,
  ): Promise<{ readonly consumed: number; readonly lines: number } | undefined> {
    const channel = await this.#channel();
    if (channel.load === undefined) return undefined;
    const reply = await channel.load(
      { text, grammar, head: await this.#headRecord(), stopOnError: this.stop },
      this.#call,
    );
    const { SetLine: table = new Uint8Array(), consumed = 0, lines = 0 } = reply;
    const places = new Uint32Array(table.buffer, table.byteOffset, table.byteLength >> 2);
    await this.#account(reply, (_, nth) => {
      const at = (nth * SetLine.size) >> 2;
      return where(places[at + (SetLine.number >> 2)] ?? 0, places[at + (SetLine.offset >> 2)] ?? 0);
    });
    if (reply.overrun) this.#checkLost(reply, () => where(lines, consumed));
    this.#onProgress?.(this.#settled);
    return { consumed, lines };
  }

  ended({ path, expected, received, cause }: ValidationError): ValidationError {
    return new ValidationError(path, expected, received, { cause, applied: this.#applied });
  }

  async #channel(): Promise<Channel> {
    this.signal?.throwIfAborted();
    return this.#target.session.channel();
  }

  async #headRecord(): Promise<Uint8Array> {
    this.#head ??= packCommand({
      command: this.#command,
      protocol: await this.#target.session.protocol(this.#context({}), this.#call),
      name: this.#target.name,
      exist: this.#exist,
    });
    return this.#head;
  }

  /** Replies were dropped. With `exist` the rest can be sent again whatever became of it. */
  #checkLost(reply: Reply, where: () => Position): void {
    if (reply.overrun && this.#exist && reply.settled > 0) return;
    throw ipsetError(-105, this.#context({ position: where().index, applied: this.#applied }));
  }

  /** `where`: by index among the records of the run, and by number among its refusals. */
  async #account(reply: Reply, where: (index: number, nth: number) => Position): Promise<void> {
    const count = refusalCount(reply);
    for (let n = 0; n < count; n++) {
      const refusal = refusalAt(reply, n);
      if (refusal === undefined) break;
      const position = where(refusal.index, n);
      const ofSet = refusal.wholeMessage || isMissingSet(refusal);
      if (this.stop || ofSet) {
        const applied = this.#applied + refusal.index - n;
        throw refusalError(
          refusal,
          this.#context({ position: position.index, applied }, ofSet ? undefined : position),
        );
      }
      const make = (): NetlinkError =>
        refusalError(refusal, this.#context({ position: position.index }, position));
      this.#failures.push(new Refused(position, make));
      if ((n & 15) === 0 && this.slice.over) await this.slice.rest();
    }
    this.#settled += reply.settled;
    this.#applied += Math.max(0, reply.settled - count);
    if (reply.error !== 0) {
      throw ipsetError(reply.error, this.#context({ applied: this.#applied }));
    }
  }

  #context(numbers: { position?: number; applied?: number }, at?: Position): AnswerContext {
    const { name, layout } = this.#target;
    const line = at?.line === undefined ? '' : ` line ${String(at.line)}`;
    return {
      operation: this.#operation,
      target: at === undefined ? `set ${name}` : `set ${name}${line} entry ${at.entry}`,
      type: layout.spec.name,
      ...numbers,
    };
  }
}
