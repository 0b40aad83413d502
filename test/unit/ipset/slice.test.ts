import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { Slice, sortTexts } from '../../../src/ipset/slice.js';

describe('sorting in slices', () => {
  it('gives what sort() gives', async () => {
    const many = fc
      .tuple(fc.nat(20_000), fc.integer({ min: 1, max: 1 << 20 }), fc.integer({ min: 1, max: 50_000 }))
      .map(([length, step, values]) => Array.from({ length }, (_, i) => ((i * step) % values).toString(36)));
    const few = fc.array(fc.string({ unit: 'binary', maxLength: 3 }), { maxLength: 50 });
    await fc.assert(
      fc.asyncProperty(fc.oneof(many, few), async (texts) => {
        expect(await sortTexts(texts, new Slice())).toEqual([...texts].sort());
      }),
    );
  });

  it('lets others run while it sorts much', async () => {
    let turns = 0;
    const timer = setInterval(() => turns++, 1);
    const texts = Array.from({ length: 300_000 }, (_, i) => String((i * 7919) % 300_007));
    const sorted = await sortTexts(texts, new Slice());
    clearInterval(timer);
    expect(turns).toBeGreaterThan(3);
    expect(sorted).toHaveLength(300_000);
  });
});
