import type { ChannelCounters, NativeReply, RequestShape, Subsystem } from '../native/addon.js';

export type { ChannelCounters, NativeReply as Reply, RequestShape, Subsystem } from '../native/addon.js';

/** Options that every call takes. */
export interface CallOptions {
  /**
   * Cancels the call. What has not been sent is not sent; what is with the kernel already is finished first. The promise rejects
   * with the signal's reason.
   */
  readonly signal?: AbortSignal;
}

/** Records to run: see {@link Channel.run}. */
export interface RunRequest {
  readonly shape: RequestShape;
  /** Whole records, one after the other. */
  readonly records: Uint8Array;
  /** Bytes of the strings that records refer to; none when absent. */
  readonly heap?: Uint8Array;
  /** For `SetEntry`: the SetCommand record that names the command and the set. */
  readonly head?: Uint8Array;
  /** Stop at the first failing record. Default false. */
  readonly stopOnError?: boolean;
}

/** A request for a listing: see {@link Channel.dump}. */
export interface DumpRequest {
  readonly shape: 'IpvsOp' | 'SetCommand' | 'LinkOp';
  /** One record that names what to list. */
  readonly record: Uint8Array;
}

/**
 * One conversation with one kernel subsystem in one network namespace. The real one packs netlink on a worker thread; the fakes of
 * `ipvs/testing` answer the same records from memory. Calls are queued: one exchange at a time, in the order of the calls.
 */
export interface Channel {
  readonly subsystem: Subsystem;
  /** Send records as pipelined messages. Resolves with every outcome; kernel refusals are data, not rejections. */
  run(request: RunRequest, options?: CallOptions): Promise<NativeReply>;
  /** List. */
  dump(request: DumpRequest, options?: CallOptions): Promise<NativeReply>;
  counters(): ChannelCounters;
  /** Waits for queued calls, then closes. Closing twice is fine. */
  close(): Promise<void>;
}

/** Opens the channel of a subsystem when it is first needed. */
export type OpenChannel = (subsystem: Subsystem) => Promise<Channel>;
