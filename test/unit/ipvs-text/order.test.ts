import fc from 'fast-check';
import { expect, it } from 'vitest';
import { compareAsIpvsadm, compareServersAsIpvsadm, sortAsIpvsadm } from '../../../src/ipvs/text/order.js';

const tcp = (address: string) =>
  ({ protocol: 'tcp', family: address.includes(':') ? 'inet6' : 'inet', address, port: 80 }) as const;

it('sorts as ipvsadm was seen to, in a table where its comparison of addresses goes round in circles', () => {
  // The order of the kernel's hash table, and that of `ipvsadm -Sn` of the same table.
  const kernel = [
    tcp('9.0.0.1'),
    tcp('127.0.0.1'),
    tcp('192.168.0.1'),
    tcp('172.16.0.1'),
    tcp('10.0.0.1'),
    { ...tcp('9.0.0.1'), protocol: 'udp' as const },
    { ...tcp('2001:db8::1'), protocol: 'sctp' as const },
    { ...tcp('2001:db8::1'), protocol: 'udp' as const },
    { ...tcp('1001:db8::2'), port: 90 },
    tcp('1001:db8::2'),
    tcp('9001:db8::2'),
    tcp('2001:db8::2'),
    { fwmark: 4, family: 'inet' as const },
    { fwmark: 4, family: 'inet6' as const },
    { fwmark: 5, family: 'inet' as const },
  ];
  const name = (server: (typeof kernel)[number]): string =>
    'fwmark' in server
      ? `${String(server.fwmark)} ${server.family}`
      : `${server.protocol} ${server.address} ${String(server.port)}`;
  expect(sortAsIpvsadm(kernel, compareAsIpvsadm).map(name)).toEqual([
    'tcp 172.16.0.1 80',
    'tcp 9.0.0.1 80',
    'tcp 10.0.0.1 80',
    'tcp 127.0.0.1 80',
    'tcp 192.168.0.1 80',
    'udp 9.0.0.1 80',
    'tcp 1001:db8::2 80',
    'tcp 1001:db8::2 90',
    'tcp 2001:db8::2 80',
    'tcp 9001:db8::2 80',
    'udp 2001:db8::1 80',
    'sctp 2001:db8::1 80',
    '4 inet',
    '4 inet6',
    '5 inet',
  ]);
});

it('is an ordinary stable sort where the comparison is an order', () => {
  const item = fc.record({ key: fc.nat(9), id: fc.nat() });
  fc.assert(
    fc.property(fc.array(item), (items) => {
      const byKey = (a: { key: number }, b: { key: number }): number => a.key - b.key;
      expect(sortAsIpvsadm(items, byKey)).toEqual([...items].sort(byKey));
    }),
  );
});

it('compares IPv6 addresses word by word, each by a subtraction that wraps', () => {
  const order = (a: string, b: string): number =>
    Math.sign(compareServersAsIpvsadm({ address: a, port: 80 }, { address: b, port: 80 }));
  expect(order('2001:db8::1', '2001:db8::2')).toBe(-1);
  expect(order('2001:db8:0:0:1::', '2001:db8::ffff:0:0')).toBe(1);
  // Exactly half of what there is apart, each comes before the other.
  expect([order('1001::', '9001::'), order('9001::', '1001::')]).toEqual([-1, -1]);
  // Of an IPv4 address and an IPv6 one, the first decides how much is looked at.
  expect([order('a00::1', '10.0.0.0'), order('10.0.0.0', 'a00::1')]).toEqual([1, 0]);
});
