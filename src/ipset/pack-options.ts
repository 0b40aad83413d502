import { EntryParts, SetEntry } from '../native/records.js';
import { utf8 } from './fields.js';
import { EntryFlags, type EntryLayout, type EntryTable } from './layout.js';
import { MAX_NAME_BYTES, isSetName } from './names.js';
import { parseUint32 } from './scan.js';

/** Longest comment (IPSET_MAX_COMMENT_SIZE of linux/netfilter/ipset/ip_set.h). */
export const MAX_COMMENT_BYTES = 255;
/** Longest timeout in seconds: what the kernel can count in milliseconds; it cuts larger ones. */
export const MAX_TIMEOUT = 2_147_483;
/** All ones means "not given" to the kernel. */
const MAX_COUNTER = 2n ** 64n - 2n;

const LITTLE_ENDIAN = new Uint8Array(new Uint16Array([1]).buffer)[0] === 1;

/** Where an option goes to: a record of a table. */
export interface OptionTarget {
  readonly table: EntryTable;
  readonly at: number;
}

/** An option of entries: what it looks like and where it goes. */
export interface EntryOption {
  /** EntryParts that it fills in. */
  readonly parts: number;
  /** Bit of cadtFlags that it sets. */
  readonly flag: number;
  /** What a value must be, for messages. */
  readonly expected: string;
  /** The value that a word of the text form stands for; undefined for options that are one word. */
  readonly read?: (word: string) => unknown;
  /** Write a value. @returns false when it is not what is expected. */
  readonly write: (target: OptionTarget, value: unknown) => boolean;
  /** A value that is the same as none. */
  readonly empty?: unknown;
}

/** What an option of a set of these entries may be called: the words of the text form and the keys of objects. */
export type EntryOptionName =
  | 'timeout'
  | 'nomatch'
  | 'wildcard'
  | 'packets'
  | 'bytes'
  | 'comment'
  | 'skbmark'
  | 'skbprio'
  | 'skbqueue'
  | 'before'
  | 'after';

function counter(offset: number): EntryOption['write'] {
  return ({ table, at }, value) => {
    if (typeof value !== 'bigint' && !Number.isSafeInteger(value)) return false;
    const exact = BigInt(value as number | bigint);
    if (exact < 0n || exact > MAX_COUNTER) return false;
    const { bytes } = table;
    new DataView(bytes.buffer, bytes.byteOffset + at + offset, 8).setBigUint64(0, exact, LITTLE_ENDIAN);
    return true;
  };
}

/** A 64-bit counter of the record at `at`. */
export function readCounter({ bytes }: EntryTable, at: number, offset: number): bigint {
  return new DataView(bytes.buffer, bytes.byteOffset + at + offset, 8).getBigUint64(0, LITTLE_ENDIAN);
}

function integer(word: string): unknown {
  return /^\d{1,20}$|^0[xX][0-9a-fA-F]{1,16}$/.test(word) ? BigInt(word) : word;
}

function small(word: string): unknown {
  return parseUint32(word) ?? word;
}

function isIntegerTo(value: unknown, max: number): value is number {
  return typeof value === 'number' && Number.isInteger(value) && value >= 0 && value <= max;
}

/** Keep a text of 1 to `max` bytes in the heap and its place in the record. */
function keep(
  { table, at }: OptionTarget,
  text: string,
  offsetField: number,
  lengthField: number,
  max: number,
): boolean {
  if (text === '' || text.length > max || utf8(text).length > max) return false;
  const offset = table.heap.put(text);
  table.u32[(at + offsetField) >> 2] = offset;
  table.u16[(at + lengthField) >> 1] = table.heap.length - offset;
  return true;
}

/** Write the name of an interface or of a member set: the two share a field. */
export function writeName(target: OptionTarget, name: string, max: number): boolean {
  return keep(target, name, SetEntry.nameOffset, SetEntry.nameLength, max);
}

function reference(target: OptionTarget, value: unknown): boolean {
  return isSetName(value) && keep(target, value, SetEntry.refOffset, SetEntry.refLength, MAX_NAME_BYTES);
}

function flag(_: OptionTarget, value: unknown): boolean {
  return value === true || value === false;
}

const word = (text: string): unknown => text;

/** All options of entries, in the order in which `ipset save` prints them; `before` and `after` are never printed. */
export const ENTRY_OPTIONS: Readonly<Record<EntryOptionName, EntryOption>> = {
  timeout: {
    parts: EntryParts.entryTimeout,
    flag: 0,
    expected: `seconds from 0 to ${String(MAX_TIMEOUT)}`,
    read: small,
    write: ({ table, at }, value) => {
      if (!isIntegerTo(value, MAX_TIMEOUT)) return false;
      table.u32[(at + SetEntry.timeout) >> 2] = value;
      return true;
    },
  },
  nomatch: { parts: 0, flag: EntryFlags.nomatch, expected: 'true or false', write: flag },
  wildcard: { parts: 0, flag: EntryFlags.wildcard, expected: 'true or false', write: flag },
  packets: {
    parts: EntryParts.entryPackets,
    flag: 0,
    expected: 'an integer from 0 to 2^64 - 2, as a bigint beyond 2^53',
    read: integer,
    write: counter(SetEntry.packets),
  },
  bytes: {
    parts: EntryParts.entryBytes,
    flag: 0,
    expected: 'an integer from 0 to 2^64 - 2, as a bigint beyond 2^53',
    read: integer,
    write: counter(SetEntry.bytes),
  },
  comment: {
    parts: EntryParts.entryComment,
    flag: 0,
    expected: `text of at most ${String(MAX_COMMENT_BYTES)} bytes without double quotes, line breaks and NULs`,
    read: word,
    write: (target, value) =>
      typeof value === 'string' &&
      !/["\n\r\0]/.test(value) &&
      keep(target, value, SetEntry.commentOffset, SetEntry.commentLength, MAX_COMMENT_BYTES),
    empty: '',
  },
  skbmark: {
    parts: EntryParts.entrySkbMark,
    flag: 0,
    expected: 'a mark such as 0x1, or mark/mask such as 0x1/0xff',
    read: word,
    write: ({ table, at }, value) => {
      const [mark = '', mask = '0xffffffff', more] = typeof value === 'string' ? value.split('/') : [];
      const [m, n] = [parseUint32(mark), parseUint32(mask)];
      if (m === undefined || n === undefined || more !== undefined) return false;
      table.u32[(at + SetEntry.skbMark) >> 2] = m;
      table.u32[(at + SetEntry.skbMask) >> 2] = n;
      return true;
    },
  },
  skbprio: {
    parts: EntryParts.entrySkbPrio,
    flag: 0,
    expected: 'a class, major:minor in hexadecimal such as 1:a0',
    read: word,
    write: ({ table, at }, value) => {
      const match =
        typeof value === 'string' ? /^(?:0x)?([0-9a-f]{1,4}):(?:0x)?([0-9a-f]{1,4})$/i.exec(value) : null;
      if (match === null) return false;
      const [major, minor] = [Number.parseInt(match[1] ?? '', 16), Number.parseInt(match[2] ?? '', 16)];
      table.u32[(at + SetEntry.skbPrio) >> 2] = ((major << 16) | minor) >>> 0;
      return true;
    },
  },
  skbqueue: {
    parts: EntryParts.entrySkbQueue,
    flag: 0,
    expected: 'an integer from 0 to 65535',
    read: small,
    write: ({ table, at }, value) => {
      if (!isIntegerTo(value, 0xffff)) return false;
      table.u16[(at + SetEntry.skbQueue) >> 1] = value;
      return true;
    },
  },
  before: {
    parts: EntryParts.entryNameRef,
    flag: EntryFlags.before,
    expected: 'the name of a member',
    read: word,
    write: reference,
  },
  after: {
    parts: EntryParts.entryNameRef,
    flag: 0,
    expected: 'the name of a member',
    read: word,
    write: reference,
  },
};

/** The option of this name, undefined when the type's entries have none. */
export function entryOption(layout: EntryLayout, name: string): EntryOption | undefined {
  if (!Object.hasOwn(ENTRY_OPTIONS, name) || !layout.keys.has(name)) return undefined;
  return ENTRY_OPTIONS[name as EntryOptionName];
}
