import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { classicAddress, decimal, leadingInteger } from '../../../src/ipvs/text/numbers.js';
import { address4 } from '../ipvs/arbitraries.js';

describe('numbers of a command line', () => {
  it.each([
    ['0', 0],
    ['007', 7],
    [' 7', 7],
    ['+7', 7],
    ['2147483647', 2147483647],
  ])('%j is %d', (text, value) => {
    expect(decimal(text, 0, 2147483647)).toBe(value);
  });

  it.each(['', ' ', '7 ', '0x7', '7x', '-1', '2147483648', '99999999999999999999', '1e3', '１'])(
    '%j is none',
    (text) => {
      expect(decimal(text, 0, 2147483647)).toBeUndefined();
    },
  );

  it('begin a text, or are 0', () => {
    expect(['64x', ' 12', 'foo', '255.255.255.0', ''].map(leadingInteger)).toEqual([64, 12, 0, 255, 0]);
  });
});

describe('classic addresses', () => {
  it.each([
    ['10.0.0.1', '10.0.0.1'],
    ['10.1', '10.0.0.1'],
    ['10.0.0', '10.0.0.0'],
    ['010.0.0.1', '8.0.0.1'],
    ['0x0a.0.0.1', '10.0.0.1'],
    ['0xffff0000', '255.255.0.0'],
    ['999999', '0.15.66.63'],
    ['4294967295', '255.255.255.255'],
    ['10.0.258', '10.0.1.2'],
    ['0', '0.0.0.0'],
    ['255.255', '255.0.0.255'],
    ['10.0.0.1 ', '10.0.0.1'],
  ])('%j is %s', (text, address) => {
    expect(classicAddress(text)).toBe(address);
  });

  it.each([
    '',
    ' 10.0.0.1',
    '10.0.0.256',
    '256.0.0.1',
    '10.0.65536',
    '4294967296',
    '1.2.3.4.5',
    '08.0.0.1',
    '0x',
    'foo',
    '10..1',
    '10.0.0.',
  ])('%j is none', (text) => {
    expect(classicAddress(text)).toBeUndefined();
  });

  it('of four ordinary parts are themselves', () => {
    fc.assert(
      fc.property(address4, (address) => {
        expect(classicAddress(address)).toBe(address);
      }),
    );
  });
});
