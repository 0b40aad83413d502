import { isNetlinkError } from '../errors.js';
import type { Ipset } from '../ipset/types.js';
import type { Ipvs } from '../ipvs/types.js';
import type { CallOptions } from '../netlink/types.js';
import type { MachineFacts } from './machine.js';
import type { Features, ModuleState } from './types.js';

/** The reason that a caller can act upon; anything but a kernel's refusal is a real error. */
function reasonOf(err: unknown): string {
  if (isNetlinkError(err)) return err.message;
  throw err;
}

const SCHEDULERS = [
  'dh',
  'fo',
  'lblc',
  'lblcr',
  'lc',
  'mh',
  'nq',
  'ovf',
  'rr',
  'sed',
  'sh',
  'twos',
  'wlc',
  'wrr',
] as const;
const ENGINES = ['sip'] as const;

/**
 * Ask each subsystem the cheapest question that tells whether it answers, and look at what the machine says of itself. Asking for IPVS loads
 * its module where there is one (the kernel does that when the family is looked up); schedulers and engines are not loaded.
 */
export async function probeFeatures(
  kernel: {
    readonly ipvs: Pick<Ipvs, 'info'>;
    readonly ipset: Pick<Ipset, 'protocol' | 'types'>;
    readonly machine: () => Promise<MachineFacts>;
  },
  options?: CallOptions,
): Promise<Features> {
  const answer = kernel.ipvs.info(options).then(
    (info) => ({ available: true, info }) as const,
    (err: unknown) => ({ available: false, reason: reasonOf(err) }) as const,
  );
  const ipset = kernel.ipset
    .protocol(options)
    .then(async ({ current }) => {
      const types = await kernel.ipset.types(options);
      return { available: true, protocol: current, types } as const;
    })
    .catch((err: unknown) => ({ available: false, reason: reasonOf(err) }) as const);
  const [ipvs, sets] = await Promise.all([answer, ipset]);
  // After the questions, which may have loaded modules.
  const machine = await kernel.machine();
  const { release, netAdmin, initialUserNamespace, tools } = machine;
  return {
    ipvs: ipvs.available
      ? {
          available: true,
          version: ipvs.info.version,
          connectionTableSize: ipvs.info.connectionTableSize,
          schedulers: statesOf(SCHEDULERS, (name) => machine.module(`ip_vs_${name}`)),
          engines: statesOf(ENGINES, (name) => machine.module(`ip_vs_pe_${name}`)),
          mixedFamilies: isAtLeast(release, 3, 18),
          stats64: isAtLeast(release, 4, 1),
          tunnels: isAtLeast(release, 5, 2),
          tunnelChecksums: isAtLeast(release, 5, 3),
        }
      : ipvs,
    ipset: sets,
    release,
    netAdmin,
    initialUserNamespace,
    tools,
  };
}

function statesOf(
  names: readonly string[],
  stateOf: (name: string) => ModuleState,
): Readonly<Record<string, ModuleState>> {
  return Object.fromEntries(names.map((name) => [name, stateOf(name)]));
}

/** `6.1.0-56-cloud-amd64` is at least 5.2. */
function isAtLeast(release: string, major: number, minor: number): boolean {
  const [first = 0, second = 0] = release.split(/[^0-9]/, 2).map(Number);
  return first > major || (first === major && second >= minor);
}
