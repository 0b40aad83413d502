import { ClosedError } from '../errors.js';
import type { Addon, NativeHandle, NativeOpenOptions, NativeReply } from '../native/addon.js';
import { loadAddon } from '../native/load.js';
import { ConntrackOp, IpvsOp, LinkOp, SetCommand, SetEntry } from '../native/records.js';
import { mergeReplies, type PartialReply } from './merge.js';
import { openFailure } from './open-failure.js';
import { Queue } from './queue.js';
import type {
  CallOptions,
  Channel,
  ChannelCounters,
  DumpRequest,
  ListingReply,
  LoadRequest,
  Reply,
  RequestShape,
  RunRequest,
  Subsystem,
  TextRequest,
} from './types.js';

/** Where to open a channel: the caller's own network namespace, or the one of a file or descriptor. */
export type ChannelOptions = NativeOpenOptions;

/**
 * Size of each kind of record, and how many go to the worker thread at once: some ten milliseconds of kernel time, after which a signal
 * is looked at and the thread is free for others.
 */
const RECORDS: Readonly<Record<RequestShape, { readonly size: number; readonly chunk: number }>> = {
  IpvsOp: { size: IpvsOp.size, chunk: 4096 },
  SetCommand: { size: SetCommand.size, chunk: 4096 },
  SetEntry: { size: SetEntry.size, chunk: 16_384 },
  LinkOp: { size: LinkOp.size, chunk: 4096 },
  ConntrackOp: { size: ConntrackOp.size, chunk: 4096 },
};

const NO_HEAP: Uint8Array = new Uint8Array(0);

/**
 * Open the sockets of a kernel subsystem. Sockets for listings are opened when they are first needed, in the same namespace.
 *
 * @param addon the native part; loaded when absent.
 * @throws AddonUnavailableError when the addon cannot be loaded, UnsupportedError when the kernel lacks the subsystem,
 * NotFoundError when the namespace does not exist, PermissionError when it cannot be entered, another NetlinkError otherwise.
 */
export async function openChannel(
  subsystem: Subsystem,
  options: ChannelOptions = {},
  addon: Addon = loadAddon(),
): Promise<Channel> {
  const reply = await addon.open(subsystem, options);
  if ('step' in reply) throw openFailure(subsystem, options, reply);
  return new NativeChannel(subsystem, addon, reply.handle);
}

class NativeChannel implements Channel {
  readonly subsystem: Subsystem;
  readonly #addon: Addon;
  readonly #handle: NativeHandle;
  readonly #queue = new Queue();
  #closing: Promise<void> | undefined;

  constructor(subsystem: Subsystem, addon: Addon, handle: NativeHandle) {
    this.subsystem = subsystem;
    this.#addon = addon;
    this.#handle = handle;
  }

  run(request: RunRequest, options: CallOptions = {}): Promise<NativeReply> {
    return this.#call(() => this.#runInChunks(request, options.signal), options.signal);
  }

  dump(request: DumpRequest, options: CallOptions = {}): Promise<ListingReply> {
    return this.#call(async () => {
      const reply = await (request.inParts === true
        ? this.#addon.dump(this.#handle, request.shape, request.record, { inParts: true })
        : this.#addon.dump(this.#handle, request.shape, request.record));
      options.signal?.throwIfAborted();
      const { parts, ...rest } = reply;
      return parts === undefined ? rest : { ...rest, parts: this.#decoded([...parts]) };
    }, options.signal);
  }

  load(request: LoadRequest, options: CallOptions = {}): Promise<Reply> {
    const { text, grammar, head, stopOnError = false } = request;
    return this.#call(
      () => this.#addon.load(this.#handle, text, grammar, { stopOnError, head }),
      options.signal,
    );
  }

  parse({ text, grammar }: TextRequest): Promise<Reply> {
    return this.#addon.parse(text, grammar);
  }

  counters(): ChannelCounters {
    return this.#addon.counters(this.#handle);
  }

  close(): Promise<void> {
    this.#closing ??= this.#queue.drained().then(() => this.#addon.close(this.#handle));
    return this.#closing;
  }

  /** A part is let go of before the next one is decoded. */
  *#decoded(parts: Uint8Array[]): Generator<Reply, undefined> {
    for (let part = parts.shift(); part !== undefined; part = parts.shift()) {
      yield this.#addon.decode(this.subsystem, part);
    }
    return undefined;
  }

  #call<T>(task: () => Promise<T>, signal: AbortSignal | undefined): Promise<T> {
    if (this.#closing !== undefined) return Promise.reject(new ClosedError(`the ${this.subsystem} channel`));
    return this.#queue.add(task, signal);
  }

  async #runInChunks(request: RunRequest, signal: AbortSignal | undefined): Promise<NativeReply> {
    const { size, chunk } = RECORDS[request.shape];
    const { shape, records, heap = NO_HEAP, head, stopOnError = false } = request;
    const options = { stopOnError, ...(head === undefined ? {} : { head }) };
    const step = size * chunk;
    const parts: PartialReply[] = [];
    let at = 0;
    do {
      const part = at === 0 && records.length <= step ? records : records.subarray(at, at + step);
      const reply = await this.#addon.run(this.#handle, shape, part, heap, options);
      signal?.throwIfAborted();
      parts.push({ first: at / size, reply });
      if (reply.settled < part.length / size || reply.error !== 0) break;
      at += step;
    } while (at < records.length);
    return mergeReplies(parts);
  }
}
