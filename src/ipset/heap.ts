import { utf8 } from './fields.js';

const decoder = new TextDecoder();
const NOTHING = new Uint8Array(0);

/** Texts beside a table of records, which have (offset, length) of them: see docs/seam.md. Grows by doubling. */
export class TextHeap {
  #bytes: Uint8Array;
  #length: number;

  /** @param bytes texts that are there already; they are not copied */
  constructor(bytes: Uint8Array = NOTHING) {
    this.#bytes = bytes;
    this.#length = bytes.length;
  }

  /** What is in it. A view: valid until the next {@link put}. */
  get bytes(): Uint8Array {
    return this.#bytes.subarray(0, this.#length);
  }

  get length(): number {
    return this.#length;
  }

  /** Append a text. @returns its offset; its length in bytes is what {@link length} grew by. */
  put(text: string): number {
    return this.putBytes(utf8(text));
  }

  /** Append a text as another heap has it: the kernel takes any bytes, and they stay what they are. @returns its offset */
  putBytes(bytes: Uint8Array): number {
    const offset = this.#length;
    const wanted = offset + bytes.length;
    if (wanted > this.#bytes.length) {
      const larger = new Uint8Array(Math.max(wanted, 2 * this.#bytes.length, 256));
      larger.set(this.bytes);
      this.#bytes = larger;
    }
    this.#bytes.set(bytes, offset);
    this.#length = wanted;
    return offset;
  }

  /** Forget all behind `length`. */
  cut(length: number): void {
    this.#length = length;
  }

  text(offset: number, length: number): string {
    return decoder.decode(this.#bytes.subarray(offset, Math.min(this.#length, offset + length)));
  }
}
