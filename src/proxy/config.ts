import { ValidationError } from '../errors.js';
import type { IpvsTimeouts } from '../ipvs/types.js';
import type { Family } from '../net/address.js';
import { formatCidr, parseCidr } from '../net/cidr.js';
import { integerIn } from '../net/number.js';

/** Which rules and sets are written. `classic`: those that the documentation of kube-proxy's IPVS mode shows. */
export type Profile = 'classic';

/** How services are programmed; the part of kube-proxy's KubeProxyConfiguration that matters here, by the same names. */
export interface ProxyConfig {
  /** Default `classic`. */
  readonly profile: Profile;
  /** Default both. A family that is left out is not touched at all. */
  readonly families: readonly Family[];
  /** Masquerade everything that goes to a cluster IP. Default false. */
  readonly masqueradeAll: boolean;
  /** Bit of the packet mark that means "masquerade", 0 to 31. Default 14. */
  readonly masqueradeBit: number;
  /** Networks of the pods, at most one per family; what comes to a cluster IP from elsewhere is masqueraded. Default none. */
  readonly clusterCIDR: readonly string[];
  /** Scheduler of every virtual server. Default `rr`. */
  readonly scheduler: string;
  /** Where node ports are served: networks, or `primary` alone. Default none: every address of the node. */
  readonly nodePortAddresses: readonly string[];
  /** Virtual servers at these networks are never removed. Default none. */
  readonly excludeCIDRs: readonly string[];
  /** Answer ARP only for addresses of the asked interface, as MetalLB and others need it. Default false. */
  readonly strictARP: boolean;
  /** Connection timeouts in seconds; 0 (default) leaves the kernel's. */
  readonly timeouts: IpvsTimeouts;
  /**
   * Classic profile: drop what source ranges refuse by a rule of our own. The documented rules only mark such packets and leave
   * dropping them to the kubelet, which has had no rule for it since Kubernetes 1.28. Default true.
   */
  readonly dropMarked: boolean;
}

/** What kube-proxy does when nothing is configured. */
export const DEFAULT_CONFIG: ProxyConfig = {
  profile: 'classic',
  families: ['inet', 'inet6'],
  masqueradeAll: false,
  masqueradeBit: 14,
  clusterCIDR: [],
  scheduler: 'rr',
  nodePortAddresses: [],
  excludeCIDRs: [],
  strictARP: false,
  timeouts: { tcp: 0, tcpFin: 0, udp: 0 },
  dropMarked: true,
};

function networks(texts: readonly string[], path: string): string[] {
  return texts.map((text, i) => formatCidr(parseCidr(text.trim(), `${path}[${i}]`)));
}

/**
 * Fill in defaults and check.
 * @throws ValidationError naming the field.
 */
export function proxyConfig(given: Partial<ProxyConfig> = {}): ProxyConfig {
  const config = { ...DEFAULT_CONFIG, ...given };
  const clusterCIDR = networks(config.clusterCIDR, 'clusterCIDR');
  const families = clusterCIDR.map((text) => parseCidr(text, 'clusterCIDR').family);
  if (new Set(families).size !== families.length)
    throw new ValidationError('clusterCIDR', 'at most one network per family', clusterCIDR.join(','));
  if (config.families.length === 0 || new Set(config.families).size !== config.families.length)
    throw new ValidationError('families', 'inet, inet6 or both', config.families);
  const primary = config.nodePortAddresses.includes('primary');
  if (primary && config.nodePortAddresses.length > 1)
    throw new ValidationError('nodePortAddresses', 'primary alone, or networks', config.nodePortAddresses);
  if (!/^[A-Za-z0-9_.-]{1,15}$/.test(config.scheduler))
    throw new ValidationError('scheduler', 'the name of a scheduler, such as rr', config.scheduler);
  for (const name of ['tcp', 'tcpFin', 'udp'] as const)
    integerIn(config.timeouts[name], 0, 0x7fffffff, `timeouts.${name}`, 'seconds');
  return {
    ...config,
    clusterCIDR,
    masqueradeBit: integerIn(config.masqueradeBit, 0, 31, 'masqueradeBit'),
    nodePortAddresses: primary ? ['primary'] : networks(config.nodePortAddresses, 'nodePortAddresses'),
    excludeCIDRs: networks(config.excludeCIDRs, 'excludeCIDRs'),
  };
}
