import { ValidationError } from '../errors.js';
import { utf8 } from './fields.js';

/** Bytes of a set's name without its NUL (IPSET_MAXNAMELEN is 32). */
export const MAX_NAME_BYTES = 31;

/** A name that the kernel can hold: 1 to 31 bytes of UTF-8 without NUL. */
export function isSetName(name: unknown): name is string {
  return (
    typeof name === 'string' && name !== '' && !name.includes('\0') && utf8(name).length <= MAX_NAME_BYTES
  );
}

/**
 * A name that the kernel can hold. The empty name is refused since to the kernel it means all sets.
 * @throws ValidationError
 */
export function existingName(name: unknown, path: string): string {
  if (isSetName(name)) return name;
  throw new ValidationError(path, `a set name of 1 to ${String(MAX_NAME_BYTES)} bytes`, name);
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
