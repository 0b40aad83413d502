import { type Family, parseAddress, tryParseAddress } from '../net/address.js';
import { cidrContains, parseCidr } from '../net/cidr.js';
import type { RealServerSpec, VirtualServerAttributes, VirtualServerSpec } from '../ipvs/types.js';
import { parseUrl, sortKey } from '../plan/canonical.js';
import type { DesiredState, FamilyState } from '../plan/types.js';
import { addressId } from '../ipvs/identity.js';
import { classicRules } from '../rules/kube/classic.js';
import type { ProxyConfig } from './config.js';
import {
  indexSlices,
  portEndpoints,
  type PortEndpoint,
  selectEndpoints,
  type SliceIndex,
} from './endpoints.js';
import { type EndpointSlice, objectName, type Service, type ServicePort } from './model.js';
import { KUBE_INTERFACE, type NodeFacts, primaryIP } from './node.js';
import { nodePortAddresses } from './node-port-addresses.js';
import { CLASSIC_SETS, CLASSIC_SETS_ON_DEMAND, SetCollector, storableNetworks } from './sets.js';
import { kubeSysctls } from './sysctls.js';

/** Something that is not programmed, and why. */
export interface Skipped {
  /** `Service shop/web` */
  readonly object: string;
  /** Field that is the reason; empty when it is the whole object. */
  readonly path: string;
  readonly reason: string;
}

/** What one family of the node is to look like, with what only people and health servers want to know. */
export interface KubeFamilyState extends FamilyState {
  readonly skipped: readonly Skipped[];
  /** Health check node ports by `namespace/name`. */
  readonly healthCheckNodePorts: Readonly<Record<string, number>>;
}

/** What the node is to look like. */
export interface KubeState extends DesiredState {
  readonly families: readonly KubeFamilyState[];
}

const familyOf = (address: string): Family | undefined =>
  tryParseAddress(address.split('/')[0] ?? '')?.family;

/** Which service-proxy implementation a Service is for; ours is the one without a name. */
const PROXY_NAME_LABEL = 'service.kubernetes.io/service-proxy-name';

/** Why a whole Service is not programmed; undefined when it is. */
function reasonToSkip(service: Service): Omit<Skipped, 'object'> | undefined {
  const proxy = service.labels[PROXY_NAME_LABEL];
  if (proxy !== undefined)
    return {
      path: `metadata.labels.${PROXY_NAME_LABEL}`,
      reason: `it is for another service proxy, ${proxy}`,
    };
  if (service.type === 'ExternalName')
    return { path: 'spec.type', reason: 'an ExternalName is an alias in the DNS, with nothing to program' };
  if (service.headless)
    return { path: 'spec.clusterIP', reason: 'a headless Service has no address to program' };
  if (service.clusterIPs.length === 0) return { path: 'spec.clusterIP', reason: 'it has no cluster IP' };
  return undefined;
}

/** Whether pods of this node only are to answer what comes from outside. The policy means nothing to a Service without an outside. */
function isExternallyLocal(service: Service): boolean {
  return (
    service.externalTrafficPolicy === 'Local' &&
    (service.type === 'NodePort' || service.type === 'LoadBalancer' || service.externalIPs.length > 0)
  );
}

/** A virtual server, and whose it is. */
interface TakenServer {
  readonly spec: VirtualServerSpec;
  readonly owner: string;
  readonly port: ServicePort;
}

/** Computes one family. Everything it learns on the way ends in its fields. */
class FamilyBuilder {
  readonly #family: Family;
  readonly #node: NodeFacts;
  readonly #config: ProxyConfig;
  readonly #index: SliceIndex;
  readonly #sets: SetCollector;
  /** By URL. */
  readonly #servers = new Map<string, TakenServer>();
  readonly #bound = new Set<string>();
  readonly #skipped: Skipped[] = [];
  readonly #healthCheckNodePorts: Record<string, number> = {};
  readonly #nodePortAddresses: readonly string[];
  /** Addresses of the node's own interfaces, which must not be bound a second time: unbinding would take them from the node. */
  readonly #nodeAddresses: ReadonlySet<string>;

  constructor(family: Family, node: NodeFacts, config: ProxyConfig, index: SliceIndex) {
    this.#family = family;
    this.#node = node;
    this.#config = config;
    this.#index = index;
    this.#sets = new SetCollector(family);
    this.#nodePortAddresses = nodePortAddresses(config, node, family);
    this.#nodeAddresses = new Set(
      node.interfaces.filter(({ name }) => name !== KUBE_INTERFACE).flatMap(({ addresses }) => addresses),
    );
  }

  add(service: Service): void {
    const object = `Service ${objectName(service)}`;
    const skip = reasonToSkip(service);
    if (skip !== undefined) {
      this.#skipped.push({ object, ...skip });
      return;
    }
    const clusterIP = this.#ours(service.clusterIPs)[0];
    if (clusterIP === undefined) {
      const name = this.#family === 'inet' ? 'IPv4' : 'IPv6';
      this.#skipped.push({ object, path: 'spec.clusterIPs', reason: `it has no ${name} cluster IP` });
      return;
    }
    for (const [i, port] of service.ports.entries()) this.#port(service, port, `spec.ports[${i}]`, clusterIP);
    if (service.type === 'LoadBalancer' && isExternallyLocal(service) && service.healthCheckNodePort > 0)
      this.#healthCheckNodePorts[objectName(service)] = service.healthCheckNodePort;
  }

  state(): KubeFamilyState {
    const clusterCIDR = this.#ours(this.#config.clusterCIDR)[0];
    return {
      family: this.#family,
      virtualServers: sortedBy(
        [...this.#servers.values()].map(({ spec }) => spec),
        ({ url }) => sortKey(parseUrl(url)),
      ),
      sets: this.#sets.sets(CLASSIC_SETS, CLASSIC_SETS_ON_DEMAND),
      rules: classicRules({
        family: this.#family,
        masqueradeAll: this.#config.masqueradeAll,
        masqueradeBit: this.#config.masqueradeBit,
        ...(clusterCIDR === undefined
          ? {}
          : { localDetector: { mode: 'ClusterCIDR' as const, cidr: clusterCIDR } }),
        nonEmptySets: this.#sets.nonEmpty(),
        dropMarked: this.#config.dropMarked,
      }),
      boundAddresses: sortedBy(this.#bound, hexOf),
      skipped: this.#skipped,
      healthCheckNodePorts: this.#healthCheckNodePorts,
    };
  }

  #ours(texts: readonly string[]): string[] {
    return texts.filter((text) => familyOf(text) === this.#family);
  }

  #port(service: Service, port: ServicePort, path: string, clusterIP: string): void {
    const externalIPs = this.#ours(service.externalIPs);
    const balancerIPs = this.#ours(service.loadBalancerIPs);
    const external = port.nodePort > 0 || externalIPs.length + balancerIPs.length > 0;
    const all = portEndpoints(this.#index, service, port, this.#family, this.#node);
    const selected = selectEndpoints(service, all, this.#node, { external });
    const { protocol } = port;
    const externallyLocal = isExternallyLocal(service);
    const internal = service.internalTrafficPolicy === 'Local' ? selected.local : selected.cluster;
    const outside = externallyLocal ? selected.local : selected.cluster;

    // A pod that reaches itself through its Service would see its own address and drop the packet; it has to be masqueraded.
    for (const { address, port: target } of selected.onNode)
      this.#sets.add('KUBE-LOOP-BACK', { ip: address, protocol, port: target, ip2: address });

    if (this.#server(service, path, port, clusterIP, port.port, internal)) {
      this.#sets.add('KUBE-CLUSTER-IP', { ip: clusterIP, protocol, port: port.port });
      this.#bind(clusterIP);
    }
    for (const address of externalIPs) {
      if (!this.#server(service, 'spec.externalIPs', port, address, port.port, outside)) continue;
      this.#sets.add('KUBE-EXTERNAL-IP', { ip: address, protocol, port: port.port });
      this.#bind(address);
    }
    for (const address of balancerIPs) {
      if (!this.#server(service, 'status.loadBalancer.ingress', port, address, port.port, outside)) continue;
      this.#loadBalancer(service, port, address, externallyLocal);
      this.#bind(address);
    }
    if (port.nodePort > 0) this.#nodePort(service, port, path, outside, externallyLocal);
  }

  #loadBalancer(service: Service, port: ServicePort, address: string, externallyLocal: boolean): void {
    const entry = { ip: address, protocol: port.protocol, port: port.port };
    this.#sets.add('KUBE-LOAD-BALANCER', entry);
    if (externallyLocal) this.#sets.add('KUBE-LOAD-BALANCER-LOCAL', entry);
    const ranges = this.#ours(service.loadBalancerSourceRanges);
    if (ranges.length === 0) return;
    this.#sets.add('KUBE-LOAD-BALANCER-FW', entry);
    const own = primaryIP(this.#node, this.#family);
    for (const range of ranges) {
      for (const net of storableNetworks(range))
        this.#sets.add('KUBE-LOAD-BALANCER-SOURCE-CIDR', { ...entry, net });
      // What the node itself sends to an address of its own has that address as its source too.
      if (own !== undefined && cidrContains(parseCidr(range, 'range'), parseAddress(own, 'address').bytes))
        this.#sets.add('KUBE-LOAD-BALANCER-SOURCE-IP', { ...entry, ip2: address });
    }
  }

  #nodePort(
    service: Service,
    port: ServicePort,
    path: string,
    endpoints: readonly PortEndpoint[],
    externallyLocal: boolean,
  ): void {
    const { nodePort, protocol } = port;
    const object = `Service ${objectName(service)}`;
    if (this.#nodePortAddresses.length === 0) {
      this.#skipped.push({
        object,
        path: `${path}.nodePort`,
        reason: 'the node has no address for node ports',
      });
      return;
    }
    for (const address of this.#nodePortAddresses) {
      if (!this.#server(service, `${path}.nodePort`, port, address, nodePort, endpoints)) continue;
      switch (protocol) {
        case 'tcp':
          this.#sets.add('KUBE-NODE-PORT-TCP', { port: nodePort });
          if (externallyLocal) this.#sets.add('KUBE-NODE-PORT-LOCAL-TCP', { port: nodePort });
          break;
        case 'udp':
          this.#sets.add('KUBE-NODE-PORT-UDP', { port: nodePort });
          if (externallyLocal) this.#sets.add('KUBE-NODE-PORT-LOCAL-UDP', { port: nodePort });
          break;
        case 'sctp': {
          const entry = { ip: address, protocol, port: nodePort } as const;
          this.#sets.add('KUBE-NODE-PORT-SCTP-HASH', entry);
          if (externallyLocal) this.#sets.add('KUBE-NODE-PORT-LOCAL-SCTP-HASH', entry);
          break;
        }
      }
    }
  }

  /** False when the address and port belong to another Service, or another of its ports, already. */
  #server(
    service: Service,
    path: string,
    port: ServicePort,
    address: string,
    number: number,
    endpoints: readonly PortEndpoint[],
  ): boolean {
    const object = `Service ${objectName(service)}`;
    const { url } = addressId(port.protocol, this.#family, address, number);
    const taken = this.#servers.get(url);
    // One port can have the same address for two reasons: an external IP that the load balancer gave out.
    if (taken?.port === port) return true;
    if (taken !== undefined) {
      this.#skipped.push({ object, path, reason: `${url} is taken by ${taken.owner}` });
      return false;
    }
    const realServers = sortEndpoints(endpoints).map((endpoint): RealServerSpec => ({
      address: endpoint.address,
      port: endpoint.port,
      weight: 1,
      forwarding: 'masq',
    }));
    this.#servers.set(url, { spec: { url, ...this.#attributes(service), realServers }, owner: object, port });
    return true;
  }

  #attributes({ affinitySeconds }: Service): VirtualServerAttributes {
    const { scheduler } = this.#config;
    return {
      scheduler,
      // Maglev hashing spreads clients behind one address only when the port is in the hash.
      ...(scheduler === 'mh' ? { schedulerFlags: { port: true } } : {}),
      persistence: affinitySeconds === undefined ? false : { timeout: affinitySeconds },
    };
  }

  #bind(address: string): void {
    if (!this.#nodeAddresses.has(address)) this.#bound.add(address);
  }
}

const hexOf = (address: string): string =>
  Buffer.from(parseAddress(address, 'address').bytes).toString('hex');

/** Sorted by a text that is made once per item. */
function sortedBy<T>(items: Iterable<T>, keyOf: (item: T) => string): T[] {
  return Array.from(items, (item) => ({ item, key: keyOf(item) }))
    .sort((a, b) => (a.key < b.key ? -1 : a.key > b.key ? 1 : 0))
    .map(({ item }) => item);
}

/** In the order in which real servers are listed: by address, then port, as numbers. */
function sortEndpoints(endpoints: readonly PortEndpoint[]): readonly PortEndpoint[] {
  return sortedBy(endpoints, ({ address, port }) => `${hexOf(address)} ${String(port).padStart(5, '0')}`);
}

/**
 * What a node has to look like so that these Services work: virtual servers, set entries, rules, addresses and settings. A pure
 * function; the same input gives the same output whatever its order.
 *
 * @param config From `proxyConfig()`.
 */
export function desired(
  services: Iterable<Service>,
  slices: Iterable<EndpointSlice>,
  node: NodeFacts,
  config: ProxyConfig,
): KubeState {
  const index = indexSlices(slices);
  // When two Services want the same address and port, the same one wins every time.
  const ordered = sortedBy(services, ({ namespace, name }) => `${namespace}\0${name}`);
  const families = config.families.map((family) => {
    const builder = new FamilyBuilder(family, node, config, index);
    for (const service of ordered) builder.add(service);
    return builder.state();
  });
  return { families, interface: true, sysctls: kubeSysctls(config), timeouts: config.timeouts };
}
