import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { tryParseAddress } from '../../../src/net/address.js';
import { SetEntry } from '../../../src/native/records.js';
import { EntryArena } from '../../../src/ipset/arena.js';
import { TextHeap } from '../../../src/ipset/heap.js';
import { entryTable, layoutOf } from '../../../src/ipset/layout.js';
import { icmpNumber, icmpText } from '../../../src/ipset/icmp.js';
import { protocolNumber, protocolText } from '../../../src/ipset/protocols.js';
import { numberOf, positionOf, scanIPv4, scanIPv6, scanNumber } from '../../../src/ipset/scan.js';
import { entryObject, entryText } from '../../../src/ipset/unpack.js';
import type { Entry, SetType } from '../../../src/ipset/types.js';
import { FAMILIES, TYPES, address, addressBytes, entry } from './arbitraries.js';

describe.each(TYPES.flatMap((type) => FAMILIES.map((family) => ({ type, family }))))(
  'records of $type $family',
  ({ type, family }) => {
    it('hold what was packed, many in one arena', () => {
      fc.assert(
        fc.property(fc.array(entry(type, family), { maxLength: 20 }), (entries) => {
          const arena = new EntryArena(layoutOf(type, family));
          for (const e of entries) arena.push(e);
          const table = entryTable(arena.records(), new TextHeap(arena.heap));
          const read = entries.map((_, i) => entryObject<SetType>(table, i * SetEntry.size, arena.layout));
          expect(read).toEqual(entries);
        }),
      );
    });

    it('do not remember what was in a reused arena', () => {
      fc.assert(
        fc.property(entry(type, family), entry(type, family), (first, second) => {
          const reused = new EntryArena(layoutOf(type, family));
          reused.push(first);
          reused.reset();
          reused.push(second);
          const fresh = new EntryArena(layoutOf(type, family));
          fresh.push(second);
          expect(reused.records()).toEqual(fresh.records());
          expect(reused.heap).toEqual(fresh.heap);
        }),
      );
    });

    it('are the same from text and from the object', () => {
      fc.assert(
        fc.property(entry(type, family), (object) => {
          const fromObject = new EntryArena(layoutOf(type, family));
          fromObject.push(object);
          const fromText = new EntryArena(layoutOf(type, family));
          fromText.push(fromObject.text(0));
          expect(fromText.records()).toEqual(fromObject.records());
        }),
      );
    });
  },
);

describe('an arena', () => {
  it('is unchanged by an entry that it refuses', () => {
    const arena = new EntryArena(layoutOf('hash:ip,port', 'inet'));
    arena.push('10.0.0.1,tcp:80');
    expect(() => arena.push('10.0.0.2,tcp:99999')).toThrow();
    arena.push('10.0.0.3,udp:53');
    expect([arena.count, arena.text(0), arena.text(1)]).toEqual([2, '10.0.0.1,tcp:80', '10.0.0.3,udp:53']);
  });

  it('does not let a refused prefix length slip into the next entry', () => {
    const arena = new EntryArena(layoutOf('hash:ip,port,net', 'inet'));
    expect(() => arena.push('10.0.0.1,tcp:80,10.255.255.255/8x')).toThrow();
    arena.push('10.0.0.1,tcp:80,10.255.255.255');
    expect(arena.text(0)).toBe('10.0.0.1,tcp:80,10.255.255.255');
  });
});

describe('records at an odd address', () => {
  it('are read as well', () => {
    const arena = new EntryArena(layoutOf('hash:ip,port', 'inet'));
    arena.push('10.0.0.1,tcp:4660');
    const odd = new Uint8Array(SetEntry.size + 1).subarray(1);
    odd.set(arena.records());
    expect(entryText(entryTable(odd), 0, arena.layout)).toBe('10.0.0.1,tcp:4660');
    const object: Entry<'hash:ip,port'> = entryObject<'hash:ip,port'>(entryTable(odd), 0, arena.layout);
    expect(object.port).toBe(4660);
  });
});

describe('the scanners', () => {
  const variants = (text: string): string[] => [
    text,
    text.toUpperCase(),
    text.replace('::', ':0:'),
    `${text}:`,
    `:${text}`,
  ];

  it('read IPv4 as the general parser does', () => {
    const text = fc.oneof(
      address('inet'),
      fc
        .array(fc.constantFrom('.', '0', '1', '25', '255', '256', 'a'), { maxLength: 9 })
        .map((p) => p.join('')),
    );
    fc.assert(
      fc.property(text, (t) => {
        const out = new Uint8Array(4);
        const read = scanIPv4(t, 0, out, 0) === t.length ? out : undefined;
        const parsed = tryParseAddress(t);
        expect(read).toEqual(parsed?.family === 'inet' ? parsed.bytes : undefined);
      }),
      { numRuns: 2000 },
    );
  });

  it('read IPv6 as the general parser does', () => {
    const text = fc.oneof(
      address('inet6').chain((t) => fc.constantFrom(...variants(t))),
      fc
        .array(fc.constantFrom(':', '::', '0', '1', 'abcd', 'FFFF', '12345', '1.2.3.4', 'g'), {
          maxLength: 17,
        })
        .map((p) => p.join('')),
      fc.array(fc.constantFrom('1', 'abcd', '0'), { minLength: 6, maxLength: 9 }).map((p) => p.join(':')),
    );
    fc.assert(
      fc.property(text, (t) => {
        const out = new Uint8Array(16).fill(0xee);
        const read = scanIPv6(t, 0, out, 0) === t.length ? out : undefined;
        const parsed = tryParseAddress(t);
        expect(read).toEqual(parsed?.family === 'inet6' ? parsed.bytes : undefined);
      }),
      { numRuns: 5000 },
    );
  });

  it('stop at what follows', () => {
    fc.assert(
      fc.property(
        addressBytes('inet6'),
        address('inet6'),
        fc.constantFrom(',', '/', ' ', ''),
        (_, t, after) => {
          expect(
            scanIPv6(`x${t}${after}80`.slice(0, 1 + t.length + after.length), 1, new Uint8Array(16), 0),
          ).toBe(1 + t.length);
        },
      ),
    );
  });

  it('read numbers up to 65535 and give the position too', () => {
    fc.assert(
      fc.property(fc.integer({ min: 0, max: 65535 }), fc.integer({ min: 0, max: 200 }), (n, pad) => {
        const text = `${'x'.repeat(pad)}${String(n)},`;
        const scanned = scanNumber(text, pad);
        expect([positionOf(scanned), numberOf(scanned)]).toEqual([pad + String(n).length, n]);
      }),
    );
    expect(['', 'x', '00', '01', '65536', '99999', '100000'].map((t) => scanNumber(t, 0))).toEqual(
      Array.from({ length: 7 }, () => -1),
    );
  });
});

describe('names', () => {
  it('of protocols read back as their number', () => {
    for (let n = 1; n <= 255; n++) expect(protocolNumber(protocolText(n))).toBe(n);
    expect(['0', '256', '06', '', 'hopopt', '-1'].map(protocolNumber)).toEqual(Array.from({ length: 6 }));
  });

  it.each([false, true])('of ICMP types and codes read back (IPv6 %s)', (ipv6) => {
    for (let n = 0; n <= 65535; n += n < 0x1300 ? 1 : 7) expect(icmpNumber(icmpText(n, ipv6), ipv6)).toBe(n);
  });
});
