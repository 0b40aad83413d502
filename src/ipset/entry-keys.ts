import { AF } from '../net/address.js';
import { EntryParts, SetEntry } from '../native/records.js';
import { EntryFlags, EXTENSION_PARTS, type EntryLayout, type EntryTable } from './layout.js';

/** EntryParts that are values beside the key. */
export const VALUE_PARTS: number =
  EXTENSION_PARTS.timeout | EXTENSION_PARTS.counters | EXTENSION_PARTS.comment | EXTENSION_PARTS.skbinfo;

/** Words of a key: protocol and prefix lengths, two addresses, port and flag, mark, hardware address. */
const WORDS = 13;

/**
 * What tells the entries of a set apart, as the kernel sees it: addresses, prefix lengths, protocol, port, mark, hardware address, names,
 * and whether an interface is a port of a bridge. Not the options behind it, nor the hardware address of `bitmap:ip,mac`.
 */
export class EntryKeys {
  readonly #layout: EntryLayout;
  readonly #hasMac: boolean;
  readonly #hasName: boolean;
  readonly #words = new Uint32Array(WORDS);
  readonly #other = new Uint32Array(WORDS);

  constructor(layout: EntryLayout) {
    this.#layout = layout;
    this.#hasMac = layout.spec.parts.includes('mac');
    this.#hasName = (layout.mask & (EntryParts.entryIface | EntryParts.entryName)) !== 0;
  }

  /** A number for the key of the record at `at`; equal keys have equal ones. */
  hash(table: EntryTable, at: number): number {
    this.#read(table, at, this.#words);
    let h = 0x811c9dc5;
    for (let i = 0; i < WORDS; i++) {
      h = Math.imul(h ^ (this.#words[i] ?? 0), 0x9e3779b1);
      h ^= h >>> 15;
    }
    if (this.#hasName) {
      const { bytes } = table.heap;
      const from = table.u32[(at + SetEntry.nameOffset) >> 2] ?? 0;
      const to = from + (table.u16[(at + SetEntry.nameLength) >> 1] ?? 0);
      for (let i = from; i < to; i++) h = Math.imul(h ^ (bytes[i] ?? 0), 0x01000193);
    }
    h = Math.imul(h ^ (h >>> 16), 0x85ebca6b);
    return (h ^ (h >>> 13)) >>> 0;
  }

  equal(a: EntryTable, atA: number, b: EntryTable, atB: number): boolean {
    this.#read(a, atA, this.#words);
    this.#read(b, atB, this.#other);
    for (let i = 0; i < WORDS; i++) if (this.#words[i] !== this.#other[i]) return false;
    return !this.#hasName || sameName(a, atA, b, atB);
  }

  #read(table: EntryTable, at: number, words: Uint32Array): void {
    const { bytes, u32, u16 } = table;
    const { mask, full } = this.#layout;
    const parts = u32[(at + SetEntry.parts) >> 2] ?? 0;
    let lengths = (mask & EntryParts.entryProto) === 0 ? 0 : (bytes[at + SetEntry.proto] ?? 0);
    if ((mask & EntryParts.entryCidr) !== 0) {
      lengths |= ((parts & EntryParts.entryCidr) === 0 ? full : (bytes[at + SetEntry.cidr] ?? 0)) << 8;
    }
    if ((mask & EntryParts.entryCidr2) !== 0) {
      lengths |= ((parts & EntryParts.entryCidr2) === 0 ? full : (bytes[at + SetEntry.cidr2] ?? 0)) << 16;
    }
    words[0] = lengths;
    const size = this.#layout.af === AF.inet6 ? 4 : 1;
    const hasIp = (mask & EntryParts.entryIp) !== 0;
    const hasIp2 = (mask & EntryParts.entryIp2) !== 0;
    for (let i = 0; i < size; i++) {
      words[1 + i] = hasIp ? (u32[((at + SetEntry.ip) >> 2) + i] ?? 0) : 0;
      words[5 + i] = hasIp2 ? (u32[((at + SetEntry.ip2) >> 2) + i] ?? 0) : 0;
    }
    const flags = (parts & EntryParts.entryCadtFlags) === 0 ? 0 : (u32[(at + SetEntry.cadtFlags) >> 2] ?? 0);
    const port = (mask & EntryParts.entryPort) === 0 ? 0 : (u16[(at + SetEntry.port) >> 1] ?? 0);
    words[9] = port | ((flags & EntryFlags.physdev) === 0 ? 0 : 0x10000);
    words[10] = (mask & EntryParts.entryMark) === 0 ? 0 : (u32[(at + SetEntry.mark) >> 2] ?? 0);
    words[11] = this.#hasMac ? (u32[(at + SetEntry.mac) >> 2] ?? 0) : 0;
    words[12] = this.#hasMac ? (u16[(at + SetEntry.mac + 4) >> 1] ?? 0) : 0;
  }
}

function sameName(a: EntryTable, atA: number, b: EntryTable, atB: number): boolean {
  return sameText(a, atA, b, atB, SetEntry.nameOffset, SetEntry.nameLength);
}

/** Whether a text of two records is the same. */
export function sameText(
  a: EntryTable,
  atA: number,
  b: EntryTable,
  atB: number,
  offset: number,
  length: number,
): boolean {
  const size = a.u16[(atA + length) >> 1] ?? 0;
  if (size !== (b.u16[(atB + length) >> 1] ?? 0)) return false;
  const fromA = a.u32[(atA + offset) >> 2] ?? 0;
  const fromB = b.u32[(atB + offset) >> 2] ?? 0;
  const bytesA = a.heap.bytes;
  const bytesB = b.heap.bytes;
  for (let i = 0; i < size; i++) if (bytesA[fromA + i] !== bytesB[fromB + i]) return false;
  return true;
}
