import { setTimeout as delay } from 'node:timers/promises';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { fakeIpvsChannel } from '../../../src/ipvs/fake.js';
import { createIpvs } from '../../../src/ipvs/ipvs.js';
import { Lock } from '../../../src/ipvs/lock.js';
import { Pace, sortPaced } from '../../../src/ipvs/pace.js';
import type { IpvsOperation } from '../../../src/ipvs/types.js';
import { rejection } from '../../support/rejection.js';

describe('a paced sort', () => {
  it('sorts as the built-in one, stably, whatever the length', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.array(fc.tuple(fc.nat(50), fc.nat()), { minLength: 0, maxLength: 9000, size: 'max' }),
        async (items) => {
          const byFirst = (a: [number, number], b: [number, number]): number => a[0] - b[0];
          expect(await sortPaced(items, byFirst, new Pace())).toEqual([...items].sort(byFirst));
        },
      ),
      { numRuns: 20 },
    );
  });

  it('ends when the signal says so', async () => {
    const signal = AbortSignal.abort(new Error('enough'));
    const items = Array.from({ length: 5000 }, (_, i) => -i);
    expect(await rejection(sortPaced(items, (a, b) => a - b, new Pace(signal)))).toMatchObject({
      message: 'enough',
    });
  });
});

describe('a pace', () => {
  it('looks at the clock as often as what is in a step takes', async () => {
    // Long enough for a loop to give way, were the clock looked at.
    const later = async (): Promise<Pace> => {
      const pace = new Pace();
      await delay(20);
      return pace;
    };
    const oneByOne = await later();
    expect(Array.from({ length: 128 }, () => oneByOne.due()).lastIndexOf(false)).toBe(126);
    expect((await later()).due(1000)).toBe(true);
    expect((await later()).due(100)).toBe(false);
  });
});

describe('a long listing', () => {
  it('lets others run between', async () => {
    const channel = fakeIpvsChannel();
    const ipvs = createIpvs(() => Promise.resolve(channel));
    const count = 20_000;
    await ipvs.batch(
      Array.from({ length: count }, (_, i): IpvsOperation => ({
        op: 'add',
        virtualServer: `fwmark://${String(count - i)}`,
      })),
    );
    let turns = 0;
    const timer = setInterval(() => turns++, 0);
    const servers = await ipvs.list();
    clearInterval(timer);
    expect(servers.map((server) => server.fwmark)).toEqual(Array.from({ length: count }, (_, i) => i + 1));
    // One turn for each run of the sort at least; none at all if the loop were held.
    expect(turns).toBeGreaterThan(2);
  });
});

describe('a lock', () => {
  it('runs jobs one after the other, also behind one that failed', async () => {
    const lock = new Lock();
    const log: string[] = [];
    const job = (name: string, fails = false) =>
      lock.run(async () => {
        log.push(`${name} starts`);
        await new Promise((resolve) => setImmediate(resolve));
        log.push(`${name} ends`);
        if (fails) throw new Error(name);
        return name;
      });
    const results = await Promise.allSettled([job('a'), job('b', true), job('c')]);
    expect(results.map((result) => result.status)).toEqual(['fulfilled', 'rejected', 'fulfilled']);
    expect(log).toEqual(['a starts', 'a ends', 'b starts', 'b ends', 'c starts', 'c ends']);
  });
});
