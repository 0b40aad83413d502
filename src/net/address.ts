import { ValidationError } from '../errors.js';

/** Address family, by the names that ipset and the iproute tools use. */
export type Family = 'inet' | 'inet6';

/** `AF_INET` and `AF_INET6` of linux/socket.h. */
export const AF: Readonly<Record<Family, 2 | 10>> = { inet: 2, inet6: 10 };

/** The family behind an AF number, undefined for anything else. */
export function familyOf(af: number): Family | undefined {
  return af === AF.inet ? 'inet' : af === AF.inet6 ? 'inet6' : undefined;
}

/** A parsed address: 4 or 16 bytes in network order. */
export interface Address {
  readonly family: Family;
  readonly bytes: Uint8Array;
}

/**
 * Parse an IPv4 address in dotted form, or undefined. Leading zeros are refused, since some tools read them as octal.
 */
function parse4(text: string): Uint8Array | undefined {
  const bytes = new Uint8Array(4);
  let at = 0;
  let value = -1;
  for (let i = 0; i <= text.length; i++) {
    const c = i === text.length ? 46 : text.charCodeAt(i);
    if (c >= 48 && c <= 57) {
      if (value === 0) return undefined;
      value = value < 0 ? c - 48 : value * 10 + (c - 48);
      if (value > 255) return undefined;
    } else if (c === 46) {
      if (value < 0 || at === 4) return undefined;
      bytes[at++] = value;
      value = -1;
    } else {
      return undefined;
    }
  }
  return at === 4 ? bytes : undefined;
}

/** Parse an IPv6 address as RFC 4291 §2.2 writes it (no zone index), or undefined. */
function parse6(text: string): Uint8Array | undefined {
  const halves = text.split('::');
  if (halves.length > 2) return undefined;
  const groups = (part: string, last: boolean): number[] | undefined => {
    if (part === '') return [];
    const out: number[] = [];
    const words = part.split(':');
    for (const [i, word] of words.entries()) {
      if (last && i === words.length - 1 && word.includes('.')) {
        const v4 = parse4(word);
        if (v4 === undefined) return undefined;
        const [a = 0, b = 0, c = 0, d = 0] = v4;
        out.push((a << 8) | b, (c << 8) | d);
      } else {
        if (!/^[0-9a-fA-F]{1,4}$/.test(word)) return undefined;
        out.push(Number.parseInt(word, 16));
      }
    }
    return out;
  };
  const [left = '', right] = halves;
  const head = groups(left, right === undefined);
  const tail = right === undefined ? [] : groups(right, true);
  if (head === undefined || tail === undefined) return undefined;
  const missing = 8 - head.length - tail.length;
  if (right === undefined ? missing !== 0 : missing < 1) return undefined;
  const bytes = new Uint8Array(16);
  head.forEach((g, i) => {
    bytes[2 * i] = g >> 8;
    bytes[2 * i + 1] = g & 0xff;
  });
  tail.forEach((g, i) => {
    const at = 2 * (8 - tail.length + i);
    bytes[at] = g >> 8;
    bytes[at + 1] = g & 0xff;
  });
  return bytes;
}

/** Parse an address of either family; undefined when the text is none. Never throws. */
export function tryParseAddress(text: string): Address | undefined {
  if (text.includes(':')) {
    const bytes = parse6(text);
    return bytes && { family: 'inet6', bytes };
  }
  const bytes = parse4(text);
  return bytes && { family: 'inet', bytes };
}

/**
 * Parse an address of either family.
 * @throws ValidationError naming `path` when the text is no address, or not of the wanted family.
 */
export function parseAddress(text: unknown, path: string, family?: Family): Address {
  const address = typeof text === 'string' ? tryParseAddress(text) : undefined;
  if (address === undefined || (family !== undefined && address.family !== family)) {
    const kind = family === undefined ? 'IPv4 or IPv6' : family === 'inet' ? 'IPv4' : 'IPv6';
    throw new ValidationError(path, `an ${kind} address`, text);
  }
  return address;
}

/** Bytes in hexadecimal, without and with a leading zero. */
const HEX: readonly string[] = Array.from({ length: 256 }, (_, n) => n.toString(16));
const HEX2: readonly string[] = HEX.map((text) => text.padStart(2, '0'));

/** Groups of an IPv6 address joined by colons. No arrays: listings format hundreds of thousands. */
function hexGroups(bytes: Uint8Array, offset: number, from: number, to: number): string {
  let text = '';
  for (let i = from; i < to; i++) {
    const high = bytes[offset + 2 * i] ?? 0;
    const low = bytes[offset + 2 * i + 1] ?? 0;
    if (i > from) text += ':';
    text += high === 0 ? (HEX[low] ?? '') : (HEX[high] ?? '') + (HEX2[low] ?? '');
  }
  return text;
}

/** Canonical text of an address: dotted for 4 bytes, RFC 5952 for 16. Reads at `offset`; copies nothing. */
export function formatAddress(bytes: Uint8Array, family: Family, offset = 0): string {
  if (family === 'inet') {
    return `${String(bytes[offset])}.${String(bytes[offset + 1])}.${String(bytes[offset + 2])}.${String(bytes[offset + 3])}`;
  }
  let best = 8;
  let bestLength = 1;
  for (let i = 0; i < 8;) {
    let j = i;
    while (j < 8 && bytes[offset + 2 * j] === 0 && bytes[offset + 2 * j + 1] === 0) j++;
    if (j - i > bestLength) {
      best = i;
      bestLength = j - i;
    }
    i = j + 1;
  }
  if (best === 8) return hexGroups(bytes, offset, 0, 8);
  // RFC 5952 §5: an IPv4-mapped address keeps its dotted tail.
  if (best === 0 && bestLength === 5 && bytes[offset + 10] === 0xff && bytes[offset + 11] === 0xff)
    return `::ffff:${formatAddress(bytes, 'inet', offset + 12)}`;
  return `${hexGroups(bytes, offset, 0, best)}::${hexGroups(bytes, offset, best + bestLength, 8)}`;
}

/** Canonical text of the same address, e.g. `2001:DB8::0:1` → `2001:db8::1`. @throws ValidationError as {@link parseAddress}. */
export function canonicalAddress(text: unknown, path: string, family?: Family): string {
  const address = parseAddress(text, path, family);
  return formatAddress(address.bytes, address.family);
}

/** `10.0.0.1:80` or `[2001:db8::1]:80`. The address must be canonical already. */
export function joinHostPort(address: string, port: number): string {
  return address.includes(':') ? `[${address}]:${String(port)}` : `${address}:${String(port)}`;
}

/**
 * Split `10.0.0.1:80`, `[2001:db8::1]:80` or a bare address.
 * @throws ValidationError naming `path`.
 */
export function splitHostPort(
  text: string,
  path: string,
): { address: string; family: Family; port?: number } {
  const match = /^(?:\[([^\]]*)\]|([^:]*))(?::(\d+))?$/.exec(text);
  const host = match ? (match[1] ?? match[2] ?? '') : text;
  const parsed = tryParseAddress(host);
  const portText = match?.[3];
  if (parsed === undefined || (match?.[1] !== undefined && parsed.family !== 'inet6')) {
    throw new ValidationError(path, 'ADDRESS:PORT, with an IPv6 address in brackets', text);
  }
  const out = { address: formatAddress(parsed.bytes, parsed.family), family: parsed.family };
  if (portText === undefined) return out;
  const port = Number(portText);
  if (port > 65535) throw new ValidationError(path, 'a port from 0 to 65535', text);
  return { ...out, port };
}
