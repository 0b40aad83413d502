const encoder = new TextEncoder();
const decoder = new TextDecoder();

/** Bytes of a text in UTF-8. */
export function utf8(text: string): Uint8Array {
  return encoder.encode(text);
}

/** The NUL-padded text in a fixed field of a record. */
export function fieldText(bytes: Uint8Array, offset: number, size: number): string {
  const field = bytes.subarray(offset, offset + size);
  const end = field.indexOf(0);
  return decoder.decode(end < 0 ? field : field.subarray(0, end));
}

/** Write a text into a fixed field; the rest of the field must be zero already. The caller has checked the length. */
export function setFieldText(bytes: Uint8Array, offset: number, text: string): void {
  bytes.set(utf8(text), offset);
}
