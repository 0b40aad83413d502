import type { ChannelCounters, NativeReply, RequestShape, Subsystem } from '../native/addon.js';

export type { ChannelCounters, RequestShape, Subsystem } from '../native/addon.js';

/** What came back: see NativeReply. */
export type Reply = Omit<NativeReply, 'parts'>;

/** What a listing brought. */
export interface ListingReply extends Reply {
  /** Of a listing in parts: its tables are here, piece by piece, and each piece is decoded when it is asked for. */
  readonly parts?: Iterator<Reply, undefined>;
}

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
  readonly shape: 'IpvsOp' | 'SetCommand' | 'LinkOp' | 'ConntrackOp';
  /** One record that names what to list. */
  readonly record: Uint8Array;
  /** Hand a listing of sets over in parts where the channel can. The kernel is read to its end before anyway. Default false. */
  readonly inParts?: boolean;
}

/** Elements of one set as text: see {@link Channel.load}. */
export interface TextRequest {
  /** Lines in UTF-8. */
  readonly text: Uint8Array;
  /** One SetGrammar record. */
  readonly grammar: Uint8Array;
}

/** See {@link Channel.load}. */
export interface LoadRequest extends TextRequest {
  /** The SetCommand record that names the command and the set. */
  readonly head: Uint8Array;
  /** Stop at the first failing element. Default false. */
  readonly stopOnError?: boolean;
}

/**
 * One conversation with one kernel subsystem in one network namespace. The real one packs netlink on a worker thread; the fakes of
 * `ipvs/testing` answer the same records from memory. Calls are queued: one exchange at a time, in the order of the calls.
 */
export interface Channel {
  readonly subsystem: Subsystem;
  /** Send records as pipelined messages. Resolves with every outcome; kernel refusals are data, not rejections. */
  run(request: RunRequest, options?: CallOptions): Promise<Reply>;
  /** List. */
  dump(request: DumpRequest, options?: CallOptions): Promise<ListingReply>;
  /**
   * Read elements from text and send them, both off the JavaScript thread, up to the first line that is not plain: the reply's
   * `consumed` says where. Absent where the channel reads no text; all lines are the caller's then.
   */
  load?(request: LoadRequest, options?: CallOptions): Promise<Reply>;
  /** The same reading, into records. */
  parse?(request: TextRequest): Promise<Reply>;
  counters(): ChannelCounters;
  /** Waits for queued calls, then closes. Closing twice is fine. */
  close(): Promise<void>;
}

/** Opens the channel of a subsystem when it is first needed. */
export type OpenChannel = (subsystem: Subsystem) => Promise<Channel>;
