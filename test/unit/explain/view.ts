import { readFile } from 'node:fs/promises';
import {
  desired,
  desiredView,
  type NodeView,
  parseNodeFacts,
  type Profile,
  proxyConfig,
  type ProxyConfig,
  readManifests,
  type Service,
} from '../../../src/proxy/index.js';

const example = (name: string): Promise<string> =>
  readFile(new URL(`../../../examples/${name}`, import.meta.url), 'utf8');

const sample = readManifests([{ file: 'cluster.yaml', text: await example('cluster.yaml') }]);
export const services: readonly Service[] = sample.services;
const node = parseNodeFacts(JSON.parse(await example('node-facts.json')));

/** The sample cluster, as node-a would be programmed. */
export function view(
  profile: Profile,
  config: Partial<ProxyConfig> = {},
  family: 'inet' | 'inet6' = 'inet',
  given: readonly Service[] = services,
  name: string = node.name,
): NodeView {
  const clusterCIDR = ['10.244.0.0/16', 'fd00:10:244::/48'];
  const state = desired(
    given,
    sample.slices,
    { ...node, name },
    proxyConfig({ profile, clusterCIDR, ...config }),
  );
  const of = state.families.find((f) => f.family === family);
  if (of === undefined) throw new Error(family);
  const primaryIP = node.primaryIPs[family === 'inet' ? 0 : 1];
  return desiredView(
    of,
    {
      interface: 'kube-ipvs0',
      interfaces: node.interfaces,
      ...(primaryIP === undefined ? {} : { primaryIP }),
    },
    state.rules,
  );
}
