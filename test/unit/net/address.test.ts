import { isIPv4, isIPv6 } from 'node:net';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { ValidationError } from '../../../src/errors.js';
import {
  canonicalAddress,
  formatAddress,
  joinHostPort,
  parseAddress,
  splitHostPort,
  tryParseAddress,
} from '../../../src/net/address.js';

describe('parsing an address', () => {
  it.each([
    ['10.0.0.1', '10.0.0.1'],
    ['255.255.255.255', '255.255.255.255'],
    ['0.0.0.0', '0.0.0.0'],
    ['::', '::'],
    ['::1', '::1'],
    ['2001:DB8:0:0:0:0:0:1', '2001:db8::1'],
    ['2001:db8:0:0:1:0:0:1', '2001:db8::1:0:0:1'],
    ['1:0:0:2:0:0:0:3', '1:0:0:2::3'],
    ['1:2:3:4:5:6:7::', '1:2:3:4:5:6:7:0'],
    ['::2:3:4:5:6:7:8', '0:2:3:4:5:6:7:8'],
    ['::ffff:192.0.2.1', '::ffff:192.0.2.1'],
    ['fe80::0001', 'fe80::1'],
  ])('writes %s as %s', (text, canonical) => {
    expect(canonicalAddress(text, 'address')).toBe(canonical);
  });

  it.each([
    '',
    '1.2.3',
    '1.2.3.4.5',
    '256.1.1.1',
    '01.2.3.4',
    '1.2.3.4 ',
    ' 1.2.3.4',
    '1..2.3',
    '1.2.3.-4',
    '0x1.2.3.4',
    ':',
    ':::',
    '1:2:3:4:5:6:7',
    '1:2:3:4:5:6:7:8:9',
    '1::2::3',
    '12345::',
    'g::',
    '1:2:3:4:5:6:7:8::',
    '::1%eth0',
    '1.2.3.4::',
    '::1.2.3',
    'localhost',
    '10.0.0.1/32',
  ])('refuses %j', (text) => {
    expect(tryParseAddress(text)).toBeUndefined();
  });

  it.each([undefined, null, 7, Number.NaN, {}, [], 1n])('names the path and the value of %s', (value) => {
    expect(() => parseAddress(value, 'realServers[3].address')).toThrow(ValidationError);
    expect(() => parseAddress(value, 'realServers[3].address')).toThrow(
      /realServers\[3\]\.address: expected an IPv4 or IPv6 address/,
    );
  });

  it('refuses the other family when one is wanted', () => {
    expect(() => parseAddress('::1', 'ip', 'inet')).toThrow(/expected an IPv4 address, received "::1"/);
    expect(() => parseAddress('1.2.3.4', 'ip', 'inet6')).toThrow(/expected an IPv6 address/);
  });

  it('agrees with node:net on any text', () => {
    const texts = fc.oneof(
      fc.ipV4(),
      fc.ipV6(),
      fc.string({ unit: fc.constantFrom('0', '1', '9', 'f', 'g', ':', '.', '::'), maxLength: 20 }),
    );
    fc.assert(
      fc.property(texts, (text) => {
        expect(tryParseAddress(text) !== undefined).toBe(isIPv4(text) || isIPv6(text));
      }),
      { numRuns: 2000 },
    );
  });

  it('gives back the bytes that were formatted', () => {
    const bytes = fc.oneof(
      fc.uint8Array({ minLength: 4, maxLength: 4 }),
      fc.uint8Array({ minLength: 16, maxLength: 16 }),
    );
    fc.assert(
      fc.property(bytes, (raw) => {
        const family = raw.length === 4 ? 'inet' : 'inet6';
        const parsed = tryParseAddress(formatAddress(raw, family));
        expect(parsed?.family).toBe(family);
        expect(parsed?.bytes).toEqual(raw);
      }),
      { numRuns: 2000 },
    );
  });
});

describe('host and port', () => {
  it('joins and splits both families', () => {
    fc.assert(
      fc.property(fc.oneof(fc.ipV4(), fc.ipV6()), fc.integer({ min: 0, max: 65535 }), (text, port) => {
        const address = canonicalAddress(text, 'address');
        expect(splitHostPort(joinHostPort(address, port), 'x')).toMatchObject({ address, port });
      }),
    );
  });

  it.each(['10.0.0.1:70000', '2001:db8::1:80:', '[10.0.0.1]:80', '10.0.0.1:', ':80', 'host:80', ''])(
    'refuses %j',
    (text) => {
      expect(() => splitHostPort(text, 'realServer')).toThrow(/^realServer: expected/);
    },
  );
});
