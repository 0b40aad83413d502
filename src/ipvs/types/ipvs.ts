import type { CallOptions, ChannelCounters } from '../../netlink/types.js';
import type { BatchOptions, BatchResult, IpvsOperation } from './batch.js';
import type { Connection, ConnectionOptions } from './connections.js';
import type { SyncDaemons } from './daemons.js';
import type { Drain, DrainOptions } from './drain.js';
import type { VirtualServer } from './handles.js';
import type { ListOptions, LoadOptions, ReadOptions, ServerLoads } from './reading.js';
import type {
  RealServerRef,
  VirtualServerAttributes,
  VirtualServerRef,
  VirtualServerSpec,
} from './server.js';
import type { SyncOptions, SyncResult } from './sync.js';
import type { IpvsEvent, WatchOptions } from './watch.js';

/** Version of the module and size of its connection table. */
export interface IpvsInfo {
  /** `1.2.1` */
  readonly version: string;
  /** Buckets of the connection table. 7.2 makes the table of a namespace with its first virtual server, and answers 0 until then (observed). */
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
