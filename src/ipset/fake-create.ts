import { SetOptions } from '../native/records.js';
import { IpsetErr } from './errors.js';
import type { FakeSetParameters } from './fake-element.js';
import { networkEnds } from './fake-range.js';
import type { CommandRecord } from './fake-records.js';
import { clearHostBits } from './pack.js';
import { SET_TYPES } from './set-types.js';
import type { SetType } from './types.js';

const ENOMEM = 12;
const BITMAP_RANGE = 4352;
const BITMAP_RANGE_SIZE = 4353;
const MAX_BITMAP = 65_536;
const AF_INET6 = 10;

/** What CREATE makes of its options, or the code that refuses them. */
export function parametersOf(type: SetType, command: CommandRecord): FakeSetParameters | number {
  const { options, family, revision } = command;
  const has = (bit: number): boolean => (options & bit) !== 0;
  const full = family === AF_INET6 ? 128 : 32;
  const { kind } = SET_TYPES[type];
  if (has(SetOptions.setNetmask) && has(SetOptions.setBitmask)) return IpsetErr.bitmaskNetmaskExcl;
  const netmask = has(SetOptions.setNetmask) ? command.netmask : full;
  if (netmask === 0 || netmask > full) return IpsetErr.invalidNetmask;
  if (has(SetOptions.setBitmask) && command.bitmask.every((byte) => byte === 0))
    return IpsetErr.invalidNetmask;
  if (has(SetOptions.setMarkMask) && command.markMask === 0) return IpsetErr.invalidMarkmask;
  const mask = has(SetOptions.setBitmask) ? command.bitmask : new Uint8Array(16).fill(0xff);
  if (has(SetOptions.setNetmask)) clearHostBits(mask, 0, netmask, full);
  const range = kind === 'bitmap' ? rangeOf(type, command, netmask) : ([0, 0] as const);
  if (typeof range === 'number') return range;
  const wantedSize = Math.max(64, has(SetOptions.setHashSize) ? command.hashSize : 1024);
  // The kernel cannot allocate a table of more than INT_MAX bytes.
  if (wantedSize > 0x0400_0000) return ENOMEM;
  const bucketSize = has(SetOptions.setBucketSize) ? command.bucketSize : 12;
  return {
    type,
    family: SET_TYPES[type].families.length === 0 ? 0 : family,
    revision,
    cadtFlags: has(SetOptions.setCadtFlags) ? command.cadtFlags : 0,
    timeout: has(SetOptions.setTimeout) ? command.timeout : undefined,
    hashSize: 2 ** Math.ceil(Math.log2(wantedSize)),
    maxElem: has(SetOptions.setMaxElem) ? command.maxElem : 65_536,
    bucketSize: Math.min(12, Math.max(2, bucketSize + (bucketSize % 2))),
    initVal: has(SetOptions.setInitVal) ? command.initVal : 0x1234_5678,
    markMask: has(SetOptions.setMarkMask) ? command.markMask : 0xffff_ffff,
    listSize: Math.max(4, has(SetOptions.setSize) ? command.listSize : 8),
    range,
    netmask,
    mask,
    masked: has(SetOptions.setBitmask) ? 'bitmask' : netmask < full ? 'netmask' : undefined,
  };
}

function rangeOf(type: SetType, command: CommandRecord, netmask: number): readonly [number, number] | number {
  const has = (bit: number): boolean => (command.options & bit) !== 0;
  if (type === 'bitmap:port') {
    if (!has(SetOptions.setPort) || !has(SetOptions.setPortTo)) return IpsetErr.protocol;
    return [Math.min(command.port, command.portTo), Math.max(command.port, command.portTo)];
  }
  if (!has(SetOptions.setIp) || !has(SetOptions.setIpTo)) return IpsetErr.protocol;
  const step = 2 ** (32 - netmask);
  const [from] = networkEnds(Math.min(command.ip, command.ipTo), netmask);
  const [, to] = networkEnds(Math.max(command.ip, command.ipTo), netmask);
  const count = (to - from + 1) / step;
  if (step > 1 && (count < 2 || !Number.isInteger(Math.log2(count)) || from % (to - from + 1) !== 0)) {
    return BITMAP_RANGE;
  }
  return count > MAX_BITMAP ? BITMAP_RANGE_SIZE : [from, to];
}

/** What CREATE without EXCL compares: not the family, the revision, the size of the hash and forceadd. */
export function isSame(a: FakeSetParameters, b: FakeSetParameters): boolean {
  const FORCEADD = 32;
  const compared = (p: FakeSetParameters): string =>
    [
      ...[p.type, p.maxElem, p.timeout, p.cadtFlags & ~FORCEADD],
      ...[p.masked, p.masked === undefined ? '' : p.mask, p.markMask, p.range, p.listSize],
    ].join(' ');
  return compared(a) === compared(b);
}
