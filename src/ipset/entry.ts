import { ValidationError } from '../errors.js';
import { tryParseAddress, type Family } from '../net/address.js';
import { EntryArena } from './arena.js';
import { layoutOf } from './layout.js';
import { setType } from './options.js';
import type { Entry, EntryInput, SetType } from './types.js';
import { entryObject } from './unpack.js';

/** The family that an entry's first address has; `inet` for types without addresses and for what is no address. */
function familyOfEntry(entry: unknown): Family {
  let text: unknown = entry;
  if (typeof entry === 'object' && entry !== null) {
    text = 'ip' in entry ? entry.ip : 'net' in entry ? entry.net : undefined;
  }
  if (typeof text !== 'string') return 'inet';
  return tryParseAddress(/^[^,/ -]*/.exec(text)?.[0] ?? '')?.family ?? 'inet';
}

function packOne(
  type: SetType,
  entry: unknown,
  words: readonly string[] | undefined,
  family: Family | undefined,
  path: string,
): EntryArena {
  setType(type, 'type');
  const arena = new EntryArena(layoutOf(type, family ?? familyOfEntry(entry)));
  try {
    if (words === undefined) arena.push(entry);
    else arena.pushWords(String(entry), words);
  } catch (err) {
    throw err instanceof ValidationError ? err.under(path) : err;
  }
  return arena;
}

/**
 * An entry as canonical text, exactly as `ipset save` prints it: `TCP` becomes `tcp`, addresses are shortest, host bits of networks
 * are cleared, a full prefix length is left out, an absent protocol is TCP, options come in its order. Pure.
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
  return packOne(type, entry, undefined, family, path).text(0);
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
  const arena = packOne(type, entry, undefined, family, path);
  return entryObject<T>(arena.table, 0, arena.layout);
}

/**
 * The same for the words of a command line, quotes taken off: `['10.0.0.1', 'timeout', '60', 'comment', 'two words']`. Pure.
 * @throws ValidationError at `path`
 */
export function parseEntryWords<T extends SetType>(
  type: T,
  words: readonly string[],
  family?: Family,
  path = 'entry',
): Entry<T> {
  const [key = '', ...rest] = words;
  const arena = packOne(type, key, rest, family, path);
  return entryObject<T>(arena.table, 0, arena.layout);
}

/**
 * The part of an entry's canonical text that tells it from others of its set: without timeout, counters, comment and skb values. Pure.
 */
export function entryKey(text: string): string {
  const space = text.indexOf(' ');
  if (space < 0) return text;
  const comment = text.indexOf(' comment "');
  const options = comment < 0 ? text.slice(space) : text.slice(space, comment);
  const flags = ['nomatch', 'wildcard'].filter((flag) => options.split(' ').includes(flag));
  return [text.slice(0, space), ...flags].join(' ');
}
