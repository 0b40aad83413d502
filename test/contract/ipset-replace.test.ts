import fc from 'fast-check';
import { expect, it } from 'vitest';
import {
  NotFoundError,
  SetFullError,
  SetTypeMismatchError,
  ValidationError,
  isNetlinkError,
} from '../../src/errors.js';
import { temporaryPrefix } from '../../src/ipset/temporary.js';
import { describeOn } from '../support/backends.js';
import { rejection } from '../support/rejection.js';

const addresses = (count: number, from = 0): string[] =>
  Array.from({ length: count }, (_, n) => `10.${String((n + from) >> 8)}.${String((n + from) & 255)}.1`);

describeOn(['ipset'], 'replacing the entries of a set', (open) => {
  it('does nothing when they are the same, in whatever order', async () => {
    const { ipset } = await open();
    const set = await ipset.create('web', 'hash:ip');
    await set.addAll(addresses(300));
    const before = ipset.counters().messages;
    expect(await set.replace([...addresses(300)].reverse())).toEqual({
      ...{ added: 0, removed: 0, kept: 300, updated: 0, way: 'none' },
    });
    // Three questions: for the header, for leftovers and for the entries.
    expect(ipset.counters().messages - before).toBeLessThanOrEqual(3);
  });

  it('changes what differs when that is little', async () => {
    const { ipset } = await open();
    const set = await ipset.create('web', 'hash:ip', { maxElements: 1000 });
    await set.addAll(addresses(500));
    const wanted = addresses(500, 3);
    expect(await set.replace(wanted)).toEqual({ added: 3, removed: 3, kept: 497, updated: 0, way: 'delta' });
    expect(await set.texts()).toEqual([...wanted].sort());
    expect(await set.replace(wanted.join('\n'))).toMatchObject({ way: 'none' });
  });

  it('swaps when much differs, and makes the new set as large as it has to be', async () => {
    const { ipset } = await open();
    const set = await ipset.create('web', 'hash:ip', { maxElements: 10_000 });
    await set.addAll(addresses(100));
    const wanted = addresses(9000, 50);
    expect(await set.replace(wanted)).toEqual({
      added: 8950,
      removed: 50,
      kept: 50,
      updated: 0,
      way: 'swap',
    });
    expect(await set.texts()).toEqual([...wanted].sort());
    expect((await ipset.get('web'))?.header).toMatchObject({ maxElements: 10_000, hashSize: 8192 });
    expect(await ipset.names()).toEqual(['web']);
  });

  it('empties it, fills it from nothing, and takes the way that is asked for', async () => {
    const { ipset } = await open();
    const set = await ipset.create('web', 'hash:ip');
    expect(await set.replace(addresses(10), { strategy: 'swap' })).toMatchObject({ added: 10, way: 'swap' });
    expect(await set.replace([])).toMatchObject({ removed: 10, way: 'delta' });
    expect(await set.replace(addresses(500), { strategy: 'delta' })).toMatchObject({ way: 'delta' });
    expect(await set.replace([])).toMatchObject({ removed: 500, way: 'swap' });
    expect(await set.size()).toBe(0);
    expect(await ipset.names()).toEqual(['web']);
  });

  it('counts an entry that comes twice once', async () => {
    const { ipset } = await open();
    const set = await ipset.create('web', 'hash:ip');
    expect(await set.replace(['10.0.0.1', '10.0.0.2', '10.0.0.1'])).toMatchObject({ added: 2 });
    expect(await set.replace(['10.0.0.1', '10.0.0.1'], { strategy: 'swap' })).toMatchObject({
      ...{ added: 0, removed: 1, kept: 1 },
    });
    expect(await set.texts()).toEqual(['10.0.0.1']);
  });

  it('changes nothing for malformed input', async () => {
    const { ipset } = await open();
    const set = await ipset.create('web', 'hash:ip');
    await set.addAll(addresses(5));
    const err = await rejection(set.replace(['10.9.9.9', 'nonsense']));
    expect(err).toBeInstanceOf(ValidationError);
    expect(err).toMatchObject({ path: '[1]' });
    expect(await rejection(set.replace('10.9.9.9\n\nnonsense'))).toMatchObject({ path: 'line 3' });
    expect(await set.texts()).toEqual(addresses(5));
    expect(await ipset.names()).toEqual(['web']);
  });

  it('changes nothing when the kernel refuses an entry, by either way', async () => {
    const { ipset } = await open();
    const set = await ipset.create('web', 'hash:ip', { maxElements: 64 });
    await set.addAll(addresses(50));
    for (const strategy of ['delta', 'swap'] as const) {
      const err = await rejection(set.replace([...addresses(50), '10.9.9.9', '0.0.0.0'], { strategy }));
      expect(err).toMatchObject({ code: 'IPSET_ERR_HASH_ELEM', operation: 'ipset.replace' });
      expect(String(err)).toContain('set web entry 0.0.0.0');
      const full = await rejection(set.replace(addresses(70), { strategy }));
      expect(full).toBeInstanceOf(SetFullError);
      expect(await set.texts()).toEqual([...addresses(50)].sort());
    }
    // Too many for both at once, but not for the new ones alone.
    expect(await set.replace(addresses(64, 20))).toMatchObject({ added: 34, removed: 20, way: 'swap' });
    expect(await ipset.names()).toEqual(['web']);
  });

  it('changes parameters on the way', async () => {
    const { ipset } = await open();
    const set = await ipset.create('web', 'hash:ip', { maxElements: 64 });
    await set.addAll(addresses(10));
    expect(await set.replace(addresses(100), { parameters: { maxElements: 128 } })).toMatchObject({
      ...{ added: 90, kept: 10, way: 'swap' },
    });
    expect((await ipset.get('web'))?.header.maxElements).toBe(128);
    expect(await set.replace(addresses(100), { parameters: { maxElements: 128 } })).toMatchObject({
      way: 'none',
    });
    const family = { family: 'inet6' } as object;
    expect(await rejection(set.replace([], { parameters: family }))).toBeInstanceOf(SetTypeMismatchError);
    const unknown = { maxElem: 5 } as object;
    expect(await rejection(set.replace([], { parameters: unknown }))).toMatchObject({
      path: 'options.parameters.maxElem',
    });
  });

  it('finds and removes what a killed replacement of the same set has left', async () => {
    const { ipset } = await open();
    const set = await ipset.create('web', 'hash:ip');
    const other = `${temporaryPrefix('other')}1234`;
    await ipset.create(`${temporaryPrefix('web')}0000abcd`, 'hash:ip');
    await ipset.create(other, 'hash:ip');
    await set.replace(addresses(3));
    expect(await ipset.names()).toEqual([other, 'web'].sort());
    expect(temporaryPrefix('a'.repeat(31)).length + 8).toBeLessThanOrEqual(31);
  });

  it('takes calls for one set one after the other', async () => {
    const { ipset } = await open();
    const set = await ipset.create('web', 'hash:ip');
    const results = await Promise.all(
      [0, 100, 200].map((from) => set.replace(addresses(100, from), { strategy: 'swap' })),
    );
    expect(results.map(({ added }) => added)).toEqual([100, 100, 100]);
    expect(await set.texts()).toEqual([...addresses(100, 200)].sort());
    expect(await ipset.names()).toEqual(['web']);
  });

  it('stops for a signal without a trace, and says when the set is gone', async () => {
    const { ipset } = await open();
    const set = await ipset.create('web', 'hash:ip');
    await set.addAll(addresses(5));
    const controller = new AbortController();
    function* source(): Generator<string> {
      yield* addresses(100);
      controller.abort(new Error('enough'));
      yield* addresses(100, 100);
    }
    await expect(set.replace(source(), { signal: controller.signal })).rejects.toThrow('enough');
    expect(await set.texts()).toEqual(addresses(5));
    await set.destroy();
    expect(await rejection(set.replace([]))).toBeInstanceOf(NotFoundError);
    await ipset.create('web', 'hash:ip,port');
    expect(await rejection(set.replace([]))).toBeInstanceOf(SetTypeMismatchError);
  });

  it('ends with what was asked for, whatever was there and whichever way it goes', async () => {
    const { ipset } = await open();
    const set = await ipset.create('web', 'hash:ip,port,net');
    const entry = fc
      .tuple(
        fc.integer({ min: 1, max: 6 }),
        fc.constantFrom('tcp:80', 'udp:53'),
        fc.integer({ min: 20, max: 32 }),
        fc.boolean(),
      )
      .map(
        ([host, port, prefix, nomatch]) =>
          `10.0.0.${String(host)},${port},10.1.0.0/${String(prefix)}`.replace('/32', '') +
          (nomatch ? ' nomatch' : ''),
      );
    const entries = fc.uniqueArray(entry, {
      maxLength: 40,
      selector: (text) => text.replace(' nomatch', ''),
    });
    await fc.assert(
      fc.asyncProperty(entries, fc.constantFrom('auto', 'delta', 'swap'), async (wanted, strategy) => {
        const had = await set.texts();
        const bare = (texts: readonly string[]): Set<string> =>
          new Set(texts.map((t) => t.replace(' nomatch', '')));
        const result = await set.replace(wanted, { strategy: strategy as 'auto' });
        expect(await set.texts()).toEqual([...wanted].sort());
        const [before, after] = [bare(had), bare(wanted)];
        const kept = [...after].filter((t) => before.has(t)).length;
        expect(result).toMatchObject({ added: after.size - kept, removed: before.size - kept, kept });
        expect(result.updated).toBe(
          wanted.filter((t) => before.has(t.replace(' nomatch', '')) && !had.includes(t)).length,
        );
      }),
      { numRuns: 25 },
    );
  });
});

describeOn(['ipset'], 'a set by name, with entries', (open) => {
  it('is made with a hash of the right size, and appears full', async () => {
    const { ipset } = await open();
    const made = await ipset.replace('web', 'hash:ip', addresses(5000), { maxElements: 6000 });
    expect(made).toMatchObject({ created: true, added: 5000, kept: 0, removed: 0, way: 'swap' });
    expect(made.set.header).toMatchObject({ name: 'web', hashSize: 4096, maxElements: 6000, elements: 5000 });
    const again = await ipset.replace('web', 'hash:ip', addresses(5000, 1), { maxElements: 7000 });
    expect(again).toMatchObject({ created: false, added: 1, removed: 1, kept: 4999, way: 'swap' });
    expect(again.set.header).toMatchObject({ maxElements: 7000, elements: 5000 });
    expect(await ipset.names()).toEqual(['web']);
  });

  it('is not made of bad input, and not of another type', async () => {
    const { ipset } = await open();
    expect(await rejection(ipset.replace('web', 'hash:ip', ['x']))).toBeInstanceOf(ValidationError);
    expect(isNetlinkError(await rejection(ipset.replace('web', 'hash:ip', ['0.0.0.0'])))).toBe(true);
    expect(await ipset.names()).toEqual([]);
    await ipset.create('web', 'hash:ip,port');
    expect(await rejection(ipset.replace('web', 'hash:ip', []))).toBeInstanceOf(SetTypeMismatchError);
  });
});

describeOn(['ipset'], 'ensure', (open) => {
  it('compares all parameters that are given', async () => {
    const { ipset } = await open();
    await ipset.create('web', 'hash:ip', { maxElements: 100 });
    expect(await ipset.ensure('web', 'hash:ip')).toMatchObject({ created: false, rebuilt: false });
    expect(await ipset.ensure('web', 'hash:ip', { maxElements: 100, hashSize: 4096 })).toMatchObject({
      rebuilt: false,
    });
    const err = await rejection(ipset.ensure('web', 'hash:ip', { maxElements: 200 }));
    expect(err).toBeInstanceOf(SetTypeMismatchError);
    expect(String(err)).toContain('it exists with maxElements 100, wanted was maxElements 200');
    expect(await rejection(ipset.ensure('web', 'hash:ip', { family: 'inet6' }))).toBeInstanceOf(
      SetTypeMismatchError,
    );
    const family = ipset.ensure('web', 'hash:ip', { family: 'inet6', onMismatch: 'rebuild' });
    expect(await rejection(family)).toBeInstanceOf(SetTypeMismatchError);
    const wrong = { onMismatch: 'x' } as object;
    expect(await rejection(ipset.ensure('web', 'hash:ip', wrong))).toMatchObject({
      path: 'options.onMismatch',
    });
  });

  it('rebuilds a set with other parameters and keeps its entries', async () => {
    const { ipset } = await open();
    const set = await ipset.create('web', 'hash:ip', { maxElements: 100 });
    await set.addAll(addresses(100));
    const done = await ipset.ensure('web', 'hash:ip', { maxElements: 200, onMismatch: 'rebuild' });
    expect(done).toMatchObject({ created: false, rebuilt: true });
    expect(done.set.header).toMatchObject({ maxElements: 200, elements: 100 });
    expect(await set.texts()).toEqual(addresses(100).sort());
    expect(await ipset.names()).toEqual(['web']);
    // What does not fit leaves all as it was.
    const small = ipset.ensure('web', 'hash:ip', { maxElements: 50, onMismatch: 'rebuild' });
    expect(await rejection(small)).toBeInstanceOf(SetFullError);
    expect((await ipset.get('web'))?.header).toMatchObject({ maxElements: 200, elements: 100 });
    expect(await ipset.names()).toEqual(['web']);
  });
});
