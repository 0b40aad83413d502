import { maskBytes, type Cidr, hostPrefix } from './cidr.js';
import type { Family } from './address.js';

function numberOf(bytes: Uint8Array): bigint {
  return bytes.reduce((number, byte) => (number << 8n) | BigInt(byte), 0n);
}

function bytesOf(number: bigint, family: Family): Uint8Array {
  const bytes = new Uint8Array(family === 'inet' ? 4 : 16);
  for (let i = bytes.length - 1; i >= 0; i--) {
    bytes[i] = Number(number & 0xffn);
    number >>= 8n;
  }
  return bytes;
}

function cidrOf(number: bigint, prefix: number, family: Family): Cidr {
  return { family, bytes: bytesOf(number, family), prefix };
}

/**
 * The fewest networks that hold just the addresses from `first` to `last`, both included, in ascending order. Pure.
 * @param first 4 or 16 bytes, not above `last`; none when it is
 */
export function networksOfRange(first: Uint8Array, last: Uint8Array): Cidr[] {
  const family: Family = first.length === 4 ? 'inet' : 'inet6';
  const full = hostPrefix(family);
  const end = numberOf(last);
  const out: Cidr[] = [];
  for (let at = numberOf(first); at <= end;) {
    let prefix: number = full;
    let size = 1n;
    // As wide as the address's own zeros and the end of the range allow.
    while (prefix > 0 && (at & size) === 0n && at + 2n * size - 1n <= end) {
      size *= 2n;
      prefix--;
    }
    out.push(cidrOf(at, prefix, family));
    at += size;
  }
  return out;
}

/**
 * The fewest networks that hold just the addresses of these: what lies in another one is left out, neighbours are joined. Ascending,
 * IPv4 before IPv6. Pure.
 */
export function joinNetworks(networks: Iterable<Cidr>): Cidr[] {
  const byFamily: Record<Family, { first: bigint; last: bigint }[]> = { inet: [], inet6: [] };
  for (const { family, bytes, prefix } of networks) {
    const first = numberOf(maskBytes(bytes, prefix));
    byFamily[family].push({ first, last: first + (1n << BigInt(hostPrefix(family) - prefix)) - 1n });
  }
  return (['inet', 'inet6'] as const).flatMap((family) => {
    const ranges = byFamily[family].sort((a, b) => (a.first < b.first ? -1 : a.first > b.first ? 1 : 0));
    const joined: { first: bigint; last: bigint }[] = [];
    for (const range of ranges) {
      const before = joined.at(-1);
      if (before === undefined || range.first > before.last + 1n) joined.push({ ...range });
      else if (range.last > before.last) before.last = range.last;
    }
    return joined.flatMap(({ first, last }) =>
      networksOfRange(bytesOf(first, family), bytesOf(last, family)),
    );
  });
}
