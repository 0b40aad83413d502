import type { Family } from '../../net/address.js';
import type { Protocol } from '../../net/protocol.js';
import type { SetDirection, TableName } from '../types.js';

/** IPSET_MAXNAMELEN - 1 of linux/netfilter/ipset/ip_set.h. */
const SET_NAME_MAX = 31;

/** A set of kube-proxy's IPVS mode: its type, and which side of a packet its dimensions are compared with. */
export interface KubeSet {
  readonly type: 'hash:ip' | 'hash:ip,port' | 'hash:ip,port,ip' | 'hash:ip,port,net' | 'bitmap:port';
  readonly directions: readonly SetDirection[];
  /** What the rules of the `current` profile say about it in their comments; the set itself has none. */
  readonly comment: string;
}

const portal = (comment: string): KubeSet => ({
  type: 'hash:ip,port',
  directions: ['dst', 'dst'],
  comment: `Kubernetes service ${comment}`,
});
const ports = (comment: string): KubeSet => ({
  type: 'bitmap:port',
  directions: ['dst'],
  comment: `Kubernetes ${comment}`,
});

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
  'KUBE-LOOP-BACK': {
    type: 'hash:ip,port,ip',
    directions: ['dst', 'dst', 'src'],
    comment: 'Kubernetes endpoints dst ip:port, source ip for solving hairpin purpose',
  },
  'KUBE-CLUSTER-IP': portal('cluster ip + port for masquerade purpose'),
  'KUBE-EXTERNAL-IP': portal('external ip + port for masquerade and filter purpose'),
  'KUBE-EXTERNAL-IP-LOCAL': portal('external ip + port with externalTrafficPolicy=local'),
  'KUBE-LOAD-BALANCER': portal('lb portal'),
  'KUBE-LOAD-BALANCER-LOCAL': portal('load balancer ip + port with externalTrafficPolicy=local'),
  'KUBE-LOAD-BALANCER-FW': portal('load balancer ip + port for load balancer with sourceRange'),
  'KUBE-LOAD-BALANCER-SOURCE-CIDR': {
    type: 'hash:ip,port,net',
    directions: ['dst', 'dst', 'src'],
    comment: 'Kubernetes service load balancer ip + port + source cidr for packet filter purpose',
  },
  'KUBE-LOAD-BALANCER-SOURCE-IP': {
    type: 'hash:ip,port,ip',
    directions: ['dst', 'dst', 'src'],
    comment: 'Kubernetes service load balancer ip + port + source IP for packet filter purpose',
  },
  'KUBE-NODE-PORT-TCP': ports('nodeport TCP port for masquerade purpose'),
  'KUBE-NODE-PORT-LOCAL-TCP': ports('nodeport TCP port with externalTrafficPolicy=local'),
  'KUBE-NODE-PORT-UDP': ports('nodeport UDP port for masquerade purpose'),
  'KUBE-NODE-PORT-LOCAL-UDP': ports('nodeport UDP port with externalTrafficPolicy=local'),
  'KUBE-NODE-PORT-SCTP-HASH': {
    type: 'hash:ip,port',
    directions: ['dst', 'dst'],
    comment: "Kubernetes nodeport SCTP port for masquerade purpose with type 'hash ip:port'",
  },
  'KUBE-NODE-PORT-LOCAL-SCTP-HASH': {
    type: 'hash:ip,port',
    directions: ['dst', 'dst'],
    comment: "Kubernetes nodeport SCTP port with externalTrafficPolicy=local with type 'hash ip:port'",
  },
  'KUBE-HEALTH-CHECK-NODE-PORT': ports('health check node port'),
  'KUBE-IPVS-IPS': {
    type: 'hash:ip',
    directions: ['dst'],
    comment: 'Addresses on the ipvs interface',
  },
};

/** Name of a set of node ports. */
export type NodePortSetName = Extract<KubeSetName, `KUBE-NODE-PORT-${string}`>;

/** The sets of node ports by protocol: all of them, and those with policy Local. In the order in which rules about them stand. */
export const NODE_PORT_SETS: readonly {
  readonly protocol: Protocol;
  readonly all: NodePortSetName;
  readonly local: NodePortSetName;
}[] = [
  { protocol: 'tcp', all: 'KUBE-NODE-PORT-TCP', local: 'KUBE-NODE-PORT-LOCAL-TCP' },
  { protocol: 'udp', all: 'KUBE-NODE-PORT-UDP', local: 'KUBE-NODE-PORT-LOCAL-UDP' },
  { protocol: 'sctp', all: 'KUBE-NODE-PORT-SCTP-HASH', local: 'KUBE-NODE-PORT-LOCAL-SCTP-HASH' },
];

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
  { table: 'filter', name: 'KUBE-FORWARD' },
  { table: 'filter', name: 'KUBE-NODE-PORT' },
  { table: 'filter', name: 'KUBE-PROXY-FIREWALL' },
  { table: 'filter', name: 'KUBE-SOURCE-RANGES-FIREWALL' },
  { table: 'filter', name: 'KUBE-IPVS-FILTER' },
  { table: 'filter', name: 'KUBE-IPVS-OUT-FILTER' },
];
