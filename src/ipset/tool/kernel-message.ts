import { errnoName, type NetlinkError } from '../../errors.js';
import type { SetKind } from '../set-types.js';

/** What was asked of the kernel, as far as its answers are told apart by it. */
export type KernelCommand =
  'create' | 'destroy' | 'flush' | 'rename' | 'swap' | 'list' | 'save' | 'add' | 'del' | 'test';

const ANY: Readonly<Record<number, string>> = {
  2: 'The set with the given name does not exist',
  90: 'Kernel error received: message could not be created',
  4097: 'Kernel error received: ipset protocol error',
  4098: 'Kernel error received: set type not supported',
  4099: 'Kernel error received: maximal number of sets reached, cannot create more.',
  4104: 'The value of the CIDR parameter of the IP address is invalid',
  4105: 'The value of the netmask parameter is invalid',
  4106: 'Protocol family not supported by the set type',
  4107: 'Timeout cannot be used: set was created without timeout support',
  4109: 'An IPv4 address is expected, but not received',
  4110: 'An IPv6 address is expected, but not received',
  4111: 'Packet/byte counters cannot be used: set was created without counter support',
  4112: 'Comment cannot be used: set was created without comment support',
  4113: 'The value of the markmask parameter is invalid',
  4114: 'Skbinfo mapping cannot be used: set was created without skbinfo support',
};

const BY_COMMAND: Readonly<Partial<Record<KernelCommand, Readonly<Record<number, string>>>>> = {
  create: { 17: 'Set cannot be created: set with the same name already exists' },
  destroy: { 4100: 'Set cannot be destroyed: it is in use by a kernel component' },
  rename: {
    4101: 'Set cannot be renamed: a set with the new name already exists',
    4108: 'Set cannot be renamed: it is in use by another system',
  },
  swap: {
    4101: 'Sets cannot be swapped: the second set does not exist',
    4102: 'The sets cannot be swapped: their type does not match',
  },
  add: { 4103: "Element cannot be added to the set: it's already added" },
  del: { 4103: "Element cannot be deleted from the set: it's not added" },
};

const REFERENCE = "The set to which you referred with 'before' or 'after'";

const BY_KIND: Readonly<Record<SetKind, Readonly<Record<number, string>>>> = {
  bitmap: {
    4352: 'Element is out of the range of the set',
    4353: 'The range you specified exceeds the size limit of the set type',
  },
  hash: {
    4352: 'Hash is full, cannot add more elements',
    4353: 'Null-valued element, cannot be stored in a hash type of set',
    4354: 'Invalid protocol specified',
    4355: 'Protocol missing, but must be specified',
    4356: 'Range is not supported in the "net" component of the element',
    4357: 'Invalid range, covers the whole address space',
  },
  list: {
    4352: 'Set to be added/deleted/tested as element does not exist.',
    4353: 'Sets with list:set type cannot be added to the set.',
    4354: 'No reference set specified.',
    4355: `${REFERENCE} does not exist.`,
    4356: 'The set is full, more elements cannot be added.',
    4357: `${REFERENCE} is not added to the set.`,
  },
};

/** strerror(3) of what ip_set answers. */
const ERRNO: Readonly<Record<number, string>> = {
  1: 'Operation not permitted',
  12: 'Cannot allocate memory',
  16: 'Device or resource busy',
  17: 'File exists',
  22: 'Invalid argument',
  28: 'No space left on device',
  34: 'Numerical result out of range',
  71: 'Protocol error',
  95: 'Operation not supported',
  105: 'No buffer space available',
};

/** The words of ipset(8) 7.17 for a refusal of the kernel. */
export function kernelMessage(
  { errno }: Pick<NetlinkError, 'errno'>,
  command: KernelCommand,
  kind?: SetKind,
): string {
  const code = Math.abs(errno);
  const known =
    (kind === undefined ? undefined : BY_KIND[kind][code]) ?? BY_COMMAND[command]?.[code] ?? ANY[code];
  if (known !== undefined) return known;
  if (code >= 4096) return `Undecoded error ${code} received from kernel`;
  return `Kernel error received: ${ERRNO[code] ?? errnoName(code)}`;
}
