import { ValidationError } from '../errors.js';
import type { Kernel } from '../kernel/types.js';
import { desired, type KubeState, type NodeFacts, type Problem, type ProxyConfig } from '../proxy/index.js';
import { configFromFlags } from './config-flags.js';
import type { CliContext } from './io.js';
import { loadManifests, reportSkipped } from './manifest-files.js';
import { nodeFromFlags } from './node-flags.js';
import type { StateFlags } from './options.js';

/** Desired state, and what it was made from. */
export interface StateAndConfig {
  readonly config: ProxyConfig;
  readonly node: NodeFacts;
  readonly state: KubeState;
  /** Objects that are left out because something is wrong with them. */
  readonly problems: readonly Problem[];
}

/** What the current profile can use of this machine. @param note Told what it cannot. */
export async function withFeatures(
  config: ProxyConfig,
  kernel: Kernel,
  note: (text: string) => void,
): Promise<ProxyConfig> {
  const [family] = config.families;
  if (config.profile !== 'current' || config.rules === 'nft' || family === undefined) return config;
  const { ipvsMatch } = await kernel.rules.features(family);
  if (ipvsMatch.available) return config;
  note(`this node itself can reach load balancers whose source ranges refuse it: ${ipvsMatch.reason}`);
  return { ...config, ipvsMatch: false };
}

/** @throws ValidationError when the pods of the node are to be known by its networks, and it has none. */
export function requirePodNetworks(config: ProxyConfig, node: NodeFacts): void {
  if (config.detectLocalMode !== 'NodeCIDR' || config.masqueradeAll || node.podCIDRs.length > 0) return;
  throw new ValidationError(
    '--detect-local-mode',
    'podCIDRs of the node (of its Node object, or in --node-facts), which NodeCIDR needs',
    node.podCIDRs,
  );
}

/** Desired state from files and flags. */
export async function stateFromFlags(
  flags: StateFlags,
  context: CliContext,
  kernel?: Kernel,
): Promise<StateAndConfig> {
  const { config: given, file } = await configFromFlags(flags);
  const config =
    kernel === undefined
      ? given
      : await withFeatures(given, kernel, (note) => context.io.err(`ipvs: note: ${note}\n`));
  const strict = flags.strict === true;
  const manifests = await loadManifests(
    flags.filename,
    { strict, mustSay: kernel !== undefined },
    context.io,
  );
  const node = await nodeFromFlags(flags, context, kernel, file);
  requirePodNetworks(config, node);
  const state = desired(manifests.services, manifests.slices, node, config);
  reportSkipped(state, strict, context.io);
  return { config, node, state, problems: manifests.problems };
}
