import fc from 'fast-check';
import type { Family } from '../../../src/net/address.js';
import { formatAddress } from '../../../src/net/address.js';
import { formatCidr, maskBytes } from '../../../src/net/cidr.js';
import type { EntryOf, PortProtocol, SetType } from '../../../src/ipset/types.js';

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
export const network = (family: Family): fc.Arbitrary<string> => {
  const full = family === 'inet' ? 32 : 128;
  return fc
    .tuple(addressBytes(family), fc.integer({ min: 1, max: full }))
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

/** Entries of a type as listings give them. */
export function entry<T extends SetType>(type: T, family: Family): fc.Arbitrary<EntryOf[T]> {
  const ip = address(family);
  const icmp = fc.record({ protocol: fc.constant<PortProtocol>(family === 'inet' ? 1 : 58), port });
  const withPort = fc.oneof(protocolPort, icmp);
  const all: { [K in SetType]: fc.Arbitrary<EntryOf[K]> } = {
    'hash:ip': fc.record({ ip }),
    'hash:ip,port': fc.tuple(ip, withPort).map(([a, p]) => ({ ip: a, ...p })),
    'hash:ip,port,ip': fc.tuple(ip, withPort, ip).map(([a, p, b]) => ({ ip: a, ...p, ip2: b })),
    'hash:ip,port,net': fc
      .tuple(ip, withPort, network(family), fc.boolean())
      .map(([a, p, net, nomatch]) => ({ ip: a, ...p, net, ...(nomatch ? { nomatch } : {}) })),
    'bitmap:port': fc.record({ port }),
  };
  return all[type];
}

export const TYPES: readonly SetType[] = [
  'hash:ip',
  'hash:ip,port',
  'hash:ip,port,ip',
  'hash:ip,port,net',
  'bitmap:port',
];
export const FAMILIES: readonly Family[] = ['inet', 'inet6'];
