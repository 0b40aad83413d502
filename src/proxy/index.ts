/** Kubernetes Services and EndpointSlices to desired state. Pure; `../plan` carries it out. */
export {
  ANNOTATION_PREFIX,
  ANNOTATIONS,
  type ServiceForwarding,
  type ServiceTuning,
  type Weights,
} from './annotations.js';
export {
  DEFAULT_CONFIG,
  DETECT_LOCAL_MODES,
  type DetectLocalMode,
  type Profile,
  PROFILES,
  proxyConfig,
  type ProxyConfig,
} from './config.js';
export { desired, type KubeFamilyState, type KubeState } from './desired.js';
export type { Skipped } from './skip.js';
export { parseDuration, parseMilliseconds } from './duration.js';
export {
  CONFIG_FIELDS,
  type KubeProxySettings,
  parseBindAddress,
  parseKubeProxyConfiguration,
  readKubeProxyConfiguration,
  type RunSettings,
} from './kube-proxy-config.js';
export {
  formatProblem,
  ManifestError,
  type Manifests,
  type ManifestText,
  type Note,
  type Problem,
  readManifests,
} from './manifests.js';
export type {
  Endpoint,
  EndpointPort,
  EndpointSlice,
  Service,
  ServicePort,
  Source,
  TrafficPolicy,
} from './model.js';
export {
  deriveNodeFacts,
  KUBE_INTERFACE,
  type NodeFacts,
  nodeFactsFrom,
  type NodeInterface,
  nodeName,
  parseNodeFacts,
} from './node.js';
export {
  type RenderedChains,
  type RenderedFamily,
  type RenderedRealServer,
  type RenderedSet,
  type RenderedState,
  type RenderedSkip,
  type RenderedVirtualServer,
  renderState,
} from './render.js';
export { kubeScope } from './scope.js';
export {
  apply,
  type ApplyOptions,
  formatOperation,
  nothing,
  observe,
  type Observed,
  plan,
  Plan,
  type PlanJson,
  type PlanOptions,
} from '../plan/index.js';
export { RULES_BACKENDS } from '../plan/backends.js';
export type * from '../plan/types.js';
export * from '../explain/index.js';
