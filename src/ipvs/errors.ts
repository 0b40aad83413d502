import {
  AlreadyExistsError,
  BusyError,
  errnoName,
  type ExtendedAck,
  InvalidArgumentError,
  NetlinkError,
  type NetlinkErrorInit,
  NotFoundError,
  OutcomeUnknownError,
  PermissionError,
  ProtocolError,
  UnsupportedError,
} from '../errors.js';
import { type DestinationId, destinationTarget, type ServiceId } from './identity.js';
import { type Address, tryParseAddress } from '../net/address.js';
import type { SyncDaemonRole } from './types.js';

/** What can be refused. The same errno means different things per call, so errors are chosen by both. */
export type IpvsCall =
  | 'add'
  | 'set'
  | 'remove'
  | 'get'
  | 'list'
  | 'addReal'
  | 'setReal'
  | 'removeReal'
  | 'drain'
  | 'listReal'
  | 'flush'
  | 'info'
  | 'timeouts'
  | 'setTimeouts'
  | 'zero'
  | 'startDaemon'
  | 'stopDaemon'
  | 'daemons';

/** What the call was about, for messages and hints. */
export interface CallContext {
  readonly service?: ServiceId;
  readonly destination?: DestinationId;
  readonly scheduler?: string;
  readonly engine?: string;
  readonly daemon?: { readonly role: SyncDaemonRole; readonly interface?: string; readonly group?: Address };
  /** Index in a batch. */
  readonly position?: number;
}

/** One line of the table. */
export interface Explanation {
  readonly type: new (init: NetlinkErrorInit) => NetlinkError;
  /** What the answer means for this call. */
  readonly meaning: string | ((context: CallContext) => string);
  /** What can be done about it. */
  readonly hint?: (context: CallContext) => string | undefined;
}

const NO_SERVICE: Explanation = { type: NotFoundError, meaning: 'no such virtual server' };

const NO_DESTINATION: Explanation = {
  type: NotFoundError,
  meaning: 'the virtual server has no such real server',
};

/** ENOENT says "scheduler or engine"; the kernel cannot be asked which. */
const NO_MODULE: Explanation = {
  type: UnsupportedError,
  meaning: ({ scheduler, engine }) =>
    `the kernel has no scheduler ${scheduler ?? '(none)'}` +
    (engine === undefined || engine === '' ? '' : ` or no persistence engine ${engine}`),
  hint: ({ scheduler, engine }) => {
    const modules = [
      ...(scheduler === undefined || scheduler === 'none' ? [] : [`ip_vs_${scheduler}`]),
      ...(engine === undefined || engine === '' ? [] : [`ip_vs_pe_${engine}`]),
    ];
    return modules.length === 0 ? undefined : modules.map((name) => `modprobe ${name}`).join('; ');
  },
};

/** ip_vs_new_dest looks the address up in the local routing table, which is empty until `lo` is up. */
function unusableAddress({ destination }: CallContext): string | undefined {
  if (destination === undefined) return undefined;
  const bytes = tryParseAddress(destination.address)?.bytes ?? [];
  const [first = 0, second = 0] = bytes;
  const zero = Array.from(bytes).every((byte) => byte === 0);
  if (destination.family === 'inet') {
    if (zero || first >= 224) return `${destination.address} is not the address of one host`;
    return 'is lo up? In a network namespace whose loopback interface is down, the kernel refuses every IPv4 real server';
  }
  if (zero || first === 0xff) return `${destination.address} is not the address of one host`;
  if (first === 0xfe && (second & 0xc0) === 0x80) {
    return `${destination.address} is link-local; the kernel takes such addresses only when they are this machine's own`;
  }
  return 'a sync daemon refuses real servers of another address family, and they refuse it';
}

/** What each call's own answers mean (net/netfilter/ipvs/ip_vs_ctl.c; observed on 6.1 and 6.12). */
export const EXPLANATIONS: Readonly<Record<IpvsCall, Readonly<Record<string, Explanation>>>> = {
  add: {
    EEXIST: { type: AlreadyExistsError, meaning: 'the virtual server exists already' },
    ENOENT: NO_MODULE,
    EINVAL: {
      type: InvalidArgumentError,
      meaning: 'the kernel refuses the virtual server',
      hint: ({ scheduler }) =>
        `the scheduler ${scheduler ?? 'wlc'} could not be set up, or (since Linux 6.2) the limit of estimator threads is reached`,
    },
    ENOPROTOOPT: {
      type: BusyError,
      meaning: 'the module ip_vs is being unloaded',
      hint: () => 'try again',
    },
  },
  set: {
    ESRCH: NO_SERVICE,
    ENOENT: NO_MODULE,
    EINVAL: {
      type: InvalidArgumentError,
      meaning: 'the kernel refuses the attributes',
      hint: ({ scheduler }) =>
        `the scheduler ${scheduler ?? 'wlc'} could not be set up; the former one is kept`,
    },
  },
  remove: { ESRCH: NO_SERVICE },
  get: { ESRCH: NO_SERVICE },
  list: {},
  addReal: {
    ESRCH: NO_SERVICE,
    EEXIST: { type: AlreadyExistsError, meaning: 'the virtual server has this real server already' },
    EINVAL: {
      type: InvalidArgumentError,
      meaning: 'the kernel refuses the real server',
      hint: unusableAddress,
    },
    ERANGE: { type: InvalidArgumentError, meaning: 'weight or thresholds are out of range' },
  },
  setReal: {
    ESRCH: NO_SERVICE,
    ENOENT: NO_DESTINATION,
    EINVAL: {
      type: InvalidArgumentError,
      meaning: 'the kernel refuses the attributes',
      hint: ({ service, destination }) =>
        service?.family === destination?.family
          ? undefined
          : 'a real server of another address family needs forwarding tunnel and no running sync daemon',
    },
    ERANGE: { type: InvalidArgumentError, meaning: 'weight or thresholds are out of range' },
  },
  removeReal: { ESRCH: NO_SERVICE, ENOENT: NO_DESTINATION },
  drain: { ESRCH: NO_SERVICE, ENOENT: NO_DESTINATION },
  listReal: { ESRCH: NO_SERVICE },
  flush: {},
  info: {},
  timeouts: {},
  setTimeouts: {
    EINVAL: {
      type: InvalidArgumentError,
      meaning: 'a timeout is too large',
      hint: () => 'the kernel counts in ticks: at most 2147483647 / HZ seconds, about 24 days at HZ=1000',
    },
  },
  zero: { ESRCH: NO_SERVICE },
  startDaemon: {
    EEXIST: { type: AlreadyExistsError, meaning: 'this sync daemon runs already' },
    ENODEV: {
      type: NotFoundError,
      meaning: ({ daemon }) => `there is no interface ${daemon?.interface ?? ''}`,
    },
    EINVAL: {
      type: InvalidArgumentError,
      meaning: 'the kernel refuses the sync daemon',
      hint: () =>
        'a sync daemon and real servers of another address family than their virtual server exclude each other',
    },
    EADDRNOTAVAIL: {
      type: InvalidArgumentError,
      meaning: 'the interface has no address of the family of the multicast group',
    },
  },
  stopDaemon: { ESRCH: { type: NotFoundError, meaning: 'this sync daemon does not run' } },
  daemons: {},
};

/** What an answer means whatever the call. */
export const COMMON: Readonly<Record<string, Explanation>> = {
  EPERM: {
    type: PermissionError,
    meaning: 'not permitted',
    hint: () =>
      'IPVS needs CAP_NET_ADMIN in the initial user namespace: root, or a privileged container; a rootless one is always refused',
  },
  ENOENT: {
    type: UnsupportedError,
    meaning: 'the kernel has no IPVS (any more)',
    hint: () => 'modprobe ip_vs',
  },
  EOPNOTSUPP: { type: UnsupportedError, meaning: 'the kernel does not know this request' },
  EAFNOSUPPORT: {
    type: UnsupportedError,
    meaning: 'the kernel does not balance this address family',
    hint: () => 'IPv6 is disabled, or missing from the kernel (CONFIG_IP_VS_IPV6)',
  },
  ENOMEM: { type: NetlinkError, meaning: 'the kernel is out of memory' },
  EINVAL: { type: InvalidArgumentError, meaning: 'the kernel refuses the request' },
};

/** The line of the tables for a call and a (negative or positive) errno. */
export function explain(call: IpvsCall, errno: number): Explanation {
  const code = errnoName(errno);
  return EXPLANATIONS[call][code] ?? COMMON[code] ?? { type: NetlinkError, meaning: 'the kernel refused' };
}

function targetOf({ service, destination, daemon }: CallContext): string | undefined {
  if (daemon !== undefined) {
    return daemon.interface === undefined ? daemon.role : `${daemon.role} on ${daemon.interface}`;
  }
  if (service === undefined) return undefined;
  return destination === undefined ? service.url : destinationTarget(service, destination);
}

/** The facts of a refusal in words; the class to make of them comes with it. */
function initOf(
  call: IpvsCall,
  errno: number,
  context: CallContext,
  extack: ExtendedAck | undefined,
): { readonly type: Explanation['type']; readonly init: NetlinkErrorInit } {
  const { type, meaning, hint } = explain(call, errno);
  const target = targetOf(context);
  const advice = hint?.(context);
  return {
    type,
    init: {
      code: errnoName(errno),
      errno: -Math.abs(errno),
      operation: `ipvs.${call}`,
      meaning: typeof meaning === 'string' ? meaning : meaning(context),
      ...(target === undefined ? {} : { target }),
      ...(advice === undefined ? {} : { hint: advice }),
      ...(extack === undefined ? {} : { extack }),
      ...(context.position === undefined ? {} : { position: context.position }),
    },
  };
}

/** The error for a call that the kernel refused. */
export function refusalError(
  call: IpvsCall,
  refusal: { readonly errno: number; readonly extack?: ExtendedAck },
  context: CallContext = {},
): NetlinkError {
  const { type, init } = initOf(call, refusal.errno, context, refusal.extack);
  return new type(init);
}

/**
 * The error for an operation that failed with "no such virtual server" because adding that server failed earlier in the same batch:
 * same class and code as the root cause, which is the `cause`.
 */
export function consequenceError(
  call: IpvsCall,
  root: {
    readonly call: IpvsCall;
    readonly errno: number;
    readonly context: CallContext;
    readonly error: NetlinkError;
  },
  context: CallContext,
): NetlinkError {
  const { type, init } = initOf(root.call, root.errno, root.context, undefined);
  const target = targetOf(context);
  return new type({
    ...init,
    operation: `ipvs.${call}`,
    meaning: `the virtual server could not be added: ${init.meaning}`,
    ...(target === undefined ? {} : { target }),
    ...(context.position === undefined ? {} : { position: context.position }),
    cause: root.error,
  });
}

/** The error for a request whose answer was lost: it may or may not have taken effect. */
export function unknownOutcomeError(call: IpvsCall, errno: number, context: CallContext = {}): NetlinkError {
  const target = targetOf(context);
  return new OutcomeUnknownError({
    code: errno === 0 ? 'ENOBUFS' : errnoName(errno),
    errno: errno === 0 ? -105 : -Math.abs(errno),
    operation: `ipvs.${call}`,
    meaning: 'the answer was lost, so the outcome is not known',
    hint: 'read the state again',
    ...(target === undefined ? {} : { target }),
    ...(context.position === undefined ? {} : { position: context.position }),
  });
}

/** The error for an answer that lacks what it must have. */
export function protocolError(call: IpvsCall, meaning: string, context: CallContext = {}): NetlinkError {
  const target = targetOf(context);
  return new ProtocolError({
    code: 'EPROTO',
    errno: -71,
    operation: `ipvs.${call}`,
    meaning,
    ...(target === undefined ? {} : { target }),
  });
}
