import { describe, expect, it, vi } from 'vitest';
import {
  InvalidArgumentError,
  NotFoundError,
  OutcomeUnknownError,
  PermissionError,
  SetFullError,
  ValidationError,
  isAlreadyExists,
} from '../../../src/errors.js';
import type { RunRequest } from '../../../src/netlink/types.js';
import { SetEntry } from '../../../src/native/records.js';
import type { IPSet } from '../../../src/ipset/types.js';
import { rejection } from '../../support/rejection.js';
import { endpoints, open } from './support.js';

const COUNT = 40_000;

async function set(maxElements = 1_000_000) {
  const { ipset, fake } = open();
  const web = await ipset.create('web', 'hash:ip,port', { maxElements });
  return { ipset, fake, web };
}

/** The sizes of the runs of entries. */
function chunksOf(fake: { run(request: RunRequest): unknown }): number[] {
  const sizes: number[] = [];
  const run = fake.run.bind(fake);
  vi.spyOn(fake, 'run').mockImplementation((request) => {
    if (request.shape === 'SetEntry') sizes.push(request.records.length / SetEntry.size);
    return run(request);
  });
  return sizes;
}

async function* later<T>(items: Iterable<T>): AsyncGenerator<T> {
  for (const item of items) {
    await Promise.resolve();
    yield item;
  }
}

describe('a bulk load', () => {
  it('adds every entry of a generator, in several chunks', async () => {
    const { fake, web } = await set();
    const chunks = chunksOf(fake);
    expect(await web.addAll(endpoints(COUNT))).toEqual({ applied: COUNT, failures: [] });
    expect(await web.size()).toBe(COUNT);
    expect(await web.texts()).toEqual([...endpoints(COUNT)].sort());
    expect(chunks.length).toBeGreaterThan(2);
    expect(chunks.reduce((a, b) => a + b)).toBe(COUNT);
  });

  it('takes async iterables, objects and texts mixed', async () => {
    const { web } = await set();
    const entries = [{ ip: '10.9.9.9', port: 53, protocol: 'udp' as const }, ...endpoints(5000)];
    expect(await web.addAll(later(entries))).toMatchObject({ applied: 5001 });
    expect(await web.deleteAll(later(entries))).toMatchObject({ applied: 5001 });
    expect(await web.size()).toBe(0);
  });

  it('sends nothing for no entries', async () => {
    const { fake, web } = await set();
    const chunks = chunksOf(fake);
    expect(await web.addAll([])).toEqual({ applied: 0, failures: [] });
    expect(chunks).toEqual([]);
  });

  it('counts what was there already as applied, and refuses it only on request', async () => {
    const { web } = await set();
    await web.addAll(endpoints(10));
    expect(await web.addAll(endpoints(20))).toMatchObject({ applied: 20 });
    const err = await rejection(web.addAll([...endpoints(3, 100), ...endpoints(1)], { exist: false }));
    expect(isAlreadyExists(err)).toBe(true);
    expect(err).toMatchObject({ code: 'IPSET_ERR_EXIST', position: 3, applied: 3 });
  });

  it('names the refused entry far into the load and keeps those before it', async () => {
    const { web } = await set(30_000);
    const err = await rejection(web.addAll(endpoints(COUNT)));
    expect(err).toBeInstanceOf(SetFullError);
    const refused = [...endpoints(COUNT)][30_000] ?? '';
    expect(err).toMatchObject({
      position: 30_000,
      applied: 30_000,
      target: `set web entry ${refused}`,
      operation: 'ipset.add',
    });
    expect(await web.size()).toBe(30_000);
  });

  it('collects refusals and goes on when asked to', async () => {
    const { web } = await set();
    await web.addAll(endpoints(5, 20_000));
    const entries = [...endpoints(COUNT)];
    const result = await web.addAll(entries, { exist: false, onError: 'continue' });
    expect(result.applied).toBe(COUNT - 5);
    expect(result.failures.map(({ index, entry }) => ({ index, entry }))).toEqual(
      entries.slice(20_000, 20_005).map((entry, i) => ({ index: 20_000 + i, entry })),
    );
    expect(result.failures[2]?.error).toMatchObject({ code: 'IPSET_ERR_EXIST', position: 20_002 });
    expect(result.failures[2]?.error).toBe(result.failures[2]?.error);
    expect(await web.size()).toBe(COUNT);
  });

  it('reports progress after each chunk, up to the end', async () => {
    const { web } = await set();
    const seen: number[] = [];
    await web.addAll(endpoints(COUNT), { onProgress: (settled) => seen.push(settled) });
    expect(seen.at(-1)).toBe(COUNT);
    expect(seen.length).toBeGreaterThan(2);
    expect(seen).toEqual([...seen].sort((a, b) => a - b));
  });

  it('gives malformed input its index and counts what was before it, which stays', async () => {
    const { web } = await set();
    const entries = [...endpoints(5000), '10.0.0.1,tcp:99999', ...endpoints(10)];
    const err = await rejection(web.addAll(entries));
    expect(err).toBeInstanceOf(ValidationError);
    expect(err).toMatchObject({ path: '[5000]', received: '10.0.0.1,tcp:99999', applied: 5000 });
    expect(await web.size()).toBe(5000);
    const object = await rejection(
      web.addAll([
        { ip: '10.0.0.1', port: 1 },
        { ip: 'x', port: 2 },
      ]),
    );
    expect(object).toMatchObject({ path: '[1].ip' });
  });

  it('reports malformed entries beside refused ones when it goes on, in order', async () => {
    const { web } = await set(1010);
    const input = ['first', ...endpoints(1005), { ip: 'x', port: 1 }, ...endpoints(10, 2000), 'last'];
    const { applied, failures } = await web.addAll(input, { onError: 'continue' });
    expect(applied).toBe(1010);
    expect(failures.map(({ index }) => index)).toEqual([0, 1006, 1012, 1013, 1014, 1015, 1016, 1017]);
    expect(failures[0]).toMatchObject({ entry: 'first', error: { path: '[0]' } });
    expect(failures[1]).toMatchObject({ entry: '{"ip":"x","port":1}', error: { path: '[1006].ip' } });
    expect(failures[2]?.error).toBeInstanceOf(SetFullError);
    expect(failures[2]?.entry).toBe('10.0.7.213,tcp:2005');
  });

  it('prefers the refusal of an earlier chunk over malformed input after it', async () => {
    const { web } = await set(100);
    const err = await rejection(web.addAll([...endpoints(1024), 'nonsense']));
    expect(err).toBeInstanceOf(SetFullError);
    expect(err).toMatchObject({ position: 100 });
  });

  it('closes the iterator of input that it stops reading', async () => {
    const { web } = await set(10);
    let closed = false;
    function* source(): Generator<string> {
      try {
        yield* endpoints(COUNT);
      } finally {
        closed = true;
      }
    }
    await rejection(web.addAll(source()));
    expect(closed).toBe(true);
  });

  it('passes on what the iterable throws, after the kernel is done', async () => {
    const { web } = await set();
    function* source(): Generator<string> {
      yield* endpoints(2000);
      throw new Error('source ran dry');
    }
    await expect(web.addAll(source())).rejects.toThrow('source ran dry');
    expect(await web.size()).toBeLessThanOrEqual(2000);
  });

  it('stops for an aborted signal with its reason', async () => {
    const { web } = await set();
    const controller = new AbortController();
    const entries = function* (): Generator<string> {
      yield* endpoints(5000);
      controller.abort(new Error('changed my mind'));
      yield* endpoints(COUNT, 5000);
    };
    await expect(web.addAll(entries(), { signal: controller.signal })).rejects.toThrow('changed my mind');
    expect(await web.size()).toBeLessThan(COUNT);
    await expect(web.addAll(endpoints(1), { signal: AbortSignal.abort(new Error('no')) })).rejects.toThrow(
      'no',
    );
  });

  it('refuses what is neither entries nor text', async () => {
    const { web } = await set();
    // @ts-expect-error a number is no input
    const err = await rejection(web.addAll(7));
    expect(err).toMatchObject({ path: 'entries' });
  });

  it('ends at once when the set is gone, also when it would go on', async () => {
    const { ipset, web } = await set();
    await ipset.destroy('web');
    const err = await rejection(web.addAll(endpoints(COUNT), { onError: 'continue' }));
    expect(err).toBeInstanceOf(NotFoundError);
    expect(err).toMatchObject({ target: 'set web', applied: 0, position: 0 });
  });

  it('tells a missing capability', async () => {
    const { fake, web } = await set();
    fake.privileged = false;
    const err = await rejection(web.addAll(endpoints(10)));
    expect(err).toBeInstanceOf(PermissionError);
    expect(err).toMatchObject({ code: 'EPERM', applied: 0 });
  });

  it('sends the rest again when replies were dropped and doing it twice is harmless', async () => {
    const { fake, web } = await set();
    fake.inject({ command: 'add', code: 'overrun', index: 700 });
    expect(await web.addAll(endpoints(3000))).toMatchObject({ applied: 3000 });
    expect(await web.size()).toBe(3000);
  });

  it('says that the outcome is unknown when replies were dropped and repeating would lie', async () => {
    const { fake, web } = await set();
    fake.inject({ command: 'add', code: 'overrun', index: 700 });
    const err = await rejection(web.addAll(endpoints(3000), { exist: false }));
    expect(err).toBeInstanceOf(OutcomeUnknownError);
    expect(err).toMatchObject({ position: 700, applied: 700 });
  });

  it('holds a slow iterable to the same slices', async () => {
    const { web } = await set();
    let turns = 0;
    const timer = setInterval(() => turns++, 1);
    function* slow(): Generator<string> {
      for (const entry of endpoints(100)) {
        const until = performance.now() + 1;
        while (performance.now() < until);
        yield entry;
      }
    }
    await web.addAll(slow());
    clearInterval(timer);
    expect(turns).toBeGreaterThan(3);
  });

  it('gives each refusal of an entry its meaning', async () => {
    const { ipset } = open();
    const ports: IPSet<'bitmap:port'> = await ipset.create('ports', 'bitmap:port', { range: [10, 20] });
    const result = await ports.addAll(['9', '10', { port: 20 }, '21'], { onError: 'continue' });
    expect(result.applied).toBe(2);
    expect(result.failures.map(({ index, entry }) => [index, entry])).toEqual([
      [0, '9'],
      [3, '21'],
    ]);
    expect(result.failures[0]?.error).toBeInstanceOf(InvalidArgumentError);
    expect(result.failures[0]?.error.code).toBe('IPSET_ERR_BITMAP_RANGE');
  });
});
