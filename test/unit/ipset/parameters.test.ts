import { describe, expect, it } from 'vitest';
import { changedOptions, differingParameters, hashSizeFor } from '../../../src/ipset/parameters.js';
import type { CreateOptions, SetHeader } from '../../../src/ipset/types.js';

const header = (more: Partial<SetHeader>): SetHeader => ({
  ...{ name: 'web', type: 'hash:ip', family: 'inet', revision: 6, references: 0, memorySize: 0, elements: 0 },
  ...more,
});

describe('the size of a hash', () => {
  it.each([
    [0, 1024],
    [2048, 1024],
    [2049, 2048],
    [1_000_000, 524_288],
    [1e12, 2 ** 28],
  ])('for %d entries is %d', (entries, size) => {
    expect(hashSizeFor(entries)).toBe(size);
  });
});

describe('parameters that differ', () => {
  const set = header({ hashSize: 4096, maxElements: 100, comment: true, timeout: 60, bucketSize: 12 });

  it.each<[CreateOptions, readonly string[]]>([
    [{}, []],
    [{ maxElements: 100, comment: true, timeout: 60 }, []],
    [{ hashSize: 1024 }, []],
    [{ maxElements: 101, comment: false }, ['maxElements', 'comment']],
    [{ counters: false }, []],
    [{ counters: true, timeout: 0 }, ['timeout', 'counters']],
    [{ bucketSize: 11 }, []],
    [{ bucketSize: 4 }, ['bucketSize']],
    [{ initialValue: 5 }, []],
    [{ netmask: 32 }, []],
    [{ netmask: 24 }, ['netmask']],
    [{ family: 'inet6' }, ['family']],
  ])('of what is asked for with %j are %j', (given, names) => {
    expect([...differingParameters(set, given)].sort()).toEqual([...names].sort());
  });

  it('are checked first', () => {
    expect(() => differingParameters(set, { maxElements: -1 })).toThrow('options.maxElements');
    expect(() => differingParameters(set, { nonsense: 1 } as object, 'there')).toThrow('there.nonsense');
  });

  it('replace those of the set, one mask the other', () => {
    expect(
      changedOptions(header({ netmask: 24, maxElements: 5, counters: true }), { bitmask: '255.0.0.255' }),
    ).toEqual({
      ...{ family: 'inet', maxElements: 5, counters: true, bitmask: '255.0.0.255' },
    });
  });
});
