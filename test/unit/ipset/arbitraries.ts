import fc from 'fast-check';
import type { Family } from '../../../src/net/address.js';
import { formatAddress } from '../../../src/net/address.js';
import { formatCidr, maskBytes } from '../../../src/net/cidr.js';
import { SET_TYPES, SET_TYPE_NAMES } from '../../../src/ipset/set-types.js';
import type { EntryOf, EntryOptions, PortProtocol, SetType } from '../../../src/ipset/types.js';

const bytes = (length: number): fc.Arbitrary<Uint8Array> =>
  fc.uint8Array({ minLength: length, maxLength: length });

/** Bytes of an address; runs of zeros are frequent, since they are what the shortest IPv6 form is about. */
export const addressBytes = (family: Family): fc.Arbitrary<Uint8Array> => {
  if (family === 'inet') return bytes(4);
  const group = fc.oneof(fc.constant(0), fc.integer({ min: 0, max: 0xffff }));
  return fc
    .array(group, { minLength: 8, maxLength: 8 })
    .map((groups) => Uint8Array.from(groups.flatMap((g) => [g >> 8, g & 0xff])));
};

/** Canonical text of an address. */
export const address = (family: Family): fc.Arbitrary<string> =>
  addressBytes(family).map((b) => formatAddress(b, family));

/** Canonical text of a network as entries have it: a full prefix length is left out. */
export const network = (family: Family, zero = false): fc.Arbitrary<string> => {
  const full = family === 'inet' ? 32 : 128;
  return fc
    .tuple(addressBytes(family), fc.integer({ min: zero ? 0 : 1, max: full }))
    .map(([b, prefix]) =>
      prefix === full
        ? formatAddress(b, family)
        : formatCidr({ family, bytes: maskBytes(b, prefix), prefix }),
    );
};

export const port: fc.Arbitrary<number> = fc.integer({ min: 0, max: 65535 });

/** Protocol and port that go together. */
export const protocolPort: fc.Arbitrary<{ protocol: PortProtocol; port: number }> = fc.oneof(
  fc.record({ protocol: fc.constantFrom<PortProtocol>('tcp', 'udp', 'sctp', 'udplite'), port }),
  fc.record({ protocol: fc.constantFrom<PortProtocol>(2, 47, 50, 112, 253, 255), port: fc.constant(0) }),
);

export const mac: fc.Arbitrary<string> = bytes(6).map((b) =>
  [...b].map((byte) => byte.toString(16).toUpperCase().padStart(2, '0')).join(':'),
);
export const u32: fc.Arbitrary<number> = fc.oneof(
  fc.constantFrom(0, 1, 0xff, 0x7fff_ffff, 0x8000_0000, 0xffff_ffff),
  fc.integer({ min: 0, max: 0xffff_ffff }),
);
const word = (max: number): fc.Arbitrary<string> =>
  fc.string({ unit: fc.constantFrom(...Array.from('abcXYZ019.-_@')), minLength: 1, maxLength: max });
const hex = (n: number): string => n.toString(16);
/** Text that the tool can carry: several bytes a character, spaces, commas; no quotes and line breaks. */
export const comment: fc.Arbitrary<string> = fc.oneof(
  fc.string({ unit: fc.constantFrom(...Array.from('ab ,:/é€𝄞')), minLength: 1, maxLength: 60 }),
  fc.constantFrom('x'.repeat(255), ' ', 'nomatch', 'comment', 'timeout 5'),
);

/** Options that entries of every type can carry, as listings give them. */
export const options: fc.Arbitrary<EntryOptions> = fc.record(
  {
    timeout: fc.integer({ min: 0, max: 2_147_483 }),
    packets: fc.maxSafeNat(),
    bytes: fc.maxSafeNat(),
    comment,
    skbmark: fc
      .tuple(u32, u32)
      .map(([mark, mask]) => (mask === 0xffff_ffff ? `0x${hex(mark)}` : `0x${hex(mark)}/0x${hex(mask)}`)),
    skbprio: fc.tuple(port, port).map(([major, minor]) => `${hex(major)}:${hex(minor)}`),
    skbqueue: port,
  },
  { requiredKeys: [] },
);

type Keys = { [K in SetType]: fc.Arbitrary<EntryOf[K]> };

/** Entries of a type as listings give them, without options. */
export function entryKeys(type: SetType, family: Family): fc.Arbitrary<object> {
  const fam = SET_TYPES[type].families.includes(family) ? family : 'inet';
  const ip = address(fam);
  const net = network(fam, SET_TYPES[type].zeroPrefix);
  const icmp = fc.record({ protocol: fc.constant<PortProtocol>(fam === 'inet' ? 1 : 58), port });
  const withPort = fc.oneof(protocolPort, icmp);
  const set = fc.constant(true as const);
  const flag = <K extends string>(key: K): fc.Arbitrary<Partial<Record<K, true>>> => {
    const either: Record<string, fc.Arbitrary<true>> = { [key]: set };
    return fc.record(either, { requiredKeys: [] }) as fc.Arbitrary<Partial<Record<K, true>>>;
  };
  const nomatch = flag('nomatch');
  const merged = <A extends object, B extends object, C extends object, D extends object>(
    ...parts: readonly [fc.Arbitrary<A>, fc.Arbitrary<B>?, fc.Arbitrary<C>?, fc.Arbitrary<D>?]
  ): fc.Arbitrary<A & B & C & D> => {
    const all = parts.filter((part) => part !== undefined) as fc.Arbitrary<object>[];
    return fc.tuple(...all).map((objects) => Object.assign({}, ...objects) as A & B & C & D);
  };
  const all: Keys = {
    'bitmap:ip': fc.record({ ip }),
    'bitmap:ip,mac': fc.record({ ip, mac }, { requiredKeys: ['ip'] }),
    'bitmap:port': fc.record({ port }),
    'hash:ip': fc.record({ ip }),
    'hash:ip,mac': fc.record({ ip, mac }),
    'hash:ip,mark': fc.record({ ip, mark: u32 }),
    'hash:ip,port': merged(fc.record({ ip }), withPort),
    'hash:ip,port,ip': merged(fc.record({ ip, ip2: ip }), withPort),
    'hash:ip,port,net': merged(fc.record({ ip, net }), withPort, nomatch),
    'hash:mac': fc.record({ mac }),
    'hash:net': merged(fc.record({ net }), nomatch),
    'hash:net,iface': merged(fc.record({ net, iface: word(15) }), nomatch, flag('physdev'), flag('wildcard')),
    'hash:net,net': merged(fc.record({ net, net2: net }), nomatch),
    'hash:net,port': merged(fc.record({ net }), withPort, nomatch),
    'hash:net,port,net': merged(fc.record({ net, net2: net }), withPort, nomatch),
    'list:set': fc.record({ set: word(31) }),
  };
  return all[type];
}

/** The same with any options. */
export function entry<T extends SetType>(type: T, family: Family): fc.Arbitrary<EntryOf[T]> {
  return fc
    .tuple(entryKeys(type, family), fc.oneof(fc.constant({}), options))
    .map(([keys, more]) => ({ ...keys, ...more }) as EntryOf[T]);
}

export const TYPES: readonly SetType[] = SET_TYPE_NAMES;
export const FAMILIES: readonly Family[] = ['inet', 'inet6'];
