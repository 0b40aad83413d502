import { ValidationError } from '../errors.js';
import { type Address, parseAddress } from '../net/address.js';
import { integerIn } from '../net/number.js';
import { checkKeys, isObject } from './objects.js';
import type { SyncDaemonRole, SyncDaemonSpec } from './types.js';

/** What the kernel is told of a sync daemon; what is absent is its choice. */
export interface DaemonSettings {
  readonly role: SyncDaemonRole;
  readonly interface: string;
  readonly syncId: number;
  readonly maxLength?: number;
  readonly group?: Address;
  readonly port?: number;
  readonly ttl?: number;
}

/** IP_VS_STATE_MASTER and IP_VS_STATE_BACKUP of linux/ip_vs.h. */
export const DAEMON_STATE: Readonly<Record<SyncDaemonRole, number>> = { master: 1, backup: 2 };

const KEYS = ['role', 'interface', 'syncId', 'maxLength', 'group', 'port', 'ttl'] as const;
/** What an IPv4 packet can carry behind its IP and UDP headers. */
const MAX_LENGTH = 65_535 - 20 - 8;

/** @throws ValidationError naming `path` */
export function parseDaemonRole(value: unknown, path: string): SyncDaemonRole {
  if (value === 'master' || value === 'backup') return value;
  throw new ValidationError(path, 'one of master, backup', value);
}

/**
 * Check a spec. The kernel cuts or ignores most of what is out of range, so it is refused here.
 * @throws ValidationError
 */
export function parseDaemonSpec(spec: SyncDaemonSpec): DaemonSettings {
  const given: unknown = spec;
  if (!isObject(given)) throw new ValidationError('daemon', `an object with ${KEYS.join(', ')}`, given);
  checkKeys(given, KEYS, '');
  const number = (key: (typeof KEYS)[number], min: number, max: number): number | undefined =>
    given[key] === undefined ? undefined : integerIn(given[key], min, max, key);
  const maxLength = number('maxLength', 1, MAX_LENGTH);
  const port = number('port', 1, 65_535);
  const ttl = number('ttl', 1, 255);
  return {
    role: parseDaemonRole(given['role'], 'role'),
    interface: interfaceName(given['interface']),
    syncId: number('syncId', 0, 255) ?? 0,
    ...(maxLength === undefined ? {} : { maxLength }),
    ...(given['group'] === undefined ? {} : { group: multicastGroup(given['group']) }),
    ...(port === undefined ? {} : { port }),
    ...(ttl === undefined ? {} : { ttl }),
  };
}

/** As dev_valid_name of the kernel has it. */
function interfaceName(value: unknown): string {
  if (typeof value === 'string' && /^[\x21-\x7e]{1,15}$/.test(value) && !/[/:]/.test(value)) return value;
  throw new ValidationError('interface', 'the name of an interface, 1 to 15 characters', value);
}

function multicastGroup(value: unknown): Address {
  const address = parseAddress(value, 'group');
  const [first = 0] = address.bytes;
  if (address.family === 'inet6' ? first === 0xff : first >= 224 && first < 240) return address;
  throw new ValidationError('group', 'a multicast address', value);
}
