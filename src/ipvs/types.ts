import type { Family } from '../net/address.js';
import type { Protocol } from '../net/protocol.js';
import type { CallOptions, ChannelCounters } from '../netlink/types.js';
import type { NetlinkError } from '../errors.js';

/**
 * Identity of a virtual server as text: `tcp://10.0.0.1:80`, `udp://[2001:db8::1]:53`, `sctp://…`, and for servers by firewall
 * mark `fwmark://7` (IPv4) and `fwmark6://7` (IPv6). Canonical: lower case, RFC 5952 addresses.
 */
export type VirtualServerUrl = `${Protocol}://${string}` | `fwmark://${string}` | `fwmark6://${string}`;

/** Identity of a virtual server by address. */
export interface AddressIdentity {
  readonly protocol: Protocol;
  readonly address: string;
  /** 0 means all ports and is useful for persistent servers only. */
  readonly port: number;
}

/** Identity of a virtual server by firewall mark. */
export interface FwmarkIdentity {
  /** 1 to 2^32-1; the kernel takes 0 for an address. */
  readonly fwmark: number;
  /** Default `inet`. */
  readonly family?: Family;
}

/** Whatever names a virtual server: a URL in any spelling, an identity, or a {@link VirtualServer}. */
export type VirtualServerRef = string | AddressIdentity | FwmarkIdentity | { readonly url: VirtualServerUrl };

/** Schedulers of the kernel; any other name is passed on and the kernel asked for its module `ip_vs_NAME`. */
export type Scheduler =
  | 'rr'
  | 'wrr'
  | 'lc'
  | 'wlc'
  | 'lblc'
  | 'lblcr'
  | 'dh'
  | 'sh'
  | 'sed'
  | 'nq'
  | 'fo'
  | 'ovf'
  | 'mh'
  | 'twos'
  | 'none'
  | (string & {});

/** Meaning of a scheduler's flag bits; `sh` and `mh` know `fallback` (0x8) and `port` (0x10). `raw` adds any of 0x8, 0x10, 0x20. */
export interface SchedulerFlags {
  readonly fallback?: boolean;
  readonly port?: boolean;
  readonly raw?: number;
}

/** Persistence: a client keeps its real server for `timeout` seconds. */
export interface Persistence {
  /** Seconds, 1 to 2 678 400 (31 days). */
  readonly timeout: number;
  /** Granularity: dotted mask for IPv4 (default `255.255.255.255`), prefix length 1–128 for IPv6 (default 128). */
  readonly netmask?: string | number;
  /** Persistence engine (`sip`); none when absent. */
  readonly engine?: string;
}

/** What can be chosen of a virtual server besides its identity. Everything has a default; see each. */
export interface VirtualServerAttributes {
  /** Default `wlc`, as ipvsadm. */
  readonly scheduler?: Scheduler;
  /** Default none. */
  readonly schedulerFlags?: SchedulerFlags;
  /** Default false: no persistence. */
  readonly persistence?: Persistence | false;
  /**
   * One-packet scheduling, for UDP: every datagram is scheduled by itself and leaves no connection. With forwarding `masq` the answers
   * therefore keep the real server's address (observed on 6.1): use `dr` or `tunnel`, or clients that take answers from anywhere. Default false.
   */
  readonly onePacket?: boolean;
}

/** How packets reach a real server. Input also takes `nat`/`masquerade`, `direct`/`gate`/`route`, `ipip`. */
export type Forwarding = 'masq' | 'local' | 'tunnel' | 'dr' | 'bypass';

/** Encapsulation of `forwarding: 'tunnel'` (Linux 5.2; checksum flags 5.3). */
export interface Tunnel {
  readonly type: 'ipip' | 'gue' | 'gre';
  /** UDP port of GUE, 1–65535. */
  readonly port?: number;
  /** Default `none`. */
  readonly checksum?: 'none' | 'csum' | 'remcsum';
}

/** What can be chosen of a real server besides its identity. */
export interface RealServerAttributes {
  /** 0 to 2^31-1; 0 takes no new connections. Default 1. */
  readonly weight?: number;
  /** Default `masq`. */
  readonly forwarding?: Forwarding;
  /** Only with `forwarding: 'tunnel'`; default ipip. */
  readonly tunnel?: Tunnel;
  /** Connections from which on the server is overloaded; 0 = no limit (default). */
  readonly upperThreshold?: number;
  /** Connections below which it is available again; 0 = three quarters of the upper one (default). */
  readonly lowerThreshold?: number;
}

/** Identity of a real server within its virtual server. */
export interface RealServerIdentity {
  readonly address: string;
  /** Default: the port of the virtual server. */
  readonly port?: number;
}

/** Whatever names a real server: `10.244.1.7:8080`, `[2001:db8::7]:8080`, or an object with address and port. */
export type RealServerRef = string | RealServerIdentity;

/** A real server to add: a name, or identity and attributes in one object. */
export type RealServerSpec = string | (RealServerIdentity & RealServerAttributes);

/** A virtual server to program with its real servers; the unit of `ensure` and of desired state. */
export interface VirtualServerSpec extends VirtualServerAttributes {
  readonly url: VirtualServerUrl;
  readonly realServers?: readonly RealServerSpec[];
}

/**
 * Counters since creation or the last zeroing, and rates. `number` by default (exact up to 2^53), `bigint` on request.
 *
 * They lag behind: the kernel adds up what its processors counted once every two seconds, so what has just happened is not in yet, and
 * rates are running averages over several such periods. With sysctl net.ipv4.vs.run_estimation 0 they stand still (the numbers
 * of connections of a real server do not: those are exact).
 */
export interface Stats<N extends number | bigint = number> {
  readonly connections: N;
  readonly packetsIn: N;
  readonly packetsOut: N;
  readonly bytesIn: N;
  readonly bytesOut: N;
  /** Per second. */
  readonly rate: {
    readonly connections: N;
    readonly packetsIn: N;
    readonly packetsOut: N;
    readonly bytesIn: N;
    readonly bytesOut: N;
  };
}

/** A real server as the kernel had it when it was read. `N` is the type of its 64-bit counters. */
export interface RealServerState<N extends number | bigint = number> {
  readonly address: string;
  readonly family: Family;
  readonly port: number;
  readonly weight: number;
  readonly forwarding: Forwarding;
  /** Only with `forwarding: 'tunnel'`. */
  readonly tunnel?: Tunnel;
  readonly upperThreshold: number;
  readonly lowerThreshold: number;
  readonly activeConnections: number;
  readonly inactiveConnections: number;
  readonly persistentConnections: number;
  readonly stats: Stats<N>;
}

/** A virtual server as the kernel had it when it was read. `N` is the type of its 64-bit counters. */
export interface VirtualServerState<N extends number | bigint = number> {
  readonly url: VirtualServerUrl;
  readonly family: Family;
  /** Absent for servers by firewall mark. */
  readonly protocol?: Protocol;
  readonly address?: string;
  readonly port?: number;
  /** Only for servers by firewall mark. */
  readonly fwmark?: number;
  readonly scheduler: Scheduler;
  readonly schedulerFlags: SchedulerFlags;
  /** The kernel's flag word without the internal hashed bit (0x2). */
  readonly flags: number;
  readonly persistence: Persistence | false;
  readonly onePacket: boolean;
  readonly stats: Stats<N>;
}

/** A real server handle: its state, and verbs. Verbs address the server by identity; the state is a snapshot. */
export interface RealServer<N extends number | bigint = number> extends RealServerState<N> {
  readonly virtualServer: VirtualServerUrl;
  /**
   * Change attributes; those omitted keep their value (read, merge, write), those given replace the former value as a whole.
   * Nothing is written when nothing differs. Resolves with the new attributes and the connections and counters read before.
   * @throws NotFoundError
   */
  set(patch: RealServerAttributes, options?: CallOptions): Promise<RealServer<N>>;
  /** Remove it. False only with `ifExists`, when it (or its virtual server) was gone already. @throws NotFoundError */
  remove(options?: CallOptions & { readonly ifExists?: boolean }): Promise<boolean>;
  /** As {@link Ipvs.drain}, of this real server. */
  drain(options?: DrainOptions): Drain;
  /** The state as plain data; `bigint` counters become decimal strings. */
  toJSON(): unknown;
}

/** A virtual server handle: its state, its real servers where they were read, and verbs. */
export interface VirtualServer<N extends number | bigint = number> extends VirtualServerState<N> {
  /** Sorted by family, address, port. Empty when the listing was asked without them. */
  readonly realServers: readonly RealServer<N>[];
  /**
   * Add a real server; it must be new. Resolves with its attributes and zero connections and counters; a real server that was
   * removed less than two minutes ago comes back with its old ones, which `refresh()` shows.
   * @throws AlreadyExistsError, NotFoundError when the virtual server is gone
   */
  add(realServer: RealServerSpec, options?: CallOptions): Promise<RealServer<N>>;
  /**
   * Change attributes of this server; those omitted keep their value. Connections survive. `realServers` of the result are those
   * of this snapshot. @throws NotFoundError
   */
  set(patch: VirtualServerAttributes, options?: CallOptions): Promise<VirtualServer<N>>;
  /** Read it again, with its real servers. @throws NotFoundError */
  refresh(options?: CallOptions): Promise<VirtualServer<N>>;
  /** Remove it with its real servers. False only with `ifExists`, when it was gone already. @throws NotFoundError */
  remove(options?: CallOptions & { readonly ifExists?: boolean }): Promise<boolean>;
  /** As {@link Ipvs.drain}, of all real servers that it has when the drain begins. */
  drain(options?: DrainOptions): Drain;
  /** The state as plain data, real servers included; `bigint` counters become decimal strings. */
  toJSON(): unknown;
}

/** One operation of a batch. Real servers are named by the virtual server and their own identity. */
export type IpvsOperation =
  | {
      readonly op: 'add' | 'set';
      readonly virtualServer: VirtualServerRef;
      readonly attributes?: VirtualServerAttributes;
    }
  | { readonly op: 'remove'; readonly virtualServer: VirtualServerRef }
  | {
      readonly op: 'addReal' | 'setReal';
      readonly virtualServer: VirtualServerRef;
      readonly realServer: RealServerSpec;
    }
  | {
      readonly op: 'removeReal';
      readonly virtualServer: VirtualServerRef;
      readonly realServer: RealServerRef;
    };

/** What became of one operation of a batch. */
export interface BatchItem<Operation> {
  readonly operation: Operation;
  /** `unknown`: the kernel dropped its answer; read the state again. `skipped`: not tried, because an earlier one failed. */
  readonly status: 'done' | 'failed' | 'skipped' | 'unknown';
  readonly error?: NetlinkError;
}

/** What became of a batch: ordered, pipelined, not atomic. */
export interface BatchResult<Operation> {
  /** True when every operation was done. */
  readonly ok: boolean;
  readonly done: number;
  readonly failed: number;
  /** One per operation, in order. */
  readonly items: readonly BatchItem<Operation>[];
}

/** Options of a batch. */
export interface BatchOptions extends CallOptions {
  /** `continue` (default) tries every operation; `stop` skips what follows the first failure (one message per send: slower). */
  readonly onError?: 'stop' | 'continue';
}

/** One value, or several of which one has to fit. */
export type OneOrMany<T> = T | readonly T[];

/** A number, or those from one to another (both included). */
export type NumberMatch = number | { readonly from: number; readonly to: number };

/** Which virtual server: what its name says. */
export interface VirtualServerIdentity {
  readonly url: VirtualServerUrl;
  readonly family: Family;
  /** Absent for servers by firewall mark, as are address and port. */
  readonly protocol?: Protocol | undefined;
  readonly address?: string | undefined;
  readonly port?: number | undefined;
  /** Only for servers by firewall mark. */
  readonly fwmark?: number | undefined;
}

/**
 * Which virtual servers are meant, by their identity. All fields that are given have to fit; a field with several values fits when one of them
 * does. `{}` means all. Servers by firewall mark have neither protocol nor address nor port: a filter that asks for one of these
 * leaves them out, and a filter that asks for marks leaves out all others. Where a list of filters is taken, one of them has to fit.
 */
export interface VirtualServerFilter {
  readonly protocol?: OneOrMany<Protocol>;
  readonly family?: OneOrMany<Family>;
  /** Addresses or networks: `10.96.0.0/12`, `2001:db8::/32`, `10.0.0.1`. */
  readonly address?: OneOrMany<string>;
  readonly port?: OneOrMany<NumberMatch>;
  readonly fwmark?: OneOrMany<NumberMatch>;
  /** Asked last, of those that everything else fits. Only `true` means yes. */
  readonly where?: (server: VirtualServerIdentity) => boolean;
}

/** Options of `sync`. */
export interface SyncOptions extends CallOptions {
  /**
   * Which virtual servers are yours: those that it fits and that are not wanted are removed; all others are never touched. `{}` means the whole
   * table. Required, so that nobody empties a table by accident.
   */
  readonly owner: OneOrMany<VirtualServerFilter>;
  /** Compare only: nothing is written, every change is `planned`. Default false. */
  readonly dryRun?: boolean;
  /** As for a batch. Default `continue`. */
  readonly onError?: 'stop' | 'continue';
}

/** One object that was not as it is to be, and what became of it. */
export interface SyncChange {
  /** `tcp://10.0.0.1:80`, or `tcp://10.0.0.1:80 -> 10.244.1.7:8080`. */
  readonly target: string;
  /** What was done, or is to be done, with every attribute spelled out: `batch` takes it. */
  readonly operation: IpvsOperation;
  /** The attributes that it had; absent for something new. */
  readonly before?: VirtualServerAttributes | RealServerAttributes;
  /** `planned` in a dry run; else as in a batch. */
  readonly status: 'planned' | BatchItem<IpvsOperation>['status'];
  readonly error?: NetlinkError;
}

/** What a sync did. */
export interface SyncResult {
  /** Every change was done (or planned). */
  readonly ok: boolean;
  readonly done: number;
  readonly failed: number;
  /** Virtual and real servers that were as they are to be. */
  readonly unchanged: number;
  /** In the order in which they were carried out. */
  readonly changes: readonly SyncChange[];
}

/** Version of the module and size of its connection table. */
export interface IpvsInfo {
  /** `1.2.1` */
  readonly version: string;
  readonly connectionTableSize: number;
}

/** Connection timeouts of the network namespace, in seconds. */
export interface IpvsTimeouts {
  /** Established TCP; default 900. */
  readonly tcp: number;
  /** TCP after FIN; default 120. */
  readonly tcpFin: number;
  /** UDP; default 300. */
  readonly udp: number;
}

/** Options of `get`. */
export interface ReadOptions extends CallOptions {
  /** Read the real servers too (one more dump per virtual server). Default true. */
  readonly realServers?: boolean;
  /** 64-bit counters as `bigint`. Default false: `number`, exact up to 2^53. */
  readonly bigint?: boolean;
  /**
   * `sorted` (default): the order that `list` documents. `kernel`: as the kernel's hash table has them (real servers: newest first),
   * what `ipvsadm -L --nosort` prints. De-duplicated either way.
   */
  readonly order?: 'sorted' | 'kernel';
}

/** Options of `loads`. */
export interface LoadOptions extends CallOptions {
  /** Which virtual servers. Default all. */
  readonly filter?: OneOrMany<VirtualServerFilter>;
}

/** Weight and numbers of connections of a real server. */
export interface ServerLoad {
  readonly virtualServer: VirtualServerUrl;
  readonly address: string;
  readonly family: Family;
  readonly port: number;
  readonly weight: number;
  readonly forwarding: Forwarding;
  readonly upperThreshold: number;
  readonly lowerThreshold: number;
  readonly activeConnections: number;
  readonly inactiveConnections: number;
  readonly persistentConnections: number;
}

/**
 * Weights and numbers of connections of many real servers, as they were when they were read. Real servers are numbered from 0 to `length` - 1, those
 * of a virtual server one after the other, in the kernel's order. Numbers are read from the kernel's answer when they are asked for, so
 * that sums over a hundred thousand make no objects. A number that is out of range is a RangeError.
 */
export interface ServerLoads extends Iterable<ServerLoad> {
  readonly length: number;
  weight(index: number): number;
  activeConnections(index: number): number;
  inactiveConnections(index: number): number;
  persistentConnections(index: number): number;
  /** One real server as an object. */
  get(index: number): ServerLoad;
}

/** Milliseconds between two looks: always the same, or between `min` (after a change) and `max` (while nothing changes). */
export type PollInterval = number | { readonly min: number; readonly max: number };

/** What to watch. */
export interface WatchOptions extends CallOptions {
  /** Which virtual servers. Default all. */
  readonly filter?: OneOrMany<VirtualServerFilter>;
  /** Real servers too. Default true. */
  readonly realServers?: boolean;
  /** Counters, rates and numbers of connections count as changes too. Default false: settings only. */
  readonly stats?: boolean;
  /** Begin with an `added` for everything that is there, and a `ready`. Default false: begin with what changes from now on. */
  readonly initial?: boolean;
  /** Pause between two looks. Default 250 to 2000 milliseconds: short after a change, longer while nothing happens. */
  readonly interval?: PollInterval;
}

/** A change of the table. Handles are snapshots of the look that found it, `before` of the one before that. */
export type IpvsEvent =
  | {
      readonly type: 'added' | 'removed';
      readonly kind: 'virtualServer';
      /** `tcp://10.0.0.1:80` */
      readonly target: string;
      /** For what was removed: as it was last seen. */
      readonly server: VirtualServer;
    }
  | {
      readonly type: 'added' | 'removed';
      readonly kind: 'realServer';
      /** `tcp://10.0.0.1:80 -> 10.244.1.7:8080` */
      readonly target: string;
      readonly server: RealServer;
    }
  | {
      readonly type: 'changed';
      readonly kind: 'virtualServer';
      readonly target: string;
      readonly server: VirtualServer;
      readonly before: VirtualServer;
      /** Names of the fields that differ: `scheduler`, `persistence` … */
      readonly fields: readonly string[];
    }
  | {
      readonly type: 'changed';
      readonly kind: 'realServer';
      readonly target: string;
      readonly server: RealServer;
      readonly before: RealServer;
      readonly fields: readonly string[];
    }
  /** Only with `initial`: everything that was there has been reported. */
  | { readonly type: 'ready' };

/** How to take real servers out of service. */
export interface DrainOptions extends CallOptions {
  /**
   * What has to be gone. `connections` (default): active and inactive ones. `active`: only established ones, so that what lingers in FIN_WAIT
   * or TIME_WAIT (120 seconds by default) and UDP, which the kernel counts as inactive, is not waited for. `templates`: connections, and
   * the persistence templates that bind clients to the server.
   */
  readonly waitFor?: 'active' | 'connections' | 'templates';
  /** Milliseconds after which to stop waiting. Default: none. */
  readonly deadline?: number;
  /** Remove each real server when nothing is left to wait for. Default false: it stays, with weight 0. */
  readonly remove?: boolean;
  /**
   * What becomes of those that are not done at the deadline: `keep` (default) leaves them at weight 0, `remove` removes them with
   * their connections (whose packets are dropped then, or the connections expired, by sysctl net.ipv4.vs.expire_nodest_conn), `restore`
   * gives them the weight back that this drain took.
   */
  readonly onDeadline?: 'keep' | 'remove' | 'restore';
  /** What becomes of those that are not done when the drain is aborted or its iteration left: as above. Default `keep`. */
  readonly onAbort?: 'keep' | 'restore';
  /** Default 100 to 2000 milliseconds. */
  readonly interval?: PollInterval;
}

/** A real server that is being drained. */
export interface DrainedServer {
  readonly virtualServer: VirtualServerUrl;
  readonly address: string;
  readonly port: number;
  /**
   * `draining`: waiting. `drained`: done, and there with weight 0. `removed`: done, and removed by this drain. `gone`: somebody else removed
   * it. `overridden`: somebody else gave it a weight again, and it serves. `expired`: not done at the deadline.
   */
  readonly phase: 'draining' | 'drained' | 'removed' | 'gone' | 'overridden' | 'expired';
  /** The weight that it had when this drain began; 0 where an earlier one is continued. */
  readonly weightBefore: number;
  readonly activeConnections: number;
  readonly inactiveConnections: number;
  /** Persistence templates. */
  readonly persistentConnections: number;
}

/** How far a drain has come. The last one of a drain has `done`. */
export interface DrainProgress {
  /** Nothing is waited for any more. */
  readonly done: boolean;
  /** All of them were drained, removed or gone: no deadline and nobody else came in between. */
  readonly drained: boolean;
  /** Milliseconds since the beginning. */
  readonly elapsed: number;
  /** Connections (and templates, where asked for) that are still waited for. */
  readonly connections: number;
  readonly realServers: readonly DrainedServer[];
}

/**
 * A drain, to be awaited (the last progress comes out) or iterated (the progress of every look). It begins then and not before. Each
 * iteration is a drain of its own, which continues where the one before it was.
 */
export interface Drain extends AsyncIterable<DrainProgress>, PromiseLike<DrainProgress> {}

/** Options of `list`. */
export interface ListOptions extends ReadOptions {
  /** Which virtual servers. Default all. What a filter leaves out costs little: its real servers are not read. */
  readonly filter?: OneOrMany<VirtualServerFilter>;
  /**
   * False (default): the virtual servers are read a second time, and everything again when they are not the same, up to five times; what is
   * still moving then is as last read. True: the whole table is read twice, real servers included, until two readings name the same
   * objects, else `list` fails with a BusyError. Then everything that was there during the whole call is listed, and nothing that
   * was not there at any time of it.
   */
  readonly consistent?: boolean;
}

/** The two sync daemons that a network namespace can have: one that tells others of connections, one that learns of them. */
export type SyncDaemonRole = 'master' | 'backup';

/** A sync daemon to start. Multicast and length attributes need Linux 4.3. */
export interface SyncDaemonSpec {
  readonly role: SyncDaemonRole;
  /** Interface that the multicasts go through, up to 15 characters. */
  readonly interface: string;
  /** 0 to 255; a backup with 0 (default) takes messages of every id. */
  readonly syncId?: number;
  /** Longest UDP payload of a message, 1 to 65507. Default: that of the interface's MTU, for a master at most 1472. */
  readonly maxLength?: number;
  /** Multicast address of either family. Default `224.0.0.81`. */
  readonly group?: string;
  /** UDP port, 1 to 65535; further threads (sysctl sync_ports) use the following ones. Default 8848. */
  readonly port?: number;
  /** 1 to 255. Default 1. */
  readonly ttl?: number;
}

/** A sync daemon as the kernel runs it. */
export type SyncDaemon = Required<SyncDaemonSpec>;

/** The sync daemons of one network namespace. */
export interface SyncDaemons {
  /**
   * Start one. It takes a while: threads are started and sockets opened before the kernel answers.
   * @throws AlreadyExistsError when this role runs, NotFoundError for an interface that does not exist, InvalidArgumentError while
   *   there are real servers of another address family than their virtual server.
   */
  start(daemon: SyncDaemonSpec, options?: CallOptions): Promise<void>;
  /** Stop one. False only with `ifRunning`, when it did not run. @throws NotFoundError */
  stop(role: SyncDaemonRole, options?: CallOptions & { readonly ifRunning?: boolean }): Promise<boolean>;
  /** Those that run: none, one or two, the master first. */
  list(options?: CallOptions): Promise<SyncDaemon[]>;
}

/** One end of a connection. */
export interface ConnectionEnd {
  /** Canonical. */
  readonly address: string;
  readonly port: number;
}

/** An entry of the connection table. */
export interface Connection {
  /** `tcp`, `udp`, `sctp`; `ip` for a persistence template of a firewall mark, which is then the virtual address. */
  readonly protocol: string;
  /** Who connected. Port 0 in a persistence template. */
  readonly client: ConnectionEnd;
  readonly virtual: ConnectionEnd;
  /** The real server. */
  readonly server: ConnectionEnd;
  /** The kernel's word for the state: `ESTABLISHED`, `FIN_WAIT`, `UDP`, `NONE` … */
  readonly state: string;
  /** Seconds until the entry goes, unless packets come. */
  readonly expires: number;
  /**
   * A persistence template: what binds a client to the server, and no connection. Told by the client's port 0, which a data connection of FTP
   * that is yet to come has as well.
   */
  readonly template: boolean;
  /** What a persistence engine keeps, such as the call id of a SIP dialogue. */
  readonly engine?: { readonly name: string; readonly data: string };
}

/** What an end of a connection has to be. */
export interface ConnectionEndFilter {
  /** Addresses or networks. */
  readonly address?: OneOrMany<string>;
  readonly port?: OneOrMany<NumberMatch>;
}

/** Which connections are meant. All fields that are given have to fit; one with several values fits when one of them does. */
export interface ConnectionFilter {
  readonly protocol?: OneOrMany<string>;
  readonly client?: ConnectionEndFilter;
  readonly virtual?: ConnectionEndFilter;
  readonly server?: ConnectionEndFilter;
  /** `ESTABLISHED`, `FIN_WAIT` … in any case of letters. */
  readonly state?: OneOrMany<string>;
  /** Persistence templates only, or connections only. */
  readonly template?: boolean;
  /** Asked last. Only `true` means yes. */
  readonly where?: (connection: Connection) => boolean;
}

/** Options of `connections`. */
export interface ConnectionOptions extends CallOptions {
  readonly filter?: ConnectionFilter;
}

/** The IPVS table of one network namespace. */
export interface Ipvs {
  info(options?: CallOptions): Promise<IpvsInfo>;
  timeouts(options?: CallOptions): Promise<IpvsTimeouts>;
  /** Change timeouts; those omitted (or 0, which the kernel reads as "keep") stay. */
  setTimeouts(timeouts: Partial<IpvsTimeouts>, options?: CallOptions): Promise<void>;
  /** Add a virtual server; it must be new. @throws AlreadyExistsError, UnsupportedError for a scheduler without module. */
  add(
    server: VirtualServerRef,
    attributes?: VirtualServerAttributes,
    options?: CallOptions,
  ): Promise<VirtualServer>;
  /** Change a virtual server; attributes omitted keep their value (read, merge, write). @throws NotFoundError */
  set(
    server: VirtualServerRef,
    patch: VirtualServerAttributes,
    options?: CallOptions,
  ): Promise<VirtualServer>;
  /**
   * Make it so: add the virtual server or change what differs, and the same for the real servers given (those not given are left
   * alone; absent `realServers` leaves all alone). Attributes that the spec omits mean their defaults, not what the kernel has.
   * Writes nothing when nothing differs. Not atomic: what was done before a refusal stays.
   */
  ensure(
    spec: VirtualServerSpec,
    options?: CallOptions,
  ): Promise<{ readonly server: VirtualServer; readonly changed: false | 'added' | 'changed' }>;
  /** Remove a virtual server with its real servers. False only with `ifExists`. @throws NotFoundError */
  remove(server: VirtualServerRef, options?: CallOptions & { readonly ifExists?: boolean }): Promise<boolean>;
  /** Undefined when absent. */
  get(
    server: VirtualServerRef,
    options: ReadOptions & { readonly bigint: true },
  ): Promise<VirtualServer<bigint> | undefined>;
  get(server: VirtualServerRef, options?: ReadOptions): Promise<VirtualServer | undefined>;
  /**
   * The virtual servers, sorted by family, protocol, address, port, then those by firewall mark, by mark and family: the order of
   * `ipvsadm`. Each is there once, and so is each real server. The kernel resumes a listing by position and does not say when
   * the table changed meanwhile (up to Linux 6.18 that of any network namespace), so that entries can be missed while others delete;
   * {@link ListOptions.consistent} says what is done about it. Services of protocols other than TCP, UDP and SCTP, which only raw netlink can
   * create, are left out.
   * @throws BusyError only with `consistent`
   */
  list(options: ListOptions & { readonly bigint: true }): Promise<VirtualServer<bigint>[]>;
  list(options?: ListOptions): Promise<VirtualServer[]>;
  /**
   * Weights, thresholds and numbers of connections of all real servers, many times as fast as `list`: IPv4 ones are read by the socket options
   * that IPVS had before netlink, one call for a virtual server, where the kernel has them (it does since 2.4, and asks for
   * CAP_NET_ADMIN too); others, and virtual servers with real servers of the other family, as `list` does it. What that interface lacks is
   * lacking: counters and rates, tunnels. Each virtual server is there with all its real servers or not at all; for the table as
   * a whole the reservations of {@link ListOptions.consistent} hold, and nothing is read twice.
   */
  loads(options?: LoadOptions): Promise<ServerLoads>;
  /**
   * Set the counters and rates of a virtual server and its real servers to zero; without one, of all of them and of the namespace.
   * @throws NotFoundError
   */
  zero(server?: VirtualServerRef, options?: CallOptions): Promise<void>;
  /** The sync daemons of the namespace. */
  readonly daemons: SyncDaemons;
  /**
   * The connection table of the namespace, streamed in the kernel's order from /proc/net/ip_vs_conn (there is no netlink request).
   * Entries that come or go meanwhile may be missed or come twice.
   *
   * The table is that of the kernel's own namespace; another one than that of this process needs CAP_SYS_ADMIN to enter. Ending the iteration
   * ends the reading. Bad input throws a ValidationError at once. @throws NotFoundError when the kernel has no ip_vs, ProtocolError for a
   * line of unknown form
   */
  connections(options?: ConnectionOptions): AsyncIterable<Connection>;
  /**
   * Changes of the table, by looking again and again: the kernel sends no notifications for IPVS. What comes and goes between two looks is not
   * seen, and something removed and added again is seen as changed, where it differs. Removals are looked at twice before
   * they are reported.
   *
   * Looks are taken only while the consumer waits: for a slow one changes come together, and nothing piles up. An iteration never ends by
   * itself: leave it, or abort its signal, which makes it throw the signal's reason. A look that fails ends it with that error. Each
   * iteration is a watch of its own. Bad input throws a ValidationError at once.
   */
  watch(options?: WatchOptions): AsyncIterable<IpvsEvent>;
  /**
   * Take real servers out of service: give them weight 0, wait until their connections are gone, and remove them where asked to. Without
   * `realServers`, all that the virtual server has when the drain begins.
   *
   * A server of weight 0 gets no new connections but keeps those it has. Drains can be repeated and continued: one that finds the weight
   * at 0, left by an earlier one of any process, waits from there. Nothing is kept outside the kernel.
   *
   * Persistence: clients that have a template are still sent to a server of weight 0, unless sysctl net.ipv4.vs.expire_quiescent_template
   * is 1; set it before draining persistent virtual servers, or use a deadline. Removing a server makes its templates void.
   *
   * Bad input throws a ValidationError at once. The drain itself fails with NotFoundError when the virtual server or a real server that was
   * named is not there at its beginning; later on that counts as done.
   */
  drain(
    server: VirtualServerRef,
    options?: DrainOptions & { readonly realServers?: readonly RealServerRef[] },
  ): Drain;
  /** Remove all virtual servers of the namespace, whoever made them. */
  flush(options?: CallOptions): Promise<void>;
  /**
   * Ordered and pipelined, not atomic, with a result per operation; ends as the same operations one at a time would. Input errors
   * throw before anything is sent; a patch that does not fit what the kernel has fails its operation.
   */
  batch(operations: Iterable<IpvsOperation>, options?: BatchOptions): Promise<BatchResult<IpvsOperation>>;
  /**
   * Make a part of the table what is wanted: compare, write what differs, remove what is not wanted, within the scope of the owner. A spec
   * without `realServers` leaves those of its virtual server alone; attributes that a spec omits mean their defaults. What is there already is
   * changed in place, never removed and added again, so that its connections go on. First what is new and what changes, then
   * what goes. Not atomic: there is an outcome for each object.
   * @throws ValidationError before anything is sent, also for a virtual server that comes twice or is outside the scope (`desired[3].url`)
   */
  sync(desired: Iterable<VirtualServerSpec>, options: SyncOptions): Promise<SyncResult>;
  /** System calls and messages so far; zeros before first use. */
  counters(): ChannelCounters;
}
