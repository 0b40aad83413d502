import { SetEntry } from '../native/records.js';
import { entryTable, type EntryLayout, type EntryTable } from './layout.js';
import { EntryPacker } from './pack.js';
import { entryText } from './unpack.js';

/**
 * A buffer that entries of one set are packed into, one record each, with a heap for their texts. Both grow by doubling up to what is
 * packed and are reused by `reset`, so a long load allocates two of them and nothing per entry.
 */
export class EntryArena {
  readonly layout: EntryLayout;
  readonly #packer: EntryPacker;
  #count = 0;

  constructor(layout: EntryLayout, capacity = 1) {
    this.layout = layout;
    this.#packer = new EntryPacker(layout, entryTable(new Uint8Array(Math.max(1, capacity) * SetEntry.size)));
  }

  /** Entries packed since the last reset. */
  get count(): number {
    return this.#count;
  }

  /** The records with their texts. Valid until the next push or reset. */
  get table(): EntryTable {
    return this.#packer.table;
  }

  /** Bytes of the texts that the records refer to. A view: valid until the next push or reset. */
  get heap(): Uint8Array {
    return this.#packer.table.heap.bytes;
  }

  /** Pack one more. @throws ValidationError as EntryPacker.pack; the arena is unchanged then. */
  push(entry: unknown): void {
    this.#packer.pack(this.#room(), entry);
    this.#count++;
  }

  /** Pack one more, given as its key and the words behind it. @throws ValidationError as EntryPacker.packWords */
  pushWords(key: string, words: readonly string[]): void {
    this.#packer.packWords(this.#room(), key, words);
    this.#count++;
  }

  /** The records from `first` on. A view: valid until the next push or reset. */
  records(first = 0): Uint8Array {
    return this.#packer.table.bytes.subarray(first * SetEntry.size, this.#count * SetEntry.size);
  }

  /** Entry `index` as canonical text. */
  text(index: number): string {
    return entryText(this.#packer.table, index * SetEntry.size, this.layout);
  }

  reset(): void {
    this.#count = 0;
    this.#packer.table.heap.cut(0);
  }

  /** Offset of the next record. */
  #room(): number {
    const { table } = this.#packer;
    const at = this.#count * SetEntry.size;
    if (at === table.bytes.length) {
      const bytes = new Uint8Array(table.bytes.length * 2);
      bytes.set(table.bytes);
      this.#packer.table = entryTable(bytes, table.heap);
    }
    return at;
  }
}
