import type { Kernel } from '../../src/kernel/types.js';
import type { EndpointSlice, NodeFacts, Service } from '../../src/proxy/index.js';

const ip = (base: number, i: number): string => `10.${base + (i >> 16)}.${(i >> 8) & 255}.${i & 255}`;

/** The node that the Services below are for. */
export const NODE_A: NodeFacts = {
  name: 'node-a',
  labels: {},
  podCIDRs: [],
  primaryIPs: ['192.0.2.11'],
  interfaces: [],
};

/** Service number `i` of many: a cluster IP, port 80. */
export function manyService(i: number): Service {
  return {
    namespace: 'bench',
    name: `s${i}`,
    labels: {},
    annotations: {},
    type: 'ClusterIP',
    clusterIPs: [ip(96, i + 1)],
    headless: false,
    ports: [{ name: 'http', protocol: 'tcp', port: 80, nodePort: 0 }],
    externalIPs: [],
    loadBalancerIPs: [],
    loadBalancerSourceRanges: [],
    externalTrafficPolicy: 'Cluster',
    internalTrafficPolicy: 'Cluster',
    healthCheckNodePort: 0,
  };
}

/** Its endpoints, the first of them on the node. `shift` moves them, so that with 1 the first is gone and there is a new last one. */
export function manySlice(i: number, endpoints: number, shift = 0): EndpointSlice {
  return {
    namespace: 'bench',
    name: `s${i}`,
    service: `s${i}`,
    family: 'inet',
    ports: [{ name: 'http', protocol: 'tcp', port: 8080 }],
    endpoints: Array.from({ length: endpoints }, (_, e) => ({
      address: ip(128, i * (endpoints + 1) + e + shift),
      ready: true,
      serving: true,
      terminating: false,
      nodeName: e === 0 && shift === 0 ? NODE_A.name : 'node-b',
      hints: { zones: [], nodes: [] },
    })),
  };
}

/** Netlink messages that a kernel has been sent so far. */
export function messagesTo({ ipvs, ipset, link }: Kernel): number {
  return [ipvs, ipset, link].reduce((sum, subsystem) => sum + subsystem.counters().messages, 0);
}
