import { ValidationError } from '../errors.js';
import { integerIn } from '../net/number.js';
import type { Family } from '../net/address.js';
import { SET_TYPES, type SetTypeSpec } from './set-types.js';
import { utf8 } from './text.js';
import type { SetType } from './types.js';

/** Bytes of a set's name without its NUL (IPSET_MAXNAMELEN is 32). */
export const MAX_NAME_BYTES = 31;

/**
 * A name that the kernel can hold: 1 to 31 bytes of UTF-8 without NUL. The empty name is refused since to the kernel it means all sets.
 * @throws ValidationError
 */
export function existingName(name: unknown, path: string): string {
  if (typeof name !== 'string' || name === '' || name.includes('\0') || utf8(name).length > MAX_NAME_BYTES) {
    throw new ValidationError(path, `a set name of 1 to ${String(MAX_NAME_BYTES)} bytes`, name);
  }
  return name;
}

/**
 * A name for a new set: besides the above, nothing that ipset's text form cannot carry (white space, quotes, control characters) and
 * no leading `-`, which the tools take for an option.
 * @throws ValidationError
 */
export function newName(name: unknown, path: string): string {
  const text = existingName(name, path);
  if (text.startsWith('-') || /[\s"'\p{Cc}]/u.test(text)) {
    throw new ValidationError(path, 'a set name without white space, quotes and a leading "-"', name);
  }
  return text;
}

/** A type that this package speaks. @throws ValidationError */
export function setType(type: unknown, path: string): SetTypeSpec {
  if (typeof type !== 'string' || !Object.hasOwn(SET_TYPES, type)) {
    throw new ValidationError(path, `one of the set types ${Object.keys(SET_TYPES).join(' ')}`, type);
  }
  return SET_TYPES[type as SetType];
}

/** Checked options of `create`. */
export interface CheckedOptions {
  /** Undefined for types without a family. */
  readonly family: Family | undefined;
  readonly hashSize: number | undefined;
  readonly maxElements: number | undefined;
  readonly range: readonly [number, number] | undefined;
}

/**
 * Check the options of `create` for a type: unknown keys, keys that the type does not take, and every value.
 * @throws ValidationError with paths such as `options.hashSize`
 */
export function checkOptions(spec: SetTypeSpec, options: object, path = 'options'): CheckedOptions {
  const given = options as Readonly<Record<string, unknown>>;
  const known = new Set<string>(spec.options);
  for (const key of Object.keys(given)) {
    if (key !== 'signal' && given[key] !== undefined && !known.has(key)) {
      throw new ValidationError(
        `${path}.${key}`,
        `one of the options of ${spec.name}: ${spec.options.join(', ')}`,
        given[key],
      );
    }
  }
  const number = (key: string, min: number, max: number): number | undefined =>
    given[key] === undefined ? undefined : integerIn(given[key], min, max, `${path}.${key}`);
  return {
    family: spec.families.length === 0 ? undefined : familyOption(given['family'], `${path}.family`),
    hashSize: number('hashSize', 1, 0x8000_0000),
    maxElements: number('maxElements', 1, 0xffff_ffff),
    range: spec.options.includes('range') ? portRange(given['range'], `${path}.range`) : undefined,
  };
}

function familyOption(value: unknown, path: string): Family {
  if (value === undefined) return 'inet';
  if (value === 'inet' || value === 'inet6') return value;
  throw new ValidationError(path, 'inet or inet6', value);
}

function portRange(value: unknown, path: string): readonly [number, number] {
  if (!Array.isArray(value) || value.length !== 2) {
    throw new ValidationError(path, 'a pair [first port, last port]', value);
  }
  const first = integerIn(value[0], 0, 65535, `${path}[0]`);
  const last = integerIn(value[1], first, 65535, `${path}[1]`);
  return [first, last];
}
