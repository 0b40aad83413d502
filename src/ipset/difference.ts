import { EntryParts, SetEntry } from '../native/records.js';
import { EntryChunks, chunkIndexOf, idOf, indexOf, offsetOf } from './entry-chunks.js';
import { EntryKeys, VALUE_PARTS, sameText } from './entry-keys.js';
import { EntryFlags, EXTENSION_PARTS, entryTable, type EntryTable } from './layout.js';
import { TextHeap } from './heap.js';
import type { EntryPages } from './pages.js';
import type { Slice } from './slice.js';

/** What is to happen to a wanted entry. */
export const Fate = { add: 0, keep: 1, update: 2, repeated: 3 } as const;

/** What separates a set from what it is to be. */
export interface Difference {
  readonly wanted: EntryChunks;
  /** {@link Fate} of a wanted entry; the counters of an update came from the set when the second bit is set. */
  fate(id: number): number;
  /** What is in the set and not wanted. */
  readonly unwanted: EntryChunks;
  readonly added: number;
  readonly kept: number;
  /** Of those that are kept: whose options differ. */
  readonly updated: number;
  /** The members of a `list:set` are the right ones in another order. */
  readonly reordered: boolean;
}

/** Flags of an element that are no part of its key. */
const VALUE_FLAGS = EntryFlags.nomatch | EntryFlags.wildcard;

const FIELDS: readonly (readonly [part: number, offsets: readonly number[]])[] = [
  [EntryParts.entryTimeout, [SetEntry.timeout]],
  [EntryParts.entryPackets, [SetEntry.packets, SetEntry.packets + 4]],
  [EntryParts.entryBytes, [SetEntry.bytes, SetEntry.bytes + 4]],
  [EntryParts.entrySkbMark, [SetEntry.skbMark, SetEntry.skbMask]],
  [EntryParts.entrySkbPrio, [SetEntry.skbPrio]],
];

/**
 * Compare what is wanted with what is listed, by key. Wanted entries that are there get the options of those that they do not name
 * themselves, so that they can be sent to take the other's place.
 * @param lacking EntryParts that the set cannot hold
 */
export async function difference(
  wanted: EntryChunks,
  listed: EntryPages,
  lacking: number,
  slice: Slice,
): Promise<Difference> {
  const index = new EntryIndex(wanted);
  const repeated = await index.build(slice);
  const unwanted = new EntryChunks(wanted.layout);
  const isList = wanted.layout.spec.kind === 'list';
  const order = isList ? wanted.ids() : undefined;
  let [kept, updated, reordered] = [0, 0, false];
  for (let page = listed.next(); page !== undefined; page = listed.next()) {
    const gone: number[] = [];
    for (let i = 0; i < page.count; i++) {
      const at = i * SetEntry.size;
      const id = index.find(page.table, at);
      if (order !== undefined && order.next().value !== id) reordered = true;
      if (id < 0) gone.push(at);
      else {
        kept++;
        const fate = adopt(wanted.chunkOf(id).table, offsetOf(id), page.table, at, lacking);
        if (fate !== Fate.keep) updated++;
        index.setFate(id, fate);
      }
      if ((i & 255) === 255 && slice.over) await slice.rest();
    }
    if (gone.length > 0) unwanted.add(picked(page.table, gone, wanted.layout.mask), gone.length);
    if (slice.over) await slice.rest();
  }
  return {
    wanted,
    fate: (id) => index.fate(id),
    unwanted,
    added: wanted.count - repeated - kept,
    kept,
    updated,
    reordered: reordered && kept === wanted.count - repeated && unwanted.count === 0,
  };
}

/** Give a wanted entry what it does not name. @returns its fate: whether it says something else than the set */
function adopt(to: EntryTable, at: number, from: EntryTable, atFrom: number, lacking: number): number {
  const mine = to.u32[(at + SetEntry.parts) >> 2] ?? 0;
  const its = (from.u32[(atFrom + SetEntry.parts) >> 2] ?? 0) & ~lacking;
  // Most entries have nothing but a key.
  if (((mine | its) & (VALUE_PARTS | EntryParts.entryCadtFlags | EntryParts.entryMac)) === 0)
    return Fate.keep;
  let differs = ((flagsOf(to, at) ^ flagsOf(from, atFrom)) & VALUE_FLAGS) !== 0;
  let parts = mine;
  for (const [part, offsets] of FIELDS) {
    if ((mine & part) === 0) {
      if ((its & part) === 0) continue;
      parts |= part;
      for (const offset of offsets) to.u32[(at + offset) >> 2] = from.u32[(atFrom + offset) >> 2] ?? 0;
    } else {
      for (const offset of offsets) {
        differs ||= to.u32[(at + offset) >> 2] !== from.u32[(atFrom + offset) >> 2];
      }
    }
  }
  if ((mine & EntryParts.entrySkbQueue) !== 0) {
    differs ||= to.u16[(at + SetEntry.skbQueue) >> 1] !== from.u16[(atFrom + SetEntry.skbQueue) >> 1];
  } else if ((its & EntryParts.entrySkbQueue) !== 0) {
    parts |= EntryParts.entrySkbQueue;
    to.u16[(at + SetEntry.skbQueue) >> 1] = from.u16[(atFrom + SetEntry.skbQueue) >> 1] ?? 0;
  }
  if ((mine & EntryParts.entryComment) !== 0) {
    differs ||=
      (its & EntryParts.entryComment) === 0 ||
      !sameText(to, at, from, atFrom, SetEntry.commentOffset, SetEntry.commentLength);
  } else if ((its & EntryParts.entryComment) !== 0) {
    parts |= EntryParts.entryComment;
    keepComment(to, at, from, atFrom);
  }
  // Where the hardware address is no part of the key, it is one more option.
  if ((mine & EntryParts.entryMac) !== 0) differs ||= !sameMac(to, at, from, atFrom);
  else if ((its & EntryParts.entryMac) !== 0) {
    parts |= EntryParts.entryMac;
    to.bytes.set(from.bytes.subarray(atFrom + SetEntry.mac, atFrom + SetEntry.mac + 6), at + SetEntry.mac);
  }
  to.u32[(at + SetEntry.parts) >> 2] = parts;
  if (!differs) return Fate.keep;
  return (mine & EXTENSION_PARTS.counters) === 0 ? Fate.update | COUNTERS_ADOPTED : Fate.update;
}

const COUNTERS_ADOPTED = 4;

/** True for the fate of an entry that is there with other options. */
export function isUpdate(fate: number): boolean {
  return (fate & 3) === Fate.update;
}

/** EntryParts that an update leaves out, so that the kernel keeps counting: its counters would be those of the listing. */
export function leftOut(fate: number): number {
  return (fate & COUNTERS_ADOPTED) === 0 ? 0 : EXTENSION_PARTS.counters;
}

function flagsOf(table: EntryTable, at: number): number {
  const parts = table.u32[(at + SetEntry.parts) >> 2] ?? 0;
  return (parts & EntryParts.entryCadtFlags) === 0 ? 0 : (table.u32[(at + SetEntry.cadtFlags) >> 2] ?? 0);
}

function sameMac(a: EntryTable, atA: number, b: EntryTable, atB: number): boolean {
  for (let i = SetEntry.mac; i < SetEntry.mac + 6; i++) {
    if (a.bytes[atA + i] !== b.bytes[atB + i]) return false;
  }
  return true;
}

function keepComment(to: EntryTable, at: number, from: EntryTable, atFrom: number): void {
  const offset = from.u32[(atFrom + SetEntry.commentOffset) >> 2] ?? 0;
  const length = from.u16[(atFrom + SetEntry.commentLength) >> 1] ?? 0;
  to.u32[(at + SetEntry.commentOffset) >> 2] = to.heap.putBytes(
    from.heap.bytes.subarray(offset, offset + length),
  );
  to.u16[(at + SetEntry.commentLength) >> 1] = length;
}

/** Copies of some records, keys only: what a deletion takes. */
function picked(table: EntryTable, offsets: readonly number[], mask: number): EntryTable {
  const bytes = new Uint8Array(offsets.length * SetEntry.size);
  offsets.forEach((at, n) => {
    bytes.set(table.bytes.subarray(at, at + SetEntry.size), n * SetEntry.size);
  });
  const copy = entryTable(bytes, new TextHeap(table.heap.bytes));
  offsets.forEach((_, n) => {
    const at = (n * SetEntry.size + SetEntry.parts) >> 2;
    copy.u32[at] = (copy.u32[at] ?? 0) & (mask | EntryParts.entryCadtFlags) & ~VALUE_PARTS;
  });
  return copy;
}

/** A hash table over entries by their keys: ids in open addressing. */
class EntryIndex {
  readonly #entries: EntryChunks;
  readonly #keys: EntryKeys;
  readonly #slots: Uint32Array;
  readonly #hashes: Uint32Array;
  readonly #fates: readonly Uint8Array[];
  #hash = 0;

  constructor(entries: EntryChunks) {
    this.#entries = entries;
    this.#keys = new EntryKeys(entries.layout);
    this.#slots = new Uint32Array(2 ** Math.ceil(Math.log2(Math.max(8, entries.count * 2))));
    this.#hashes = new Uint32Array(this.#slots.length);
    this.#fates = entries.chunks.map(({ count }) => new Uint8Array(count));
  }

  /** Enter all. Of entries with the same key the last one counts. @returns how many do not count */
  async build(slice: Slice): Promise<number> {
    let repeated = 0;
    for (let c = 0; c < this.#entries.chunks.length; c++) {
      const chunk = this.#entries.chunks[c];
      if (chunk === undefined) break;
      const { table, count } = chunk;
      for (let i = 0; i < count; i++) {
        const slot = this.#slotOf(table, i * SetEntry.size);
        const there = this.#slots[slot] ?? 0;
        if (there !== 0) {
          repeated++;
          this.setFate(there - 1, Fate.repeated);
        }
        this.#slots[slot] = idOf(c, i) + 1;
        this.#hashes[slot] = this.#hash;
        if ((i & 255) === 255 && slice.over) await slice.rest();
      }
    }
    return repeated;
  }

  /** Id of the entry with this key; -1 when there is none. */
  find(table: EntryTable, at: number): number {
    return (this.#slots[this.#slotOf(table, at)] ?? 0) - 1;
  }

  fate(id: number): number {
    return this.#fates[chunkIndexOf(id)]?.[indexOf(id)] ?? 0;
  }

  setFate(id: number, fate: number): void {
    const fates = this.#fates[chunkIndexOf(id)];
    if (fates !== undefined) fates[indexOf(id)] = fate;
  }

  /** Where the key is, or where it would go. Leaves the key's hash behind. */
  #slotOf(table: EntryTable, at: number): number {
    const hash = this.#keys.hash(table, at);
    this.#hash = hash;
    const last = this.#slots.length - 1;
    for (let slot = hash & last; ; slot = (slot + 1) & last) {
      const there = this.#slots[slot] ?? 0;
      if (there === 0) return slot;
      // Records lie far apart in memory: looked at only when the hashes say so.
      if (this.#hashes[slot] !== hash) continue;
      const id = there - 1;
      if (this.#keys.equal(this.#entries.chunkOf(id).table, offsetOf(id), table, at)) return slot;
    }
  }
}
