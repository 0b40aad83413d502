import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { expect, it } from 'vitest';
import { openKernel } from '../../src/kernel/open.js';
import { describeKernel } from '../support/backends.js';
import { makeNetns } from '../support/netns.js';

setFlagsFromString('--expose-gc');
const collect = runInNewContext('gc') as () => void;

/** Bytes that are in use, without what only waits to be collected. */
function liveHeap(): number {
  collect();
  return process.memoryUsage().heapUsed;
}

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

  it('come out again, complete, without the heap growing with them', async () => {
    await using netns = await makeNetns('million');
    await using kernel = await openKernel({ netns: netns.path });
    const set = await kernel.ipset.create('web', 'hash:ip', {
      hashSize: MILLION / 2,
      maxElements: MILLION + 1,
    });
    // 15 networks of 65,536 addresses each.
    await set.addAll(Array.from({ length: 15 }, (_, i) => `${String(10 + i)}.1.0.0/16`).join('\n'));
    const size = await set.size();
    expect(size).toBe(15 * 65_536);
    const start = liveHeap();
    let most = start;
    let seen = 0;
    let sum = 0;
    for await (const { ip } of set) {
      sum += ip.length;
      if (++seen % 100_000 === 0) most = Math.max(most, liveHeap());
    }
    expect(seen).toBe(size);
    expect(sum).toBeGreaterThan(size * 8);
    // A million objects with their texts have more than 60 MB.
    expect(most - start).toBeLessThan(8e6);
  });
});

describeKernel(['ipset'], 'a slow consumer of a listing', () => {
  it('keeps nobody from destroying, renaming or swapping the set, and gets all that was there', async () => {
    await using netns = await makeNetns('slow');
    await using kernel = await openKernel({ netns: netns.path });
    const set = await kernel.ipset.create('web', 'hash:ip', { maxElements: 70_000 });
    await set.addAll('10.0.0.0/16');
    const entries = set.entries()[Symbol.asyncIterator]();
    const batches = set.batches()[Symbol.asyncIterator]();
    expect((await entries.next()).done).toBe(false);
    let inBatches = ((await batches.next()).value as unknown[]).length;
    await netns.run(['ipset', 'create', 'other', 'hash:ip']);
    await netns.run(['ipset', 'swap', 'web', 'other']);
    await netns.run(['ipset', 'rename', 'web', 'blue']);
    await netns.run(['ipset', 'destroy']);
    let seen = 1;
    while ((await entries.next()).done !== true) seen++;
    expect(seen).toBe(65_536);
    for (let next = await batches.next(); next.done !== true; next = await batches.next())
      inBatches += next.value.length;
    expect(inBatches).toBe(65_536);
  });

  it('may stop early', async () => {
    await using netns = await makeNetns('slow');
    await using kernel = await openKernel({ netns: netns.path });
    const set = await kernel.ipset.create('web', 'hash:ip', { maxElements: 70_000 });
    await set.addAll('10.0.0.0/16');
    for await (const { ip } of set) {
      expect(ip).toMatch(/^10\./);
      break;
    }
    const controller = new AbortController();
    await expect(
      (async () => {
        for await (const batch of set.batches({ signal: controller.signal })) {
          controller.abort(new Error(`enough after ${String(batch.length)}`));
        }
      })(),
    ).rejects.toThrow('enough after 1024');
    expect(await set.destroy()).toBe(true);
  });
});
