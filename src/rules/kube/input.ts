import type { Family } from '../../net/address.js';
import type { Protocol } from '../../net/protocol.js';
import type { KubeSetName } from './names.js';

/**
 * How packets of this node's pods are told from others, as kube-proxy's `detectLocalMode`: by their source address or by the
 * interface that they come in through.
 */
export type LocalDetector =
  /** Network of all pods of the cluster, or of the pods of this node (`spec.podCIDR`); of the family of the rules. */
  | { readonly mode: 'ClusterCIDR' | 'NodeCIDR'; readonly cidr: string }
  /** Pods hang on this bridge: `cni0`. */
  | { readonly mode: 'BridgeInterface'; readonly interface: string }
  /** Pods are behind interfaces whose names begin so: `veth`. */
  | { readonly mode: 'InterfaceNamePrefix'; readonly prefix: string };

/** What the rules of both profiles depend on. Addresses and ports are in the sets; so these few facts are all there is. */
export interface KubeRulesInput {
  readonly family: Family;
  /** Masquerade everything that goes to a cluster IP. */
  readonly masqueradeAll: boolean;
  /** What comes to a cluster IP from elsewhere than the node's pods is masqueraded. Default: nobody can tell them apart. */
  readonly localDetector?: LocalDetector;
  /** Bit of the packet mark that means "masquerade", 0 to 31. kube-proxy's default is 14: mark 0x4000. */
  readonly masqueradeBit: number;
  /** The sets that have members, by their IPv4 names. Rules that name other sets are left out where the profile allows it. */
  readonly nonEmptySets: ReadonlySet<KubeSetName>;
}

/** What the classic profile depends on. */
export interface ClassicRulesInput extends KubeRulesInput {
  /**
   * Make sure that packets which the nat table marked for dropping are dropped. Default false: the documented rules leave that to
   * a rule of the kubelet, which has none since Kubernetes 1.28.
   */
  readonly dropMarked?: boolean;
}

/** An address, port and protocol that a load balancer has given to a service. */
export interface LoadBalancerPort {
  readonly address: string;
  readonly protocol: Protocol;
  readonly port: number;
}

/** What the current profile depends on. */
export interface CurrentRulesInput extends KubeRulesInput {
  /** Choose the source port of masqueraded connections at random; needs iptables 1.6.2. Default true. */
  readonly randomFully?: boolean;
  /**
   * Load balancer ports with source ranges of which none holds the node's own address: the node itself must not reach them. Those that
   * it may reach are in KUBE-LOAD-BALANCER-SOURCE-IP instead. They become rules of KUBE-IPVS-OUT-FILTER, one each; duplicates
   * count once.
   */
  readonly refusedFromNode?: readonly LoadBalancerPort[];
  /**
   * Whether the kernel has the match `ipvs` (xt_ipvs; `Rules.features()` finds out). Without it KUBE-IPVS-OUT-FILTER stays empty, so that the
   * node itself reaches what source ranges refuse it, instead of every rule being refused. Default true.
   */
  readonly ipvsMatch?: boolean;
}
