import { describe, expect, it } from 'vitest';
import { isNotFound } from '../../../src/errors.js';
import { rejection } from '../../support/rejection.js';
import { endpoints, open } from './support.js';

async function filled(count: number) {
  const { ipset, fake } = open();
  const set = await ipset.create('web', 'hash:ip,port', { maxElements: 1_000_000 });
  await set.addAll(endpoints(count));
  return { set, fake };
}

/** Keep the thread busy. */
function spin(milliseconds: number): void {
  const until = performance.now() + milliseconds;
  while (performance.now() < until);
}

describe('walking through entries', () => {
  it('asks for the listing when the first entry is wanted, and once', async () => {
    const { set, fake } = await filled(3);
    const before = fake.counters().dumps;
    const entries = set.entries();
    expect(fake.counters().dumps).toBe(before);
    const seen = [];
    for await (const entry of entries) seen.push(entry.port);
    expect(seen).toEqual([0, 1, 2]);
    expect(fake.counters().dumps).toBe(before + 1);
  });

  it('is a new listing each time', async () => {
    const { set } = await filled(1);
    for (const size of [1, 2]) {
      let seen = 0;
      for await (const { port } of set) seen += port >= 0 ? 1 : 0;
      expect(seen).toBe(size);
      await set.add('10.9.9.9,tcp:1');
    }
  });

  it('gives entries in order to calls that do not wait for each other, then only the end', async () => {
    const { set } = await filled(3);
    const iterator = set[Symbol.asyncIterator]();
    const results = await Promise.all(Array.from({ length: 5 }, () => iterator.next()));
    expect(results.map(({ done }) => done)).toEqual([false, false, false, true, true]);
    expect(results.slice(0, 3).map(({ value }) => (value as { port: number }).port)).toEqual([0, 1, 2]);
    expect(await iterator.next()).toEqual({ done: true, value: undefined });
  });

  it('ends for good after a failure', async () => {
    const { set } = await filled(1);
    await set.destroy();
    const iterator = set[Symbol.asyncIterator]();
    const [first, second] = await Promise.all([rejection(iterator.next()), rejection(iterator.next())]);
    expect([isNotFound(first), isNotFound(second)]).toEqual([true, true]);
    expect(await iterator.next()).toEqual({ done: true, value: undefined });
  });

  it('ends when the consumer leaves the loop', async () => {
    const { set } = await filled(100);
    const iterator = set.entries()[Symbol.asyncIterator]();
    await iterator.next();
    await iterator.return?.();
    expect((await iterator.next()).done).toBe(true);
  });

  it('lets the event loop run though the consumer never waits', async () => {
    const { set } = await filled(100);
    let turns = 0;
    const timer = setInterval(() => turns++, 1);
    for await (const { port } of set) spin(port >= 0 ? 1 : 0);
    clearInterval(timer);
    expect(turns).toBeGreaterThan(3);
  });

  it('stops for a signal on the way', async () => {
    const { set } = await filled(100);
    const controller = new AbortController();
    let seen = 0;
    const walk = async (): Promise<void> => {
      for await (const { port } of set.entries({ signal: controller.signal })) {
        spin(port >= 0 ? 1 : 0);
        if (++seen === 20) controller.abort(new Error('enough'));
      }
    };
    await expect(walk()).rejects.toThrow('enough');
    expect(seen).toBeLessThan(100);
  });
});
