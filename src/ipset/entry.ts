import { ValidationError } from '../errors.js';
import { tryParseAddress, type Family } from '../net/address.js';
import { SetEntry } from '../native/records.js';
import { entryTable, layoutOf } from './layout.js';
import { packEntry } from './pack.js';
import { SET_TYPES } from './set-types.js';
import type { Entry, EntryInput, SetType } from './types.js';
import { entryObject, entryText } from './unpack.js';

/** The family that an entry's first address has; `inet` for types without addresses and for what is no address. */
function familyOfEntry(type: SetType, entry: unknown): Family {
  if (SET_TYPES[type].families.length === 0) return 'inet';
  let ip: unknown = entry;
  if (typeof entry === 'object' && entry !== null && 'ip' in entry) ip = entry.ip;
  if (typeof ip !== 'string') return 'inet';
  return tryParseAddress(/^[^,/ ]*/.exec(ip)?.[0] ?? '')?.family ?? 'inet';
}

function packOne(type: SetType, entry: unknown, family: Family | undefined, path: string) {
  const layout = layoutOf(type, family ?? familyOfEntry(type, entry));
  const table = entryTable(new Uint8Array(SetEntry.size));
  try {
    packEntry(table, 0, layout, entry);
  } catch (err) {
    throw err instanceof ValidationError ? err.under(path) : err;
  }
  return { table, layout };
}

/**
 * An entry as canonical text, exactly as `ipset save` prints it: `TCP` becomes `tcp`, addresses are shortest, host bits of networks
 * are cleared, a full prefix length is left out, an absent protocol is TCP. Pure.
 *
 * @param family of the set; by default the one of the entry's first address
 * @throws ValidationError at `path`
 */
export function canonicalEntry<T extends SetType>(
  type: T,
  entry: EntryInput<T>,
  family?: Family,
  path = 'entry',
): string {
  const { table, layout } = packOne(type, entry, family, path);
  return entryText(table, 0, layout);
}

/**
 * An entry, given as text or object, as the object that listings give. Pure.
 * @throws ValidationError at `path`
 */
export function parseEntry<T extends SetType>(
  type: T,
  entry: EntryInput<T>,
  family?: Family,
  path = 'entry',
): Entry<T> {
  const { table, layout } = packOne(type, entry, family, path);
  return entryObject<T>(table, 0, layout);
}
