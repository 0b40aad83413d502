import { afterEach, beforeEach, expect, it } from 'vitest';
import { formatSave } from '../../src/ipvs/save.js';
import type { RealServerSpec, VirtualServerSpec } from '../../src/ipvs/types.js';
import { openKernel } from '../../src/kernel/open.js';
import type { Kernel } from '../../src/kernel/types.js';
import { describeKernel } from '../support/backends.js';
import { makeNetns, type TestNetns } from '../support/netns.js';

/** Everything that the text of ipvsadm can say, and thresholds, which it cannot. */
const SPECS: readonly VirtualServerSpec[] = [
  {
    url: 'tcp://10.0.0.1:80',
    scheduler: 'wrr',
    realServers: [
      { address: '10.1.0.2', port: 80, weight: 0 },
      { address: '10.1.0.1', port: 8080, forwarding: 'dr' },
      { address: '10.1.0.1', port: 80, forwarding: 'local', weight: 2147483647 },
      { address: '10.1.0.2', port: 81 },
      { address: '10.1.0.10', forwarding: 'dr' },
      { address: '10.1.0.3', forwarding: 'tunnel' },
      { address: '10.1.0.4', forwarding: 'tunnel', tunnel: { type: 'gre', checksum: 'csum' } },
      { address: '10.1.0.5', forwarding: 'tunnel', tunnel: { type: 'gre' } },
      { address: '10.1.0.6', forwarding: 'tunnel', tunnel: { type: 'gue', port: 6080 } },
      { address: '10.1.0.7', forwarding: 'tunnel', tunnel: { type: 'gue', port: 6080, checksum: 'remcsum' } },
      { address: '10.1.0.8', upperThreshold: 20, lowerThreshold: 5 },
      { address: '10.1.0.9', forwarding: 'bypass' },
    ],
  },
  { url: 'tcp://10.0.0.1:0', scheduler: 'rr', persistence: { timeout: 1 } },
  {
    url: 'tcp://10.0.0.1:443',
    scheduler: 'mh',
    schedulerFlags: { port: true },
    persistence: { timeout: 300 },
  },
  {
    url: 'udp://10.0.0.1:5060',
    scheduler: 'rr',
    persistence: { timeout: 2_678_400, netmask: '255.255.255.0', engine: 'sip' },
  },
  { url: 'udp://10.0.0.1:53', scheduler: 'lc', schedulerFlags: { raw: 0x28 }, onePacket: true },
  { url: 'sctp://10.0.0.1:9', scheduler: 'none', realServers: ['10.1.0.1'] },
  {
    url: 'udp://[2001:db8::1]:53',
    scheduler: 'rr',
    onePacket: true,
    persistence: { timeout: 60, netmask: 64 },
    realServers: ['[2001:db8::7]:53', '[2001:db8::6]:53'],
  },
  { url: 'tcp://[::ffff:10.0.0.1]:9', scheduler: 'sh', schedulerFlags: { fallback: true, port: true } },
  { url: 'tcp://[::102:304]:9', scheduler: 'dh' },
  { url: 'fwmark://7', scheduler: 'sed', realServers: ['10.1.0.1:0'] },
  { url: 'fwmark6://7', scheduler: 'nq', realServers: ['[2001:db8::7]:0'] },
  { url: 'fwmark://10', scheduler: 'fo', realServers: ['10.1.0.1:8080'] },
  { url: 'fwmark://2147483647', scheduler: 'ovf' },
];

/** What `ipvsadm -R` reads. */
const RULES = [
  '-A -t 192.0.2.1:80 -s rr -p 300 -M 255.255.0.0',
  '-a -t 192.0.2.1:80 -r 10.1.0.1:80 -m -w 5',
  '-a -t 192.0.2.1:80 -r 10.1.0.2:80 -g -w 0',
  '-a -t 192.0.2.1:80 -r 10.1.0.3:80 -i -w 1 --tun-type gue --tun-port 6080 --tun-csum',
  '-A -u [2001:db8::1]:53 -s sh -o -b sh-port',
  '-a -u [2001:db8::1]:53 -r [2001:db8::7]:53 -m -w 1',
  '-A -f 7 -s wlc',
  '-A -f 7 -6 -s wlc',
];

/**
 * Whether ipvsadm makes of its own text what the text was printed for. Forwarding bypass has no switch, -g does not become local again,
 * and with -g and -i it takes the port of the virtual server, whatever is written.
 */
function isReadable(real: RealServerSpec): boolean {
  if (typeof real === 'string' || real.forwarding === undefined) return true;
  return real.forwarding === 'tunnel' || (real.forwarding === 'dr' && real.port === undefined);
}

describeKernel(['ipvs'], 'ipvsadm and this package', () => {
  let netns: TestNetns;
  let kernel: Kernel;

  beforeEach(async () => {
    netns = await makeNetns('save');
    kernel = await openKernel({ netns: netns.path });
  });

  afterEach(async () => {
    await kernel.close();
    await netns.remove();
  });

  const saved = async (): Promise<string> => (await netns.run(['ipvsadm', '-Sn'])).stdout;

  it('print the same text for what this package programmed', async () => {
    for (const spec of SPECS) await kernel.ipvs.ensure(spec);
    const text = formatSave(await kernel.ipvs.list());
    expect(await saved()).toBe(text);
    // And it is the text of what was asked for.
    expect(text).toBe(formatSave(SPECS));
  });

  it('agree on thresholds, which only a listing shows', async () => {
    const web = await kernel.ipvs.add('tcp://10.0.0.1:80');
    await web.add({ address: '10.1.0.1', upperThreshold: 2147483647, lowerThreshold: 5 });
    const { stdout } = await netns.run(['ipvsadm', '-Ln', '--thresholds']);
    expect(stdout).toMatch(/-> 10\.1\.0\.1:80 +2147483647 +5 /);
  });

  it('read the same table from what ipvsadm programmed', async () => {
    const text = `${RULES.join('\n')}\n`;
    await netns.run(['ipvsadm', '-R'], { stdin: text });
    expect(await saved()).toBe(text);
    const servers = await kernel.ipvs.list();
    expect(formatSave(servers)).toBe(text);
    expect(servers).toMatchObject([
      {
        url: 'tcp://192.0.2.1:80',
        scheduler: 'rr',
        persistence: { timeout: 300, netmask: '255.255.0.0' },
        realServers: [
          { address: '10.1.0.1', port: 80, forwarding: 'masq', weight: 5 },
          { address: '10.1.0.2', port: 80, forwarding: 'dr', weight: 0 },
          {
            address: '10.1.0.3',
            forwarding: 'tunnel',
            tunnel: { type: 'gue', port: 6080, checksum: 'csum' },
          },
        ],
      },
      {
        url: 'udp://[2001:db8::1]:53',
        scheduler: 'sh',
        schedulerFlags: { port: true },
        onePacket: true,
        realServers: [{ address: '2001:db8::7', port: 53 }],
      },
      { url: 'fwmark://7' },
      { url: 'fwmark6://7' },
    ]);
  });

  it('can read each the text of the other', async () => {
    const readable = SPECS.map((spec) => ({
      ...spec,
      realServers: (spec.realServers ?? []).filter(isReadable),
    })).filter((spec) => !spec.url.endsWith(':0') && spec.scheduler !== 'none');
    await netns.run(['ipvsadm', '-R'], { stdin: formatSave(readable, { thresholds: true }) });
    for (const spec of readable) {
      // Nothing is left to be changed, thresholds included.
      expect(await kernel.ipvs.ensure(spec), spec.url).toMatchObject({ changed: false });
    }
  });

  it('see each other: a server removed by one is gone for the other', async () => {
    const web = await kernel.ipvs.add('tcp://10.0.0.1:80');
    await netns.run(['ipvsadm', '-a', '-t', '10.0.0.1:80', '-r', '10.1.0.1:80', '-m', '-w', '3']);
    expect((await web.refresh()).realServers).toMatchObject([{ address: '10.1.0.1', weight: 3 }]);
    await netns.run(['ipvsadm', '-C']);
    expect(await kernel.ipvs.list()).toEqual([]);
  });
});
