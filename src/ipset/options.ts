import { ValidationError } from '../errors.js';
import { formatAddress, tryParseAddress, type Family } from '../net/address.js';
import { maskBytes, tryParseCidr } from '../net/cidr.js';
import { integerIn } from '../net/number.js';
import { MAX_TIMEOUT } from './pack-options.js';
import { SET_TYPES, isSetType, type SetTypeSpec } from './set-types.js';
import type { CreateOptionName, CreateOptions, SetHeader, SetType } from './types.js';

/** Entries that a bitmap can hold (IPSET_BITMAP_MAX_RANGE + 1 of ip_set_bitmap.h). */
const MAX_BITMAP = 65_536;

/** A set type. @throws ValidationError */
export function setType(type: unknown, path: string): SetTypeSpec {
  if (typeof type !== 'string' || !isSetType(type)) {
    throw new ValidationError(path, `one of the set types ${Object.keys(SET_TYPES).join(' ')}`, type);
  }
  return SET_TYPES[type];
}

/** Checked options of `create`: undefined for what was not given. Addresses are canonical. */
export interface CheckedOptions {
  /** Undefined for types without a family. */
  readonly family: Family | undefined;
  readonly range: readonly [number, number] | readonly [string, string] | undefined;
  readonly hashSize: number | undefined;
  readonly maxElements: number | undefined;
  readonly netmask: number | undefined;
  readonly bitmask: string | undefined;
  readonly markMask: number | undefined;
  readonly size: number | undefined;
  readonly timeout: number | undefined;
  readonly counters: boolean;
  readonly comment: boolean;
  readonly forceadd: boolean;
  readonly skbinfo: boolean;
  readonly bucketSize: number | undefined;
  readonly initialValue: number | undefined;
  readonly revision: 'lowest' | 'newest' | number;
}

/** Options of a call, which say nothing about the set. */
const CALL_OPTIONS = new Set(['signal', 'revision']);

/**
 * Check the options of `create` for a type: unknown keys, keys that the type does not take, and every value.
 * @throws ValidationError with paths such as `options.hashSize`
 */
export function checkOptions(spec: SetTypeSpec, options: object, path = 'options'): CheckedOptions {
  const given = options as Readonly<Record<string, unknown>>;
  const known = new Set<string>(spec.options);
  for (const key of Object.keys(given)) {
    if (!CALL_OPTIONS.has(key) && given[key] !== undefined && !known.has(key)) {
      throw new ValidationError(
        `${path}.${key}`,
        `one of the options of ${spec.name}: ${spec.options.join(', ')}`,
        given[key],
      );
    }
  }
  const number = (key: string, min: number, max: number): number | undefined =>
    given[key] === undefined ? undefined : integerIn(given[key], min, max, `${path}.${key}`);
  const flag = (key: string): boolean => {
    const value = given[key] ?? false;
    if (typeof value === 'boolean') return value;
    throw new ValidationError(`${path}.${key}`, 'true or false', value);
  };
  const family = spec.families.length === 0 ? undefined : familyOption(given['family'], `${path}.family`);
  if (given['netmask'] !== undefined && given['bitmask'] !== undefined) {
    throw new ValidationError(`${path}.bitmask`, 'absent, since there is a netmask', given['bitmask']);
  }
  const netmask = number('netmask', 1, family === 'inet6' ? 128 : 32);
  return {
    family,
    range: spec.options.includes('range') ? range(spec, given['range'], netmask, `${path}.range`) : undefined,
    hashSize: number('hashSize', 1, 0x8000_0000),
    // 0 is a set that takes nothing, as for the kernel.
    maxElements: number('maxElements', 0, 0xffff_ffff),
    netmask,
    bitmask: bitmask(given['bitmask'], family, `${path}.bitmask`),
    markMask: number('markMask', 1, 0xffff_ffff),
    size: number('size', 4, 0xffff_ffff),
    timeout: number('timeout', 0, MAX_TIMEOUT),
    counters: flag('counters'),
    comment: flag('comment'),
    forceadd: flag('forceadd'),
    skbinfo: flag('skbinfo'),
    bucketSize: number('bucketSize', 2, 12),
    initialValue: number('initialValue', 0, 0xffff_ffff),
    revision: revisionOption(given['revision'], `${path}.revision`),
  };
}

function familyOption(value: unknown, path: string): Family {
  if (value === undefined) return 'inet';
  if (value === 'inet' || value === 'inet6') return value;
  throw new ValidationError(path, 'inet or inet6', value);
}

function revisionOption(value: unknown, path: string): CheckedOptions['revision'] {
  if (value === undefined || value === 'lowest' || value === 'newest') return value ?? 'lowest';
  if (typeof value === 'number') return integerIn(value, 0, 255, path);
  throw new ValidationError(path, 'lowest, newest or a number', value);
}

function bitmask(value: unknown, family: Family | undefined, path: string): string | undefined {
  if (value === undefined) return undefined;
  const address = typeof value === 'string' ? tryParseAddress(value) : undefined;
  if (address === undefined || address.family !== family || address.bytes.every((byte) => byte === 0)) {
    throw new ValidationError(
      path,
      `a mask that is not all zeros, written as an ${family ?? ''} address`,
      value,
    );
  }
  return formatAddress(address.bytes, address.family);
}

// ---------------------------------------------------------------------------------------------------------------- range

function range(
  spec: SetTypeSpec,
  value: unknown,
  netmask: number | undefined,
  path: string,
): NonNullable<CheckedOptions['range']> {
  return spec.name === 'bitmap:port' ? portRange(value, path) : addressRange(value, netmask, path);
}

function portRange(value: unknown, path: string): readonly [number, number] {
  if (!Array.isArray(value) || value.length !== 2) {
    throw new ValidationError(path, 'a pair [first port, last port]', value);
  }
  const first = integerIn(value[0], 0, 65535, `${path}[0]`);
  const last = integerIn(value[1], first, 65535, `${path}[1]`);
  return [first, last];
}

const ADDRESS_RANGE = 'IPv4 addresses as [first, last], 10.0.0.0-10.0.0.255 or 10.0.0.0/24';

function addressRange(value: unknown, netmask: number | undefined, path: string): readonly [string, string] {
  const [first, last] = addressEnds(value, path);
  // With a netmask each bit stands for a network, and the range is made of whole ones.
  const step = netmask === undefined ? 1 : 2 ** (32 - netmask);
  const from = Math.floor(first / step) * step;
  const to = Math.floor(last / step) * step + step - 1;
  if (step > 1 && !isNetwork(from, to, step)) {
    throw new ValidationError(path, 'a network wider than the netmask, since there is one', value);
  }
  if ((to - from + 1) / step > MAX_BITMAP) {
    throw new ValidationError(path, `a range of at most ${String(MAX_BITMAP)} entries`, value);
  }
  return [dotted(from), dotted(to)];
}

function addressEnds(value: unknown, path: string): readonly [number, number] {
  if (Array.isArray(value) && value.length === 2) {
    const [a, b] = [inet(value[0]), inet(value[1])];
    if (a === undefined) throw new ValidationError(`${path}[0]`, 'an IPv4 address', value[0]);
    if (b === undefined || b < a) {
      throw new ValidationError(`${path}[1]`, 'an IPv4 address not below the first', value[1]);
    }
    return [a, b];
  }
  if (typeof value === 'string') {
    const [from = '', to, more] = value.split('-');
    const [a, b] = [inet(from), inet(to)];
    if (a !== undefined && b !== undefined && a <= b && more === undefined) return [a, b];
    const cidr = value.includes('/') ? tryParseCidr(value) : undefined;
    if (cidr?.family === 'inet') {
      const first = numberOf(maskBytes(cidr.bytes, cidr.prefix));
      return [first, first + 2 ** (32 - cidr.prefix) - 1];
    }
  }
  throw new ValidationError(path, ADDRESS_RANGE, value);
}

function isNetwork(from: number, to: number, step: number): boolean {
  const size = to - from + 1;
  return size > step && Number.isInteger(Math.log2(size)) && from % size === 0;
}

function inet(text: unknown): number | undefined {
  const address = typeof text === 'string' ? tryParseAddress(text) : undefined;
  return address?.family === 'inet' ? numberOf(address.bytes) : undefined;
}

function numberOf(bytes: Uint8Array): number {
  return bytes.reduce((number, byte) => number * 256 + byte, 0);
}

function dotted(number: number): string {
  return [24, 16, 8, 0].map((shift) => String((number >>> shift) & 255)).join('.');
}

// ------------------------------------------------------------------------------------------------------------- headers

const FLAGS: ReadonlySet<CreateOptionName> = new Set(['counters', 'comment', 'forceadd', 'skbinfo']);

/**
 * The options that make a set like one that exists: what its header says, as far as `create` takes it. The seed of the hash is left out,
 * so that the new set gets its own.
 */
export function createOptionsOf<T extends SetType>(header: SetHeader<T>): CreateOptions<T> {
  const all: Partial<Record<string, unknown>> = { ...header };
  const options: Record<string, unknown> = {};
  for (const name of SET_TYPES[header.type].options) {
    const value = all[name];
    if (name === 'initialValue' || value === undefined || (FLAGS.has(name) && value !== true)) continue;
    options[name] = value;
  }
  return options;
}
