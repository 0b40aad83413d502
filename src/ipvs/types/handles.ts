import type { CallOptions } from '../../netlink/types.js';
import type { Drain, DrainOptions } from './drain.js';
import type {
  RealServerAttributes,
  RealServerSpec,
  RealServerState,
  VirtualServerAttributes,
  VirtualServerState,
  VirtualServerUrl,
} from './server.js';

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
  /** As `Ipvs.drain`, of this real server. */
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
  /** As `Ipvs.drain`, of all real servers that it has when the drain begins. */
  drain(options?: DrainOptions): Drain;
  /** The state as plain data, real servers included; `bigint` counters become decimal strings. */
  toJSON(): unknown;
}
