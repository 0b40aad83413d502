import {
  destinationState,
  type ReadCounter,
  serviceState,
  type Table,
  unpackDestination,
  zeroStats,
} from './codec.js';
import type { DestinationSettings } from './destination-settings.js';
import type { DestinationId, ServiceId } from './identity.js';
import type { Pace } from './pace.js';
import { realServer, type RealServerVerbs } from './real-server.js';
import type { ServiceSettings } from './service-settings.js';
import type { RealServer, RealServerState, Stats, VirtualServer } from './types.js';
import { virtualServer, type VirtualServerVerbs } from './virtual-server.js';

/** The verbs of handles. Made once for each kind of counter, since there may be a million handles. */
export interface Verbs<N extends number | bigint> {
  readonly virtualServer: VirtualServerVerbs<N>;
  readonly realServer: RealServerVerbs<N>;
}

/** Makes handles of what was read, with one kind of counter. */
export class Handles<N extends number | bigint> {
  readonly read: ReadCounter<N>;
  readonly #verbs: Verbs<N>;

  /** @param verbs Given these handles, since verbs answer with handles of the same kind. */
  constructor(read: ReadCounter<N>, verbs: (handles: Handles<N>) => Verbs<N>) {
    this.read = read;
    this.#verbs = verbs(this);
  }

  virtualServer(
    id: ServiceId,
    settings: ServiceSettings,
    stats: Stats<N>,
    realServers: readonly RealServer<N>[],
  ): VirtualServer<N> {
    return virtualServer(this.#verbs.virtualServer, serviceState(id, settings, stats), realServers);
  }

  realServer(service: ServiceId, state: RealServerState<N>): RealServer<N> {
    return realServer(this.#verbs.realServer, service.url, state);
  }

  /** A real server that has just been added. */
  newRealServer(service: ServiceId, id: DestinationId, settings: DestinationSettings): RealServer<N> {
    const state = destinationState(id, settings, {
      activeConnections: 0,
      inactiveConnections: 0,
      persistentConnections: 0,
      stats: zeroStats(this.read),
    });
    return this.realServer(service, state);
  }

  /** Destinations of a table, in the order of the offsets. */
  async realServers(
    service: ServiceId,
    table: Table,
    offsets: readonly number[],
    pace: Pace,
  ): Promise<readonly RealServer<N>[]> {
    const handles: RealServer<N>[] = [];
    for (const offset of offsets) {
      handles.push(this.realServer(service, unpackDestination(table, offset, this.read)));
      if (pace.due()) await pace.rest();
    }
    return handles;
  }
}
