import type { Family } from '../../net/address.js';
import type { SetDirection, TableName } from '../types.js';

/** IPSET_MAXNAMELEN - 1 of linux/netfilter/ipset/ip_set.h. */
const SET_NAME_MAX = 31;

/** A set of kube-proxy's IPVS mode: its type, and which side of a packet its dimensions are compared with. */
export interface KubeSet {
  readonly type: 'hash:ip' | 'hash:ip,port' | 'hash:ip,port,ip' | 'hash:ip,port,net' | 'bitmap:port';
  readonly directions: readonly SetDirection[];
}

const ipPort: KubeSet = { type: 'hash:ip,port', directions: ['dst', 'dst'] };
const port: KubeSet = { type: 'bitmap:port', directions: ['dst'] };

/** Name of a set, without regard to the family. */
export type KubeSetName =
  | 'KUBE-LOOP-BACK'
  | 'KUBE-CLUSTER-IP'
  | 'KUBE-EXTERNAL-IP'
  | 'KUBE-EXTERNAL-IP-LOCAL'
  | 'KUBE-LOAD-BALANCER'
  | 'KUBE-LOAD-BALANCER-LOCAL'
  | 'KUBE-LOAD-BALANCER-FW'
  | 'KUBE-LOAD-BALANCER-SOURCE-CIDR'
  | 'KUBE-LOAD-BALANCER-SOURCE-IP'
  | 'KUBE-NODE-PORT-TCP'
  | 'KUBE-NODE-PORT-LOCAL-TCP'
  | 'KUBE-NODE-PORT-UDP'
  | 'KUBE-NODE-PORT-LOCAL-UDP'
  | 'KUBE-NODE-PORT-SCTP-HASH'
  | 'KUBE-NODE-PORT-LOCAL-SCTP-HASH'
  | 'KUBE-HEALTH-CHECK-NODE-PORT'
  | 'KUBE-IPVS-IPS';

/**
 * The sets by their IPv4 names. kube-proxy gives the same names and types, so that tools and habits carry over. SCTP node ports have
 * hash sets because the kernel's bitmap:port looks at TCP and UDP packets only.
 */
export const KUBE_SETS: Readonly<Record<KubeSetName, KubeSet>> = {
  'KUBE-LOOP-BACK': { type: 'hash:ip,port,ip', directions: ['dst', 'dst', 'src'] },
  'KUBE-CLUSTER-IP': ipPort,
  'KUBE-EXTERNAL-IP': ipPort,
  'KUBE-EXTERNAL-IP-LOCAL': ipPort,
  'KUBE-LOAD-BALANCER': ipPort,
  'KUBE-LOAD-BALANCER-LOCAL': ipPort,
  'KUBE-LOAD-BALANCER-FW': ipPort,
  'KUBE-LOAD-BALANCER-SOURCE-CIDR': { type: 'hash:ip,port,net', directions: ['dst', 'dst', 'src'] },
  'KUBE-LOAD-BALANCER-SOURCE-IP': { type: 'hash:ip,port,ip', directions: ['dst', 'dst', 'src'] },
  'KUBE-NODE-PORT-TCP': port,
  'KUBE-NODE-PORT-LOCAL-TCP': port,
  'KUBE-NODE-PORT-UDP': port,
  'KUBE-NODE-PORT-LOCAL-UDP': port,
  'KUBE-NODE-PORT-SCTP-HASH': ipPort,
  'KUBE-NODE-PORT-LOCAL-SCTP-HASH': ipPort,
  'KUBE-HEALTH-CHECK-NODE-PORT': port,
  'KUBE-IPVS-IPS': { type: 'hash:ip', directions: ['dst'] },
};

/**
 * Name of a set in the kernel. IPv6 sets have `KUBE-6-` for `KUBE-`, cut to the 31 characters that the kernel takes:
 * KUBE-6-LOAD-BALANCER-SOURCE-CID, KUBE-6-NODE-PORT-LOCAL-SCTP-HAS.
 */
export function kubeSetName(name: KubeSetName, family: Family): string {
  return family === 'inet' ? name : name.replace(/^KUBE-/, 'KUBE-6-').slice(0, SET_NAME_MAX);
}

/**
 * Every chain that a profile of this package writes, for `Rules.read()`: whoever reads them all can change the profile or clean
 * up with `diffRules`. Names are the same in both families.
 */
export const KUBE_CHAINS: readonly { readonly table: TableName; readonly name: string }[] = [
  { table: 'nat', name: 'KUBE-SERVICES' },
  { table: 'nat', name: 'KUBE-POSTROUTING' },
  { table: 'nat', name: 'KUBE-NODE-PORT' },
  { table: 'nat', name: 'KUBE-LOAD-BALANCER' },
  { table: 'nat', name: 'KUBE-FIREWALL' },
  { table: 'nat', name: 'KUBE-MARK-MASQ' },
  { table: 'nat', name: 'KUBE-MARK-DROP' },
  { table: 'filter', name: 'KUBE-PROXY-FIREWALL' },
];
