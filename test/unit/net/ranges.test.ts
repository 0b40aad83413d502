import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { parseAddress } from '../../../src/net/address.js';
import { cidrContains, formatCidr, parseCidr } from '../../../src/net/cidr.js';
import { joinNetworks, networksOfRange } from '../../../src/net/ranges.js';

const range = (first: string, last: string): string[] =>
  networksOfRange(parseAddress(first, 'a').bytes, parseAddress(last, 'b').bytes).map((net) =>
    formatCidr(net),
  );

describe('networks of a range', () => {
  it.each([
    ['10.0.0.1', '10.0.0.1', ['10.0.0.1/32']],
    ['10.0.0.0', '10.0.0.255', ['10.0.0.0/24']],
    ['10.0.0.1', '10.0.0.6', ['10.0.0.1/32', '10.0.0.2/31', '10.0.0.4/31', '10.0.0.6/32']],
    ['0.0.0.0', '255.255.255.255', ['0.0.0.0/0']],
    ['::', 'ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff', ['::/0']],
    ['2001:db8::ffff', '2001:db8::1:0', ['2001:db8::ffff/128', '2001:db8::1:0/128']],
    ['10.0.0.2', '10.0.0.1', []],
  ])('%s to %s are %j', (first, last, networks) => {
    expect(range(first, last)).toEqual(networks);
  });

  it('hold the range and nothing else, and no two of them could be one', () => {
    fc.assert(
      fc.property(fc.integer({ min: 0, max: 2000 }), fc.integer({ min: 0, max: 2000 }), (a, b) => {
        const bytes = (n: number): Uint8Array => Uint8Array.of(10, 0, n >> 8, n & 255);
        const [first, last] = [Math.min(a, b), Math.max(a, b)];
        const networks = networksOfRange(bytes(first), bytes(last));
        for (let n = Math.max(0, first - 2); n <= last + 2; n++) {
          const inside = networks.filter((net) => cidrContains(net, bytes(n))).length;
          expect(inside).toBe(n >= first && n <= last ? 1 : 0);
        }
        expect(joinNetworks(networks)).toEqual(networks);
      }),
      { numRuns: 50 },
    );
  });
});

describe('joining networks', () => {
  const joined = (...texts: string[]): string[] =>
    joinNetworks(texts.map((text) => parseCidr(text, 'net'))).map((net) => formatCidr(net));

  it('leaves out what another one holds, and joins neighbours', () => {
    expect(joined('10.0.0.0/24', '10.0.0.7', '10.0.1.0/24', '10.0.3.0/24')).toEqual([
      '10.0.0.0/23',
      '10.0.3.0/24',
    ]);
    expect(joined('10.0.0.1', '10.0.0.0', '10.0.0.1')).toEqual(['10.0.0.0/31']);
    expect(joined('0.0.0.0/1', '128.0.0.0/1')).toEqual(['0.0.0.0/0']);
    expect(joined()).toEqual([]);
  });

  it('keeps the families apart, IPv4 first', () => {
    expect(joined('::/0', '10.0.0.0/8', '2001:db8::1')).toEqual(['10.0.0.0/8', '::/0']);
  });
});
