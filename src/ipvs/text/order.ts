import { parseAddress } from '../../net/address.js';
import { PROTOCOL_NUMBER } from '../../net/protocol.js';
import type { RealServerState, VirtualServerState } from '../types.js';

/** Difference of two 32-bit words as C computes it: it wraps where they lie further apart than half of what there is. */
function wrapped(a: number, b: number): number {
  return (a - b) | 0;
}

/**
 * The address as ipvsadm compares it: by 32-bit subtractions, of all four words where the first address is an IPv6 one, else of the
 * first words only.
 */
function compareAddresses(a: string, b: string): number {
  const left = parseAddress(a, 'address');
  const right = parseAddress(b, 'address');
  const words = left.family === 'inet6' ? [0, 4, 8, 12] : [0];
  const word = (bytes: Uint8Array, at: number): number =>
    at < bytes.length ? Buffer.from(bytes).readUInt32BE(at) : 0;
  for (const at of words) {
    const order = wrapped(word(left.bytes, at), word(right.bytes, at));
    if (order !== 0) return order;
  }
  return 0;
}

type Named = Pick<VirtualServerState, 'family' | 'protocol' | 'address' | 'port' | 'fwmark'>;

/** Order of virtual servers in ipvsadm's listings: mark (none is 0), family, protocol, address, port. */
export function compareAsIpvsadm(a: Named, b: Named): number {
  const rank = ({ protocol }: Named): number => (protocol === undefined ? 0 : PROTOCOL_NUMBER[protocol]);
  return (
    wrapped(a.fwmark ?? 0, b.fwmark ?? 0) ||
    Number(a.family === 'inet6') - Number(b.family === 'inet6') ||
    rank(a) - rank(b) ||
    (a.address === undefined || b.address === undefined ? 0 : compareAddresses(a.address, b.address)) ||
    (a.port ?? 0) - (b.port ?? 0)
  );
}

/** Order of real servers in ipvsadm's listings: address, port. */
export function compareServersAsIpvsadm(
  a: Pick<RealServerState, 'address' | 'port'>,
  b: Pick<RealServerState, 'address' | 'port'>,
): number {
  return compareAddresses(a.address, b.address) || a.port - b.port;
}

/**
 * Sort as qsort(3) of the GNU C library does: top-down merge sort, the first half the smaller one. The comparisons above are no
 * order where addresses lie far apart (10/8 before 127/8 before 192/8 before 10/8), so that the way of sorting shows.
 */
export function sortAsIpvsadm<T>(items: readonly T[], compare: (a: T, b: T) => number): readonly T[] {
  if (items.length < 2) return items;
  const half = items.length >> 1;
  const left = sortAsIpvsadm(items.slice(0, half), compare);
  const right = sortAsIpvsadm(items.slice(half), compare);
  const merged: T[] = [];
  let i = 0;
  let j = 0;
  while (i < left.length && j < right.length) {
    const a = left[i] as T;
    const b = right[j] as T;
    if (compare(a, b) <= 0) {
      merged.push(a);
      i++;
    } else {
      merged.push(b);
      j++;
    }
  }
  return [...merged, ...left.slice(i), ...right.slice(j)];
}
