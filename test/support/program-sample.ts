import { readFile } from 'node:fs/promises';
import type { Kernel } from '../../src/kernel/types.js';
import {
  apply,
  type ApplyReport,
  desired,
  type KubeState,
  kubeScope,
  observe,
  type OwnershipScope,
  parseNodeFacts,
  plan,
  type Plan,
  type Profile,
  proxyConfig,
  type ProxyConfig,
  readManifests,
  type RulesBackend,
} from '../../src/proxy/index.js';
import { addressesOf, CLUSTER_FILE, NODE_FACTS_FILE } from './sample-cluster.js';

/** How the sample cluster is programmed, where it differs from the usual. */
export interface SampleConfig {
  /** Default classic. */
  readonly profile?: Profile;
  readonly masqueradeAll?: boolean;
  /** Default iptables. */
  readonly rules?: RulesBackend;
  /** Pods that count as not ready. */
  readonly notReady?: readonly string[];
}

function configOf({
  profile = 'classic',
  masqueradeAll = false,
  rules = 'iptables',
}: SampleConfig): ProxyConfig {
  const clusterCIDR = ['10.244.0.0/16', 'fd00:10:244::/48'];
  return proxyConfig({ profile, clusterCIDR, masqueradeAll, rules });
}

/** What belongs to the programmed sample. */
export function sampleScope(): OwnershipScope {
  return kubeScope(configOf({}));
}

/** The state that examples/cluster.yaml asks of the node that examples/node-facts.json describes. */
export async function sampleState(config: SampleConfig = {}): Promise<KubeState> {
  const manifests = readManifests([{ file: 'cluster.yaml', text: await readFile(CLUSTER_FILE, 'utf8') }]);
  if (manifests.problems.length > 0) throw new Error(JSON.stringify(manifests.problems));
  const node = parseNodeFacts(JSON.parse(await readFile(NODE_FACTS_FILE, 'utf8')));

  const unready = new Set((config.notReady ?? []).flatMap(addressesOf));
  const slices = manifests.slices.map((slice) => ({
    ...slice,
    endpoints: slice.endpoints.map((endpoint) =>
      unready.has(endpoint.address) ? { ...endpoint, ready: false, serving: false } : endpoint,
    ),
  }));
  return desired(manifests.services, slices, node, configOf(config));
}

/** How the node differs from that state. Reads only. */
export async function planSample(kernel: Kernel, config: SampleConfig = {}): Promise<Plan> {
  const wanted = await sampleState(config);
  return plan(wanted, await observe(kernel, sampleScope(), wanted), sampleScope());
}

/** Make it so. */
export async function programSample(kernel: Kernel, config: SampleConfig = {}): Promise<ApplyReport> {
  return apply(kernel, await planSample(kernel, config));
}
