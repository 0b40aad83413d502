import type { RealServerSpec, VirtualServerAttributes, VirtualServerSpec } from '../ipvs/types.js';
import { addressId } from '../ipvs/identity.js';
import { type Family, parseAddress } from '../net/address.js';
import { cidrContains, parseCidr, tryParseCidr } from '../net/cidr.js';
import { parseUrl, sortKey } from '../plan/canonical.js';
import type { LoadBalancerPort } from '../rules/kube/input.js';
import { NODE_PORT_SETS } from '../rules/kube/names.js';
import { ANNOTATIONS, fits } from './annotations.js';
import type { ProxyConfig } from './config.js';
import type { KubeFamilyState } from './desired.js';
import { portEndpoints, type PortEndpoint, selectEndpoints, type SliceIndex } from './endpoints.js';
import { objectName, type Service, type ServicePort } from './model.js';
import { KUBE_INTERFACE, type NodeFacts, primaryIP } from './node.js';
import { nodePortAddresses } from './node-port-addresses.js';
import { familyRules } from './profile-rules.js';
import { PROFILE_SETS, SetCollector, storableNetworks } from './sets.js';
import { noClusterIP, reasonToSkip, type Skipped } from './skip.js';
import { addressKey, sortedBy } from './sorted.js';

/** Whether pods of this node only are to answer what comes from outside. The policy means nothing to a Service without an outside. */
function isExternallyLocal(service: Service): boolean {
  return (
    service.externalTrafficPolicy === 'Local' &&
    (service.type === 'NodePort' || service.type === 'LoadBalancer' || service.externalIPs.length > 0)
  );
}

/**
 * Whether the kernel translates the packets of a Service. With direct routing and tunnels it does not: endpoints get the packet as the
 * client sent it and answer past this node, so that its source must not be changed either.
 */
const isTranslated = (service: Service): boolean => (service.tuning?.forwarding ?? 'masq') === 'masq';

/** A virtual server, and whose it is. */
interface TakenServer {
  readonly spec: VirtualServerSpec;
  readonly owner: string;
  readonly port: ServicePort;
}

/** One port of a Service on its way through the builder. */
interface PortContext {
  readonly service: Service;
  readonly port: ServicePort;
  /** `spec.ports[0]` */
  readonly path: string;
  readonly externallyLocal: boolean;
  /** Endpoints for what comes from outside. */
  readonly outside: readonly PortEndpoint[];
}

/** What all Services of a family are computed with. Made once for any number of them: a node has interfaces by the hundred. */
export interface FamilySetting {
  readonly family: Family;
  readonly node: NodeFacts;
  readonly config: ProxyConfig;
  readonly nodePortAddresses: readonly string[];
  /** Addresses of the node's own interfaces, which must not be bound a second time: unbinding would take them from the node. */
  readonly nodeAddresses: ReadonlySet<string>;
}

/** The setting of a family on a node. */
export function familySetting(family: Family, node: NodeFacts, config: ProxyConfig): FamilySetting {
  const own = node.interfaces.filter(({ name }) => name !== KUBE_INTERFACE);
  return {
    family,
    node,
    config,
    nodePortAddresses: nodePortAddresses(config, node, family),
    nodeAddresses: new Set(own.flatMap(({ addresses }) => addresses)),
  };
}

/** What Services ask of one family. The profile's rules, and the sets that stay empty, are no business of any of them. */
export interface FamilyWants {
  readonly family: Family;
  readonly virtualServers: readonly VirtualServerSpec[];
  /** Entries by the name of their set in the kernel, for sets of the profile. */
  readonly entries: ReadonlyMap<string, Iterable<string>>;
  readonly boundAddresses: ReadonlySet<string>;
  readonly skipped: readonly Skipped[];
  /** Health check node ports by `namespace/name`. */
  readonly healthCheckNodePorts: Readonly<Record<string, number>>;
  /** Ports of load balancers whose source ranges do not let the node itself in. */
  readonly refusedFromNode: readonly LoadBalancerPort[];
}

/** Computes one family. Everything it learns on the way ends in its fields. */
export class FamilyBuilder {
  readonly #setting: FamilySetting;
  readonly #family: Family;
  readonly #node: NodeFacts;
  readonly #config: ProxyConfig;
  readonly #index: SliceIndex;
  readonly #sets: SetCollector;
  /** By URL. */
  readonly #servers = new Map<string, TakenServer>();
  readonly #realServerLists = new WeakMap<readonly PortEndpoint[], readonly RealServerSpec[]>();
  readonly #bound = new Set<string>();
  readonly #refusedFromNode: LoadBalancerPort[] = [];
  readonly #skipped: Skipped[] = [];
  readonly #healthCheckNodePorts: Record<string, number> = {};

  constructor(setting: FamilySetting, index: SliceIndex) {
    this.#setting = setting;
    this.#family = setting.family;
    this.#node = setting.node;
    this.#config = setting.config;
    this.#index = index;
    this.#sets = new SetCollector(setting.family);
  }

  add(service: Service): void {
    const clusterIP = this.#ours(service.clusterIPs)[0];
    const skip = reasonToSkip(service) ?? (clusterIP === undefined ? noClusterIP(this.#family) : undefined);
    if (skip !== undefined || clusterIP === undefined) {
      if (skip !== undefined) this.#skip(service, skip.path, skip.reason, skip.intended);
      return;
    }
    this.#refuseFlags(service);
    for (const [i, port] of service.ports.entries()) this.#port(service, port, `spec.ports[${i}]`, clusterIP);
    if (service.type === 'LoadBalancer' && isExternallyLocal(service) && service.healthCheckNodePort > 0) {
      this.#healthCheckNodePorts[objectName(service)] = service.healthCheckNodePort;
      this.#sets.add('KUBE-HEALTH-CHECK-NODE-PORT', { port: service.healthCheckNodePort });
    }
  }

  /** What was asked for, in no order. */
  wants(): FamilyWants {
    return {
      family: this.#family,
      virtualServers: [...this.#servers.values()].map(({ spec }) => spec),
      entries: this.#sets.entries(PROFILE_SETS[this.#config.profile]),
      boundAddresses: this.#bound,
      skipped: this.#skipped,
      healthCheckNodePorts: this.#healthCheckNodePorts,
      refusedFromNode: this.#refusedFromNode,
    };
  }

  /** All of the family, in the order in which the kernel lists it. */
  state(): KubeFamilyState {
    return {
      family: this.#family,
      virtualServers: sortedBy(
        [...this.#servers.values()].map(({ spec }) => spec),
        ({ url }) => sortKey(parseUrl(url)),
      ),
      sets: this.#sets.sets(PROFILE_SETS[this.#config.profile]),
      rules: familyRules({
        family: this.#family,
        node: this.#node,
        config: this.#config,
        nonEmptySets: this.#sets.nonEmpty(),
        refusedFromNode: this.#refusedFromNode,
      }),
      boundAddresses: sortedBy(this.#bound, addressKey),
      skipped: this.#skipped,
      healthCheckNodePorts: this.#healthCheckNodePorts,
      refusedFromNode: this.#refusedFromNode,
    };
  }

  /** Those addresses or networks that are of this family. */
  #ours(texts: readonly string[]): string[] {
    return texts.filter((text) => tryParseCidr(text)?.family === this.#family);
  }

  #skip(service: Service, path: string, reason: string, intended = false): void {
    this.#skipped.push({ object: `Service ${objectName(service)}`, path, reason, intended });
  }

  #port(service: Service, port: ServicePort, path: string, clusterIP: string): void {
    const externalIPs = this.#ours(service.externalIPs);
    const balancerIPs = this.#ours(service.loadBalancerIPs);
    const external = port.nodePort > 0 || externalIPs.length + balancerIPs.length > 0;
    const all = portEndpoints(this.#index, service, port, this.#family, this.#node);
    const selected = selectEndpoints(service, this.#reachable(service, port, path, all), this.#node, {
      external,
    });
    const { protocol } = port;
    const externallyLocal = isExternallyLocal(service);
    const internal = service.internalTrafficPolicy === 'Local' ? selected.local : selected.cluster;
    const outside = externallyLocal ? selected.local : selected.cluster;
    const context = { service, port, path, externallyLocal, outside };

    // A pod that reaches itself through its Service would see its own address and drop the packet; it has to be masqueraded.
    for (const { address, port: target } of selected.onNode)
      this.#sets.add('KUBE-LOOP-BACK', { ip: address, protocol, port: target, ip2: address });

    if (this.#server(service, path, port, clusterIP, port.port, internal)) {
      if (isTranslated(service))
        this.#sets.add('KUBE-CLUSTER-IP', { ip: clusterIP, protocol, port: port.port });
      else this.#addUnmasqueraded(clusterIP, port);
      this.#bind(clusterIP);
    }
    for (const address of externalIPs) this.#externalIP(context, address);
    for (const address of balancerIPs) this.#loadBalancer(context, address);
    if (port.nodePort > 0) this.#nodePort(context);
  }

  /** Endpoints that packets can get to by the Service's forwarding method. */
  #reachable(
    service: Service,
    port: ServicePort,
    path: string,
    endpoints: readonly PortEndpoint[],
  ): readonly PortEndpoint[] {
    if (isTranslated(service)) return endpoints;
    // Packets keep their port as well as their address.
    const reachable = endpoints.filter((endpoint) => endpoint.port === port.port);
    const ports = [...new Set(endpoints.map((endpoint) => endpoint.port))].filter((p) => p !== port.port);
    if (ports.length > 0)
      this.#skip(
        service,
        `${path}.targetPort`,
        `endpoints on port ${ports.sort((a, b) => a - b).join(', ')} cannot be reached: ${
          service.tuning?.forwarding ?? ''
        } keeps the port of the Service, ${port.port}`,
      );
    return reachable;
  }

  #externalIP({ service, port, externallyLocal, outside }: PortContext, address: string): void {
    if (!this.#server(service, 'spec.externalIPs', port, address, port.port, outside)) return;
    const entry = { ip: address, protocol: port.protocol, port: port.port };
    if (!isTranslated(service)) this.#addUnmasqueraded(address, port);
    else if (externallyLocal && this.#has('KUBE-EXTERNAL-IP-LOCAL'))
      this.#sets.add('KUBE-EXTERNAL-IP-LOCAL', entry);
    else this.#sets.add('KUBE-EXTERNAL-IP', entry);
    this.#bind(address);
  }

  /** For an address whose packets must keep their source. The profile may have a set for such; else it is in none. */
  #addUnmasqueraded(ip: string, { protocol, port }: ServicePort): void {
    if (this.#has('KUBE-EXTERNAL-IP-LOCAL')) this.#sets.add('KUBE-EXTERNAL-IP-LOCAL', { ip, protocol, port });
  }

  #has(set: 'KUBE-EXTERNAL-IP-LOCAL'): boolean {
    return PROFILE_SETS[this.#config.profile].always.includes(set);
  }

  #loadBalancer({ service, port, externallyLocal, outside }: PortContext, address: string): void {
    if (!this.#server(service, 'status.loadBalancer.ingress', port, address, port.port, outside)) return;
    this.#bind(address);
    const entry = { ip: address, protocol: port.protocol, port: port.port };
    this.#sets.add('KUBE-LOAD-BALANCER', entry);
    if (externallyLocal || !isTranslated(service)) this.#sets.add('KUBE-LOAD-BALANCER-LOCAL', entry);
    const ranges = this.#ours(service.loadBalancerSourceRanges);
    if (ranges.length === 0) return;
    this.#sets.add('KUBE-LOAD-BALANCER-FW', entry);
    for (const net of ranges.flatMap(storableNetworks))
      this.#sets.add('KUBE-LOAD-BALANCER-SOURCE-CIDR', { ...entry, net });
    // What the node itself sends to an address of its own has that address as its source too.
    if (ranges.some((range) => this.#isNodeIn(range)))
      this.#sets.add('KUBE-LOAD-BALANCER-SOURCE-IP', { ...entry, ip2: address });
    else this.#refusedFromNode.push({ address, protocol: port.protocol, port: port.port });
  }

  /** Whether the node's own address is in a network. One that is not known is in none but that of everybody. */
  #isNodeIn(network: string): boolean {
    const cidr = parseCidr(network, 'network');
    const own = primaryIP(this.#node, this.#family);
    return cidr.prefix === 0 || (own !== undefined && cidrContains(cidr, parseAddress(own, 'address').bytes));
  }

  #nodePort({ service, port, path, externallyLocal, outside }: PortContext): void {
    const { nodePort, protocol } = port;
    if (!isTranslated(service)) {
      const forwarding = service.tuning?.forwarding ?? '';
      this.#skip(
        service,
        `${path}.nodePort`,
        `${forwarding} keeps the address of the node, at which no endpoint answers`,
      );
      return;
    }
    if (this.#setting.nodePortAddresses.length === 0) {
      this.#skip(service, `${path}.nodePort`, 'the node has no address for node ports');
      return;
    }
    for (const address of this.#setting.nodePortAddresses) {
      if (!this.#server(service, `${path}.nodePort`, port, address, nodePort, outside)) continue;
      // Bitmaps of ports hold no addresses, and no SCTP.
      const entry = protocol === 'sctp' ? { ip: address, protocol, port: nodePort } : { port: nodePort };
      for (const sets of NODE_PORT_SETS) {
        if (sets.protocol !== protocol) continue;
        this.#sets.add(sets.all, entry);
        if (externallyLocal) this.#sets.add(sets.local, entry);
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
    const { url } = addressId(port.protocol, this.#family, address, number);
    const taken = this.#servers.get(url);
    // One port can have the same address for two reasons: an external IP that the load balancer gave out.
    if (taken?.port === port) return true;
    if (taken !== undefined) {
      this.#skip(service, path, `${url} is taken by ${taken.owner}`);
      return false;
    }
    const realServers = this.#realServers(service, endpoints);
    const owner = `Service ${objectName(service)}`;
    this.#servers.set(url, { spec: { url, ...this.#attributes(service), realServers }, owner, port });
    return true;
  }

  /** The same list for every virtual server that has the same endpoints. */
  #realServers(service: Service, endpoints: readonly PortEndpoint[]): readonly RealServerSpec[] {
    const known = this.#realServerLists.get(endpoints);
    if (known !== undefined) return known;
    const forwarding = service.tuning?.forwarding ?? 'masq';
    const list = sortEndpoints(endpoints).map(({ address, port, weight }): RealServerSpec => ({
      address,
      port,
      weight,
      forwarding,
    }));
    this.#realServerLists.set(endpoints, list);
    return list;
  }

  #attributes({ affinitySeconds, tuning = {} }: Service): VirtualServerAttributes {
    const scheduler = tuning.scheduler ?? this.#config.scheduler;
    // Maglev hashing spreads clients behind one address only when the port is in the hash.
    const flags = tuning.schedulerFlags ?? (scheduler === 'mh' ? { port: true } : {});
    const timeout = tuning.persistenceSeconds ?? affinitySeconds ?? 0;
    return {
      scheduler,
      ...(Object.keys(flags).length > 0 && fits(flags, scheduler) ? { schedulerFlags: flags } : {}),
      persistence: timeout === 0 ? false : { timeout },
    };
  }

  /** Flags by annotation for a scheduler that was configured elsewhere: only here the two are seen together. */
  #refuseFlags(service: Service): void {
    const { schedulerFlags = {}, scheduler = this.#config.scheduler } = service.tuning ?? {};
    if (!fits(schedulerFlags, scheduler))
      this.#skip(
        service,
        `metadata.annotations.${ANNOTATIONS.schedulerFlags}`,
        `the flags are left out: the scheduler ${scheduler} has none`,
      );
  }

  #bind(ip: string): void {
    if (this.#setting.nodeAddresses.has(ip) || this.#bound.has(ip)) return;
    this.#bound.add(ip);
    this.#sets.add('KUBE-IPVS-IPS', { ip });
  }
}

/** In the order in which real servers are listed: by address, then port, as numbers. */
function sortEndpoints(endpoints: readonly PortEndpoint[]): readonly PortEndpoint[] {
  if (endpoints.length < 2) return endpoints;
  return endpoints
    .map((endpoint) => ({ endpoint, bytes: parseAddress(endpoint.address, 'address').bytes }))
    .sort((a, b) => compareBytes(a.bytes, b.bytes) || a.endpoint.port - b.endpoint.port)
    .map(({ endpoint }) => endpoint);
}

/** Of addresses of the same family. */
function compareBytes(a: Uint8Array, b: Uint8Array): number {
  for (let i = 0; i < a.length; i++) {
    const difference = (a[i] ?? 0) - (b[i] ?? 0);
    if (difference !== 0) return difference;
  }
  return 0;
}
