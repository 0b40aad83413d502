import { ValidationError } from '../errors.js';
import { type Family, formatAddress, parseAddress } from '../net/address.js';
import { integerIn } from '../net/number.js';
import type { ServiceId } from './identity.js';
import { at, booleanAt, optionsAt } from './objects.js';
import type {
  Persistence,
  Scheduler,
  SchedulerFlags,
  VirtualServerAttributes,
  VirtualServerState,
} from './types.js';

/** Bits of a service's flag word (linux/ip_vs.h). */
export const ServiceFlag = {
  persistent: 0x1,
  /** Set by the kernel in every answer; what is sent is overridden. */
  hashed: 0x2,
  onePacket: 0x4,
  scheduler1: 0x8,
  scheduler2: 0x10,
  scheduler3: 0x20,
} as const;

const SCHEDULER_BITS = ServiceFlag.scheduler1 | ServiceFlag.scheduler2 | ServiceFlag.scheduler3;

/** What the kernel keeps of a virtual server besides its identity, in the kernel's own terms: what is compared and written. */
export interface ServiceSettings {
  readonly scheduler: string;
  /** {@link ServiceFlag} without `hashed`. */
  readonly flags: number;
  /** Persistence timeout in seconds; 0 without persistence. */
  readonly timeout: number;
  /** IPv4: the mask as a number, first octet highest; IPv6: the prefix length. The widest one without persistence. */
  readonly netmask: number;
  /** Persistence engine; empty for none. */
  readonly engine: string;
}

/** Attributes as given, checked one by one; absent ones keep what is there. */
export interface ServicePatch {
  readonly scheduler?: string;
  readonly schedulerFlags?: Required<SchedulerFlags>;
  readonly persistence?: Pick<ServiceSettings, 'timeout' | 'netmask' | 'engine'> | false;
  readonly onePacket?: boolean;
}

/** 31 days, the limit of ipvsadm. The kernel checks nothing and multiplies by HZ in 32 bits, which wraps after 49 days at HZ=1000. */
const MAX_TIMEOUT = 31 * 24 * 3600;
const NAME = /^[A-Za-z0-9_.-]+$/;

/** Schedulers whose first two flag bits mean `fallback` and `port` (net/netfilter/ipvs/ip_vs_sh.c, ip_vs_mh.c). */
export function hasNamedFlags(scheduler: string): boolean {
  return scheduler === 'sh' || scheduler === 'mh';
}

/** A mask that groups nothing: every client by itself. */
export function hostMask(family: Family): number {
  return family === 'inet' ? 0xffffffff : 128;
}

/** What a virtual server has when nothing is chosen: scheduler `wlc`, no persistence, no flags. */
export function defaultService(family: Family): ServiceSettings {
  return { scheduler: 'wlc', flags: 0, timeout: 0, netmask: hostMask(family), engine: '' };
}

function nameAt(value: unknown, max: number, what: string, path: string): string {
  if (typeof value === 'string' && value.length <= max && NAME.test(value)) return value;
  throw new ValidationError(
    path,
    `the name of a ${what}: 1 to ${String(max)} letters, digits, dots, dashes, underscores`,
    value,
  );
}

function netmaskAt(value: unknown, family: Family, path: string): number {
  if (value === undefined) return hostMask(family);
  if (family === 'inet6') return integerIn(value, 1, 128, path, '(an IPv6 prefix length)');
  if (typeof value !== 'string') {
    throw new ValidationError(path, 'a dotted IPv4 mask such as 255.255.255.0', value);
  }
  return maskOf(value, path);
}

/** 0xffffff00 for `255.255.255.0`. */
function maskOf(text: string, path: string): number {
  const { bytes } = parseAddress(text, path, 'inet');
  return new DataView(bytes.buffer, bytes.byteOffset).getUint32(0);
}

function persistenceAt(
  value: unknown,
  family: Family,
  path: string,
): NonNullable<ServicePatch['persistence']> | false {
  if (value === false) return false;
  if (value === true || value === null || typeof value !== 'object') {
    throw new ValidationError(path, 'false, or an object with timeout, netmask, engine', value);
  }
  const given = optionsAt(value, ['timeout', 'netmask', 'engine'], path);
  return {
    timeout: integerIn(given['timeout'], 1, MAX_TIMEOUT, at(path, 'timeout'), 'seconds'),
    netmask: netmaskAt(given['netmask'], family, at(path, 'netmask')),
    engine:
      given['engine'] === undefined
        ? ''
        : nameAt(given['engine'], 16, 'persistence engine', at(path, 'engine')),
  };
}

function schedulerFlagsAt(value: unknown, path: string): Required<SchedulerFlags> {
  const given = optionsAt(value, ['fallback', 'port', 'raw'], path);
  const raw = given['raw'] === undefined ? 0 : given['raw'];
  if (typeof raw !== 'number' || (raw & SCHEDULER_BITS) !== raw) {
    throw new ValidationError(at(path, 'raw'), 'any of the bits 0x8, 0x10, 0x20', raw);
  }
  return {
    fallback: booleanAt(given['fallback'], at(path, 'fallback')),
    port: booleanAt(given['port'], at(path, 'port')),
    raw,
  };
}

/** Names of the attributes of a virtual server. */
export const SERVICE_KEYS = ['scheduler', 'schedulerFlags', 'persistence', 'onePacket'] as const;

/**
 * Check attributes one by one. `path` is where they are; the empty path names them alone (`scheduler`).
 * @throws ValidationError for an unknown key or a bad value.
 */
export function parseServicePatch(
  attributes: VirtualServerAttributes | undefined,
  id: ServiceId,
  path: string,
  known: readonly string[] = SERVICE_KEYS,
): ServicePatch {
  const given = optionsAt(attributes, known, path);
  const { scheduler, schedulerFlags, persistence, onePacket } = given;
  const patch: ServicePatch = {
    ...(scheduler === undefined
      ? {}
      : { scheduler: nameAt(scheduler, 15, 'scheduler', at(path, 'scheduler')) }),
    ...(schedulerFlags === undefined
      ? {}
      : { schedulerFlags: schedulerFlagsAt(schedulerFlags, at(path, 'schedulerFlags')) }),
    ...(persistence === undefined
      ? {}
      : { persistence: persistenceAt(persistence, id.family, at(path, 'persistence')) }),
    ...(onePacket === undefined ? {} : { onePacket: booleanAt(onePacket, at(path, 'onePacket')) }),
  };
  if (patch.onePacket === true && id.protocol !== undefined && id.protocol !== 'udp') {
    // The kernel stores the flag for any protocol and acts on it for UDP only.
    throw new ValidationError(at(path, 'onePacket'), `false for a ${id.protocol} virtual server`, true);
  }
  return patch;
}

/** True when nothing is left to be kept, so that the kernel's state need not be read before a `set`. */
export function isCompleteServicePatch(patch: ServicePatch): boolean {
  return SERVICE_KEYS.every((key) => patch[key] !== undefined);
}

/**
 * `base` with the attributes of the patch. An attribute that is given replaces the former value as a whole.
 * @throws ValidationError when the result makes no sense together: named flags for a scheduler that has none.
 */
export function applyServicePatch(
  base: ServiceSettings,
  patch: ServicePatch,
  family: Family,
  path: string,
): ServiceSettings {
  const scheduler = patch.scheduler ?? base.scheduler;
  let flags = base.flags;
  if (patch.schedulerFlags !== undefined) {
    const { fallback, port, raw } = patch.schedulerFlags;
    for (const [name, value] of [
      ['fallback', fallback],
      ['port', port],
    ] as const) {
      if (value && !hasNamedFlags(scheduler)) {
        throw new ValidationError(
          at(at(path, 'schedulerFlags'), name),
          `only for the schedulers sh and mh, not for ${scheduler} (which takes raw)`,
          true,
        );
      }
    }
    flags =
      (flags & ~SCHEDULER_BITS) |
      raw |
      (fallback ? ServiceFlag.scheduler1 : 0) |
      (port ? ServiceFlag.scheduler2 : 0);
  }
  if (patch.onePacket !== undefined) flags = withBit(flags, ServiceFlag.onePacket, patch.onePacket);
  if (patch.persistence === undefined) {
    return { scheduler, flags, timeout: base.timeout, netmask: base.netmask, engine: base.engine };
  }
  flags = withBit(flags, ServiceFlag.persistent, patch.persistence !== false);
  const { timeout, netmask, engine } =
    patch.persistence === false ? defaultService(family) : patch.persistence;
  return { scheduler, flags, timeout, netmask, engine };
}

function withBit(word: number, bit: number, on: boolean): number {
  return on ? word | bit : word & ~bit;
}

/** True when writing `b` over `a` would change nothing. */
export function sameService(a: ServiceSettings, b: ServiceSettings): boolean {
  return (
    a.scheduler === b.scheduler &&
    a.flags === b.flags &&
    a.engine === b.engine &&
    // Without persistence the kernel keeps timeout and mask, and uses neither.
    ((a.flags & ServiceFlag.persistent) === 0 || (a.timeout === b.timeout && a.netmask === b.netmask))
  );
}

/** Settings in the words of the public interface. */
export function describeService(
  settings: ServiceSettings,
  family: Family,
): {
  readonly scheduler: Scheduler;
  readonly schedulerFlags: SchedulerFlags;
  readonly flags: number;
  readonly persistence: Persistence | false;
  readonly onePacket: boolean;
} {
  const { flags } = settings;
  return {
    scheduler: settings.scheduler,
    schedulerFlags: describeFlags(flags & SCHEDULER_BITS, settings.scheduler),
    flags,
    persistence:
      (flags & ServiceFlag.persistent) === 0
        ? false
        : {
            timeout: settings.timeout,
            netmask: family === 'inet' ? dotted(settings.netmask) : settings.netmask,
            ...(settings.engine === '' ? {} : { engine: settings.engine }),
          },
    onePacket: (flags & ServiceFlag.onePacket) !== 0,
  };
}

/** Every attribute spelled out, as listings spell it: equal settings give equal data. */
export function serviceAttributes(
  settings: ServiceSettings,
  family: Family,
): Required<VirtualServerAttributes> {
  const { scheduler, schedulerFlags, persistence, onePacket } = describeService(settings, family);
  return { scheduler, schedulerFlags, persistence, onePacket };
}

/** The settings behind a listed virtual server: {@link describeService} backwards. */
export function settingsOfService(
  state: Pick<VirtualServerState, 'family' | 'scheduler' | 'flags' | 'persistence'>,
): ServiceSettings {
  const { family, scheduler, flags, persistence } = state;
  if (persistence === false) return { ...defaultService(family), scheduler, flags };
  const { timeout, netmask = hostMask(family), engine = '' } = persistence;
  // Not checked: what the kernel has is not ours to judge.
  return {
    scheduler,
    flags,
    timeout,
    netmask: typeof netmask === 'number' ? netmask : maskOf(netmask, 'netmask'),
    engine,
  };
}

const NO_FLAGS: SchedulerFlags = Object.freeze({});

function describeFlags(bits: number, scheduler: string): SchedulerFlags {
  if (bits === 0) return NO_FLAGS;
  if (!hasNamedFlags(scheduler)) return { raw: bits };
  const rest = bits & ServiceFlag.scheduler3;
  return {
    ...((bits & ServiceFlag.scheduler1) === 0 ? {} : { fallback: true }),
    ...((bits & ServiceFlag.scheduler2) === 0 ? {} : { port: true }),
    ...(rest === 0 ? {} : { raw: rest }),
  };
}

/** `255.255.255.0` for 0xffffff00. */
export function dotted(mask: number): string {
  return formatAddress(Uint8Array.of(mask >>> 24, mask >>> 16, mask >>> 8, mask), 'inet');
}
