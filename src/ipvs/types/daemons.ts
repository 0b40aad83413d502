import type { CallOptions } from '../../netlink/types.js';

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
