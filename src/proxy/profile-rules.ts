import type { Family } from '../net/address.js';
import { tryParseCidr } from '../net/cidr.js';
import { classicRules } from '../rules/kube/classic.js';
import { currentRules } from '../rules/kube/current.js';
import type { KubeRulesInput, LoadBalancerPort, LocalDetector } from '../rules/kube/input.js';
import type { KubeSetName } from '../rules/kube/names.js';
import type { RuleSet } from '../rules/types.js';
import type { ProxyConfig } from './config.js';
import type { NodeFacts } from './node.js';
import { addressKey, sortedBy } from './sorted.js';

/** What the rules of a family depend on. */
export interface RulesFacts {
  readonly family: Family;
  readonly node: NodeFacts;
  readonly config: ProxyConfig;
  readonly nonEmptySets: ReadonlySet<KubeSetName>;
  /** Those whose source ranges do not let the node itself in. */
  readonly refusedFromNode: readonly LoadBalancerPort[];
}

/** How a pod is recognised in one family; undefined where the configuration, or the node, has no answer. */
function localDetector(
  family: Family,
  node: NodeFacts,
  { detectLocalMode: mode, clusterCIDR, bridgeInterface, interfaceNamePrefix }: ProxyConfig,
): LocalDetector | undefined {
  switch (mode) {
    case 'ClusterCIDR':
    case 'NodeCIDR': {
      const cidr = (mode === 'NodeCIDR' ? node.podCIDRs : clusterCIDR).find(
        (text) => tryParseCidr(text)?.family === family,
      );
      return cidr === undefined ? undefined : { mode, cidr };
    }
    case 'BridgeInterface':
      return { mode, interface: bridgeInterface };
    case 'InterfaceNamePrefix':
      return { mode, prefix: interfaceNamePrefix };
  }
}

const portKey = ({ address, protocol, port }: LoadBalancerPort): string =>
  `${addressKey(address)} ${protocol} ${String(port).padStart(5, '0')}`;

/** The rules of the configured profile. */
export function familyRules({ family, node, config, nonEmptySets, refusedFromNode }: RulesFacts): RuleSet {
  const detector = localDetector(family, node, config);
  const input: KubeRulesInput = {
    family,
    masqueradeAll: config.masqueradeAll,
    masqueradeBit: config.masqueradeBit,
    ...(detector === undefined ? {} : { localDetector: detector }),
    nonEmptySets,
  };
  switch (config.profile) {
    case 'classic':
      return classicRules({ ...input, dropMarked: config.dropMarked });
    case 'current':
      return currentRules({
        ...input,
        refusedFromNode: sortedBy(refusedFromNode, portKey),
        // What nft has instead needs no module.
        ipvsMatch: config.ipvsMatch || config.rules === 'nft',
      });
  }
}
