import type { Family } from '../../net/address.js';
import type { KubeSetName } from './names.js';

/** What the rules of a profile depend on. Addresses and ports are in the sets; so these few facts are all there is. */
export interface KubeRulesInput {
  readonly family: Family;
  /** Masquerade everything that goes to a cluster IP. */
  readonly masqueradeAll: boolean;
  /** Pods have these addresses: what comes to a cluster IP from elsewhere is masqueraded. */
  readonly clusterCIDR?: string;
  /**
   * Pods are behind this interface (`cni0`) or behind all that begin so (`veth+`); a way to tell them apart where there is no
   * cluster CIDR. Not looked at when `clusterCIDR` is given.
   */
  readonly podInterface?: string;
  /** Bit of the packet mark that means "masquerade", 0 to 31. kube-proxy's default is 14: mark 0x4000. */
  readonly masqueradeBit: number;
  /** The sets that have members, by their IPv4 names. Rules that name other sets are left out where the profile allows it. */
  readonly nonEmptySets: ReadonlySet<KubeSetName>;
  /**
   * Classic profile: make sure that packets which the nat table marked for dropping are dropped. Default false: the documented
   * rules leave that to a rule of the kubelet, which has none since Kubernetes 1.28.
   */
  readonly dropMarked?: boolean;
}
