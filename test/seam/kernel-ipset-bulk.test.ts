import { expect, it } from 'vitest';
import { openKernel } from '../../src/kernel/open.js';
import { describeKernel } from '../support/backends.js';
import { makeNetns } from '../support/netns.js';

const MILLION = 1_000_000;

/** Line `i`, from 0, of a list of different addresses. */
const address = (i: number): string =>
  `${String(10 + (i >> 16))}.${String((i >> 8) & 255)}.${String(i & 255)}.7`;

describeKernel(['ipset'], 'a million lines', () => {
  it('go in but for the three that are malformed, of the wrong family and refused', async () => {
    await using netns = await makeNetns('million');
    await using kernel = await openKernel({ netns: netns.path });
    const set = await kernel.ipset.create('web', 'hash:ip', { hashSize: MILLION / 2, maxElements: MILLION });
    const bad = new Map([
      [123_456, '10.0.0.256'],
      [500_000, '2001:db8::1'],
      [999_999, '0.0.0.0'],
    ]);
    function* pieces(): Generator<Uint8Array> {
      const step = 10_000;
      for (let from = 0; from < MILLION; from += step) {
        const lines = Array.from({ length: step }, (_, n) => bad.get(from + n) ?? address(from + n));
        yield Buffer.from(`${lines.join('\n')}\n`);
      }
    }
    let progress = 0;
    const { applied, failures } = await set.addAll(pieces(), {
      onError: 'continue',
      onProgress: (settled) => (progress = settled),
    });
    expect(applied).toBe(MILLION - 3);
    expect(await set.size()).toBe(MILLION - 3);
    expect(failures.map(({ index, line, entry }) => [index, line, entry])).toEqual(
      [...bad].map(([index, entry]) => [index, index + 1, entry]),
    );
    expect(failures.map(({ error }) => error.code)).toEqual([
      'ERR_INVALID_INPUT',
      'ERR_INVALID_INPUT',
      'IPSET_ERR_HASH_ELEM',
    ]);
    expect(progress).toBe(MILLION - 2);
  });
});
