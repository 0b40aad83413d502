import type { Family } from '../net/address.js';
import type { Protocol } from '../net/protocol.js';
import type { ServiceTuning, Weights } from './annotations.js';

/** Where an object was read. */
export interface Source {
  readonly file: string;
  /** Index of the YAML document in the file, from 1. */
  readonly document: number;
}

/** A port of a Service. */
export interface ServicePort {
  /** Empty when it has none. */
  readonly name: string;
  readonly protocol: Protocol;
  readonly port: number;
  /** 0 when it has none. */
  readonly nodePort: number;
}

/** Which endpoints a kind of traffic may reach. */
export type TrafficPolicy = 'Cluster' | 'Local';

/** What is read of a Service (v1). Plain data; addresses are canonical. */
export interface Service {
  readonly namespace: string;
  readonly name: string;
  readonly labels: Readonly<Record<string, string>>;
  readonly annotations: Readonly<Record<string, string>>;
  readonly type: 'ClusterIP' | 'NodePort' | 'LoadBalancer' | 'ExternalName';
  /** At most one per family. Empty for headless services and where none was assigned. */
  readonly clusterIPs: readonly string[];
  /** `clusterIP: None`. */
  readonly headless: boolean;
  readonly ports: readonly ServicePort[];
  readonly externalIPs: readonly string[];
  /** Addresses of the load balancer in VIP mode; host names and addresses in proxy mode are left out. */
  readonly loadBalancerIPs: readonly string[];
  /** Canonical networks. */
  readonly loadBalancerSourceRanges: readonly string[];
  readonly externalTrafficPolicy: TrafficPolicy;
  readonly internalTrafficPolicy: TrafficPolicy;
  /** Seconds for which a client stays with its endpoint; undefined without session affinity. */
  readonly affinitySeconds?: number;
  /** 0 when it has none. */
  readonly healthCheckNodePort: number;
  /** What annotations of this package ask for; undefined without any. */
  readonly tuning?: ServiceTuning;
  readonly source?: Source;
}

/** One endpoint of a slice. */
export interface Endpoint {
  /** The first address: the only one that counts. */
  readonly address: string;
  readonly ready: boolean;
  readonly serving: boolean;
  readonly terminating: boolean;
  readonly nodeName?: string;
  readonly hints: { readonly zones: readonly string[]; readonly nodes: readonly string[] };
}

/** A port of a slice, by which the ports of a Service find it. */
export interface EndpointPort {
  readonly name: string;
  readonly protocol: Protocol;
  readonly port: number;
}

/** What is read of an EndpointSlice (discovery.k8s.io/v1). */
export interface EndpointSlice {
  readonly namespace: string;
  readonly name: string;
  /** Name of the Service, from the label `kubernetes.io/service-name`. */
  readonly service: string;
  readonly family: Family;
  readonly endpoints: readonly Endpoint[];
  readonly ports: readonly EndpointPort[];
  /** Weights of its endpoints, by annotation; they win over those of the Service. */
  readonly weights?: Weights;
  readonly source?: Source;
}

/** `shop/web` */
export function objectName(object: { readonly namespace: string; readonly name: string }): string {
  return `${object.namespace}/${object.name}`;
}
