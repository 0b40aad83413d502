import { describe, expect, it } from 'vitest';
import { ValidationError } from '../../../src/errors.js';
import { checkOptions, existingName, newName, setType } from '../../../src/ipset/options.js';
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
    ['hash:ip', { maxElements: 0 }, 'options.maxElements'],
    ['hash:ip', { maxElements: 2 ** 32 }, 'options.maxElements'],
    ['hash:ip', { maxElements: Number.NaN }, 'options.maxElements'],
    ['hash:ip', { range: [1, 2] }, 'options.range'],
    ['hash:ip', { maxelem: 5 }, 'options.maxelem'],
    ['hash:ip', { timeout: 5 }, 'options.timeout'],
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
    expect(checkOptions(SET_TYPES['hash:ip'], { signal: undefined, hashSize: 64 })).toEqual({
      family: 'inet',
      hashSize: 64,
      maxElements: undefined,
      range: undefined,
    });
    expect(checkOptions(SET_TYPES['bitmap:port'], { range: [0, 65535] })).toMatchObject({
      family: undefined,
      range: [0, 65535],
    });
  });
});

describe('a set type', () => {
  it('is one of those in the table', () => {
    expect(setType('hash:ip', 'type').name).toBe('hash:ip');
    for (const bad of ['hash:IP', 'hash:net', 'toString', '', undefined, 4]) {
      expect(pathOf(() => setType(bad, 'type'))).toBe('type');
    }
  });

  it('has a kernel module of its own', () => {
    expect(Object.keys(SET_TYPES).map(moduleName)).toEqual([
      'ip_set_hash_ip',
      'ip_set_hash_ipport',
      'ip_set_hash_ipportip',
      'ip_set_hash_ipportnet',
      'ip_set_bitmap_port',
    ]);
  });
});
