import { type Family, joinHostPort } from '../net/address.js';
import type { CallOptions } from '../netlink/types.js';
import { INSPECT, plain } from './plain.js';
import type {
  Drain,
  DrainOptions,
  Forwarding,
  RealServer,
  RealServerAttributes,
  RealServerState,
  Stats,
  Tunnel,
  VirtualServerUrl,
} from './types.js';

/** What the verbs of a real server call. */
export interface RealServerVerbs<N extends number | bigint> {
  set(
    server: RealServer<N>,
    patch: RealServerAttributes,
    options: CallOptions | undefined,
  ): Promise<RealServer<N>>;
  remove(
    server: RealServer<N>,
    options: (CallOptions & { readonly ifExists?: boolean }) | undefined,
  ): Promise<boolean>;
  drain(server: RealServer<N>, options: DrainOptions | undefined): Drain;
}

/** A snapshot of a real server with verbs. The state is in own enumerable properties, so it can be spread, compared and logged. */
class RealServerHandle<N extends number | bigint> implements RealServer<N> {
  // `declare`: properties come to be in the order of the constructor, and absent ones not at all.
  declare readonly virtualServer: VirtualServerUrl;
  declare readonly address: string;
  declare readonly family: Family;
  declare readonly port: number;
  declare readonly weight: number;
  declare readonly forwarding: Forwarding;
  declare readonly tunnel?: Tunnel;
  declare readonly upperThreshold: number;
  declare readonly lowerThreshold: number;
  declare readonly activeConnections: number;
  declare readonly inactiveConnections: number;
  declare readonly persistentConnections: number;
  declare readonly stats: Stats<N>;
  readonly #verbs: RealServerVerbs<N>;

  constructor(verbs: RealServerVerbs<N>, virtualServer: VirtualServerUrl, state: RealServerState<N>) {
    this.virtualServer = virtualServer;
    this.address = state.address;
    this.family = state.family;
    this.port = state.port;
    this.weight = state.weight;
    this.forwarding = state.forwarding;
    if (state.tunnel !== undefined) this.tunnel = state.tunnel;
    this.upperThreshold = state.upperThreshold;
    this.lowerThreshold = state.lowerThreshold;
    this.activeConnections = state.activeConnections;
    this.inactiveConnections = state.inactiveConnections;
    this.persistentConnections = state.persistentConnections;
    this.stats = state.stats;
    this.#verbs = verbs;
  }

  set(patch: RealServerAttributes, options?: CallOptions): Promise<RealServer<N>> {
    return this.#verbs.set(this, patch, options);
  }

  remove(options?: CallOptions & { readonly ifExists?: boolean }): Promise<boolean> {
    return this.#verbs.remove(this, options);
  }

  drain(options?: DrainOptions): Drain {
    return this.#verbs.drain(this, options);
  }

  toJSON(): unknown {
    return plain(this);
  }

  /** One line: what a person looks for first. */
  [INSPECT](): string {
    return `RealServer ${summary(this)} of ${this.virtualServer}`;
  }
}

/** A handle for a state that was read. */
export function realServer<N extends number | bigint>(
  verbs: RealServerVerbs<N>,
  virtualServer: VirtualServerUrl,
  state: RealServerState<N>,
): RealServer<N> {
  return new RealServerHandle(verbs, virtualServer, state);
}

/** `10.244.1.7:8080 masq weight 1 (2 active, 0 inactive)`. */
export function summary(server: RealServerState<number | bigint>): string {
  const { tunnel } = server;
  const how =
    tunnel === undefined
      ? server.forwarding
      : `${server.forwarding}/${tunnel.type}${tunnel.port === undefined ? '' : `:${String(tunnel.port)}`}`;
  const limits =
    server.upperThreshold === 0
      ? ''
      : ` thresholds ${String(server.lowerThreshold)}..${String(server.upperThreshold)}`;
  const connections = `${String(server.activeConnections)} active, ${String(server.inactiveConnections)} inactive`;
  return `${joinHostPort(server.address, server.port)} ${how} weight ${String(server.weight)}${limits} (${connections})`;
}
