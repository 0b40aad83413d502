import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { ValidationError } from '../../../src/errors.js';
import {
  compareDestinations,
  compareServices,
  parseRealServer,
  parseVirtualServer,
} from '../../../src/ipvs/identity.js';
import type { VirtualServerRef } from '../../../src/ipvs/types.js';
import { url } from './arbitraries.js';

const parse = (ref: unknown) => parseVirtualServer(ref as VirtualServerRef);

describe('the name of a virtual server', () => {
  it.each([
    ['tcp://10.0.0.1:80', 'tcp://10.0.0.1:80'],
    ['TCP://10.0.0.1:80', 'tcp://10.0.0.1:80'],
    ['udp://[2001:DB8::0:1]:53', 'udp://[2001:db8::1]:53'],
    ['sctp://[2001:0db8:0:0:0:0:0:1]:0', 'sctp://[2001:db8::1]:0'],
    ['Fwmark://7', 'fwmark://7'],
    ['fwmark6://4294967295', 'fwmark6://4294967295'],
    ['fwmark://0x4000', 'fwmark://16384'],
    [{ protocol: 'UDP', address: '2001:DB8::1', port: 53 }, 'udp://[2001:db8::1]:53'],
    [{ protocol: 'tcp', address: '10.0.0.1', port: 0 }, 'tcp://10.0.0.1:0'],
    [{ fwmark: 7 }, 'fwmark://7'],
    [{ fwmark: 7, family: 'inet6' }, 'fwmark6://7'],
    [{ url: 'TCP://10.0.0.1:80', scheduler: 'rr', stats: {} }, 'tcp://10.0.0.1:80'],
  ])('%j is %s', (ref, expected) => {
    expect(parse(ref).url).toBe(expected);
  });

  it('has parts that agree with its URL', () => {
    expect(parse('udp://[2001:db8::1]:53')).toEqual({
      url: 'udp://[2001:db8::1]:53',
      family: 'inet6',
      protocol: 'udp',
      address: '2001:db8::1',
      port: 53,
    });
    expect(parse('fwmark6://7')).toEqual({ url: 'fwmark6://7', family: 'inet6', fwmark: 7 });
  });

  it.each([
    ['10.0.0.1:80', 'virtualServer'],
    ['http://10.0.0.1:80', 'virtualServer'],
    ['tcp://10.0.0.1', 'virtualServer'],
    ['tcp://10.0.0.1:65536', 'virtualServer'],
    ['tcp://10.0.0.01:80', 'virtualServer'],
    ['tcp://2001:db8::1:80', 'virtualServer'],
    ['tcp://[10.0.0.1]:80', 'virtualServer'],
    ['tcp://[fe80::1%eth0]:80', 'virtualServer'],
    ['tcp://10.0.0.1:80/', 'virtualServer'],
    ['fwmark://0', 'virtualServer'],
    ['fwmark://4294967296', 'virtualServer'],
    ['fwmark://-1', 'virtualServer'],
    ['fwmark://', 'virtualServer'],
    ['', 'virtualServer'],
    [undefined, 'virtualServer'],
    [null, 'virtualServer'],
    [80, 'virtualServer'],
    [['tcp://10.0.0.1:80'], 'virtualServer'],
    [{}, 'virtualServer.protocol'],
    [{ protocol: 'icmp', address: '10.0.0.1', port: 80 }, 'virtualServer.protocol'],
    [{ protocol: 'tcp', address: 'localhost', port: 80 }, 'virtualServer.address'],
    [{ protocol: 'tcp', address: '10.0.0.1' }, 'virtualServer.port'],
    [{ protocol: 'tcp', address: '10.0.0.1', port: '80' }, 'virtualServer.port'],
    [{ protocol: 'tcp', address: '10.0.0.1', port: -1 }, 'virtualServer.port'],
    [{ protocol: 'tcp', address: '10.0.0.1', port: 80.5 }, 'virtualServer.port'],
    [{ protocol: 'tcp', address: '10.0.0.1', port: 80, prot: 1 }, 'virtualServer.prot'],
    [{ fwmark: 0 }, 'virtualServer.fwmark'],
    [{ fwmark: 2 ** 32 }, 'virtualServer.fwmark'],
    [{ fwmark: 7, family: 'ipv6' }, 'virtualServer.family'],
    [{ fwmark: 7, port: 80 }, 'virtualServer.port'],
    [{ url: 7 }, 'virtualServer.url'],
    [{ url: 'tcp:10.0.0.1:80' }, 'virtualServer.url'],
  ])('%j is refused at %s', (ref, path) => {
    let thrown: unknown;
    try {
      parse(ref);
    } catch (err) {
      thrown = err;
    }
    expect(thrown).toBeInstanceOf(ValidationError);
    expect(thrown).toMatchObject({ path });
  });

  it('is the same when its canonical form is parsed again', () => {
    fc.assert(
      fc.property(url, (text) => {
        const id = parse(text);
        expect(id.url).toBe(text);
        expect(parse(id)).toEqual(id);
        expect(parse(text.toUpperCase())).toEqual(id);
      }),
    );
  });
});

describe('the name of a real server', () => {
  const web = parse('tcp://10.96.0.10:80');
  const mark = parse('fwmark://7');

  it.each([
    ['10.244.1.7:8080', { family: 'inet', address: '10.244.1.7', port: 8080 }],
    ['10.244.1.7', { family: 'inet', address: '10.244.1.7', port: 80 }],
    ['[2001:DB8::7]:8080', { family: 'inet6', address: '2001:db8::7', port: 8080 }],
    ['2001:DB8::7', { family: 'inet6', address: '2001:db8::7', port: 80 }],
    [{ address: '2001:DB8::7' }, { family: 'inet6', address: '2001:db8::7', port: 80 }],
    [
      { address: '10.244.1.7', port: 0 },
      { family: 'inet', address: '10.244.1.7', port: 0 },
    ],
  ])('%j has the port of its virtual server unless it says otherwise', (ref, expected) => {
    expect(parseRealServer(ref, web)).toEqual(expected);
  });

  it('keeps the port of the packet behind a firewall mark', () => {
    expect(parseRealServer('10.244.1.7', mark).port).toBe(0);
  });

  it.each([
    ['web:80', 'realServer'],
    ['10.0.0.1:99999', 'realServer'],
    [undefined, 'realServer'],
    [7, 'realServer'],
    [{}, 'realServer.address'],
    [{ address: '10.0.0.256' }, 'realServer.address'],
    [{ address: '10.0.0.1', port: 65536 }, 'realServer.port'],
    [{ address: '10.0.0.1', port: null }, 'realServer.port'],
  ])('%j is refused at %s', (ref, path) => {
    const err = (() => {
      try {
        return parseRealServer(ref as string, web);
      } catch (thrown) {
        return thrown;
      }
    })();
    expect(err).toBeInstanceOf(ValidationError);
    expect(err).toMatchObject({ path });
  });
});

describe('the order of listings', () => {
  it('is family, protocol, address as a number, port; then marks, by number and family', () => {
    const ordered = [
      'tcp://9.0.0.1:80',
      'tcp://10.0.0.1:9',
      'tcp://10.0.0.1:80',
      'udp://1.0.0.1:1',
      'sctp://1.0.0.1:1',
      'tcp://[2001:db8::2]:1',
      'tcp://[2001:db8::10]:1',
      'fwmark://7',
      'fwmark6://7',
      'fwmark://10',
    ];
    const shuffled = [...ordered].sort().map(parse);
    expect(shuffled.sort(compareServices).map((id) => id.url)).toEqual(ordered);
  });

  it('is total and antisymmetric', () => {
    fc.assert(
      fc.property(url, url, (a, b) => {
        const forth = Math.sign(compareServices(parse(a), parse(b)));
        const back = Math.sign(compareServices(parse(b), parse(a)));
        expect(forth + back).toBe(0);
        expect(forth === 0).toBe(a === b);
      }),
    );
  });

  it('puts real servers by family, address, port', () => {
    const web = parse('tcp://10.96.0.10:80');
    const names = ['[2001:db8::1]:1', '10.0.0.10:1', '10.0.0.9:2', '10.0.0.9:1'];
    expect(names.map((name) => parseRealServer(name, web)).sort(compareDestinations)).toMatchObject([
      { address: '10.0.0.9', port: 1 },
      { address: '10.0.0.9', port: 2 },
      { address: '10.0.0.10', port: 1 },
      { address: '2001:db8::1', port: 1 },
    ]);
  });
});
