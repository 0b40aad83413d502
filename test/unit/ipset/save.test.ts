import { describe, expect, it } from 'vitest';
import { formatCreate, formatSave } from '../../../src/ipset/save.js';

describe('the save form', () => {
  // Lines printed by `ipset save` 7.17 for sets that it created itself.
  it.each([
    [
      'create a hash:ip family inet hashsize 1024 maxelem 65536 bucketsize 12 initval 0x4d5c88aa',
      {
        name: 'a',
        type: 'hash:ip',
        family: 'inet',
        hashSize: 1024,
        maxElements: 65536,
        bucketSize: 12,
        initialValue: 0x4d5c88aa,
      },
    ],
    [
      'create a hash:ip,port family inet6 hashsize 64 maxelem 9 timeout 300 counters comment skbinfo bucketsize 12 initval 0x0b4e34a9',
      {
        name: 'a',
        type: 'hash:ip,port',
        family: 'inet6',
        hashSize: 64,
        maxElements: 9,
        timeout: 300,
        counters: true,
        comment: true,
        skbinfo: true,
        bucketSize: 12,
        initialValue: 0x0b4e34a9,
      },
    ],
    [
      'create a hash:ip family inet hashsize 1024 maxelem 65536 netmask 24 bucketsize 12 initval 0x00000001',
      {
        name: 'a',
        type: 'hash:ip',
        family: 'inet',
        hashSize: 1024,
        maxElements: 65536,
        netmask: 24,
        bucketSize: 12,
        initialValue: 1,
      },
    ],
    [
      'create a hash:ip,port family inet hashsize 1024 maxelem 65536 bucketsize 12 initval 0x00000001 bitmask 255.255.0.255',
      {
        name: 'a',
        type: 'hash:ip,port',
        family: 'inet',
        hashSize: 1024,
        maxElements: 65536,
        bitmask: '255.255.0.255',
        bucketSize: 12,
        initialValue: 1,
      },
    ],
    ['create p bitmap:port range 0-65535', { name: 'p', type: 'bitmap:port', range: [0, 65535] }],
  ] as const)('%s', (line, header) => {
    expect(formatCreate(header)).toBe(line);
  });

  it('leaves out what is not known', () => {
    expect(formatCreate({ name: 'a', type: 'hash:ip', family: 'inet' })).toBe('create a hash:ip family inet');
  });

  it('has each set with its entries, in the order given', () => {
    expect(
      formatSave([
        { header: { name: 'a', type: 'hash:ip', family: 'inet' }, entries: ['10.0.0.2', '10.0.0.1'] },
        { header: { name: 'p', type: 'bitmap:port', range: [1, 9] }, entries: [] },
      ]),
    ).toBe('create a hash:ip family inet\nadd a 10.0.0.2\nadd a 10.0.0.1\ncreate p bitmap:port range 1-9\n');
    expect(formatSave([])).toBe('');
  });
});
