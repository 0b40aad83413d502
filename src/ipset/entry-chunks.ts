import { EntryParts, SetEntry } from '../native/records.js';
import { isRange, type EntryLayout, type EntryTable } from './layout.js';

/** Entries that an id can number within a chunk. */
const CHUNK_ENTRIES = 65_536;

/** Some entries, one record each. */
export interface EntryChunk {
  readonly table: EntryTable;
  readonly count: number;
}

/**
 * Entries of one set, kept as records in chunks outside of the V8 heap. Each has an id; ids ascend in the order in which entries came.
 */
export class EntryChunks {
  readonly layout: EntryLayout;
  readonly chunks: EntryChunk[] = [];
  /** Some entry stands for several elements, or for a place in a list. */
  hasRanges = false;
  /** EntryParts that some entry has. */
  parts = 0;
  #count = 0;

  constructor(layout: EntryLayout) {
    this.layout = layout;
  }

  get count(): number {
    return this.#count;
  }

  /** Take over a table. */
  add(table: EntryTable, count: number): void {
    for (let from = 0; from < count; from += CHUNK_ENTRIES) {
      const size = Math.min(CHUNK_ENTRIES, count - from);
      this.chunks.push({ table: count <= CHUNK_ENTRIES ? table : part(table, from, size), count: size });
    }
    for (let i = 0; i < count; i++) {
      const at = i * SetEntry.size;
      const parts = table.u32[(at + SetEntry.parts) >> 2] ?? 0;
      this.parts |= parts;
      this.hasRanges ||= (parts & EntryParts.entryNameRef) !== 0 || isRange(table, at, this.layout);
    }
    this.#count += count;
  }

  /** Table and offset of an entry. */
  chunkOf(id: number): EntryChunk {
    const chunk = this.chunks[chunkIndexOf(id)];
    if (chunk === undefined) throw new RangeError(`no entry ${String(id)}`);
    return chunk;
  }

  /** Visit all in order. */
  *ids(): Generator<number> {
    for (let c = 0; c < this.chunks.length; c++) {
      const count = this.chunks[c]?.count ?? 0;
      for (let i = 0; i < count; i++) yield idOf(c, i);
    }
  }
}

/** Id of entry `index` of a chunk. */
export function idOf(chunk: number, index: number): number {
  return chunk * CHUNK_ENTRIES + index;
}

/** Which chunk an entry is in. */
export function chunkIndexOf(id: number): number {
  return Math.floor(id / CHUNK_ENTRIES);
}

/** Which one of its chunk it is. */
export function indexOf(id: number): number {
  return id % CHUNK_ENTRIES;
}

/** Offset of an entry's record in its chunk. */
export function offsetOf(id: number): number {
  return indexOf(id) * SetEntry.size;
}

function part({ bytes, u16, u32, heap }: EntryTable, from: number, count: number): EntryTable {
  const [first, last] = [from * SetEntry.size, (from + count) * SetEntry.size];
  return {
    bytes: bytes.subarray(first, last),
    u16: u16.subarray(first >> 1, last >> 1),
    u32: u32.subarray(first >> 2, last >> 2),
    heap,
  };
}
