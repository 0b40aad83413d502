import { SetEntry } from '../native/records.js';
import { packEntry } from './pack.js';
import { entryText } from './unpack.js';
import { entryTable, type EntryLayout, type EntryTable } from './layout.js';

/**
 * A buffer that entries of one set are packed into, one record each. It grows by doubling up to what is packed and is reused by
 * `reset`, so a long load allocates two of them and nothing per entry.
 */
export class EntryArena {
  readonly layout: EntryLayout;
  #table: EntryTable;
  #count = 0;

  constructor(layout: EntryLayout, capacity = 1) {
    this.layout = layout;
    this.#table = entryTable(new Uint8Array(Math.max(1, capacity) * SetEntry.size));
  }

  /** Entries packed since the last reset. */
  get count(): number {
    return this.#count;
  }

  /** Pack one more. @throws ValidationError as packEntry; the arena is unchanged then. */
  push(entry: unknown): void {
    const at = this.#count * SetEntry.size;
    if (at === this.#table.bytes.length) this.#grow();
    packEntry(this.#table, at, this.layout, entry);
    this.#count++;
  }

  /** The records from `first` on. A view: valid until the next push or reset. */
  records(first = 0): Uint8Array {
    return this.#table.bytes.subarray(first * SetEntry.size, this.#count * SetEntry.size);
  }

  /** Entry `index` as canonical text. */
  text(index: number): string {
    return entryText(this.#table, index * SetEntry.size, this.layout);
  }

  reset(): void {
    this.#count = 0;
  }

  #grow(): void {
    const bytes = new Uint8Array(this.#table.bytes.length * 2);
    bytes.set(this.#table.bytes);
    this.#table = entryTable(bytes);
  }
}
