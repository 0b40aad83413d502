import { AF, type Family } from '../net/address.js';
import { EntryParts, SetEntry } from '../native/records.js';
import { TextHeap } from './heap.js';
import { SET_TYPES, type EntryPart, type SetTypeSpec } from './set-types.js';
import type { SetHeader, SetType } from './types.js';

/** A table of SetEntry records, seen as bytes and as native-endian integers, with its texts. Offsets are in bytes; see records.ts. */
export interface EntryTable {
  readonly bytes: Uint8Array;
  readonly u16: Uint16Array;
  readonly u32: Uint32Array;
  readonly heap: TextHeap;
}

/** Flags of an element (IPSET_FLAG_* of linux/netfilter/ipset/ip_set.h). */
export const EntryFlags = { before: 1, physdev: 2, nomatch: 4, wildcard: 128 } as const;

/** How the entries of one set lie in SetEntry records: everything about type and family that packing needs. */
export interface EntryLayout {
  readonly spec: SetTypeSpec;
  /** `inet` for types without a family. */
  readonly family: Family;
  readonly ipv6: boolean;
  /** Prefix length of one address. */
  readonly full: 32 | 128;
  /** AF number to put into the record; 0 for types without addresses. */
  readonly af: number;
  /** EntryParts that every entry of the type fills in. */
  readonly mask: number;
  /** Key of the network in second place: `net2` when there is one in first place, else `net`. */
  readonly net2Key: 'net' | 'net2';
  /** Keys of the object form that are parts. */
  readonly partKeys: ReadonlySet<string>;
  /** All keys of the object form. */
  readonly keys: ReadonlySet<string>;
  /** EntryParts that the set was created without. 0 when the set is not known. */
  readonly lacking: number;
}

const PART_MASK: Readonly<Record<EntryPart, number>> = {
  ip: EntryParts.entryIp,
  host: EntryParts.entryIp,
  net: EntryParts.entryIp | EntryParts.entryCidr,
  protocolPort: EntryParts.entryProto | EntryParts.entryPort,
  port: EntryParts.entryPort,
  ip2: EntryParts.entryIp2,
  net2: EntryParts.entryIp2 | EntryParts.entryCidr2,
  mac: EntryParts.entryMac,
  optionalMac: 0,
  mark: EntryParts.entryMark,
  iface: EntryParts.entryIface,
  set: EntryParts.entryName,
};

const PART_KEYS: Readonly<Record<Exclude<EntryPart, 'net2'>, readonly string[]>> = {
  ip: ['ip'],
  host: ['ip'],
  net: ['net'],
  protocolPort: ['protocol', 'port', 'portTo'],
  port: ['port', 'portTo'],
  ip2: ['ip2'],
  mac: ['mac'],
  optionalMac: ['mac'],
  mark: ['mark'],
  iface: ['iface'],
  set: ['set'],
};

const OPTION_KEYS = ['timeout', 'packets', 'bytes', 'comment', 'skbmark', 'skbprio', 'skbqueue'] as const;

/** EntryParts of the options that belong to an option of `create`. */
export const EXTENSION_PARTS: Readonly<Record<'timeout' | 'counters' | 'comment' | 'skbinfo', number>> = {
  timeout: EntryParts.entryTimeout,
  counters: EntryParts.entryPackets | EntryParts.entryBytes,
  comment: EntryParts.entryComment,
  skbinfo: EntryParts.entrySkbMark | EntryParts.entrySkbPrio | EntryParts.entrySkbQueue,
};

/**
 * The layout of a type's entries.
 * @param family what the type does not have is replaced by what it has
 * @param header of the set, when entries are checked for what it was created without
 */
export function layoutOf(type: SetType, family: Family | undefined, header?: SetHeader): EntryLayout {
  const spec = SET_TYPES[type];
  const fam = family !== undefined && spec.families.includes(family) ? family : 'inet';
  const net2Key = spec.parts.includes('net') ? 'net2' : 'net';
  const keys = spec.parts.flatMap((part) => (part === 'net2' ? [net2Key] : PART_KEYS[part]));
  return {
    spec,
    family: fam,
    ipv6: fam === 'inet6',
    full: fam === 'inet6' ? 128 : 32,
    af: spec.families.length === 0 ? 0 : AF[fam],
    mask: spec.parts.reduce((mask, part) => mask | PART_MASK[part], 0),
    net2Key,
    partKeys: new Set(keys),
    keys: new Set([...keys, ...spec.flags, ...OPTION_KEYS]),
    lacking: header === undefined ? 0 : lackingOf(header),
  };
}

function lackingOf(header: SetHeader): number {
  let lacking = 0;
  for (const option of ['timeout', 'counters', 'comment', 'skbinfo'] as const) {
    if (header[option] === undefined) lacking |= EXTENSION_PARTS[option];
  }
  return lacking;
}

/** True when the record at `at` stands for more than one element: the kernel makes elements of it. */
export function isRange(table: EntryTable, at: number, layout: EntryLayout): boolean {
  const parts = table.u32[(at + SetEntry.parts) >> 2] ?? 0;
  const ends = EntryParts.entryIpTo | EntryParts.entryIp2To | EntryParts.entryPortTo;
  // Where the first part is no network, a prefix length stands for all its addresses.
  return (parts & (ends | (EntryParts.entryCidr & ~layout.mask))) !== 0;
}

/** Views of record bytes. Copies only when the bytes do not start at a multiple of four, as integers must. */
export function entryTable(records: Uint8Array, heap: TextHeap = new TextHeap()): EntryTable {
  const bytes = records.byteOffset % 4 === 0 ? records : records.slice();
  const whole = bytes.byteLength - (bytes.byteLength % SetEntry.size);
  return {
    bytes,
    u16: new Uint16Array(bytes.buffer, bytes.byteOffset, whole / 2),
    u32: new Uint32Array(bytes.buffer, bytes.byteOffset, whole / 4),
    heap,
  };
}
