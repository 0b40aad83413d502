import type { Family } from '../net/address.js';
import type { NetlinkError, ValidationError } from '../errors.js';
import type { CallOptions, ChannelCounters } from '../netlink/types.js';

/** Protocol part of an entry: a name, or `tcp` etc. by IANA number 1–255 (ICMP and protocols without ports are by number). */
export type PortProtocol = 'tcp' | 'udp' | 'sctp' | 'udplite' | number;

/**
 * What an entry can carry besides its key, when the set was created with the option in parentheses. Listings of such a set give
 * `timeout`, `packets` and `bytes` always, the others where they are not empty.
 */
export interface EntryOptions<N extends number | bigint = number> {
  /** Seconds until the entry expires, 0 for never, at most 2 147 483; the set's default when absent. In listings: what is left. (`timeout`) */
  readonly timeout?: number;
  /** Packets that matched. (`counters`) */
  readonly packets?: N;
  /** Bytes of these packets. (`counters`) */
  readonly bytes?: N;
  /** Up to 255 bytes of UTF-8 without double quotes and line breaks, which the text form cannot carry. (`comment`) */
  readonly comment?: string;
  /** Mark that the SET target gives to packets: `0x1`, or `0x1/0xff` with a mask. (`skbinfo`) */
  readonly skbmark?: string;
  /** Traffic class that the SET target gives to packets, major:minor in hexadecimal: `1:a0`. (`skbinfo`) */
  readonly skbprio?: string;
  /** Transmit queue that the SET target gives to packets, 0–65535. (`skbinfo`) */
  readonly skbqueue?: number;
}

/** Entries of types that hold networks can be exceptions. */
export interface Nomatch {
  /** An exception from the wider networks of the set: what it covers does not match. Default false. */
  readonly nomatch?: boolean;
}

/** Protocol and port. */
export interface ProtocolPort {
  /** Default `tcp`. */
  readonly protocol?: PortProtocol;
  /** 0–65535. For ICMP in `inet` and ICMPv6 in `inet6`: type × 256 + code. */
  readonly port: number;
  /** Input only: the last port of a range that starts at `port`. */
  readonly portTo?: number;
}

/**
 * Element of each set type, as an object. Addresses named `ip` (but not those of `*,mac`), `net` and `net2` can be IPv4 ranges
 * in input, `10.0.0.1-10.0.0.9`, and `ip` a network, which stands for all its addresses; the kernel makes elements of them. Networks
 * are `address/length`, or one address.
 */
export interface EntryOf<N extends number | bigint = number> {
  'bitmap:ip': EntryOptions<N> & { readonly ip: string };
  'bitmap:ip,mac': EntryOptions<N> & {
    readonly ip: string;
    /** Without it the first packet from the address fills it in. */
    readonly mac?: string;
  };
  'bitmap:port': EntryOptions<N> & {
    readonly port: number;
    /** Input only: the last port of a range that starts at `port`. */
    readonly portTo?: number;
  };
  'hash:ip': EntryOptions<N> & { readonly ip: string };
  'hash:ip,mac': EntryOptions<N> & { readonly ip: string; readonly mac: string };
  'hash:ip,mark': EntryOptions<N> & {
    readonly ip: string;
    /** 0–0xffffffff; masked with the set's `markMask`. */
    readonly mark: number;
  };
  'hash:ip,port': EntryOptions<N> & ProtocolPort & { readonly ip: string };
  'hash:ip,port,ip': EntryOptions<N> & ProtocolPort & { readonly ip: string; readonly ip2: string };
  'hash:ip,port,net': EntryOptions<N> &
    ProtocolPort &
    Nomatch & {
      readonly ip: string;
      /** A network or one address; `/0` is refused by the kernel: store its two halves. */
      readonly net: string;
    };
  'hash:mac': EntryOptions<N> & {
    /** Six hexadecimal bytes joined by colons. */
    readonly mac: string;
  };
  'hash:net': EntryOptions<N> &
    Nomatch & {
      /** A network or one address; `/0` is refused by the kernel: store its two halves. */
      readonly net: string;
    };
  'hash:net,iface': EntryOptions<N> &
    Nomatch & {
      /** A network or one address; `/0` for all. */
      readonly net: string;
      /** Name of an interface, at most 15 bytes; it need not exist. */
      readonly iface: string;
      /** The interface is a port of a bridge. Default false. */
      readonly physdev?: boolean;
      /** `iface` is the beginning of names. Kernel 5.5. Default false. */
      readonly wildcard?: boolean;
    };
  'hash:net,net': EntryOptions<N> & Nomatch & { readonly net: string; readonly net2: string };
  'hash:net,port': EntryOptions<N> & ProtocolPort & Nomatch & { readonly net: string };
  'hash:net,port,net': EntryOptions<N> &
    ProtocolPort &
    Nomatch & {
      /** A network or one address; `/0` for all. */
      readonly net: string;
      /** The same. */
      readonly net2: string;
    };
  'list:set': EntryOptions<N> & {
    /** Name of a set that is no `list:set`. */
    readonly set: string;
    /** Input only: the member that it is put in front of. In `has` and `delete`: only if it stands there. */
    readonly before?: string;
    /** Input only: the member that it is put behind. In `has` and `delete`: only if it stands there. */
    readonly after?: string;
  };
}

/** All set types of the kernel. */
export type SetType = keyof EntryOf;

/**
 * An entry to add, delete or look for: an object, or text as `ipset save` writes it and ipset(8) reads it (`10.0.0.1,tcp:80`,
 * `10.0.0.0/8 timeout 60 nomatch comment "lab"`, `10.0.0.1-10.0.0.9,udp:53-54`).
 */
export type EntryInput<T extends SetType> = EntryOf<number | bigint>[T] | string;

/** An entry as it was listed. */
export type Entry<T extends SetType, N extends number | bigint = number> = EntryOf<N>[T];

/** Types whose sets are made for one family or the other. */
export type TypeWithFamily = Exclude<SetType, `bitmap:${string}` | 'hash:mac' | 'list:set'>;
/** Types that store addresses by bits, so that they have a range. */
export type BitmapType = Extract<SetType, `bitmap:${string}`>;
/** Types that store entries in a hash. */
export type HashType = Extract<SetType, `hash:${string}`>;

/**
 * Options of `create`, by type: those that a type does not have are `never`. Names are those of ipset(8), except `hashSize`
 * (hashsize), `maxElements` (maxelem), `markMask` (markmask), `bucketSize` (bucketsize) and `initialValue` (initval).
 */
export interface CreateOptions<T extends SetType = SetType> {
  /** Hash types but `hash:mac`; default `inet`. */
  readonly family?: T extends TypeWithFamily ? Family : never;
  /**
   * Bitmap types, required: the first and last port or address, inclusive; for addresses also text, `10.0.0.0-10.0.0.9` or
   * `10.0.0.0/24`. At most 65 536 entries.
   */
  readonly range?: T extends 'bitmap:port'
    ? readonly [number, number]
    : T extends BitmapType
      ? string | readonly [string, string]
      : never;
  /** Hash types: initial size, rounded up to a power of two, at least 64; default 1024. */
  readonly hashSize?: T extends HashType ? number : never;
  /** Hash types: most entries; default 65 536. */
  readonly maxElements?: T extends HashType ? number : never;
  /** Prefix length that addresses are masked with. `bitmap:ip`: 1–32; `hash:ip`, and `hash:ip,port` and `hash:net,net` from kernel 6.2 on: 1–32 or 1–128. */
  readonly netmask?: T extends 'bitmap:ip' | 'hash:ip' | 'hash:ip,port' | 'hash:net,net' ? number : never;
  /** The same as any mask, written as an address; excludes `netmask`. Kernel 6.2. */
  readonly bitmask?: T extends 'hash:ip' | 'hash:ip,port' | 'hash:net,net' ? string : never;
  /** `hash:ip,mark`: marks are masked with it, 1–0xffffffff; default all bits. */
  readonly markMask?: T extends 'hash:ip,mark' ? number : never;
  /** `list:set`: how many members are expected, at least 4, default 8. Current kernels do not enforce it. */
  readonly size?: T extends 'list:set' ? number : never;
  /** Entries expire: their default in seconds, 0 for never, at most 2 147 483. */
  readonly timeout?: number;
  /** Entries count packets and bytes. */
  readonly counters?: boolean;
  /** Entries can have comments. */
  readonly comment?: boolean;
  /** Hash types: when full, a new entry evicts another one of the same bucket, if that has one. */
  readonly forceadd?: T extends HashType ? boolean : never;
  /** Entries can have a mark, a class and a queue for the SET target. */
  readonly skbinfo?: boolean;
  /** Hash types: most entries of a bucket, 2–12, odd rounded up; default 12. Kernel 5.11. */
  readonly bucketSize?: T extends HashType ? number : never;
  /** Hash types: seed of the hash, 0–0xffffffff; random by default. Kernel 5.11. */
  readonly initialValue?: T extends HashType ? number : never;
}

/** Names of the options of `create` that describe the set. */
export type CreateOptionName = keyof CreateOptions;

/**
 * With which revision of its type a set is created. `lowest` (default): the lowest that knows the options given, so that older tools
 * can list the set. `newest`: the kernel's highest, with which it reports all it can. Or an exact number.
 */
export interface RevisionOption {
  readonly revision?: 'lowest' | 'newest' | number;
}

/** Parameters of a set as the kernel reports them, under the names of {@link CreateOptions}. */
export interface SetHeader<T extends SetType = SetType> {
  readonly name: string;
  readonly type: T;
  /** Undefined for types without a family (`bitmap:port`, `hash:mac`, `list:set`). */
  readonly family?: Family;
  readonly revision: number;
  /** The current size of the hash. */
  readonly hashSize?: number;
  readonly maxElements?: number;
  /** Bitmap types: the first and last port or address. */
  readonly range?: T extends 'bitmap:port'
    ? readonly [number, number]
    : T extends BitmapType
      ? readonly [string, string]
      : never;
  /** Prefix length that addresses are masked with; absent when they are not. */
  readonly netmask?: number;
  /** The same as a mask. */
  readonly bitmask?: string;
  readonly markMask?: number;
  readonly size?: number;
  /** Present when entries time out: the default in seconds, 0 for never. */
  readonly timeout?: number;
  readonly counters?: true;
  readonly comment?: true;
  readonly forceadd?: true;
  readonly skbinfo?: true;
  /** Hash types: entries per bucket; from the revision that reports it on (kernel 5.11). */
  readonly bucketSize?: number;
  /** Hash types: seed of the hash; as {@link bucketSize}. */
  readonly initialValue?: number;
  /** Number by which rules know the set, of the namespace; with protocol 7 (kernel 4.20). */
  readonly index?: number;
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

/** Options of listings. */
export interface EntryReadOptions extends CallOptions {
  /** 64-bit counters as `bigint`. Default false: `number`, exact up to 2^53. */
  readonly bigint?: boolean;
}

/** Options of {@link IPSet.replace}. */
export interface ReplaceOptions<T extends SetType = SetType> extends CallOptions {
  /**
   * `auto` (default): change the set itself when few entries differ (at most 64, or a quarter of them), else fill another set and swap.
   * `delta` and `swap` choose. A change of parameters or of a `list:set` always swaps.
   */
  readonly strategy?: 'auto' | 'delta' | 'swap';
  /** Parameters that the set gets; those that are not named stay as they are. The family cannot change. */
  readonly parameters?: Omit<CreateOptions<T>, 'family'>;
}

/** An entry that holds an address: see {@link Ipset.which}. */
export interface WhichMatch {
  /** Name of the set. */
  readonly set: string;
  readonly type: SetType;
  readonly entry: Entry<SetType>;
  /** The same as `ipset save` prints it. */
  readonly text: string;
}

/** Options of {@link Ipset.ensure}. */
export type EnsureOptions<T extends SetType = SetType> = CreateOptions<T> &
  RevisionOption &
  CallOptions & {
    /**
     * What to do about a set whose parameters differ from those that are given here. `throw` (default): SetTypeMismatchError. `rebuild`:
     * make another set with these parameters and the same entries, and swap the two; rules keep referring to it. What others change
     * meanwhile is lost. Type, family and the range of a bitmap cannot be changed that way: they throw in any case.
     */
    readonly onMismatch?: 'throw' | 'rebuild';
  };

/** What {@link Ipset.ensure} found or made. */
export interface EnsureResult<T extends SetType = SetType> {
  readonly set: IPSet<T>;
  readonly created: boolean;
  /** It was there with other parameters and has the wanted ones now. */
  readonly rebuilt: boolean;
}

/** Options of {@link Ipset.replace}: the parameters of the set, and the way. */
export type ReplaceSetOptions<T extends SetType = SetType> = CreateOptions<T> &
  CallOptions &
  Pick<ReplaceOptions<T>, 'strategy'>;

/** What {@link Ipset.replace} did. */
export interface ReplaceSetResult<T extends SetType = SetType> extends ReplaceResult {
  readonly set: IPSet<T>;
  readonly created: boolean;
}

/** What {@link IPSet.replace} did. */
export interface ReplaceResult {
  /** Entries that were not there. */
  readonly added: number;
  /** Entries that were not wanted. */
  readonly removed: number;
  /** Entries that were there and stay. */
  readonly kept: number;
  /** Of those that stay: how many got other options, since the input named them. */
  readonly updated: number;
  /** `none`: everything was as it should be. `delta`: the set was changed. `swap`: another one took its place. */
  readonly way: 'none' | 'delta' | 'swap';
}

/** A set by name, with what its header said when it was opened. Verbs go by name, as the kernel does. */
export interface IPSet<T extends SetType = SetType> {
  readonly name: string;
  readonly type: T;
  readonly header: SetHeader<T>;
  /**
   * True when it was added, false when it was there (and then stays as it was). Of a range: true when all of it was new; otherwise what
   * was there takes the new options.
   * @throws SetFullError, NotFoundError (the set; for `list:set` also the member), ValidationError.
   */
  add(entry: EntryInput<T>, options?: CallOptions): Promise<boolean>;
  /** True when it was deleted, false when it was not there. */
  delete(entry: EntryInput<T>, options?: CallOptions): Promise<boolean>;
  /** True when the set matches the entry; for a set of networks, when one of them covers the address. @throws ValidationError for ranges. */
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
  entries(options: EntryReadOptions & { readonly bigint: true }): AsyncIterable<Entry<T, bigint>>;
  entries(options?: EntryReadOptions): AsyncIterable<Entry<T>>;
  /** All entries as canonical text with their options, as `ipset save` prints them; sorted, except the members of a `list:set`. */
  texts(options?: CallOptions): Promise<string[]>;
  /** As {@link entries}, up to 1024 at a time: less than half the time for a large set. */
  batches(options: EntryReadOptions & { readonly bigint: true }): AsyncIterable<Entry<T, bigint>[]>;
  batches(options?: EntryReadOptions): AsyncIterable<Entry<T>[]>;
  /**
   * Make the set hold just these entries, by the smallest change. Everything is read and checked first, so bad input changes nothing. What
   * stays keeps its timeout, counters, comment and the like, unless the input names them. With `delta`, entries are added before others
   * are removed, and a refusal takes back what was added; with `swap` all changes at once for those who use the set, rules keep referring
   * to it, and what others change between the listing and the swap is lost. Holds all entries in memory, outside of the V8 heap.
   * @throws ValidationError, SetFullError, NotFoundError (the set), BusyError when somebody keeps listing it.
   */
  replace(entries: BulkInput<T>, options?: ReplaceOptions<T>): Promise<ReplaceResult>;
  /** Number of entries, from a fresh header. */
  size(options?: CallOptions): Promise<number>;
  flush(options?: CallOptions): Promise<void>;
  /** @throws BusyError while a rule or a list refers to it. */
  destroy(options?: CallOptions & { readonly ifExists?: boolean }): Promise<boolean>;
  [Symbol.asyncIterator](): AsyncIterator<Entry<T>>;
}

/** A set with its entries as canonical text, as {@link IPSet.texts} gives them. */
export interface SetSnapshot {
  readonly header: SetHeader;
  readonly entries: readonly string[];
}

/** Which sets {@link Ipset.contents} is about. */
export interface ContentsOptions {
  /** Only this one. Default: all. */
  readonly name?: string;
  /** Leave the entries with the kernel. Default false. */
  readonly headersOnly?: boolean;
}

/** A set with its entries in the order of the kernel. */
export interface SetContents {
  readonly header: SetHeader;
  /** Entries that came; a set that is being changed may have said another number in its header. */
  readonly length: number;
  /** Entry `index` as text with its options, as `ipset save` prints it. Made when asked for. */
  readonly text: (index: number) => string;
}

/** The sets of one network namespace. */
export interface Ipset {
  /** Versions of the kernel's ipset protocol. */
  protocol(options?: CallOptions): Promise<{ readonly current: number; readonly minimum: number }>;
  /** Which set types the kernel offers, with the revisions of each; undefined for a type that it lacks. */
  types(
    options?: CallOptions,
  ): Promise<Readonly<Record<SetType, { readonly min: number; readonly max: number } | undefined>>>;
  /**
   * Create a set; it must be new.
   * @throws AlreadyExistsError, UnsupportedError when the kernel lacks the type, the family or a revision that an option needs,
   * ValidationError.
   */
  create<T extends SetType>(
    name: string,
    type: T,
    options?: CreateOptions<T> & RevisionOption & CallOptions,
  ): Promise<IPSet<T>>;
  /**
   * Create it, or check that what exists has this type and family and the parameters that are given; the kernel itself compares neither
   * family nor revision. The size of a hash is not compared, since it grows by itself.
   * @throws SetTypeMismatchError, unless `onMismatch` says `rebuild`
   */
  ensure<T extends SetType>(name: string, type: T, options?: EnsureOptions<T>): Promise<EnsureResult<T>>;
  /**
   * Make a set hold just these entries, with these parameters, as {@link IPSet.replace} does. One that does not exist is made: it appears
   * with all its entries, its hash sized for them.
   */
  replace<T extends SetType>(
    name: string,
    type: T,
    entries: BulkInput<T>,
    options?: ReplaceSetOptions<T>,
  ): Promise<ReplaceSetResult<T>>;
  /** Undefined when there is none of this name. @throws SetTypeMismatchError when `type` is given and differs. */
  get<T extends SetType = SetType>(
    name: string,
    type?: T,
    options?: CallOptions,
  ): Promise<IPSet<T> | undefined>;
  /** The parameters of a set, undefined when there is none of this name. One question, no entries. */
  header(name: string, options?: CallOptions): Promise<SetHeader | undefined>;
  /** Number by which rules know the set, undefined when there is none of this name. @throws UnsupportedError before kernel 4.20. */
  byName(name: string, options?: CallOptions): Promise<number | undefined>;
  /** Name of the set with this number, undefined when there is none. @throws UnsupportedError before kernel 4.20. */
  byIndex(index: number, options?: CallOptions): Promise<string | undefined>;
  /** Names of all sets, sorted; the kernel is asked for nothing else. */
  names(options?: CallOptions & { readonly prefix?: string }): Promise<string[]>;
  /** All sets with their headers, sorted by name; no entries. */
  list(options?: CallOptions & { readonly prefix?: string }): Promise<IPSet[]>;
  /** Sets with their entries, in one listing. */
  snapshot(options?: CallOptions & { readonly prefix?: string }): Promise<SetSnapshot[]>;
  /**
   * Sets with their entries in one listing, in the order of the kernel (a `list:set` after its members): what `ipset save` shows.
   * Unlike {@link snapshot}, nothing is sorted, and no text is made that is not asked for.
   * @throws NotFoundError when there is no set of the name
   */
  contents(options?: CallOptions & ContentsOptions): Promise<SetContents[]>;
  /**
   * The sets that hold an address, with the entries that do, ordered by name. Looked at is the first part of entries, whether address or
   * network: of `hash:ip,port` all ports of the address are given. Where networks lie in each other the longest one counts, as for a
   * packet; when that is an exception (`nomatch`), there is no match. A `list:set` is given with each member that holds the address.
   * Reads the entries of every set of the family once; `prefix` spares those of other names.
   * @throws ValidationError
   */
  which(address: string, options?: CallOptions & { readonly prefix?: string }): Promise<WhichMatch[]>;
  /** @throws BusyError, NotFoundError. False only with `ifExists`. */
  destroy(name: string, options?: CallOptions & { readonly ifExists?: boolean }): Promise<boolean>;
  /** All sets of the namespace, or none of them. @throws BusyError when a rule refers to one. */
  destroyAll(options?: CallOptions): Promise<void>;
  flush(name: string, options?: CallOptions): Promise<void>;
  /** Remove the entries of all sets of the namespace. */
  flushAll(options?: CallOptions): Promise<void>;
  rename(from: string, to: string, options?: CallOptions): Promise<void>;
  /** Exchange contents; references stay with the names. Atomic for users of the sets. */
  swap(a: string, b: string, options?: CallOptions): Promise<void>;
  /** System calls and messages so far; zeros before first use. */
  counters(): ChannelCounters;
}
