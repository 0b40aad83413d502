import { BlockList } from 'node:net';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { formatAddress } from '../../../src/net/address.js';
import { cidrContains, formatCidr, maskBytes, parseCidr, tryParseCidr } from '../../../src/net/cidr.js';

describe('a network', () => {
  it.each([
    ['10.1.2.3/8', '10.0.0.0/8'],
    ['10.1.2.3', '10.1.2.3/32'],
    ['0.0.0.0/0', '0.0.0.0/0'],
    ['2001:DB8::ffff/32', '2001:db8::/32'],
    ['::1', '::1/128'],
  ])('reads %s as %s', (text, canonical) => {
    expect(formatCidr(parseCidr(text, 'cidr'))).toBe(canonical);
  });

  it.each(['10.0.0.0/33', '10.0.0.0/', '10.0.0.0/08', '10.0.0.0/-1', '::/129', 'x/8', '10.0.0.0/8/8', ''])(
    'refuses %j',
    (text) => {
      expect(tryParseCidr(text)).toBeUndefined();
      expect(() => parseCidr(text, 'spec.loadBalancerSourceRanges[0]')).toThrow(
        /^spec\.loadBalancerSourceRanges\[0\]: expected/,
      );
    },
  );

  it('contains what node:net says it contains', () => {
    const bytes = fc.uint8Array({ minLength: 4, maxLength: 4 });
    fc.assert(
      fc.property(bytes, bytes, fc.integer({ min: 0, max: 32 }), fc.boolean(), (net, other, prefix, near) => {
        // Near: an address that shares the prefix and perhaps one bit more or less, where mistakes live.
        const probe = near
          ? Uint8Array.from(net, (byte, i) => (i === prefix >> 3 ? byte ^ (0x80 >> (prefix & 7)) : byte))
          : other;
        const cidr = { family: 'inet' as const, bytes: maskBytes(net, prefix), prefix };
        const list = new BlockList();
        list.addSubnet(formatAddress(cidr.bytes, 'inet'), prefix, 'ipv4');
        expect(cidrContains(cidr, probe)).toBe(list.check(formatAddress(probe, 'inet'), 'ipv4'));
      }),
      { numRuns: 2000 },
    );
  });
});
