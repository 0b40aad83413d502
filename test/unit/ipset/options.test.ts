import { describe, expect, it } from 'vitest';
import { ValidationError } from '../../../src/errors.js';
import { existingName, newName } from '../../../src/ipset/names.js';
import { checkOptions, createOptionsOf, setType } from '../../../src/ipset/options.js';
import { SET_TYPES, moduleName } from '../../../src/ipset/set-types.js';
import type { SetType } from '../../../src/ipset/types.js';
import { rejection } from '../../support/rejection.js';
import { open } from './support.js';

const pathOf = (act: () => unknown): string => {
  try {
    act();
  } catch (err) {
    if (err instanceof ValidationError) return err.path;
    throw err;
  }
  throw new Error('was accepted');
};

describe('a set name', () => {
  it('has 1 to 31 bytes, counted in UTF-8', () => {
    expect(newName('a'.repeat(31), 'name')).toHaveLength(31);
    expect(newName(`${'é'.repeat(15)}x`, 'name')).toHaveLength(16);
    for (const bad of ['', 'a'.repeat(32), 'é'.repeat(16), 'a\0b', 7, undefined, null]) {
      expect(pathOf(() => existingName(bad, 'name'))).toBe('name');
    }
  });

  it('of a new set is one that the text form can carry', () => {
    for (const bad of ['two words', 'tab\t', '-f', 'q"', "q'", '\u0007']) {
      expect(pathOf(() => newName(bad, 'to'))).toBe('to');
    }
    expect(existingName('two words', 'name')).toBe('two words');
    expect(newName('KUBE-6-CLUSTER-IP', 'name')).toBe('KUBE-6-CLUSTER-IP');
  });

  it('is checked by every verb before anything is sent', async () => {
    const { ipset, fake } = open();
    const long = 'a'.repeat(32);
    const calls = [
      ipset.create(long, 'hash:ip'),
      ipset.ensure(long, 'hash:ip'),
      ipset.get(long),
      ipset.destroy(long),
      ipset.destroy(''),
      ipset.flush(''),
      ipset.rename('a', long),
      ipset.rename('', 'b'),
      ipset.swap(long, 'b'),
      ipset.swap('a', ''),
    ];
    for (const call of calls) expect(await rejection(call)).toBeInstanceOf(ValidationError);
    expect(fake.counters().messages).toBe(0);
  });
});

describe('options of create', () => {
  const cases: readonly [SetType, object, string][] = [
    ['hash:ip', { family: 'ipv4' }, 'options.family'],
    ['hash:ip', { family: 2 }, 'options.family'],
    ['hash:ip', { hashSize: 0 }, 'options.hashSize'],
    ['hash:ip', { hashSize: 1.5 }, 'options.hashSize'],
    ['hash:ip', { hashSize: '64' }, 'options.hashSize'],
    ['hash:ip', { hashSize: 2 ** 31 + 1 }, 'options.hashSize'],
    ['hash:ip', { maxElements: -1 }, 'options.maxElements'],
    ['hash:ip', { maxElements: 2 ** 32 }, 'options.maxElements'],
    ['hash:ip', { maxElements: Number.NaN }, 'options.maxElements'],
    ['hash:ip', { range: [1, 2] }, 'options.range'],
    ['hash:ip', { maxelem: 5 }, 'options.maxelem'],
    ['hash:ip', { timeout: -1 }, 'options.timeout'],
    ['hash:ip', { timeout: 2_147_484 }, 'options.timeout'],
    ['hash:ip', { counters: 1 }, 'options.counters'],
    ['hash:ip', { netmask: 0 }, 'options.netmask'],
    ['hash:ip', { netmask: 33 }, 'options.netmask'],
    ['hash:ip', { netmask: 24, bitmask: '255.0.0.0' }, 'options.bitmask'],
    ['hash:ip', { bitmask: '0.0.0.0' }, 'options.bitmask'],
    ['hash:ip', { bitmask: 'ffff::' }, 'options.bitmask'],
    ['hash:ip', { bucketSize: 1 }, 'options.bucketSize'],
    ['hash:ip', { bucketSize: 13 }, 'options.bucketSize'],
    ['hash:ip', { initialValue: 2 ** 32 }, 'options.initialValue'],
    ['hash:ip', { revision: 'old' }, 'options.revision'],
    ['hash:ip', { revision: -1 }, 'options.revision'],
    ['hash:net', { netmask: 24 }, 'options.netmask'],
    ['hash:mac', { family: 'inet' }, 'options.family'],
    ['hash:ip,mark', { markMask: 0 }, 'options.markMask'],
    ['list:set', { size: 3 }, 'options.size'],
    ['list:set', { forceadd: true }, 'options.forceadd'],
    ['bitmap:ip', {}, 'options.range'],
    ['bitmap:ip', { range: [1, 2] }, 'options.range[0]'],
    ['bitmap:ip', { range: '10.0.0.9-10.0.0.1' }, 'options.range'],
    ['bitmap:ip', { range: '10.0.0.0/15' }, 'options.range'],
    ['bitmap:ip', { range: '10.0.0.0-10.1.0.0' }, 'options.range'],
    ['bitmap:ip', { range: '10.0.0.1-10.0.0.99', netmask: 30 }, 'options.range'],
    ['bitmap:ip', { range: '10.0.0.0/24', netmask: 24 }, 'options.range'],
    ['bitmap:ip', { range: '::/120' }, 'options.range'],
    ['bitmap:ip,mac', { range: '10.0.0.0/24', netmask: 28 }, 'options.netmask'],
    ['bitmap:port', {}, 'options.range'],
    ['bitmap:port', { range: 80 }, 'options.range'],
    ['bitmap:port', { range: [1] }, 'options.range'],
    ['bitmap:port', { range: [-1, 5] }, 'options.range[0]'],
    ['bitmap:port', { range: [5, 65536] }, 'options.range[1]'],
    ['bitmap:port', { range: [5, 4] }, 'options.range[1]'],
    ['bitmap:port', { range: [1, 2], family: 'inet' }, 'options.family'],
    ['bitmap:port', { range: [1, 2], maxElements: 5 }, 'options.maxElements'],
  ];
  it.each(cases)('of %s %j are refused at %s', (type, options, path) => {
    expect(pathOf(() => checkOptions(SET_TYPES[type], options))).toBe(path);
  });

  it('are filled in', () => {
    expect(checkOptions(SET_TYPES['hash:ip'], { signal: undefined, hashSize: 64 })).toMatchObject({
      family: 'inet',
      hashSize: 64,
      maxElements: undefined,
      range: undefined,
      counters: false,
      revision: 'lowest',
    });
    expect(checkOptions(SET_TYPES['bitmap:port'], { range: [0, 65535] })).toMatchObject({
      family: undefined,
      range: [0, 65535],
    });
  });

  it.each([
    [{ range: '10.0.0.0/16' }, ['10.0.0.0', '10.0.255.255']],
    [{ range: '10.0.0.77/24' }, ['10.0.0.0', '10.0.0.255']],
    [{ range: '10.0.0.7-10.0.0.9' }, ['10.0.0.7', '10.0.0.9']],
    [{ range: ['10.0.0.7', '10.0.0.7'] }, ['10.0.0.7', '10.0.0.7']],
    [{ range: '0.0.0.0/0', netmask: 16 }, ['0.0.0.0', '255.255.255.255']],
    [{ range: '10.0.0.0-10.3.255.9', netmask: 24 }, ['10.0.0.0', '10.3.255.255']],
  ])('of a range of addresses: %j is %j', (options, range) => {
    expect(checkOptions(SET_TYPES['bitmap:ip'], options).range).toEqual(range);
  });

  it('of an existing set make another one like it', () => {
    const header = {
      type: 'hash:ip',
      family: 'inet6',
      ...{ name: 'a', revision: 6, references: 1, memorySize: 9, elements: 3, index: 4 },
      ...{ hashSize: 64, maxElements: 9, netmask: 64, timeout: 0, bucketSize: 6, initialValue: 77 },
      counters: true,
      forceadd: true,
    } as const;
    expect(createOptionsOf(header)).toEqual({
      ...{ family: 'inet6', hashSize: 64, maxElements: 9, netmask: 64, timeout: 0 },
      ...{ counters: true, forceadd: true, bucketSize: 6 },
    });
  });
});

describe('a set type', () => {
  it('is one of those in the table', () => {
    expect(setType('hash:ip', 'type').name).toBe('hash:ip');
    for (const bad of ['hash:IP', 'hash:nets', 'toString', '', undefined, 4]) {
      expect(pathOf(() => setType(bad, 'type'))).toBe('type');
    }
  });

  it('has a kernel module of its own', () => {
    expect(Object.keys(SET_TYPES).map(moduleName)).toEqual([
      'ip_set_bitmap_ip',
      'ip_set_bitmap_ipmac',
      'ip_set_bitmap_port',
      'ip_set_hash_ip',
      'ip_set_hash_ipmac',
      'ip_set_hash_ipmark',
      'ip_set_hash_ipport',
      'ip_set_hash_ipportip',
      'ip_set_hash_ipportnet',
      'ip_set_hash_mac',
      'ip_set_hash_net',
      'ip_set_hash_netiface',
      'ip_set_hash_netnet',
      'ip_set_hash_netport',
      'ip_set_hash_netportnet',
      'ip_set_list_set',
    ]);
  });
});
