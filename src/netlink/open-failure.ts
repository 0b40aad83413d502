import {
  errnoName,
  InvalidArgumentError,
  NetlinkError,
  NotFoundError,
  PermissionError,
  UnsupportedError,
  type NetlinkErrorInit,
} from '../errors.js';
import type { NativeOpenOptions, NativeOpenReply, Subsystem } from '../native/addon.js';

/** The step at which opening a channel failed. */
export type OpenFailure = Extract<NativeOpenReply, { readonly step: unknown }>;

const OPERATION: Readonly<Record<Subsystem, string>> = {
  ipvs: 'ipvs.open',
  ipset: 'ipset.open',
  route: 'link.open',
  conntrack: 'conntrack.open',
};

/** What opening a channel came to grief on, as the error that a caller can decide by. */
export function openFailure(
  subsystem: Subsystem,
  options: NativeOpenOptions,
  failure: OpenFailure,
): NetlinkError {
  const common = { code: errnoName(failure.errno), errno: failure.errno, operation: OPERATION[subsystem] };
  switch (failure.step) {
    case 'family':
      return familyFailure(common);
    case 'netns':
      return netnsFailure(common, namespaceName(options));
    case 'socket':
      return socketFailure(subsystem, common);
  }
}

/** Why a namespace could not be entered, for another operation than opening a channel. */
export function enteringFailure(operation: string, options: NativeOpenOptions, errno: number): NetlinkError {
  return netnsFailure({ code: errnoName(errno), errno, operation }, namespaceName(options));
}

type Common = Pick<NetlinkErrorInit, 'code' | 'errno' | 'operation'>;

function namespaceName(options: NativeOpenOptions): string {
  if (options.netnsPath !== undefined) return `network namespace ${options.netnsPath}`;
  return options.netnsFd === undefined
    ? 'network namespace'
    : `network namespace fd ${String(options.netnsFd)}`;
}

function familyFailure(common: Common): NetlinkError {
  if (common.code !== 'ENOENT') {
    return new NetlinkError({ ...common, meaning: 'asking the kernel for its IPVS interface failed' });
  }
  return new UnsupportedError({
    ...common,
    meaning: 'the running kernel has no IPVS',
    hint: 'load it on the host: modprobe ip_vs (the kernel must be built with CONFIG_IP_VS)',
  });
}

function netnsFailure(common: Common, target: string): NetlinkError {
  switch (common.code) {
    case 'ENOENT':
      return new NotFoundError({
        ...common,
        target,
        meaning: 'there is no such namespace file',
        hint: 'ip netns list shows the named ones; /proc/PID/ns/net is that of a process',
      });
    case 'EPERM':
    case 'EACCES':
      return new PermissionError({
        ...common,
        target,
        meaning: 'entering the namespace is not permitted',
        hint: "needs CAP_SYS_ADMIN in the namespace's user namespace and in one's own (setns(2)): run as root or with --cap-add SYS_ADMIN",
      });
    case 'EINVAL':
      return new InvalidArgumentError({ ...common, target, meaning: 'the file is not a network namespace' });
    case 'EBADF':
      return new InvalidArgumentError({ ...common, target, meaning: 'the file descriptor is not open' });
    default:
      return new NetlinkError({ ...common, target, meaning: 'entering the namespace failed' });
  }
}

function socketFailure(subsystem: Subsystem, common: Common): NetlinkError {
  switch (common.code) {
    case 'EPROTONOSUPPORT':
      return new UnsupportedError({
        ...common,
        meaning: 'the running kernel lacks this netlink protocol',
        ...(subsystem === 'ipset' ? { hint: 'load it on the host: modprobe ip_set' } : {}),
      });
    case 'EPERM':
    case 'EACCES':
      return new PermissionError({
        ...common,
        meaning: 'opening a netlink socket is not permitted',
        hint: 'a security module or seccomp filter forbids AF_NETLINK sockets',
      });
    case 'EMFILE':
      return new NetlinkError({
        ...common,
        meaning: 'the process has too many open files',
        hint: 'close kernels that are not needed, or raise the limit (ulimit -n)',
      });
    default:
      return new NetlinkError({ ...common, meaning: 'opening a netlink socket failed' });
  }
}
