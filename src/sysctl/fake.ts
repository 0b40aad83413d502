import { constants } from 'node:os';
import type { FileOutcome } from './files.js';
import { sysctlPath } from './name.js';
import { sysctlOver } from './sysctl.js';
import type { Sysctl } from './types.js';

/** What a fresh namespace of a kernel with ip_vs has, as far as load balancing looks at it (Linux 6.12, 6.18). */
const DEFAULTS: Readonly<Record<string, string>> = {
  'net.ipv4.ip_forward': '0',
  'net.ipv6.conf.all.forwarding': '0',
  'net.ipv4.conf.all.arp_ignore': '0',
  'net.ipv4.conf.all.arp_announce': '0',
  'net.ipv4.conf.all.route_localnet': '0',
  'net.ipv4.vs.conntrack': '0',
  'net.ipv4.vs.conn_reuse_mode': '1',
  'net.ipv4.vs.expire_nodest_conn': '0',
  'net.ipv4.vs.expire_quiescent_template': '0',
  'net.ipv4.vs.run_estimation': '1',
};

/** Makes one access of the fake fail: the errno (positive) of reading or writing the file, undefined to let it pass. */
export type SysctlFault = (access: 'read' | 'write', path: string) => number | undefined;

/** {@link Sysctl} in memory. */
export interface FakeSysctl extends Sysctl {
  /** Values by path below /proc/sys: `net/ipv4/ip_forward`. An entry that is not here does not exist. */
  readonly values: Map<string, string>;
  /** Asked before every access; settable at any time. */
  fault: SysctlFault | undefined;
}

/**
 * Sysctls in memory, with the same checks and errors as the real ones. `initial` adds to or replaces what a fresh namespace has;
 * names as for {@link Sysctl}.
 * @throws ValidationError for a name in `initial` that is none.
 */
export function createFakeSysctl(initial: Readonly<Record<string, string>> = {}): FakeSysctl {
  const values = new Map(
    Object.entries({ ...DEFAULTS, ...initial }).map(([name, value]) => [sysctlPath(name), value]),
  );
  const access = async (
    kind: 'read' | 'write',
    path: string,
    signal: AbortSignal | undefined,
    act: () => string,
  ): Promise<FileOutcome> => {
    await Promise.resolve();
    signal?.throwIfAborted();
    const errno = fake.fault?.(kind, path) ?? (values.has(path) ? undefined : constants.errno.ENOENT);
    return errno === undefined ? { text: act() } : { errno, cause: undefined };
  };
  const sysctl = sysctlOver({
    read: (path, signal) => access('read', path, signal, () => `${values.get(path) ?? ''}\n`),
    write: (path, text, signal) =>
      access('write', path, signal, () => {
        values.set(path, text.trim());
        return text;
      }),
  });
  const fake: FakeSysctl = { ...sysctl, values, fault: undefined };
  return fake;
}
