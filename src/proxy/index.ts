/** Kubernetes Services and EndpointSlices to desired state. Pure; `../plan` carries it out. */
export { DEFAULT_CONFIG, type Profile, proxyConfig, type ProxyConfig } from './config.js';
export { desired, type KubeFamilyState, type KubeState, type Skipped } from './desired.js';
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
  parseNodeFacts,
} from './node.js';
export {
  type RenderedChains,
  type RenderedFamily,
  type RenderedRealServer,
  type RenderedSet,
  type RenderedState,
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
export type * from '../plan/types.js';
