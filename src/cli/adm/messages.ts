import { errnoName, isNetlinkError, type NetlinkError } from '../../errors.js';

/** What was tried, as far as the tool's messages tell one from another. */
export type Attempt =
  | 'add-service'
  | 'edit-service'
  | 'service'
  | 'add-server'
  | 'server'
  | 'start-daemon'
  | 'stop-daemon'
  | 'other';

const NO_MODULE = 'Scheduler or persistence engine not found';

/** The tool's words for what the kernel refuses; seen, or (EPERM of a single request, ENOMEM) as its manual has them. */
const MESSAGES: Readonly<Record<Attempt, Readonly<Record<string, string>>>> = {
  'add-service': { EEXIST: 'Service already exists', ENOENT: NO_MODULE },
  'edit-service': { ESRCH: 'No such service', ENOENT: NO_MODULE },
  service: { ESRCH: 'No such service' },
  'add-server': { ESRCH: 'Service not defined', EEXIST: 'Destination already exists' },
  server: { ESRCH: 'Service not defined', ENOENT: 'No such destination' },
  'start-daemon': { EEXIST: 'Daemon has already run' },
  'stop-daemon': { ESRCH: 'No daemon is running' },
  other: {},
};

/** Whatever was tried. Where the tool has no words of its own it prints those of strerror(3). */
const COMMON: Readonly<Record<string, string>> = {
  EPERM: 'Permission denied (you must be root)',
  EINVAL: 'Invalid operation.  Possibly wrong module version, address not unicast, ...',
  ENOMEM: 'Memory allocation problem',
  ENOPROTOOPT: 'Protocol not available',
  ERANGE: 'Numerical result out of range',
  ENODEV: 'No such device',
  EAFNOSUPPORT: 'Operation not supported with specified address family',
  EADDRINUSE: 'Address already in use',
  EADDRNOTAVAIL: 'Cannot assign requested address',
  ENETUNREACH: 'Network is unreachable',
  EBUSY: 'Device or resource busy',
  ENOSPC: 'No space left on device',
};

/** The tool's message for an errno code. */
export function message(attempt: Attempt, code: string): string | undefined {
  return MESSAGES[attempt][code] ?? COMMON[code];
}

/** The tool's message for an error of the kernel; errors of other kinds are thrown on. */
export function messageOf(attempt: Attempt, err: unknown): string {
  if (!isKernelError(err)) throw err;
  // Of a real server whose virtual server could not be added before, the error tells why; the kernel itself said ESRCH.
  const code = isKernelError(err.cause) ? errnoName(-3) : err.code;
  return message(attempt, code) ?? err.message;
}

/** {@link isNetlinkError} as a type guard. */
export function isKernelError(err: unknown): err is NetlinkError {
  return isNetlinkError(err);
}
