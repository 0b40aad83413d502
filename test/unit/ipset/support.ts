import { fakeIpsetChannel, type FakeIpsetChannel } from '../../../src/ipset/fake.js';
import { createIpset } from '../../../src/ipset/ipset.js';
import type { Ipset } from '../../../src/ipset/types.js';

/** Sets on a fresh fake. */
export function open(): { ipset: Ipset; fake: FakeIpsetChannel } {
  const fake = fakeIpsetChannel();
  return { ipset: createIpset(() => Promise.resolve(fake)), fake };
}

/** `10.0.0.0,tcp:1000` and so on: as many different entries as wanted. */
export function* endpoints(count: number, from = 0): Generator<string> {
  for (let i = from; i < from + count; i++) {
    yield `10.${String((i >> 16) & 255)}.${String((i >> 8) & 255)}.${String(i & 255 || 1)},tcp:${String(i % 60000)}`;
  }
}
