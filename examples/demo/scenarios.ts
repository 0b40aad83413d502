/** Who a backend saw as the sender. */
export type Seen = 'client' | 'node' | 'client, or the node when a pod asked itself';

/** How requests are to be answered. */
export interface Answered {
  readonly by: readonly string[];
  /** `evenly`: round robin, the same number each. `one`: all by the same backend. */
  readonly spread: 'evenly' | 'one';
  readonly seen: Seen;
}

/** Requests to send and what is to become of them. */
export interface Scenario {
  readonly title: string;
  /** Why it is so, for somebody who has not met IPVS. */
  readonly why: string;
  /** The member that asks. */
  readonly from: string;
  readonly url: string;
  readonly count: number;
  /** Undefined: no request may be answered. */
  readonly answered?: Answered | undefined;
}

const ALL = ['web-1', 'web-2', 'web-3'];
const HERE = ['web-1', 'web-2'];

/** The simplest request, and the one that is repeated before, during and after changes. */
export const CLUSTER_IP: Scenario = {
  title: 'A pod asks a cluster IP',
  why:
    'The packet reaches the node, whose dummy interface has the address 10.96.0.10, and IPVS rewrites the destination to the ' +
    'next pod. The reply passes the node again and is rewritten back, so the source address can stay as it is.',
  from: 'toolbox',
  url: 'http://10.96.0.10:80/cluster-ip',
  count: 12,
  answered: { by: ALL, spread: 'evenly', seen: 'client' },
};

/** Every way of reaching a Service of examples/cluster.yaml. */
export const SCENARIOS: readonly Scenario[] = [
  CLUSTER_IP,
  {
    title: 'The node itself asks the cluster IP',
    why:
      'A process on the node sends from 10.96.0.10 itself, the address of the dummy interface. No pod could answer to that, so ' +
      'KUBE-MARK-MASQ marks the packet and KUBE-POSTROUTING gives it an address of the node (masquerade).',
    from: 'node-a',
    url: 'http://10.96.0.10:80/from-the-node',
    count: 6,
    answered: { by: ALL, spread: 'evenly', seen: 'node' },
  },
  {
    title: 'A pod asks its own Service (hairpin)',
    why:
      'When the turn comes to web-1 itself, it would get a packet from its own address and drop it. The set KUBE-LOOP-BACK knows ' +
      'the pods of this node, and just that connection is masqueraded.',
    from: 'web-1',
    url: 'http://10.96.0.10:80/hairpin',
    count: 6,
    answered: { by: ALL, spread: 'evenly', seen: 'client, or the node when a pod asked itself' },
  },
  {
    title: 'The same Service over IPv6',
    why: 'One Service, two addresses, and a virtual server for each.',
    from: 'toolbox',
    url: 'http://[fd00:10:96::10]:80/ipv6',
    count: 6,
    answered: { by: ALL, spread: 'evenly', seen: 'client' },
  },
  {
    title: 'UDP',
    why: 'Datagrams from one source port belong together; every request here has a port of its own.',
    from: 'toolbox',
    url: 'udp://10.96.0.53:53',
    count: 6,
    answered: { by: ALL, spread: 'evenly', seen: 'client' },
  },
  {
    title: 'Session affinity: one client, one pod',
    why: 'The virtual server of "cart" is persistent: IPVS remembers for 600 s which pod a client address was sent to.',
    from: 'toolbox',
    url: 'http://10.96.0.50:80/cart',
    count: 6,
    answered: { by: ALL, spread: 'one', seen: 'client' },
  },
  {
    title: 'A node port from outside, policy Cluster',
    why:
      'Any pod may answer, also web-3 on the other node. Its reply would go straight to the cafe, which never asked web-3: so ' +
      'these connections are masqueraded, at the price of the client address.',
    from: 'cafe',
    url: 'http://192.0.2.11:30080/node-port',
    count: 6,
    answered: { by: ALL, spread: 'evenly', seen: 'node' },
  },
  {
    title: 'A node port from outside, policy Local',
    why:
      'Only pods of this node answer. Their replies pass this node anyway: no masquerade, and the pods see who asks. The set ' +
      'KUBE-NODE-PORT-LOCAL-TCP makes the difference.',
    from: 'cafe',
    url: 'http://192.0.2.11:30081/node-port-local',
    count: 6,
    answered: { by: HERE, spread: 'evenly', seen: 'client' },
  },
  {
    title: 'A node port from a pod',
    why: 'Node ports work from inside as well.',
    from: 'toolbox',
    url: 'http://192.0.2.11:30080/node-port-from-inside',
    count: 3,
    answered: { by: ALL, spread: 'evenly', seen: 'node' },
  },
  {
    title: 'An external IP from outside',
    why: 'The network sends 198.51.100.10 to the node; KUBE-EXTERNAL-IP has it masqueraded.',
    from: 'cafe',
    url: 'http://198.51.100.10:80/external-ip',
    count: 6,
    answered: { by: ALL, spread: 'evenly', seen: 'node' },
  },
  {
    title: 'The load-balancer address from the office, which is allowed',
    why: 'loadBalancerSourceRanges is 192.0.2.100/32, which is in KUBE-LOAD-BALANCER-SOURCE-CIDR.',
    from: 'office',
    url: 'http://198.51.100.20:80/load-balancer',
    count: 6,
    answered: { by: ALL, spread: 'evenly', seen: 'node' },
  },
  {
    title: 'The load-balancer address from the cafe, which is not',
    why: 'KUBE-FIREWALL finds no source range for 192.0.2.200 and marks the packet; a filter rule drops what is marked.',
    from: 'cafe',
    url: 'http://198.51.100.20:80/refused',
    count: 2,
  },
  {
    title: 'The load-balancer address from a pod: not allowed either',
    why: 'Source ranges count for everybody, pods included.',
    from: 'toolbox',
    url: 'http://198.51.100.20:80/refused-inside',
    count: 1,
  },
];
