import type { Family } from '../net/address.js';
import type { Protocol } from '../net/protocol.js';
import type { CallOptions } from '../netlink/types.js';
import { INSPECT, plain } from './plain.js';
import { summary } from './real-server.js';
import type {
  Drain,
  DrainOptions,
  Persistence,
  RealServer,
  RealServerSpec,
  Scheduler,
  SchedulerFlags,
  Stats,
  VirtualServer,
  VirtualServerAttributes,
  VirtualServerState,
  VirtualServerUrl,
} from './types.js';

/** What the verbs of a virtual server call. */
export interface VirtualServerVerbs<N extends number | bigint> {
  add(
    server: VirtualServerState<N>,
    realServer: RealServerSpec,
    options: CallOptions | undefined,
  ): Promise<RealServer<N>>;
  set(
    server: VirtualServer<N>,
    patch: VirtualServerAttributes,
    options: CallOptions | undefined,
  ): Promise<VirtualServer<N>>;
  refresh(server: VirtualServerState<N>, options: CallOptions | undefined): Promise<VirtualServer<N>>;
  remove(
    server: VirtualServerState<N>,
    options: (CallOptions & { readonly ifExists?: boolean }) | undefined,
  ): Promise<boolean>;
  drain(server: VirtualServerState<N>, options: DrainOptions | undefined): Drain;
}

/** A snapshot of a virtual server with verbs. The state is in own enumerable properties, so it can be spread, compared and logged. */
class VirtualServerHandle<N extends number | bigint> implements VirtualServer<N> {
  // `declare`: properties come to be in the order of the constructor, and absent ones not at all.
  declare readonly url: VirtualServerUrl;
  declare readonly family: Family;
  declare readonly protocol?: Protocol;
  declare readonly address?: string;
  declare readonly port?: number;
  declare readonly fwmark?: number;
  declare readonly scheduler: Scheduler;
  declare readonly schedulerFlags: SchedulerFlags;
  declare readonly flags: number;
  declare readonly persistence: Persistence | false;
  declare readonly onePacket: boolean;
  declare readonly stats: Stats<N>;
  declare readonly realServers: readonly RealServer<N>[];
  readonly #verbs: VirtualServerVerbs<N>;

  constructor(
    verbs: VirtualServerVerbs<N>,
    state: VirtualServerState<N>,
    realServers: readonly RealServer<N>[],
  ) {
    this.url = state.url;
    this.family = state.family;
    if (state.protocol !== undefined) this.protocol = state.protocol;
    if (state.address !== undefined) this.address = state.address;
    if (state.port !== undefined) this.port = state.port;
    if (state.fwmark !== undefined) this.fwmark = state.fwmark;
    this.scheduler = state.scheduler;
    this.schedulerFlags = state.schedulerFlags;
    this.flags = state.flags;
    this.persistence = state.persistence;
    this.onePacket = state.onePacket;
    this.stats = state.stats;
    this.realServers = realServers;
    this.#verbs = verbs;
  }

  add(realServer: RealServerSpec, options?: CallOptions): Promise<RealServer<N>> {
    return this.#verbs.add(this, realServer, options);
  }

  set(patch: VirtualServerAttributes, options?: CallOptions): Promise<VirtualServer<N>> {
    return this.#verbs.set(this, patch, options);
  }

  refresh(options?: CallOptions): Promise<VirtualServer<N>> {
    return this.#verbs.refresh(this, options);
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

  /** A line for the server and one for each real server. */
  [INSPECT](): string {
    const notes = [
      ...Object.entries(this.schedulerFlags).map(([name, value]) =>
        value === true ? `${this.scheduler}-${name}` : `${name} ${String(value)}`,
      ),
      ...(this.persistence === false
        ? []
        : [`persistent ${String(this.persistence.timeout)} s${engineNote(this.persistence)}`]),
      ...(this.onePacket ? ['one-packet'] : []),
    ];
    const head = [`VirtualServer ${this.url} ${this.scheduler}`, ...notes].join(', ');
    return [head, ...this.realServers.map((server) => `  -> ${summary(server)}`)].join('\n');
  }
}

/** A handle for a state that was read. */
export function virtualServer<N extends number | bigint>(
  verbs: VirtualServerVerbs<N>,
  state: VirtualServerState<N>,
  realServers: readonly RealServer<N>[],
): VirtualServer<N> {
  return new VirtualServerHandle(verbs, state, realServers);
}

function engineNote({ engine }: Persistence): string {
  return engine === undefined ? '' : ` by ${engine}`;
}
