import { fileURLToPath } from 'node:url';
import { makeTopology, type Topology, type TopologySpec } from './topology.js';

/** The manifests that the topology below brings to life. */
export const CLUSTER_FILE: string = fileURLToPath(new URL('../../examples/cluster.yaml', import.meta.url));
/** The facts about {@link NODE}, the node that is programmed. */
export const NODE_FACTS_FILE: string = fileURLToPath(
  new URL('../../examples/node-facts.json', import.meta.url),
);

/** The node whose kernel is programmed. */
export const NODE = 'node-a';

/** Addresses of the node, as a pod can see them when a connection was masqueraded. */
export const NODE_ADDRESSES: readonly string[] = [
  '192.0.2.11',
  '10.244.1.1',
  '2001:db8:10::11',
  'fd00:10:244:1::1',
];

const serving = { http: [8080], udp: [5353] };

/** Machines of examples/cluster.yaml, a pod that only asks, and two clients outside. */
export const SAMPLE: TopologySpec = {
  nodes: [
    {
      name: NODE,
      addresses: ['192.0.2.11/24', '2001:db8:10::11/64'],
      podCidrs: ['10.244.1.0/24', 'fd00:10:244:1::/64'],
      agent: true,
    },
    {
      name: 'node-b',
      addresses: ['192.0.2.12/24', '2001:db8:10::12/64'],
      podCidrs: ['10.244.2.0/24', 'fd00:10:244:2::/64'],
    },
  ],
  pods: [
    { name: 'web-1', node: NODE, addresses: ['10.244.1.11', 'fd00:10:244:1::11'], ...serving },
    { name: 'web-2', node: NODE, addresses: ['10.244.1.12', 'fd00:10:244:1::12'], ...serving },
    { name: 'web-3', node: 'node-b', addresses: ['10.244.2.13', 'fd00:10:244:2::13'], ...serving },
    { name: 'toolbox', node: NODE, addresses: ['10.244.1.100', 'fd00:10:244:1::100'] },
  ],
  clients: [
    { name: 'office', addresses: ['192.0.2.100/24', '2001:db8:10::100/64'] },
    { name: 'cafe', addresses: ['192.0.2.200/24', '2001:db8:10::200/64'] },
  ],
  throughFirstNode: ['198.51.100.0/24', '10.96.0.0/16', 'fd00:10:96::/112'],
};

/** The addresses that a member of {@link SAMPLE} sends from. */
export function addressesOf(name: string): readonly string[] {
  const members = [...SAMPLE.nodes, ...SAMPLE.pods, ...SAMPLE.clients];
  const found = members.find((member) => member.name === name);
  if (found === undefined) throw new Error(`the sample cluster has no ${name}`);
  return found.addresses.map((address) => address.replace(/\/\d+$/, ''));
}

/** Bring the sample cluster to life. Remove it when done. */
export const makeSampleCluster = (): Promise<Topology> => makeTopology(SAMPLE);
