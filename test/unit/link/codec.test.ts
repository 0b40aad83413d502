import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { linkName, packAddresses, packLink } from '../../../src/link/codec.js';
import { LinkOp } from '../../../src/native/records.js';
import { parseAddress } from '../../../src/net/address.js';

const u32 = (record: Uint8Array, at: number): number | undefined =>
  new Uint32Array(record.buffer, record.byteOffset + at, 1)[0];

describe('link records', () => {
  it('ask for IPv6 addresses without duplicate address detection', () => {
    const six = packAddresses(20, 7, [parseAddress('fd00::1', 'a')]);
    expect(u32(six, LinkOp.addressFlags)).toBe(0x02);
    expect([six[LinkOp.family], six[LinkOp.prefix], six[LinkOp.exclusive]]).toEqual([10, 128, 1]);
    const four = packAddresses(20, 7, [parseAddress('10.0.0.1', 'a')]);
    expect(u32(four, LinkOp.addressFlags)).toBe(0);
    expect([four[LinkOp.family], four[LinkOp.prefix], u32(four, LinkOp.index)]).toEqual([2, 32, 7]);
  });

  it('leave reserved bytes zero', () => {
    fc.assert(
      fc.property(fc.array(fc.ipV4(), { maxLength: 20 }), (addresses) => {
        const records = packAddresses(
          21,
          1,
          addresses.map((text) => parseAddress(text, 'a')),
        );
        expect(records.length).toBe(addresses.length * LinkOp.size);
        for (const [i] of addresses.entries()) {
          const record = records.subarray(i * LinkOp.size, (i + 1) * LinkOp.size);
          expect([...record.subarray(LinkOp.name, LinkOp.family)].every((byte) => byte === 0)).toBe(true);
          expect([...record.subarray(LinkOp.address + 4)].every((byte) => byte === 0)).toBe(true);
        }
      }),
    );
  });

  it('change no flag but the one that is meant', () => {
    expect(u32(packLink({ command: 19, name: 'lo', up: false }), LinkOp.flagsMask)).toBe(1);
    expect(u32(packLink({ command: 18, name: 'lo' }), LinkOp.flagsMask)).toBe(0);
  });

  it.each(['a', 'fifteen-bytes-a', 'eth0.100', 'ünï'])('take %s as a name', (name) => {
    expect(linkName(name)).toBe(name);
  });

  it.each(['', 'sixteen-bytes-ab', 'a b', 'a/b', 'a:b', '.', '..', 'a\0', 'ünïünïünïü', 7, undefined])(
    'refuse %j as a name',
    (name) => {
      expect(() => linkName(name)).toThrow(/interface name/);
    },
  );
});
