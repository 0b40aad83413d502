import {
  AlreadyExistsError,
  errnoName,
  type ExtendedAck,
  InvalidArgumentError,
  NetlinkError,
  type NetlinkErrorInit,
  NotFoundError,
  PermissionError,
  UnsupportedError,
} from '../errors.js';

/** What was tried. */
export type LinkOperation =
  | 'link.list'
  | 'link.get'
  | 'link.ensureDummy'
  | 'link.remove'
  | 'link.setUp'
  | 'link.addresses'
  | 'link.addAddresses'
  | 'link.removeAddresses';

/** What the caller of {@link linkError} knows. */
export interface LinkFailure {
  /** Negative errno. */
  readonly code: number;
  readonly extack?: ExtendedAck;
  readonly position?: number;
  readonly applied?: number;
}

type Verdict = readonly [make: new (init: NetlinkErrorInit) => NetlinkError, meaning: string, hint?: string];

/** What an answer means depends on the request; the same EOPNOTSUPP is a missing module here and a physical interface there. */
function verdict(operation: LinkOperation, code: string): Verdict {
  switch (code) {
    case 'EPERM':
      return [
        PermissionError,
        'not permitted',
        'needs CAP_NET_ADMIN in the user namespace that owns the network namespace',
      ];
    case 'ENODEV':
      return [NotFoundError, 'there is no such interface'];
    case 'EEXIST':
      return [AlreadyExistsError, 'exists already'];
    case 'EADDRNOTAVAIL':
      return operation === 'link.removeAddresses'
        ? [NotFoundError, 'the interface does not have this address']
        : [InvalidArgumentError, 'the kernel does not take this address on this interface'];
    case 'EOPNOTSUPP':
      if (operation === 'link.ensureDummy')
        return [UnsupportedError, 'this kernel cannot make dummy interfaces', 'modprobe dummy'];
      if (operation === 'link.remove') return [UnsupportedError, 'interfaces of this kind cannot be removed'];
      return [UnsupportedError, 'this kernel lacks the address family'];
    case 'EAFNOSUPPORT':
      return [UnsupportedError, 'this kernel lacks the address family'];
    case 'EACCES':
      return [
        UnsupportedError,
        'IPv6 is switched off on this interface',
        'sysctl net.ipv6.conf.<interface>.disable_ipv6=0',
      ];
    case 'EINVAL':
    case 'ERANGE':
      return [InvalidArgumentError, 'the kernel found a value unacceptable'];
    default:
      return [NetlinkError, 'the kernel refused'];
  }
}

/** The error for a refused request, its class chosen by operation and errno together. */
export function linkError(operation: LinkOperation, target: string, failure: LinkFailure): NetlinkError {
  const code = errnoName(failure.code);
  const [Make, meaning, hint] = verdict(operation, code);
  return new Make({
    code,
    errno: failure.code,
    operation,
    target,
    meaning,
    ...(hint === undefined ? {} : { hint }),
    ...(failure.extack === undefined ? {} : { extack: failure.extack }),
    ...(failure.position === undefined ? {} : { position: failure.position }),
    ...(failure.applied === undefined ? {} : { applied: failure.applied }),
  });
}
