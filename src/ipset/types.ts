import type { Family } from '../net/address.js';
import type { NetlinkError, ValidationError } from '../errors.js';
import type { CallOptions, ChannelCounters } from '../netlink/types.js';

/** Protocol part of an entry: a name, or `tcp` etc. by IANA number 1–255 (ICMP and protocols without ports are by number). */
export type PortProtocol = 'tcp' | 'udp' | 'sctp' | 'udplite' | number;

/** Element of each set type, as an object. Ports are numbers 0–65535. */
export interface EntryOf {
  'hash:ip': { readonly ip: string };
  'hash:ip,port': { readonly ip: string; readonly protocol?: PortProtocol; readonly port: number };
  'hash:ip,port,ip': {
    readonly ip: string;
    readonly protocol?: PortProtocol;
    readonly port: number;
    readonly ip2: string;
  };
  'hash:ip,port,net': {
    readonly ip: string;
    readonly protocol?: PortProtocol;
    readonly port: number;
    /** A network or one address; `/0` is refused by the kernel: store its two halves. */
    readonly net: string;
    /** An exception from the wider networks of the set: what it covers does not match. Default false. */
    readonly nomatch?: boolean;
  };
  'bitmap:port': { readonly port: number };
}

/** Set types that this package speaks. */
export type SetType = keyof EntryOf;

/** An entry to add, delete or look for: an object, or the text that `ipset save` writes (`10.0.0.1,tcp:80`). */
export type EntryInput<T extends SetType> = EntryOf[T] | string;

/** An entry as it was listed: the object, with the canonical text that `ipset save` prints. */
export type Entry<T extends SetType> = EntryOf[T];

/** Options of `create` for the types above. */
export interface CreateOptions<T extends SetType = SetType> {
  /** Hash types; default `inet`. */
  readonly family?: T extends 'bitmap:port' ? never : Family;
  /** Hash types: initial size, rounded up to a power of two, at least 64; default 1024. */
  readonly hashSize?: number;
  /** Hash types: most entries; default 65 536. */
  readonly maxElements?: number;
  /** `bitmap:port`: first and last port, inclusive; required there. */
  readonly range?: T extends 'bitmap:port' ? readonly [number, number] : never;
}

/** Options of a set that give its entries more than a key, by the names of the ipset tool. */
export type SetExtension = 'counters' | 'comment' | 'forceadd' | 'skbinfo';

/** Parameters of a set as the kernel reports them. */
export interface SetHeader<T extends SetType = SetType> {
  readonly name: string;
  readonly type: T;
  /** Undefined for types without a family (`bitmap:port`). */
  readonly family?: Family;
  readonly revision: number;
  readonly hashSize?: number;
  readonly maxElements?: number;
  readonly range?: readonly [number, number];
  /** Hash types: entries per bucket; from the revision that reports it on (kernel 5.11). */
  readonly bucketSize?: number;
  /** Hash types: seed of the hash; as {@link bucketSize}. */
  readonly initialValue?: number;
  /** Prefix length that addresses are masked with, of sets that other programs made so. */
  readonly netmask?: number;
  /** The same as a mask. */
  readonly bitmask?: string;
  /** Present when entries time out: the default in seconds, 0 for none. */
  readonly timeoutSeconds?: number;
  /** What the entries carry besides; this package makes sets without. */
  readonly extensions?: readonly SetExtension[];
  /** Firewall rules and `list:set` members that name it. */
  readonly references: number;
  /** Bytes. */
  readonly memorySize: number;
  readonly elements: number;
}

/** An entry that was refused. */
export interface EntryFailure {
  /** Index in the input, from 0; of a text the index of the line. */
  readonly index: number;
  /** Of a text: the number of the line, from 1. */
  readonly line?: number;
  /** The entry as text. */
  readonly entry: string;
  /** A ValidationError when it is malformed, else what the kernel said. */
  readonly error: NetlinkError | ValidationError;
}

/**
 * Entries of a bulk change, or text with one entry a line: a string, bytes in UTF-8, or an iterable, async iterable or stream of pieces
 * of bytes (files, sockets, `fetch`), cut anywhere. Strings inside an iterable are entries, not text, unless it is a stream with an
 * encoding. In text, lines end with LF or CR LF; blank lines and comments are passed over: from `#` or `;` on, at the start of a line or
 * behind white space.
 */
export type BulkInput<T extends SetType> =
  | Iterable<EntryInput<T>>
  | AsyncIterable<EntryInput<T>>
  | string
  | Uint8Array
  | Iterable<Uint8Array>
  | AsyncIterable<Uint8Array>;

/** Options of bulk changes. */
export interface BulkOptions extends CallOptions {
  /** Adding what is there, or deleting what is not, is fine. Default true for bulk calls. */
  readonly exist?: boolean;
  /** `stop` (default): the first refusal or malformed entry ends the call with an error; what was before it stays. `continue` collects them. */
  readonly onError?: 'stop' | 'continue';
  /** Called after each chunk with the number of entries settled so far. */
  readonly onProgress?: (settled: number) => void;
}

/** What a bulk change did. */
export interface BulkResult {
  /** Entries that the kernel accepted (with `exist`, those that were there already included). */
  readonly applied: number;
  /** With `onError: 'continue'`: the refused and malformed ones, in order within each chunk. */
  readonly failures: readonly EntryFailure[];
}

/** A set by name, with what its header said when it was opened. Verbs go by name, as the kernel does. */
export interface IPSet<T extends SetType = SetType> {
  readonly name: string;
  readonly type: T;
  readonly header: SetHeader<T>;
  /** True when it was added, false when it was there. @throws SetFullError, NotFoundError (the set), ValidationError. */
  add(entry: EntryInput<T>, options?: CallOptions): Promise<boolean>;
  /** True when it was deleted, false when it was not there. */
  delete(entry: EntryInput<T>, options?: CallOptions): Promise<boolean>;
  /** True when the set matches the entry. */
  has(entry: EntryInput<T>, options?: CallOptions): Promise<boolean>;
  /**
   * Add many, pipelined, in chunks; never holds the event loop long, so any iterable will do. Text is read on a worker thread. Not
   * atomic: what stands before a refusal stays.
   * @throws NetlinkError with `position` and `applied` at the first refusal, ValidationError at the first malformed entry, with the
   * path `[index]…` or `line 17…`; with `onError: 'continue'` neither: both are in the result. A set that is gone ends the call either way.
   */
  addAll(entries: BulkInput<T>, options?: BulkOptions): Promise<BulkResult>;
  /** Delete many; as {@link addAll}. */
  deleteAll(entries: BulkInput<T>, options?: BulkOptions): Promise<BulkResult>;
  /** All entries, in the kernel's order (unstable for hashes), complete whatever the size. */
  entries(options?: CallOptions): AsyncIterable<Entry<T>>;
  /** All entries as canonical text, sorted. */
  texts(options?: CallOptions): Promise<string[]>;
  /** Number of entries, from a fresh header. */
  size(options?: CallOptions): Promise<number>;
  flush(options?: CallOptions): Promise<void>;
  /** @throws BusyError while a rule or a list refers to it. */
  destroy(options?: CallOptions & { readonly ifExists?: boolean }): Promise<boolean>;
  [Symbol.asyncIterator](): AsyncIterator<Entry<T>>;
}

/** A set with its entries as canonical text; what plans compare. */
export interface SetSnapshot {
  readonly header: SetHeader;
  readonly entries: readonly string[];
}

/** The sets of one network namespace. */
export interface Ipset {
  /** Versions of the kernel's ipset protocol. */
  protocol(options?: CallOptions): Promise<{ readonly current: number; readonly minimum: number }>;
  /** Which set types the kernel offers, with the revisions of each; undefined for a type that it lacks. */
  types(
    options?: CallOptions,
  ): Promise<Readonly<Record<SetType, { readonly min: number; readonly max: number } | undefined>>>;
  /** Create a set; it must be new. @throws AlreadyExistsError, UnsupportedError when the kernel lacks the type, ValidationError. */
  create<T extends SetType>(
    name: string,
    type: T,
    options?: CreateOptions<T> & CallOptions,
  ): Promise<IPSet<T>>;
  /**
   * Create it, or check that what exists has this type, family and range (the kernel itself does not compare the family).
   * @throws SetTypeMismatchError
   */
  ensure<T extends SetType>(
    name: string,
    type: T,
    options?: CreateOptions<T> & CallOptions,
  ): Promise<{ readonly set: IPSet<T>; readonly created: boolean }>;
  /** Undefined when there is none of this name. @throws SetTypeMismatchError when `type` is given and differs. */
  get<T extends SetType = SetType>(
    name: string,
    type?: T,
    options?: CallOptions,
  ): Promise<IPSet<T> | undefined>;
  /** Headers of all sets of known types, sorted by name; no entries. */
  list(options?: CallOptions & { readonly prefix?: string }): Promise<IPSet[]>;
  /** Sets with their entries, in one listing. */
  snapshot(options?: CallOptions & { readonly prefix?: string }): Promise<SetSnapshot[]>;
  /** @throws BusyError, NotFoundError. False only with `ifExists`. */
  destroy(name: string, options?: CallOptions & { readonly ifExists?: boolean }): Promise<boolean>;
  flush(name: string, options?: CallOptions): Promise<void>;
  rename(from: string, to: string, options?: CallOptions): Promise<void>;
  /** Exchange contents; references stay with the names. Atomic for users of the sets. */
  swap(a: string, b: string, options?: CallOptions): Promise<void>;
  /** System calls and messages so far; zeros before first use. */
  counters(): ChannelCounters;
}
