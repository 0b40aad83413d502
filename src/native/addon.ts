/**
 * The export table of the native addon: a dozen functions that move fixed-layout records (records.ts) and know no meaning.
 * They throw only on misuse of the seam (wrong lengths, closed handles); kernel refusals are data in the reply.
 */

/** Which kernel subsystem a channel talks to. */
export type Subsystem = 'ipvs' | 'ipset' | 'route' | 'conntrack';

/** Names of the request records, one per kind of run. */
export type RequestShape = 'IpvsOp' | 'SetCommand' | 'SetEntry' | 'LinkOp' | 'ConntrackOp';

/** An open channel: sockets in one network namespace. Closed by `close` or, when dropped, by the garbage collector. */
export interface NativeHandle {
  readonly __nativeHandle: never;
}

/** How to open a channel. */
export interface NativeOpenOptions {
  /** File of the network namespace (`/run/netns/blue`, `/proc/1/ns/net`); the caller's own namespace when absent. */
  readonly netnsPath?: string;
  /** The same as an open file descriptor. */
  readonly netnsFd?: number;
}

/** Result of opening: a handle, or the step that failed with its errno (negative). */
export type NativeOpenReply =
  | {
      readonly handle: NativeHandle;
      /** SO_RCVBUF and SO_SNDBUF in bytes as the kernel granted them. */
      readonly receiveBuffer: number;
      readonly sendBuffer: number;
    }
  | {
      /** `netns`: entering the namespace; `socket`: creating or binding; `family`: the generic netlink family is absent. */
      readonly step: 'netns' | 'socket' | 'family';
      readonly errno: number;
    };

/** Result of opening a file: its descriptor, or the step that failed with its errno (negative). */
export type NativeFileReply =
  { readonly fd: number } | { readonly step: 'netns' | 'file'; readonly errno: number };

/** Options of one run. */
export interface NativeRunOptions {
  /** Stop at the first failing record: what follows is not tried. Without it every record is tried. */
  readonly stopOnError: boolean;
  /** SetEntry runs only: the SetCommand record with command ADD, DEL or TEST, the set's name and `exist`. */
  readonly head?: Uint8Array;
}

/**
 * What came back. Record tables are present when the request can produce them (empty then), absent otherwise.
 * `failures` lists refused records by index, ascending.
 */
export interface NativeReply {
  /**
   * How many records, from the front, have a known outcome: all of them, fewer after a stop, or fewer when the kernel dropped
   * replies (`overrun`).
   */
  readonly settled: number;
  /** The kernel dropped replies (ENOBUFS): records from `settled` on may or may not have taken effect. */
  readonly overrun: boolean;
  /**
   * 0, or the negative errno for which the whole exchange ended early: a dump refused at its start (`-2` for a set that does not
   * exist), a send or receive that failed, `-1` when the kernel refused the buffer for lack of CAP_NET_ADMIN.
   */
  readonly error: number;
  /** A rtnetlink dump was marked inconsistent even after several restarts. */
  readonly interrupted: boolean;
  readonly failures: Uint8Array;
  /** Bytes of strings that records refer to. */
  readonly heap: Uint8Array;
  readonly IpvsService?: Uint8Array;
  readonly IpvsDest?: Uint8Array;
  readonly IpvsConfig?: Uint8Array;
  readonly IpvsDaemon?: Uint8Array;
  readonly SetHeader?: Uint8Array;
  readonly SetEntry?: Uint8Array;
  /** Of a load: one for each failure. Of a parse: one for each SetEntry. */
  readonly SetLine?: Uint8Array;
  /** Of a load or parse: bytes of the text that were read, up to its end or to the line that is left to the caller. */
  readonly consumed?: number;
  /** Of the same: lines in those bytes. */
  readonly lines?: number;
  /** Of a listing in parts: what the kernel sent, whole messages in each, for {@link Addon.decode}. Absent when it sent nothing. */
  readonly parts?: readonly Uint8Array[];
  readonly Link?: Uint8Array;
  readonly LinkAddress?: Uint8Array;
  readonly ConntrackFlow?: Uint8Array;
}

/** What a channel has done since it was opened. Counted where the system calls are made. */
export interface ChannelCounters {
  /** send calls */
  readonly sends: number;
  /** receive calls, those that found nothing included */
  readonly receives: number;
  /** netlink messages sent */
  readonly messages: number;
  readonly bytesSent: number;
  readonly bytesReceived: number;
  /** dumps started */
  readonly dumps: number;
  /** times that the kernel dropped replies (ENOBUFS) */
  readonly overruns: number;
  /** sockets open now */
  readonly sockets: number;
}

/** The addon's exports. */
export interface Addon {
  /** Open the sockets of a subsystem, on a thread of their own when a namespace is given. */
  open(subsystem: Subsystem, options: NativeOpenOptions): Promise<NativeOpenReply>;
  /**
   * Open a file that exists, inside a network namespace: what is below /proc/thread-self/net and /proc/sys/net depends on who opens it, and
   * stays the same for whoever reads it then. The descriptor belongs to the caller.
   */
  openFile(path: string, writing: boolean, options: NativeOpenOptions): Promise<NativeFileReply>;
  /** Close at once; running work ends first. Closing twice is fine. */
  close(handle: NativeHandle): Promise<void>;
  /**
   * Send records as pipelined messages and collect every outcome, on a worker thread. One run or dump at a time per handle
   * (the caller queues). The buffers belong to the call until its promise settles.
   */
  run(
    handle: NativeHandle,
    shape: RequestShape,
    records: Uint8Array,
    heap: Uint8Array,
    options: NativeRunOptions,
  ): Promise<NativeReply>;
  /**
   * Read lines of text, elements of one set by a SetGrammar record, and add or delete them (`options.head` says which), on a worker
   * thread. What follows the last line feed is a line too. A line that is not plain (a rare spelling, a name, a mistake) is not judged:
   * reading stops before it, and `consumed` says where.
   */
  load(
    handle: NativeHandle,
    text: Uint8Array,
    grammar: Uint8Array,
    options: NativeRunOptions,
  ): Promise<NativeReply>;
  /** The same reading, into SetEntry records, which are sent nowhere. */
  parse(text: Uint8Array, grammar: Uint8Array): Promise<NativeReply>;
  /**
   * Dump: `request` is one IpvsOp, SetCommand, LinkOp or ConntrackOp record that names what to list. Read to its end natively. `inParts` (sets
   * only): the kernel's messages as they came instead of records.
   */
  dump(
    handle: NativeHandle,
    shape: 'IpvsOp' | 'SetCommand' | 'LinkOp' | 'ConntrackOp',
    request: Uint8Array,
    options?: { readonly inParts: boolean },
  ): Promise<NativeReply>;
  counters(handle: NativeHandle): ChannelCounters;
  /**
   * Pure: the netlink messages that a run would send, sequence numbers from 1, family id 0x1d for generic netlink. Several
   * windows are joined.
   */
  encode(
    shape: RequestShape,
    records: Uint8Array,
    heap: Uint8Array,
    options: NativeRunOptions,
  ): { readonly bytes: Uint8Array; readonly messages: number };
  /** Pure: netlink datagrams (joined) as the kernel sent them, turned into records. */
  decode(subsystem: Subsystem, bytes: Uint8Array): NativeReply;
  /** Size and offsets of every record, for the twin test: `{ IpvsOp: { size, command: 0, … } }`. */
  layouts(): Readonly<Record<string, Readonly<Record<string, number>>>>;
  /** Versions of what the addon was built with and runs on. */
  versions(): { readonly libnl: string; readonly napi: number };
}
