/**
 * Rules of the packet filter as data: a typed model, iptables-restore and iptables-save text, differences, and the KUBE chains of
 * the IPVS mode. Published as `ipvs/rules`.
 */
export { diffRules, isEmptyDiff, noRules } from './diff.js';
export { formatRule, sameRule } from './iptables/rule.js';
export { pickRuleSet, readSave, type SavedChain, type SavedTable } from './iptables/reader.js';
export { restoreText, saveText } from './iptables/writer.js';
export { classicRules } from './kube/classic.js';
export { currentRules } from './kube/current.js';
export type {
  ClassicRulesInput,
  CurrentRulesInput,
  KubeRulesInput,
  LoadBalancerPort,
  LocalDetector,
} from './kube/input.js';
export { KUBE_CHAINS, KUBE_SETS, type KubeSet, type KubeSetName, kubeSetName } from './kube/names.js';
export { nftTable } from './nft/compile.js';
export { diffNft, isEmptyNftDiff } from './nft/diff.js';
export { nftSets, type RuleSetContent } from './nft/elements.js';
export { NFT_TABLE } from './nft/names.js';
export { createNft } from './nft/nft.js';
export { readNft } from './nft/reader.js';
export type * from './nft/types.js';
export { nftText } from './nft/writer.js';
export { createRules, iptablesVersion, type RulesOptions } from './rules.js';
export {
  createRunner,
  type CreateRunnerOptions,
  type Runner,
  type RunnerOptions,
  type RunnerResult,
} from './runner.js';
export type * from './types.js';
