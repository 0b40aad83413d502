import { type Family, tryParseAddress } from '../net/address.js';
import type { Protocol } from '../net/protocol.js';
import { classicRules } from '../rules/kube/classic.js';
import type { KubeRulesInput } from '../rules/kube/input.js';
import type { KubeSetName } from '../rules/kube/names.js';
import type { RuleSet } from '../rules/types.js';
import type { ProxyConfig } from './config.js';
import type { NodeFacts } from './node.js';

/** An address, port and protocol that a load balancer has given to a Service. */
export interface BalancerPort {
  readonly address: string;
  readonly protocol: Protocol;
  readonly port: number;
}

/** What the rules of a family depend on. */
export interface RulesFacts {
  readonly family: Family;
  readonly node: NodeFacts;
  readonly config: ProxyConfig;
  readonly nonEmptySets: ReadonlySet<KubeSetName>;
  /** Those whose source ranges do not let the node itself in. */
  readonly refusedFromNode: readonly BalancerPort[];
}

/** How a pod is recognised in one family; nothing where the configuration, or the node, has no answer. */
function podsOf(
  family: Family,
  node: NodeFacts,
  config: ProxyConfig,
): Pick<KubeRulesInput, 'clusterCIDR' | 'podInterface'> {
  const network = (networks: readonly string[]): Pick<KubeRulesInput, 'clusterCIDR'> => {
    const clusterCIDR = networks.find((text) => tryParseAddress(text.split('/')[0] ?? '')?.family === family);
    return clusterCIDR === undefined ? {} : { clusterCIDR };
  };
  switch (config.detectLocalMode) {
    case 'ClusterCIDR':
      return network(config.clusterCIDR);
    case 'NodeCIDR':
      return network(node.podCIDRs);
    case 'BridgeInterface':
      return { podInterface: config.bridgeInterface };
    case 'InterfaceNamePrefix':
      return { podInterface: `${config.interfaceNamePrefix}+` };
  }
}

/** The rules of the configured profile. */
export function familyRules({ family, node, config, nonEmptySets }: RulesFacts): RuleSet {
  const input: KubeRulesInput = {
    family,
    masqueradeAll: config.masqueradeAll,
    masqueradeBit: config.masqueradeBit,
    ...podsOf(family, node, config),
    nonEmptySets,
    dropMarked: config.dropMarked,
  };
  return classicRules(input);
}
