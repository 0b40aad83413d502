import { createConntrack } from '../conntrack/conntrack.js';
import { ClosedError } from '../errors.js';
import { createIpset } from '../ipset/ipset.js';
import { type ConnectionSource, connectionSource } from '../ipvs/connections.js';
import { createIpvs } from '../ipvs/ipvs.js';
import { createLink } from '../link/link.js';
import { loadAddon } from '../native/load.js';
import { openChannel } from '../netlink/channel.js';
import type { Channel, OpenChannel, Subsystem } from '../netlink/types.js';
import { createNft } from '../rules/nft/nft.js';
import { createRules } from '../rules/rules.js';
import { createRunner } from '../rules/runner.js';
import { createSysctl } from '../sysctl/sysctl.js';
import { probeFeatures } from './features.js';
import { type MachineFacts, machineFacts } from './machine.js';
import { resolveNetns } from './netns.js';
import type { Kernel, KernelOptions } from './types.js';

/** The parts that make a kernel: where its channels come from, and what does not go over netlink. */
export interface KernelParts {
  readonly netns: string;
  readonly open: OpenChannel;
  readonly connections: ConnectionSource;
  readonly rules: Kernel['rules'];
  readonly nft: Kernel['nft'];
  readonly sysctl: Kernel['sysctl'];
  /** What the machine says of itself. */
  readonly machine: () => Promise<MachineFacts>;
}

/**
 * Put a kernel together from its parts. Each channel is opened by the first call that needs it; a failed opening is tried again by
 * the next call, so loading a missing module is enough to go on.
 */
export function assembleKernel(parts: KernelParts): Kernel {
  const channels = new Map<Subsystem, Promise<Channel>>();
  let closed = false;

  const channel = (subsystem: Subsystem) => (): Promise<Channel> => {
    if (closed) return Promise.reject(new ClosedError(`kernel ${parts.netns}`));
    const known = channels.get(subsystem);
    if (known !== undefined) return known;
    const opening = parts.open(subsystem);
    channels.set(subsystem, opening);
    opening.catch(() => channels.delete(subsystem));
    return opening;
  };

  const connections: ConnectionSource = async function* (options) {
    if (closed) throw new ClosedError(`kernel ${parts.netns}`);
    yield* parts.connections(options);
  };

  const ipvs = createIpvs(channel('ipvs'), connections);
  const ipset = createIpset(channel('ipset'));
  const link = createLink(channel('route'));
  const conntrack = createConntrack(channel('conntrack'));

  const close = async (): Promise<void> => {
    closed = true;
    const open = [...channels.values()];
    channels.clear();
    for (const opening of await Promise.allSettled(open)) {
      if (opening.status === 'fulfilled') await opening.value.close();
    }
  };

  return {
    netns: parts.netns,
    ipvs,
    ipset,
    link,
    conntrack,
    rules: parts.rules,
    nft: parts.nft,
    sysctl: parts.sysctl,
    features: (options) => probeFeatures({ ipvs, ipset, machine: parts.machine }, options),
    close,
    [Symbol.asyncDispose]: close,
  };
}

/**
 * Open one network namespace of the running kernel. Nothing is sent yet: each subsystem opens its sockets on first use, so ipset
 * works where ip_vs is absent.
 *
 * Needs Linux and the native addon. IPVS needs CAP_NET_ADMIN in the initial user namespace, ipset and links CAP_NET_ADMIN in the
 * user namespace that owns the network namespace, another namespace than one's own CAP_SYS_ADMIN (setns(2)).
 *
 * @throws AddonUnavailableError when the addon cannot be loaded (with the remedy), NotFoundError when the namespace does not exist,
 * ValidationError for a malformed reference. What a subsystem lacks is reported by its first call, or by `features()`.
 */
export async function openKernel(options: KernelOptions = {}): Promise<Kernel> {
  loadAddon();
  const { label, path } = await resolveNetns(options.netns);
  const place = path === undefined ? {} : { netnsPath: path };
  const runner = createRunner(place);
  return assembleKernel({
    netns: label,
    open: (subsystem) => openChannel(subsystem, place),
    connections: connectionSource(path),
    rules: createRules(runner),
    nft: createNft(runner),
    sysctl: createSysctl(path),
    machine: () => machineFacts(),
  });
}
