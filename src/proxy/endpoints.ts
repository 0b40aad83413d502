import type { Family } from '../net/address.js';
import { weightOf } from './annotations.js';
import type { Endpoint, EndpointSlice, Service, ServicePort } from './model.js';
import { objectName } from './model.js';
import type { NodeFacts } from './node.js';

/** An endpoint of one service port: where its traffic can go. */
export interface PortEndpoint extends Omit<Endpoint, 'nodeName'> {
  /** Port of the endpoint, from the slice. */
  readonly port: number;
  /** It runs on this node. */
  readonly local: boolean;
  /** By annotation; 1 without. */
  readonly weight: number;
}

/** The endpoints that the virtual servers of one service port have. */
export interface SelectedEndpoints {
  /** For policy Cluster. */
  readonly cluster: readonly PortEndpoint[];
  /** For policy Local: those of this node, or those of the cluster when this node has none. */
  readonly local: readonly PortEndpoint[];
  /** All that exist on this node, whatever their condition. */
  readonly onNode: readonly PortEndpoint[];
}

/** What a service port's addresses ask for. */
export interface Reach {
  /** It has a node port, an external IP or an address of a load balancer. */
  readonly external: boolean;
}

/** Slices by the Service that they belong to. */
export type SliceIndex = ReadonlyMap<string, readonly EndpointSlice[]>;

/** Index slices by `namespace/service`. */
export function indexSlices(slices: Iterable<EndpointSlice>): SliceIndex {
  const index = new Map<string, EndpointSlice[]>();
  for (const slice of slices) {
    const key = objectName({ namespace: slice.namespace, name: slice.service });
    const list = index.get(key);
    if (list === undefined) index.set(key, [slice]);
    else list.push(slice);
  }
  // Which of two entries for the same endpoint counts must not depend on the order in which slices are given.
  for (const list of index.values()) list.sort((a, b) => (a.name < b.name ? -1 : a.name > b.name ? 1 : 0));
  return index;
}

/**
 * Endpoints of a service port: from every slice of the family that has a port of the same name and protocol. An endpoint that is
 * in several slices counts once; while it moves between them, the entry that is not terminating is the newer one.
 */
export function portEndpoints(
  index: SliceIndex,
  service: Service,
  port: ServicePort,
  family: Family,
  node: NodeFacts,
): PortEndpoint[] {
  const found = new Map<string, PortEndpoint>();
  for (const slice of index.get(objectName(service)) ?? []) {
    if (slice.family !== family) continue;
    for (const { name, protocol, port: number } of slice.ports) {
      if (name !== port.name || protocol !== port.protocol) continue;
      for (const endpoint of slice.endpoints) {
        const key = `${endpoint.address} ${number}`;
        const known = found.get(key);
        if (known !== undefined && (endpoint.terminating || !known.terminating)) continue;
        // Field by field: there are hundreds of thousands of them, and a spread costs several times as much.
        found.set(key, {
          address: endpoint.address,
          ready: endpoint.ready,
          serving: endpoint.serving,
          terminating: endpoint.terminating,
          hints: endpoint.hints,
          port: number,
          local: endpoint.nodeName === node.name,
          weight: weightOf(endpoint, slice.weights, service.tuning?.weights),
        });
      }
    }
  }
  return [...found.values()];
}

const ZONE_LABEL = 'topology.kubernetes.io/zone';

/** Ready endpoints that hints keep for this node or its zone; all of them when the hints are incomplete or name others only. */
function byTopology(ready: readonly PortEndpoint[], node: NodeFacts): readonly PortEndpoint[] {
  const hinted = (of: (endpoint: PortEndpoint) => readonly string[], place: string | undefined) => {
    if (place === undefined || !ready.every((endpoint) => of(endpoint).length > 0)) return undefined;
    const here = ready.filter((endpoint) => of(endpoint).includes(place));
    return here.length === 0 ? undefined : here;
  };
  return (
    hinted(({ hints }) => hints.nodes, node.name) ??
    hinted(({ hints }) => hints.zones, node.labels[ZONE_LABEL]) ??
    ready
  );
}

const isReady = ({ ready }: PortEndpoint): boolean => ready;
/** On its way out and still answering: better than nothing. */
const isLastResort = ({ serving, terminating }: PortEndpoint): boolean => serving && terminating;

/** Choose among the endpoints of a service port. Pure. */
export function selectEndpoints(
  service: Service,
  endpoints: readonly PortEndpoint[],
  node: NodeFacts,
  { external }: Reach,
): SelectedEndpoints {
  const onNode = endpoints.filter(({ local }) => local);
  const ready = endpoints.filter(isReady);

  // Nobody asks for endpoints elsewhere when the only address is a cluster IP with policy Local.
  const usesCluster = service.internalTrafficPolicy === 'Cluster' || external;
  const cluster = !usesCluster
    ? []
    : ready.length > 0
      ? byTopology(ready, node)
      : endpoints.filter(isLastResort);

  const localReady = onNode.filter(isReady);
  const local = localReady.length > 0 ? localReady : onNode.filter(isLastResort);
  return { cluster, local: local.length > 0 ? local : cluster, onNode };
}
