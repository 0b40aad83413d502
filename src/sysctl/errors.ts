import {
  errnoName,
  InvalidArgumentError,
  NetlinkError,
  type NetlinkErrorInit,
  NotFoundError,
  PermissionError,
} from '../errors.js';

function missingHint(path: string): string | undefined {
  if (path.startsWith('net/ipv4/vs/')) return 'modprobe ip_vs';
  if (path.startsWith('net/netfilter/nf_conntrack')) return 'modprobe nf_conntrack';
  if (path.startsWith('net/bridge/')) return 'modprobe br_netfilter';
  if (path.startsWith('net/ipv6/')) return 'the kernel may have been started with ipv6.disable=1';
  return undefined;
}

/** The error for a file operation that ended with `errno` (positive). */
export function sysctlError(
  operation: 'sysctl.get' | 'sysctl.set',
  path: string,
  errno: number,
  cause: unknown,
): NetlinkError {
  const facts = {
    code: errnoName(errno),
    errno: -errno,
    operation,
    target: path,
    ...(cause === undefined ? {} : { cause }),
  };
  const make = (meaning: string, hint?: string): NetlinkErrorInit => ({
    ...facts,
    meaning,
    ...(hint === undefined ? {} : { hint }),
  });
  switch (facts.code) {
    case 'ENOENT':
      return new NotFoundError(make('the kernel has no such entry', missingHint(path)));
    case 'EACCES':
    case 'EPERM':
      return new PermissionError(
        make(
          'not permitted',
          'needs root, or CAP_NET_ADMIN in the user namespace that owns the network namespace',
        ),
      );
    case 'EROFS':
      return new PermissionError(
        make(
          '/proc/sys is mounted read-only',
          'containers get it so by default: run it privileged, or set the value on the host or in the pod specification',
        ),
      );
    case 'EINVAL':
    case 'ERANGE':
      return new InvalidArgumentError(make('the kernel does not take this value'));
    default:
      return new NetlinkError(make('failed'));
  }
}
