import type { Kernel } from '../kernel/types.js';
import { desired, type KubeState, type ProxyConfig } from '../proxy/index.js';
import type { CliContext } from './io.js';
import { loadManifests } from './manifest-files.js';
import { configFromFlags, nodeFromFlags, type StateFlags } from './options.js';

/** Desired state from files and flags. */
export async function stateFromFlags(
  flags: StateFlags,
  context: CliContext,
  kernel?: Kernel,
): Promise<{ readonly config: ProxyConfig; readonly state: KubeState }> {
  const config = configFromFlags(flags);
  const manifests = await loadManifests(flags.filename, flags.strict === true, context.io);
  const node = await nodeFromFlags(flags, context, kernel);
  return { config, state: desired(manifests.services, manifests.slices, node, config) };
}
