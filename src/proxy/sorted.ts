import { parseAddress } from '../net/address.js';

/** Sorted by a text that is made once per item. */
export function sortedBy<T>(items: Iterable<T>, keyOf: (item: T) => string): T[] {
  return Array.from(items, (item) => ({ item, key: keyOf(item) }))
    .sort((a, b) => (a.key < b.key ? -1 : a.key > b.key ? 1 : 0))
    .map(({ item }) => item);
}

/** Text by which addresses sort as numbers. */
export const addressKey = (address: string): string =>
  Buffer.from(parseAddress(address, 'address').bytes).toString('hex');
