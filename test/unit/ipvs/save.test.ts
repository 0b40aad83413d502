import { describe, expect, it } from 'vitest';
import { fakeIpvsChannel } from '../../../src/ipvs/fake.js';
import { createIpvs } from '../../../src/ipvs/ipvs.js';
import { formatSave } from '../../../src/ipvs/save.js';
import type { VirtualServerSpec } from '../../../src/ipvs/types.js';

const text = (...lines: readonly string[]) => lines.map((line) => `${line}\n`).join('');

const SPECS: readonly VirtualServerSpec[] = [
  { url: 'fwmark6://7', scheduler: 'rr' },
  { url: 'fwmark://7', scheduler: 'rr', realServers: ['10.1.0.1:0'] },
  {
    url: 'tcp://10.0.0.1:80',
    realServers: [
      { address: '10.1.0.2', port: 80, weight: 0 },
      { address: '10.1.0.1', port: 8080, forwarding: 'dr' },
      { address: '10.1.0.1', port: 80, forwarding: 'local', weight: 2147483647 },
      { address: '10.1.0.3', forwarding: 'tunnel' },
      { address: '10.1.0.4', forwarding: 'tunnel', tunnel: { type: 'gre', checksum: 'csum' } },
      { address: '10.1.0.5', forwarding: 'tunnel', tunnel: { type: 'gue', port: 6080 } },
      {
        address: '2001:db8::7',
        forwarding: 'tunnel',
        tunnel: { type: 'gue', port: 6080, checksum: 'remcsum' },
        upperThreshold: 20,
        lowerThreshold: 5,
      },
    ],
  },
  {
    url: 'udp://[2001:db8::1]:53',
    scheduler: 'rr',
    onePacket: true,
    persistence: { timeout: 60, netmask: 64 },
  },
  { url: 'sctp://[::ffff:10.0.0.1]:9', scheduler: 'sh', schedulerFlags: { fallback: true, port: true } },
  {
    url: 'tcp://10.0.0.1:443',
    scheduler: 'mh',
    schedulerFlags: { port: true },
    persistence: { timeout: 300 },
  },
  {
    url: 'tcp://10.0.0.1:21',
    scheduler: 'rr',
    persistence: { timeout: 300, netmask: '255.255.255.0', engine: 'sip' },
  },
  { url: 'udp://10.0.0.1:53', scheduler: 'lc', schedulerFlags: { raw: 0x28 } },
];

const SAVED = text(
  '-A -t 10.0.0.1:21 -s rr -p 300 -M 255.255.255.0 --pe sip',
  '-A -t 10.0.0.1:80 -s wlc',
  '-a -t 10.0.0.1:80 -r 10.1.0.1:80 -g -w 2147483647',
  '-a -t 10.0.0.1:80 -r 10.1.0.1:8080 -g -w 1',
  '-a -t 10.0.0.1:80 -r 10.1.0.2:80 -m -w 0',
  '-a -t 10.0.0.1:80 -r 10.1.0.3:80 -i -w 1 --tun-type ipip',
  '-a -t 10.0.0.1:80 -r 10.1.0.4:80 -i -w 1 --tun-type gre --tun-csum',
  '-a -t 10.0.0.1:80 -r 10.1.0.5:80 -i -w 1 --tun-type gue --tun-port 6080 --tun-nocsum',
  '-a -t 10.0.0.1:80 -r [2001:db8::7]:80 -i -w 1 --tun-type gue --tun-port 6080 --tun-remcsum',
  '-A -t 10.0.0.1:443 -s mh -p 300 -b mh-port',
  '-A -u 10.0.0.1:53 -s lc -b flag-1,flag-3',
  '-A -u [2001:db8::1]:53 -s rr -p 60 -M 64 -o',
  '-A --sctp-service [::ffff:10.0.0.1]:9 -s sh -b sh-fallback,sh-port',
  '-A -f 7 -s rr',
  '-a -f 7 -r 10.1.0.1:0 -m -w 1',
  '-A -f 7 -6 -s rr',
);

describe('the save text', () => {
  it('has a line for each server, sorted', () => {
    expect(formatSave(SPECS)).toBe(SAVED);
  });

  it('is the same for specs and for the states that they lead to', async () => {
    const channel = fakeIpvsChannel();
    const ipvs = createIpvs(() => Promise.resolve(channel));
    for (const spec of SPECS) await ipvs.ensure(spec);
    expect(formatSave(await ipvs.list())).toBe(SAVED);
    expect(channel.save()).toBe(SAVED);
  });

  it('has thresholds only when asked, since ipvsadm loses them', () => {
    expect(formatSave(SPECS, { thresholds: true })).toContain('--tun-remcsum -x 20 -y 5\n');
  });

  it('can be read back where the text of ipvsadm cannot', () => {
    expect(formatSave([{ url: 'fwmark://4294967295', scheduler: 'rr' }])).toBe('-A -f 4294967295 -s rr\n');
    expect(formatSave([{ url: 'fwmark://1', scheduler: 'sh', schedulerFlags: { raw: 0x20 } }])).toBe(
      '-A -f 1 -s sh -b flag-3\n',
    );
  });

  it('writes IPv4-compatible addresses as inet_ntop does', () => {
    expect(formatSave([{ url: 'tcp://[::102:304]:80' }])).toBe('-A -t [::1.2.3.4]:80 -s wlc\n');
    expect(formatSave([{ url: 'tcp://[::1]:80' }])).toBe('-A -t [::1]:80 -s wlc\n');
  });

  it('of nothing is empty', () => {
    expect(formatSave([])).toBe('');
  });
});
