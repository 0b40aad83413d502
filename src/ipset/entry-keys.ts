import { EntryParts, SetEntry } from '../native/records.js';
import { EntryFlags, EXTENSION_PARTS, type EntryLayout, type EntryTable } from './layout.js';

/** EntryParts that are values beside the key. */
export const VALUE_PARTS: number =
  EXTENSION_PARTS.timeout | EXTENSION_PARTS.counters | EXTENSION_PARTS.comment | EXTENSION_PARTS.skbinfo;

/** Where the parts of a key lie in a record; names lie in the heap. */
const FIELDS: readonly (readonly [part: number, offset: number, size: number])[] = [
  [EntryParts.entryProto, SetEntry.proto, 1],
  [EntryParts.entryCidr, SetEntry.cidr, 1],
  [EntryParts.entryCidr2, SetEntry.cidr2, 1],
  [EntryParts.entryIp, SetEntry.ip, 16],
  [EntryParts.entryIp2, SetEntry.ip2, 16],
  [EntryParts.entryPort, SetEntry.port, 2],
  [EntryParts.entryMark, SetEntry.mark, 4],
];

/**
 * What tells the entries of a set apart, as the kernel sees it: addresses, prefix lengths, protocol, port, mark, hardware address, names,
 * and whether an interface is a port of a bridge. Not the options behind it, nor the hardware address of `bitmap:ip,mac`.
 */
export class EntryKeys {
  readonly #layout: EntryLayout;
  readonly #hasName: boolean;
  /** Words of a record that belong to the key, and which bits of them. */
  readonly #words: readonly number[];
  readonly #masks: readonly number[];

  constructor(layout: EntryLayout) {
    this.#layout = layout;
    this.#hasName = (layout.mask & (EntryParts.entryIface | EntryParts.entryName)) !== 0;
    const record = new Uint32Array(SetEntry.size / 4);
    const bytes = new Uint8Array(record.buffer);
    for (const [part, offset, size] of FIELDS) {
      const used = size === 16 && !layout.ipv6 ? 4 : size;
      if ((layout.mask & part) !== 0) bytes.fill(0xff, offset, offset + used);
    }
    if (layout.spec.parts.includes('mac')) bytes.fill(0xff, SetEntry.mac, SetEntry.mac + 6);
    if (layout.spec.flags.includes('physdev')) record[SetEntry.cadtFlags >> 2] = EntryFlags.physdev;
    this.#words = [...record.keys()].filter((word) => record[word] !== 0);
    this.#masks = this.#words.map((word) => record[word] ?? 0);
  }

  /** A number for the key of the record at `at`; equal keys have equal ones. A prefix length that is left out is filled in. */
  hash(table: EntryTable, at: number): number {
    const { u32 } = table;
    const lengths = this.#layout.mask & (EntryParts.entryCidr | EntryParts.entryCidr2);
    if (lengths !== 0 && ((u32[(at + SetEntry.parts) >> 2] ?? 0) & lengths) !== lengths) {
      fillPrefixes(table, at, lengths, this.#layout.full);
    }
    const base = at >> 2;
    let h = 0x811c9dc5;
    for (let i = 0; i < this.#words.length; i++) {
      h = Math.imul(h ^ ((u32[base + (this.#words[i] ?? 0)] ?? 0) & (this.#masks[i] ?? 0)), 0x9e3779b1);
      h ^= h >>> 15;
    }
    if (this.#hasName) {
      const { bytes } = table.heap;
      const from = u32[(at + SetEntry.nameOffset) >> 2] ?? 0;
      const to = from + (table.u16[(at + SetEntry.nameLength) >> 1] ?? 0);
      for (let i = from; i < to; i++) h = Math.imul(h ^ (bytes[i] ?? 0), 0x01000193);
    }
    h = Math.imul(h ^ (h >>> 16), 0x85ebca6b);
    return (h ^ (h >>> 13)) >>> 0;
  }

  /** Whether two records that have been hashed have the same key. */
  equal(a: EntryTable, atA: number, b: EntryTable, atB: number): boolean {
    for (let i = 0; i < this.#words.length; i++) {
      const word = this.#words[i] ?? 0;
      const difference = (a.u32[(atA >> 2) + word] ?? 0) ^ (b.u32[(atB >> 2) + word] ?? 0);
      if ((difference & (this.#masks[i] ?? 0)) !== 0) return false;
    }
    return !this.#hasName || sameText(a, atA, b, atB, SetEntry.nameOffset, SetEntry.nameLength);
  }
}

/** A record without a prefix length is one address. */
function fillPrefixes({ bytes, u32 }: EntryTable, at: number, lengths: number, full: number): void {
  const parts = u32[(at + SetEntry.parts) >> 2] ?? 0;
  const missing = lengths & ~parts;
  if ((missing & EntryParts.entryCidr) !== 0) bytes[at + SetEntry.cidr] = full;
  if ((missing & EntryParts.entryCidr2) !== 0) bytes[at + SetEntry.cidr2] = full;
  u32[(at + SetEntry.parts) >> 2] = parts | missing;
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
