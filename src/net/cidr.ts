import { ValidationError } from '../errors.js';
import { type Family, formatAddress, tryParseAddress } from './address.js';

/** A network: address bytes with the host bits cleared, and the prefix length. */
export interface Cidr {
  readonly family: Family;
  readonly bytes: Uint8Array;
  readonly prefix: number;
}

/** Prefix length of a single address: 32 or 128. */
export function hostPrefix(family: Family): 32 | 128 {
  return family === 'inet' ? 32 : 128;
}

/** Clear the bits behind `prefix`, in a copy. */
export function maskBytes(bytes: Uint8Array, prefix: number): Uint8Array {
  const out = Uint8Array.from(bytes);
  for (let i = 0; i < out.length; i++) {
    const bits = Math.min(8, Math.max(0, prefix - 8 * i));
    out[i] = (out[i] ?? 0) & (0xff00 >> bits);
  }
  return out;
}

/** Parse `10.0.0.0/8`, `2001:db8::/32` or a bare address (one host); host bits are cleared. Undefined when malformed. */
export function tryParseCidr(text: string): Cidr | undefined {
  const slash = text.indexOf('/');
  const address = tryParseAddress(slash < 0 ? text : text.slice(0, slash));
  if (address === undefined) return undefined;
  const full = hostPrefix(address.family);
  if (slash < 0) return { family: address.family, bytes: address.bytes, prefix: full };
  const length = text.slice(slash + 1);
  if (!/^(0|[1-9]\d{0,2})$/.test(length)) return undefined;
  const prefix = Number(length);
  if (prefix > full) return undefined;
  return { family: address.family, bytes: maskBytes(address.bytes, prefix), prefix };
}

/** As {@link tryParseCidr}. @throws ValidationError naming `path` when malformed or not of the wanted family. */
export function parseCidr(text: unknown, path: string, family?: Family): Cidr {
  const cidr = typeof text === 'string' ? tryParseCidr(text) : undefined;
  if (cidr === undefined || (family !== undefined && cidr.family !== family)) {
    const kind = family === undefined ? 'a' : family === 'inet' ? 'an IPv4' : 'an IPv6';
    throw new ValidationError(
      path,
      `${kind} network such as ${family === 'inet6' ? '2001:db8::/32' : '10.0.0.0/8'}`,
      text,
    );
  }
  return cidr;
}

/** Canonical text, always with the prefix length: `10.0.0.0/8`, `192.0.2.1/32`. */
export function formatCidr(cidr: Cidr): string {
  return `${formatAddress(cidr.bytes, cidr.family)}/${String(cidr.prefix)}`;
}

/** True when the address (4 or 16 bytes) lies in the network. Families never mix. */
export function cidrContains(cidr: Cidr, bytes: Uint8Array): boolean {
  if (bytes.length !== cidr.bytes.length) return false;
  for (let i = 0; i < bytes.length && 8 * i < cidr.prefix; i++) {
    const bits = Math.min(8, cidr.prefix - 8 * i);
    const mask = (0xff00 >> bits) & 0xff;
    if (((bytes[i] ?? 0) & mask) !== (cidr.bytes[i] ?? 0)) return false;
  }
  return true;
}
