import type { DesiredState, FamilyState } from '../plan/types.js';
import type { LoadBalancerPort } from '../rules/kube/input.js';
import type { ProxyConfig } from './config.js';
import { indexSlices } from './endpoints.js';
import { FamilyBuilder, type FamilySetting, familySetting, type FamilyWants } from './family-builder.js';
import type { EndpointSlice, Service } from './model.js';
import type { NodeFacts } from './node.js';
import type { Skipped } from './skip.js';
import { sortedBy } from './sorted.js';
import { kubeSysctls } from './sysctls.js';

export type { Skipped };

/** What one family of the node is to look like, with what only people and health servers want to know. */
export interface KubeFamilyState extends FamilyState {
  readonly skipped: readonly Skipped[];
  /** Health check node ports by `namespace/name`. */
  readonly healthCheckNodePorts: Readonly<Record<string, number>>;
  /** Ports of load balancers whose source ranges do not let the node itself in; its rules may depend on them. */
  readonly refusedFromNode: readonly LoadBalancerPort[];
}

/** What the node is to look like. */
export interface KubeState extends DesiredState {
  readonly families: readonly KubeFamilyState[];
}

/**
 * What a node has to look like so that these Services work: virtual servers, set entries, rules, addresses and settings. A pure
 * function; the same input gives the same output whatever its order.
 *
 * @param config From `proxyConfig()`.
 */
export function desired(
  services: Iterable<Service>,
  slices: Iterable<EndpointSlice>,
  node: NodeFacts,
  config: ProxyConfig,
): KubeState {
  const settings = config.families.map((family) => familySetting(family, node, config));
  return {
    families: build(services, slices, settings).map((builder) => builder.state()),
    rules: config.rules,
    interface: true,
    sysctls: kubeSysctls(config),
    timeouts: config.timeouts,
  };
}

/** What these Services ask of each family: their part of the desired state, without what is the same whatever they are. */
export function wants(
  services: Iterable<Service>,
  slices: Iterable<EndpointSlice>,
  settings: readonly FamilySetting[],
): readonly FamilyWants[] {
  return build(services, slices, settings).map((builder) => builder.wants());
}

function build(
  services: Iterable<Service>,
  slices: Iterable<EndpointSlice>,
  settings: readonly FamilySetting[],
): readonly FamilyBuilder[] {
  const index = indexSlices(slices);
  // When two Services want the same address and port, the same one wins every time.
  const ordered = sortedBy(services, ({ namespace, name }) => `${namespace}\0${name}`);
  return settings.map((setting) => {
    const builder = new FamilyBuilder(setting, index);
    for (const service of ordered) builder.add(service);
    return builder;
  });
}
