import { ValidationError } from '../errors.js';
import type { IpvsTimeouts } from '../ipvs/types.js';
import { AF, type Family } from '../net/address.js';
import { formatCidr, parseCidr } from '../net/cidr.js';
import { integerIn } from '../net/number.js';
import { RULES_BACKENDS } from '../plan/backends.js';
import type { RulesBackend } from '../plan/types.js';
import { DROP_BIT } from '../rules/kube/classic.js';

/**
 * Which rules and sets are written. `classic`: those that the documentation of kube-proxy's IPVS mode shows (Kubernetes 1.11 to 1.19).
 * `current`: those that kube-proxy's IPVS mode has written since; they also keep programs of the node from answering at virtual
 * addresses.
 */
export const PROFILES = ['classic', 'current'] as const;

/** One of {@link PROFILES}. */
export type Profile = (typeof PROFILES)[number];

/** How packets of pods are told from others; the values of kube-proxy's `detectLocalMode`. */
export const DETECT_LOCAL_MODES = [
  'ClusterCIDR',
  'NodeCIDR',
  'BridgeInterface',
  'InterfaceNamePrefix',
] as const;

/** One of {@link DETECT_LOCAL_MODES}. */
export type DetectLocalMode = (typeof DETECT_LOCAL_MODES)[number];

/** How services are programmed; the part of kube-proxy's KubeProxyConfiguration that matters here, by the same names. */
export interface ProxyConfig {
  /** Default `classic`. */
  readonly profile: Profile;
  /** What holds rules and sets (docs/rules.md compares). Default `iptables`. What the other one has of ours goes. */
  readonly rules: RulesBackend;
  /** Default both. A family that is left out is not touched at all. */
  readonly families: readonly Family[];
  /** Masquerade everything that goes to a cluster IP. Default false. */
  readonly masqueradeAll: boolean;
  /** Bit of the packet mark that means "masquerade", 0 to 31; not 15 in the classic profile, where that means "drop". Default 14. */
  readonly masqueradeBit: number;
  /** Networks of the pods, at most one per family; what comes to a cluster IP from elsewhere is masqueraded. Default none. */
  readonly clusterCIDR: readonly string[];
  /**
   * What comes to a cluster IP from a pod is not masqueraded; this says how a pod is recognised. `ClusterCIDR` (default): its address is
   * in `clusterCIDR`. `NodeCIDR`: in the node's first pod network of the family. `BridgeInterface`, `InterfaceNamePrefix`: it comes in
   * through `bridgeInterface`, or through an interface whose name begins with `interfaceNamePrefix`.
   */
  readonly detectLocalMode: DetectLocalMode;
  /** Only with `detectLocalMode: 'BridgeInterface'`, which needs it. Default none: empty. */
  readonly bridgeInterface: string;
  /** Only with `detectLocalMode: 'InterfaceNamePrefix'`, which needs it. Default none: empty. */
  readonly interfaceNamePrefix: string;
  /** Scheduler of the virtual servers; a Service can ask for another one (`ipvs.proxy/scheduler`). Default `rr`; so is the empty name. */
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
  /**
   * Current profile: whether the kernel has the match `ipvs` (xt_ipvs; `kernel.rules.features()` says). Without it the node itself reaches
   * load balancers whose source ranges refuse it. Of no account with `rules: 'nft'`, which needs no module for it. Default true.
   */
  readonly ipvsMatch: boolean;
}

/** What kube-proxy does when nothing is configured. */
export const DEFAULT_CONFIG: ProxyConfig = {
  profile: 'classic',
  rules: 'iptables',
  families: ['inet', 'inet6'],
  masqueradeAll: false,
  masqueradeBit: 14,
  clusterCIDR: [],
  detectLocalMode: 'ClusterCIDR',
  bridgeInterface: '',
  interfaceNamePrefix: '',
  scheduler: 'rr',
  nodePortAddresses: [],
  excludeCIDRs: [],
  strictARP: false,
  timeouts: { tcp: 0, tcpFin: 0, udp: 0 },
  dropMarked: true,
  ipvsMatch: true,
};

/** As kube-proxy: with prefix lengths. A bare address would be a network of one, which hardly anybody means here. */
function networks(texts: readonly string[], path: string): string[] {
  return texts.map((text, i) => {
    if (!text.includes('/'))
      throw new ValidationError(
        `${path}[${i}]`,
        'a network such as 10.0.0.0/8, with its prefix length',
        text,
      );
    return formatCidr(parseCidr(text.trim(), `${path}[${i}]`));
  });
}

/** By mode: the field that goes with it, and what it has. IFNAMSIZ of linux/if.h is 16 with the end mark; behind a beginning rules put `+`. */
const INTERFACE_FIELDS = [
  ['BridgeInterface', 'bridgeInterface', 15, 'the name of an interface'],
  ['InterfaceNamePrefix', 'interfaceNamePrefix', 14, 'the beginning of the names of interfaces'],
] as const;

function oneOf<K extends keyof ProxyConfig>(
  words: readonly ProxyConfig[K][],
  config: ProxyConfig,
  field: K,
): void {
  if (!words.includes(config[field]))
    throw new ValidationError(field, `one of ${words.join(', ')}`, config[field]);
}

/** A name that an interface can have, or the beginning of one. */
function interfacePart(text: string, path: string, length: number, what: string): void {
  if (text.length > length || !/^[^\s/:+!-][^\s/:+!]*$/.test(text))
    throw new ValidationError(path, `${what} (up to ${length} characters)`, text);
}

/** The name of a scheduler, as the kernel finds its module by it. @throws ValidationError */
export function schedulerName(text: string, path: string): string {
  if (/^[A-Za-z0-9_.-]{1,15}$/.test(text)) return text;
  throw new ValidationError(path, 'the name of a scheduler, such as rr', text);
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
  if (
    config.families.length === 0 ||
    new Set(config.families).size !== config.families.length ||
    config.families.some((family) => !(family in AF))
  )
    throw new ValidationError('families', 'inet, inet6 or both', config.families);
  const primary = config.nodePortAddresses.includes('primary');
  if (primary && config.nodePortAddresses.length > 1)
    throw new ValidationError('nodePortAddresses', 'primary alone, or networks', config.nodePortAddresses);
  const scheduler = schedulerName(config.scheduler === '' ? 'rr' : config.scheduler, 'scheduler');
  oneOf(PROFILES, config, 'profile');
  oneOf(RULES_BACKENDS, config, 'rules');
  oneOf(DETECT_LOCAL_MODES, config, 'detectLocalMode');
  for (const [mode, field, length, what] of INTERFACE_FIELDS) {
    if (config.detectLocalMode === mode || config[field] !== '')
      interfacePart(config[field], field, length, what);
  }
  if (config.profile === 'classic' && config.masqueradeBit === DROP_BIT)
    throw new ValidationError(
      'masqueradeBit',
      `a bit other than ${DROP_BIT}, which means drop in the classic profile`,
      config.masqueradeBit,
    );
  for (const name of ['tcp', 'tcpFin', 'udp'] as const)
    integerIn(config.timeouts[name], 0, 0x7fffffff, `timeouts.${name}`, 'seconds');
  return {
    ...config,
    clusterCIDR,
    scheduler,
    masqueradeBit: integerIn(config.masqueradeBit, 0, 31, 'masqueradeBit'),
    nodePortAddresses: primary ? ['primary'] : networks(config.nodePortAddresses, 'nodePortAddresses'),
    excludeCIDRs: networks(config.excludeCIDRs, 'excludeCIDRs'),
  };
}
