import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { canonicalEntry, parseEntry } from '../../../src/ipset/entry.js';
import { SET_TYPES } from '../../../src/ipset/set-types.js';
import { ValidationError } from '../../../src/errors.js';
import type { EntryInput, SetType } from '../../../src/ipset/types.js';
import { FAMILIES, TYPES, entry } from './arbitraries.js';

const refusal = (act: () => unknown): ValidationError => {
  try {
    act();
  } catch (err) {
    if (err instanceof ValidationError) return err;
    throw err;
  }
  throw new Error('was accepted');
};

describe.each(TYPES.flatMap((type) => FAMILIES.map((family) => ({ type, family }))))(
  'an entry of $type $family',
  ({ type, family }) => {
    it('reads back from its text as the same object', () => {
      fc.assert(
        fc.property(entry(type, family), (object) => {
          const text = canonicalEntry(type, object, family);
          expect(parseEntry(type, text, family)).toEqual(object);
          expect(canonicalEntry(type, text, family)).toBe(text);
        }),
      );
    });

    it('never makes an entry of arbitrary text, it refuses or reads it', () => {
      const piece = fc.constantFrom(
        '10.0.0.1',
        '::1',
        ',',
        ':',
        'tcp',
        '80',
        '/',
        '16',
        ' nomatch',
        '-',
        'x',
        '1/2',
      );
      fc.assert(
        fc.property(fc.array(piece, { maxLength: 9 }), (pieces) => {
          const text = pieces.join('');
          try {
            const canonical = canonicalEntry(type, text, family);
            expect(canonicalEntry(type, canonical, family)).toBe(canonical);
          } catch (err) {
            expect(err).toBeInstanceOf(ValidationError);
          }
        }),
      );
    });

    it('accepts the example of its messages', () => {
      const { example } = SET_TYPES[type];
      expect(canonicalEntry(type, example[family], family)).toBe(example[family]);
    });
  },
);

describe('canonical text', () => {
  it.each<[SetType, string, string]>([
    ['hash:ip,port', '10.0.0.1,TCP:80', '10.0.0.1,tcp:80'],
    ['hash:ip,port', '10.0.0.1,80', '10.0.0.1,tcp:80'],
    ['hash:ip,port', '10.0.0.1,6:80', '10.0.0.1,tcp:80'],
    ['hash:ip,port', '10.0.0.1,UDPLite:7', '10.0.0.1,udplite:7'],
    ['hash:ip,port', '10.0.0.1,GRE:0', '10.0.0.1,gre:0'],
    ['hash:ip,port', '10.0.0.1,253:0', '10.0.0.1,253:0'],
    ['hash:ip,port', '10.0.0.1,icmp:8/0', '10.0.0.1,icmp:echo-request'],
    ['hash:ip,port', '10.0.0.1,icmp:tos-host-redirect', '10.0.0.1,icmp:TOS-host-redirect'],
    ['hash:ip,port', '10.0.0.1,icmp:8/7', '10.0.0.1,icmp:8/7'],
    ['hash:ip,port', '2001:DB8:0:0::1,icmpv6:128/0', '2001:db8::1,ipv6-icmp:echo-request'],
    ['hash:ip,port', '::ffff:1.2.3.4,udp:53', '::ffff:1.2.3.4,udp:53'],
    ['hash:ip,port,net', '10.0.0.1,80,10.1.2.3/16', '10.0.0.1,tcp:80,10.1.0.0/16'],
    ['hash:ip,port,net', '10.0.0.1,80,10.1.2.3/32', '10.0.0.1,tcp:80,10.1.2.3'],
    ['hash:ip,port,net', '10.0.0.1,80,10.1.2.3/15 nomatch', '10.0.0.1,tcp:80,10.0.0.0/15 nomatch'],
    ['hash:ip,port,net', '2001:db8::1,80,2001:db8:1:2:3::/49', '2001:db8::1,tcp:80,2001:db8:1::/49'],
    ['bitmap:port', '0', '0'],
    ['bitmap:port', 'tcp:80', '80'],
    ['bitmap:port', '1-5', '1-5'],
    ['bitmap:ip', '10.0.0.9/29', '10.0.0.8/29'],
    ['bitmap:ip,mac', '10.0.0.1', '10.0.0.1'],
    ['bitmap:ip,mac', '10.0.0.1,aa:bb:cc:dd:ee:0f', '10.0.0.1,AA:BB:CC:DD:EE:0F'],
    ['hash:ip', '10.0.0.1-10.0.0.9', '10.0.0.1-10.0.0.9'],
    ['hash:ip', '10.0.0.1/32', '10.0.0.1'],
    ['hash:ip', '2001:db8::1/128', '2001:db8::1'],
    ['hash:ip', '10.0.0.77/24 timeout 5', '10.0.0.0/24 timeout 5'],
    ['hash:ip,mark', '10.0.0.1,99', '10.0.0.1,0x00000063'],
    ['hash:ip,mark', '10.0.0.0-10.0.0.3,0XFF', '10.0.0.0-10.0.0.3,0x000000ff'],
    ['hash:ip,port', '10.0.0.0/30,80-90', '10.0.0.0/30,tcp:80-90'],
    ['hash:ip,port', '2001:db8::1,udp:80-90', '2001:db8::1,udp:80-90'],
    [
      'hash:ip,port,net',
      '10.0.0.1-10.0.0.2,1-2,10.1.0.5-10.1.0.9',
      '10.0.0.1-10.0.0.2,tcp:1-2,10.1.0.5-10.1.0.9',
    ],
    ['hash:mac', '00:11:22:aa:bb:cc', '00:11:22:AA:BB:CC'],
    [
      'hash:net',
      '10.1.2.3/8  comment  "two  words"\ttimeout 5 nomatch',
      '10.0.0.0/8 timeout 5 nomatch comment "two  words"',
    ],
    ['hash:net', '10.0.0.1-10.0.0.9', '10.0.0.1-10.0.0.9'],
    ['hash:net', '10.0.0.0/8 comment ""', '10.0.0.0/8'],
    [
      'hash:net',
      '10.0.0.0/8 skbmark 1 skbprio 01:AF skbqueue 007',
      '10.0.0.0/8 skbmark 0x1 skbprio 1:af skbqueue 7',
    ],
    [
      'hash:net',
      '10.0.0.0/8 skbmark 0x1/0xff bytes 0x10 packets 18446744073709551614',
      '10.0.0.0/8 packets 18446744073709551614 bytes 16 skbmark 0x1/0xff',
    ],
    ['hash:net,iface', '0.0.0.0/0,physdev:br0 wildcard', '0.0.0.0/0,physdev:br0 wildcard'],
    ['hash:net,iface', '::/0,eth0', '::/0,eth0'],
    ['hash:net,net', '10.0.0.1-10.0.0.9,10.1.0.0/16', '10.0.0.1-10.0.0.9,10.1.0.0/16'],
    ['hash:net,port', '10.0.0.0/8,icmp:3/1', '10.0.0.0/8,icmp:host-unreachable'],
    ['hash:net,port,net', '0.0.0.0/0,80,0.0.0.0/0', '0.0.0.0/0,tcp:80,0.0.0.0/0'],
    ['list:set', 'a,b:c before x', 'a,b:c before x'],
    ['list:set', 'web after x timeout 5', 'web timeout 5 after x'],
  ])('of %s %s is %s', (type, input, expected) => {
    expect(canonicalEntry(type, input)).toBe(expected);
  });

  it('takes an object with the protocol left out for TCP', () => {
    expect(canonicalEntry('hash:ip,port', { ip: '10.0.0.1', port: 80 })).toBe('10.0.0.1,tcp:80');
  });
});

describe('an entry as text is refused', () => {
  const cases: readonly [SetType, string, RegExp][] = [
    ['hash:ip', '', /"" is not an address/],
    ['hash:ip', '10.0.0', /"10.0.0" is not an address/],
    ['hash:ip', '10.0.0.256', /is not an address/],
    ['hash:ip', '10.0.0.01', /is not an address/],
    ['hash:ip', '10.0.0.1,tcp:80', /more than 1 part/],
    ['hash:ip', '10.0.0.1 nomatch', /"nomatch" is not an option of this type/],
    ['hash:ip', ' 10.0.0.1', /is not an address/],
    ['hash:ip', '10.0.0.1x', /"x" is left over/],
    ['hash:ip,port', '10.0.0.1', /the second part is missing/],
    ['hash:ip,port', '10.0.0.1,', /"" is not a port/],
    ['hash:ip,port', '10.0.0.1,tcp', /"tcp" is not a port/],
    ['hash:ip,port', '10.0.0.1,tcp:', /"" is not a port/],
    ['hash:ip,port', '10.0.0.1,tcp:65536', /"65536" is not a port/],
    ['hash:ip,port', '10.0.0.1,tcp:080', /"080" is not a port/],
    ['hash:ip,port', '10.0.0.1,tcp:http', /"http" is not a port/],
    ['hash:ip,port', '10.0.0.1,nope:80', /"nope" is not a protocol/],
    ['hash:ip,port', '10.0.0.1,0:80', /"0" is not a protocol/],
    ['hash:ip,port', '10.0.0.1,256:80', /"256" is not a protocol/],
    ['hash:ip,port', '10.0.0.1,gre:80', /gre has no ports; write gre:0/],
    ['hash:ip,port', '10.0.0.1,icmp:8', /not an ICMP type\/code/],
    ['hash:ip,port', '10.0.0.1,icmp:256/0', /not an ICMP type\/code/],
    ['hash:ip,port,ip', '10.0.0.1,tcp:80', /the third part is missing/],
    ['hash:ip,port,ip', '10.0.0.1,tcp:80,10.0.0.0/8', /one address, not a network/],
    ['hash:ip,port,net', '10.0.0.1,tcp:80,10.0.0.0/33', /no valid prefix length/],
    ['hash:ip,port,net', '10.0.0.1,tcp:80,10.0.0.0/', /no valid prefix length/],
    ['hash:ip,port,net', '10.0.0.1,tcp:80,0.0.0.0/0', /two halves, 0\.0\.0\.0\/1 and 128\.0\.0\.0\/1/],
    ['hash:ip,port,net', '::1,tcp:80,::/0', /two halves, ::\/1 and 8000::\/1/],
    ['bitmap:port', '65536', /not a port/],
    ['bitmap:port', 'gre:80', /not a port/],
    ['bitmap:port', '1-', /not a port/],
    ['bitmap:port', '1-2-3', /one value, not a range/],
    ['bitmap:ip', '10.0.0.1/33', /no valid prefix length/],
    ['bitmap:ip,mac', '10.0.0.1/24', /one address, not a network/],
    ['bitmap:ip,mac', '10.0.0.1-10.0.0.2', /one value, not a range/],
    ['bitmap:ip,mac', '10.0.0.1,00:11:22:33:44', /not a hardware address/],
    ['hash:ip', '10.0.0.1-', /"" is not an address/],
    ['hash:ip', '10.0.0.1-10.0.0.300', /"10.0.0.300" is not an address/],
    ['hash:ip', '2001:db8::1-2001:db8::2', /not a range: the kernel has ranges of IPv4 addresses only/],
    ['hash:ip', '2001:db8::/64', /one address, not a network/],
    ['hash:ip', '0.0.0.0/0', /two halves/],
    ['hash:ip', '10.0.0.1 timeout', /timeout wants seconds/],
    ['hash:ip', '10.0.0.1 timeout -1', /timeout wants seconds from 0 to 2147483/],
    ['hash:ip', '10.0.0.1 timeout 2147484', /timeout wants seconds/],
    ['hash:ip', '10.0.0.1 comment "open', /a double quote is not closed/],
    ['hash:ip', `10.0.0.1 comment "${'é'.repeat(128)}"`, /at most 255 bytes/],
    ['hash:ip', '10.0.0.1 packets 18446744073709551615', /packets wants/],
    ['hash:ip', '10.0.0.1 skbmark 0x100000000', /skbmark wants/],
    ['hash:ip', '10.0.0.1 skbmark 1/2/3', /skbmark wants/],
    ['hash:ip', '10.0.0.1 skbprio 1', /skbprio wants/],
    ['hash:ip', '10.0.0.1 skbqueue 65536', /skbqueue wants/],
    ['hash:ip', '10.0.0.1 wildcard', /"wildcard" is not an option/],
    ['hash:ip', '10.0.0.1 physdev', /"physdev" is not an option/],
    ['hash:ip,mark', '10.0.0.1,0x1ffffffff', /not a mark/],
    ['hash:mac', '00:11:22:33:44:5g', /not a hardware address/],
    ['hash:net,iface', '10.0.0.0/8,', /name of 1 to 15 bytes/],
    ['hash:net,iface', '10.0.0.0/8,abcdefghijklmnop', /name of 1 to 15 bytes/],
    ['list:set', '', /set name/],
    ['list:set', 'a before b after c', /before or after, not both/],
    ['list:set', `a before ${'x'.repeat(32)}`, /before wants/],
  ];
  it.each(cases)('%s %j', (type, text, why) => {
    const err = refusal(() => canonicalEntry(type, text));
    expect(err.path).toBe('entry');
    expect(err.expected).toMatch(why);
    expect(err.received).toBe(text);
  });

  it('when its address is of the other family, naming both', () => {
    expect(refusal(() => canonicalEntry('hash:ip,port', '2001:db8::1,udp:53', 'inet')).expected).toMatch(
      /"2001:db8::1" is an IPv6 address, and the set is inet/,
    );
    expect(refusal(() => canonicalEntry('hash:ip', '10.0.0.1', 'inet6')).expected).toMatch(
      /"10.0.0.1" is an IPv4 address, and the set is inet6/,
    );
  });
});

describe('an entry as an object is refused', () => {
  const ok = { ip: '10.0.0.1', protocol: 'tcp', port: 80 };
  const cases: readonly [SetType, unknown, string][] = [
    ['hash:ip', { ip: 7 }, 'entry.ip'],
    ['hash:ip', { ip: '10.0.0.1 ' }, 'entry.ip'],
    ['hash:ip', { ip: '::1' }, 'entry.ip'],
    ['hash:ip', {}, 'entry.ip'],
    ['hash:ip', { ip: '10.0.0.1', port: 80 }, 'entry.port'],
    ['hash:ip', { ip: '10.0.0.1', before: 'x' }, 'entry.before'],
    ['hash:ip,port', { ...ok, proto: 'udp' }, 'entry.proto'],
    ['hash:ip,port', { ...ok, port: '80' }, 'entry.port'],
    ['hash:ip,port', { ...ok, port: 65536 }, 'entry.port'],
    ['hash:ip,port', { ...ok, port: -1 }, 'entry.port'],
    ['hash:ip,port', { ...ok, port: 1.5 }, 'entry.port'],
    ['hash:ip,port', { ...ok, port: Number.NaN }, 'entry.port'],
    ['hash:ip,port', { ip: '10.0.0.1' }, 'entry.port'],
    ['hash:ip,port', { ...ok, protocol: 'nope' }, 'entry.protocol'],
    ['hash:ip,port', { ...ok, protocol: 0 }, 'entry.protocol'],
    ['hash:ip,port', { ...ok, protocol: 256 }, 'entry.protocol'],
    ['hash:ip,port', { ...ok, protocol: 47 }, 'entry.port'],
    ['hash:ip,port,ip', { ...ok }, 'entry.ip2'],
    ['hash:ip,port,net', { ...ok, net: '0.0.0.0/0' }, 'entry.net'],
    ['hash:ip,port,net', { ...ok, net: '10.0.0.0/8', nomatch: 1 }, 'entry.nomatch'],
    ['hash:ip,port', { ...ok, nomatch: true }, 'entry.nomatch'],
    ['bitmap:port', { port: 80, protocol: 'tcp' }, 'entry.protocol'],
    ['bitmap:port', { port: 80, portTo: 70000 }, 'entry.portTo'],
    ['hash:ip,port', { ...ok, protocol: 47, port: 0, portTo: 5 }, 'entry.portTo'],
    ['hash:ip', { ip: '10.0.0.1', timeout: '5' }, 'entry.timeout'],
    ['hash:ip', { ip: '10.0.0.1', timeout: 2_147_484 }, 'entry.timeout'],
    ['hash:ip', { ip: '10.0.0.1', packets: -1 }, 'entry.packets'],
    ['hash:ip', { ip: '10.0.0.1', packets: 2 ** 53 }, 'entry.packets'],
    ['hash:ip', { ip: '10.0.0.1', comment: 'a"b' }, 'entry.comment'],
    ['hash:ip', { ip: '10.0.0.1', comment: 'x'.repeat(256) }, 'entry.comment'],
    ['hash:ip', { ip: '10.0.0.1', skbmark: 7 }, 'entry.skbmark'],
    ['hash:ip', { ip: '10.0.0.1', skbprio: '1' }, 'entry.skbprio'],
    ['hash:ip', { ip: '10.0.0.1', skbqueue: 65536 }, 'entry.skbqueue'],
    ['hash:ip,mark', { ip: '10.0.0.1', mark: 2 ** 32 }, 'entry.mark'],
    ['hash:ip,mac', { ip: '10.0.0.1' }, 'entry.mac'],
    ['bitmap:ip,mac', { ip: '10.0.0.1', mac: 'x' }, 'entry.mac'],
    ['hash:net', { net: '0.0.0.0/0' }, 'entry.net'],
    ['hash:net,net', { net: '10.0.0.0/8', net2: '::1' }, 'entry.net2'],
    ['hash:net,iface', { net: '10.0.0.0/8', iface: 'a'.repeat(16) }, 'entry.iface'],
    ['hash:net,iface', { net: '10.0.0.0/8', iface: 'eth0', physdev: 1 }, 'entry.physdev'],
    ['hash:net,iface', { net: '10.0.0.0/8', iface: 'eth0', wildcard: 'yes' }, 'entry.wildcard'],
    ['list:set', { set: '' }, 'entry.set'],
    ['list:set', { set: 'a', before: 'b', after: 'c' }, 'entry.after'],
    ['bitmap:port', 80, 'entry'],
    ['bitmap:port', null, 'entry'],
    ['bitmap:port', undefined, 'entry'],
  ];
  it.each(cases)('%s %j at %s', (type, input, path) => {
    // The point is what the compiler would refuse.
    const err = refusal(() => canonicalEntry(type, input as EntryInput<typeof type>, 'inet'));
    expect(err.path).toBe(path);
  });

  it('for a counter of all ones, which to the kernel means none', () => {
    const count = (bytes: bigint): string => canonicalEntry('hash:ip', { ip: '10.0.0.1', bytes });
    expect(refusal(() => count(2n ** 64n - 1n)).path).toBe('entry.bytes');
    expect(count(2n ** 64n - 2n)).toBe('10.0.0.1 bytes 18446744073709551614');
  });

  it('for a /0, with the remedy', () => {
    const err = refusal(() =>
      canonicalEntry('hash:ip,port,net', { ip: '10.0.0.1', port: 1, net: '0.0.0.0/0' }),
    );
    expect(err.expected).toMatch(/0\.0\.0\.0\/1 and 128\.0\.0\.0\/1/);
  });

  it('but not for a key that is present and undefined', () => {
    const input = { ip: '10.0.0.1', port: 80, extra: undefined };
    expect(canonicalEntry('hash:ip,port', input)).toBe('10.0.0.1,tcp:80');
  });
});
