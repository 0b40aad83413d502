import { tryParseAddress } from '../net/address.js';

/**
 * Scanners that read a value out of a longer text straight into a record: bulk loads parse a million entries, and a substring or an
 * array per part would cost more than the parsing. Each returns the position behind what it read, or -1.
 */

const ZERO = 48;
const NINE = 57;
const COLON = 58;
const DOT = 46;
const COMMA = 44;
const SPACE = 32;
const TAB = 9;

/** A dotted IPv4 address, into four bytes at `at`. Leading zeros are refused, since some tools read them as octal. */
export function scanIPv4(text: string, from: number, out: Uint8Array, at: number): number {
  let i = from;
  for (let octet = 0; octet < 4; octet++) {
    if (octet > 0 && text.charCodeAt(i++) !== DOT) return -1;
    const start = i;
    let value = 0;
    for (; i < start + 3; i++) {
      const c = text.charCodeAt(i);
      if (!(c >= ZERO && c <= NINE)) break;
      value = value * 10 + (c - ZERO);
    }
    if (i === start || value > 255 || (i > start + 1 && text.charCodeAt(start) === ZERO)) return -1;
    out[at + octet] = value;
  }
  return i;
}

function hexDigit(c: number): number {
  if (c >= ZERO && c <= NINE) return c - ZERO;
  const lower = c | 0x20;
  return lower >= 97 && lower <= 102 ? lower - 87 : -1;
}

/** An IPv6 address (RFC 4291 §2.2, no zone), into sixteen bytes at `at`. */
export function scanIPv6(text: string, from: number, out: Uint8Array, at: number): number {
  let i = from;
  let groups = 0;
  let gap = -1;
  if (text.charCodeAt(i) === COLON) {
    if (text.charCodeAt(i + 1) !== COLON) return -1;
    gap = 0;
    i += 2;
  }
  while (groups < 8) {
    let value = 0;
    let digits = 0;
    for (; digits < 4; digits++) {
      const digit = hexDigit(text.charCodeAt(i + digits));
      if (digit < 0) break;
      value = value * 16 + digit;
    }
    if (digits === 0) break;
    const next = text.charCodeAt(i + digits);
    if (next === DOT) return scanDottedTail(text, from, out, at);
    out[at + 2 * groups] = value >> 8;
    out[at + 2 * groups + 1] = value & 0xff;
    groups++;
    i += digits;
    if (next !== COLON) break;
    if (text.charCodeAt(i + 1) === COLON) {
      if (gap >= 0) return -1;
      gap = groups;
      i += 2;
    } else {
      if (hexDigit(text.charCodeAt(i + 1)) < 0 || groups === 8) return -1;
      i++;
    }
  }
  if (gap < 0) return groups === 8 ? i : -1;
  if (groups === 8) return -1;
  const tail = 2 * (groups - gap);
  out.copyWithin(at + 16 - tail, at + 2 * gap, at + 2 * groups);
  out.fill(0, at + 2 * gap, at + 16 - tail);
  return i;
}

/** The rare form with an IPv4 tail (`::ffff:10.0.0.1`) goes through the general parser. */
function scanDottedTail(text: string, from: number, out: Uint8Array, at: number): number {
  let end = from;
  for (; end < text.length; end++) {
    const c = text.charCodeAt(end);
    if (c !== COLON && c !== DOT && hexDigit(c) < 0) break;
  }
  const address = tryParseAddress(text.slice(from, end));
  if (address?.family !== 'inet6') return -1;
  out.set(address.bytes, at);
  return end;
}

/** Longest text that the scanners take: positions and numbers share one 31-bit integer (see scanNumber). */
export const MAX_TEXT = 32_767;

/**
 * A decimal number without leading zeros. The position and the value come back as one integer, so that nothing is allocated:
 * {@link positionOf} and {@link numberOf} take it apart. -1 when there is no number or it is above 65535.
 */
export function scanNumber(text: string, from: number): number {
  let i = from;
  let value = 0;
  for (; i < from + 5; i++) {
    const c = text.charCodeAt(i);
    if (!(c >= ZERO && c <= NINE)) break;
    value = value * 10 + (c - ZERO);
  }
  const more = text.charCodeAt(i);
  if (i === from || value > 65535 || (more >= ZERO && more <= NINE)) return -1;
  if (i > from + 1 && text.charCodeAt(from) === ZERO) return -1;
  return (i << 16) | value;
}

/** The position behind a scanned number. */
export function positionOf(scanned: number): number {
  return scanned >>> 16;
}

/** The value of a scanned number. */
export function numberOf(scanned: number): number {
  return scanned & 0xffff;
}

const MAC_TEXT = 17;

/** A hardware address, `00:11:22:aa:bb:cc`, into six bytes at `at`. */
export function scanMac(text: string, from: number, out: Uint8Array, at: number): number {
  for (let byte = 0; byte < 6; byte++) {
    const i = from + 3 * byte;
    if (byte > 0 && text.charCodeAt(i - 1) !== COLON) return -1;
    const high = hexDigit(text.charCodeAt(i));
    const low = hexDigit(text.charCodeAt(i + 1));
    if (high < 0 || low < 0) return -1;
    out[at + byte] = high * 16 + low;
  }
  return from + MAC_TEXT;
}

/** The position of the next comma, white space or the end. */
export function scanToken(text: string, from: number): number {
  let i = from;
  for (; i < text.length; i++) {
    const c = text.charCodeAt(i);
    if (c === COMMA || c === SPACE || c === TAB) break;
  }
  return i;
}

/** A number of 32 bits in decimal, or in hexadecimal behind `0x`; undefined for anything else. */
export function parseUint32(text: string): number | undefined {
  if (!/^(?:\d{1,10}|0[xX][0-9a-fA-F]{1,8})$/.test(text)) return undefined;
  const value = Number(text);
  return value <= 0xffff_ffff ? value : undefined;
}
