import { accessSync, constants } from 'node:fs';
import { spawnSync } from 'node:child_process';
import type { SetType } from '../../src/ipset/types.js';

/** What a kernel suite can need of the machine it runs on. */
export type Need =
  'root' | 'addon' | 'ipvs' | 'ipset' | 'link' | 'rules' | 'nft' | 'dummy' | 'conntrack' | SetTypeNeed;

/** A set type of the kernel. */
export type SetTypeNeed = `set ${SetType}`;

function succeeds(program: string, ...args: readonly string[]): boolean {
  return spawnSync(program, args, { stdio: 'ignore' }).status === 0;
}

function readable(path: string): boolean {
  try {
    accessSync(path, constants.R_OK);
    return true;
  } catch {
    return false;
  }
}

const root = (): string | undefined =>
  process.getuid?.() === 0 ? undefined : 'needs root (CAP_NET_ADMIN and CAP_SYS_ADMIN)';

/**
 * Each probe answers undefined when the need is met, else the reason. They ask the kernel, not its version: the file or the
 * command that only works where the feature is there.
 */
const PROBES: Readonly<Record<Exclude<Need, SetTypeNeed>, () => string | undefined>> = {
  root,
  addon: () => (process.platform === 'linux' ? undefined : 'needs Linux'),
  ipvs: () => {
    if (root() !== undefined) return root();
    if (!readable('/proc/net/ip_vs')) spawnSync('modprobe', ['ip_vs'], { stdio: 'ignore' });
    return readable('/proc/net/ip_vs')
      ? undefined
      : 'the running kernel has no ip_vs (scripts/vm boots one that has)';
  },
  ipset: () => root() ?? (succeeds('ipset', 'list', '-n') ? undefined : 'the running kernel has no ip_set'),
  link: root,
  rules: () =>
    root() ?? (succeeds('iptables-save') ? undefined : 'iptables-save does not work with the running kernel'),
  nft: () =>
    root() ?? (succeeds('nft', 'list', 'tables') ? undefined : 'nft does not work with the running kernel'),
  conntrack: () =>
    root() ??
    (succeeds('unshare', '--net', 'conntrack', '-L')
      ? undefined
      : 'the running kernel has no nf_conntrack_netlink'),
  dummy: () => {
    if (root() !== undefined) return root();
    const made = succeeds('unshare', '--net', 'ip', 'link', 'add', 'probe0', 'type', 'dummy');
    return made ? undefined : 'the running kernel has no dummy interfaces (scripts/vm boots one that has)';
  },
};

/** Types come as modules, or not at all: a kernel has the one that it can make a set of. */
function setTypeProbe(type: string): string | undefined {
  const range = type === 'bitmap:port' ? ['range', '0-1'] : ['range', '10.0.0.0/24'];
  const options = type.startsWith('bitmap:') ? range : [];
  const made = succeeds('unshare', '--net', 'ipset', 'create', 'probe', type, ...options);
  return made ? undefined : `the running kernel has no sets of type ${type}`;
}

function probe(need: Need): string | undefined {
  return need.startsWith('set ') ? setTypeProbe(need.slice(4)) : PROBES[need as keyof typeof PROBES]();
}

const cache = new Map<Need, string | undefined>();

/** Why this machine cannot run something that has these needs; undefined when it can. */
export function missing(needs: readonly Need[]): string | undefined {
  for (const need of needs) {
    if (!cache.has(need)) cache.set(need, probe(need));
    const reason = cache.get(need);
    if (reason !== undefined) return reason;
  }
  return undefined;
}
