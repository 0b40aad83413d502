import { describe, expect, it } from 'vitest';
import { isValidation } from '../../../src/errors.js';
import { createIpvs } from '../../../src/ipvs/ipvs.js';
import { fakeIpvsChannel } from '../../../src/ipvs/fake.js';
import type { Ipvs } from '../../../src/ipvs/types.js';
import { rejection } from '../../support/rejection.js';

/** Bad input as JavaScript may pass it; types would refuse most of it. */
type Loose = never;

const opened = () => {
  const channel = fakeIpvsChannel();
  return { channel, ipvs: createIpvs(() => Promise.resolve(channel)) };
};

const TCP4 = 'tcp://10.0.0.1:80';
const UDP6 = 'udp://[2001:db8::1]:53';

/** Attributes of a virtual server that are refused: where, and for which server. */
const BAD_SERVICE: readonly (readonly [attributes: unknown, path: string, url?: string])[] = [
  [7, 'attributes'],
  [null, 'attributes'],
  [[], 'attributes'],
  [{ shceduler: 'rr' }, 'shceduler'],
  [{ weight: 1 }, 'weight'],
  [{ scheduler: '' }, 'scheduler'],
  [{ scheduler: 'abcdefghijklmnop' }, 'scheduler'],
  [{ scheduler: 'r r' }, 'scheduler'],
  [{ scheduler: 'rr\0' }, 'scheduler'],
  [{ scheduler: 'ръ' }, 'scheduler'],
  [{ scheduler: null }, 'scheduler'],
  [{ scheduler: 1 }, 'scheduler'],
  [{ schedulerFlags: true }, 'schedulerFlags'],
  [{ schedulerFlags: { fallbak: true } }, 'schedulerFlags.fallbak'],
  [{ scheduler: 'sh', schedulerFlags: { fallback: 1 } }, 'schedulerFlags.fallback'],
  [{ scheduler: 'mh', schedulerFlags: { port: 'yes' } }, 'schedulerFlags.port'],
  [{ scheduler: 'rr', schedulerFlags: { fallback: true } }, 'schedulerFlags.fallback'],
  [{ schedulerFlags: { port: true } }, 'schedulerFlags.port'],
  [{ schedulerFlags: { raw: 1 } }, 'schedulerFlags.raw'],
  [{ schedulerFlags: { raw: 0x40 } }, 'schedulerFlags.raw'],
  [{ schedulerFlags: { raw: 8.5 } }, 'schedulerFlags.raw'],
  [{ schedulerFlags: { raw: NaN } }, 'schedulerFlags.raw'],
  [{ schedulerFlags: { raw: null } }, 'schedulerFlags.raw'],
  [{ persistence: true }, 'persistence'],
  [{ persistence: 300 }, 'persistence'],
  [{ persistence: null }, 'persistence'],
  [{ persistence: {} }, 'persistence.timeout'],
  [{ persistence: { timeout: 0 } }, 'persistence.timeout'],
  [{ persistence: { timeout: 2_678_401 } }, 'persistence.timeout'],
  [{ persistence: { timeout: 1.5 } }, 'persistence.timeout'],
  [{ persistence: { timeout: '300' } }, 'persistence.timeout'],
  [{ persistence: { timeout: 300, mask: 1 } }, 'persistence.mask'],
  [{ persistence: { timeout: 300, netmask: 24 } }, 'persistence.netmask'],
  [{ persistence: { timeout: 300, netmask: '255.255.255' } }, 'persistence.netmask'],
  [{ persistence: { timeout: 300, netmask: '255.255.255.256' } }, 'persistence.netmask'],
  [{ persistence: { timeout: 300, netmask: '64' } }, 'persistence.netmask', UDP6],
  [{ persistence: { timeout: 300, netmask: 0 } }, 'persistence.netmask', UDP6],
  [{ persistence: { timeout: 300, netmask: 129 } }, 'persistence.netmask', UDP6],
  [{ persistence: { timeout: 300, netmask: '255.255.255.0' } }, 'persistence.netmask', 'fwmark6://7'],
  [{ persistence: { timeout: 300, engine: '' } }, 'persistence.engine'],
  [{ persistence: { timeout: 300, engine: 'abcdefghijklmnopq' } }, 'persistence.engine'],
  [{ persistence: { timeout: 300, engine: 5 } }, 'persistence.engine'],
  [{ onePacket: 1 }, 'onePacket', UDP6],
  [{ onePacket: true }, 'onePacket'],
  [{ onePacket: true }, 'onePacket', 'sctp://10.0.0.1:80'],
];

/** Real servers of tcp://10.0.0.1:80 that are refused. */
const BAD_DESTINATION: readonly (readonly [spec: unknown, path: string])[] = [
  [undefined, ''],
  [null, ''],
  [7, ''],
  ['', ''],
  ['web:80', ''],
  ['10.1.0.1:65536', ''],
  // A bare IPv6 address, masqueraded behind an IPv4 server.
  ['2001:db8::7', '.forwarding'],
  [{}, '.address'],
  [{ adress: '10.1.0.1' }, '.adress'],
  [{ address: '10.1.0.1', port: -1 }, '.port'],
  [{ address: '10.1.0.1', port: '80' }, '.port'],
  [{ address: '10.1.0.1', weight: -1 }, '.weight'],
  [{ address: '10.1.0.1', weight: 2 ** 31 }, '.weight'],
  [{ address: '10.1.0.1', weight: 0.5 }, '.weight'],
  [{ address: '10.1.0.1', weight: '1' }, '.weight'],
  [{ address: '10.1.0.1', weight: null }, '.weight'],
  [{ address: '10.1.0.1', forwarding: 'snat' }, '.forwarding'],
  [{ address: '10.1.0.1', forwarding: 0 }, '.forwarding'],
  [{ address: '10.1.0.1', upperThreshold: -1 }, '.upperThreshold'],
  [{ address: '10.1.0.1', upperThreshold: 2 ** 31 }, '.upperThreshold'],
  [{ address: '10.1.0.1', lowerThreshold: 1 }, '.lowerThreshold'],
  [{ address: '10.1.0.1', upperThreshold: 5, lowerThreshold: 6 }, '.lowerThreshold'],
  [{ address: '10.1.0.1', lowerThreshold: NaN }, '.lowerThreshold'],
  [{ address: '10.1.0.1', tunnel: { type: 'ipip' } }, '.tunnel'],
  [{ address: '10.1.0.1', forwarding: 'dr', tunnel: { type: 'gre' } }, '.tunnel'],
  [{ address: '10.1.0.1', forwarding: 'tunnel', tunnel: 'gre' }, '.tunnel'],
  [{ address: '10.1.0.1', forwarding: 'tunnel', tunnel: {} }, '.tunnel.type'],
  [{ address: '10.1.0.1', forwarding: 'tunnel', tunnel: { type: 'vxlan' } }, '.tunnel.type'],
  [{ address: '10.1.0.1', forwarding: 'tunnel', tunnel: { type: 'gue' } }, '.tunnel.port'],
  [{ address: '10.1.0.1', forwarding: 'tunnel', tunnel: { type: 'gue', port: 0 } }, '.tunnel.port'],
  [{ address: '10.1.0.1', forwarding: 'tunnel', tunnel: { type: 'gue', port: 70_000 } }, '.tunnel.port'],
  [{ address: '10.1.0.1', forwarding: 'tunnel', tunnel: { type: 'gre', port: 5555 } }, '.tunnel.port'],
  [
    { address: '10.1.0.1', forwarding: 'tunnel', tunnel: { type: 'ipip', checksum: 'csum' } },
    '.tunnel.checksum',
  ],
  [
    { address: '10.1.0.1', forwarding: 'tunnel', tunnel: { type: 'gre', checksum: 'remcsum' } },
    '.tunnel.checksum',
  ],
  [
    { address: '10.1.0.1', forwarding: 'tunnel', tunnel: { type: 'gue', port: 5555, checksum: 'crc' } },
    '.tunnel.checksum',
  ],
  [{ address: '10.1.0.1', forwarding: 'tunnel', tunnel: { type: 'gre', key: 1 } }, '.tunnel.key'],
  [{ address: '2001:db8::7', port: 80 }, '.forwarding'],
  [{ address: '2001:db8::7', port: 80, forwarding: 'dr' }, '.forwarding'],
];

async function refuses(call: (ipvs: Ipvs) => Promise<unknown>, path: string): Promise<void> {
  const { channel, ipvs } = opened();
  const err = await rejection(call(ipvs));
  if (!isValidation(err)) throw err;
  expect(err.path).toBe(path);
  expect(err.message).toContain('expected');
  expect(channel.counters()).toMatchObject({ messages: 0, sends: 0 });
}

describe('attributes of a virtual server', () => {
  const cases = BAD_SERVICE.map(([bad, path, url = TCP4]) => ({ bad, path, url }));
  it.each(cases)('$bad of $url is refused at $path before anything is sent', async ({ bad, path, url }) => {
    const attributes = bad as Loose;
    const inBatch = path === 'attributes' ? 'operations[1].attributes' : `operations[1].attributes.${path}`;
    await refuses((ipvs) => ipvs.add(url, attributes), path);
    await refuses(
      (ipvs) =>
        ipvs.batch([
          { op: 'add', virtualServer: 'tcp://10.9.9.9:9' },
          { op: 'add', virtualServer: url, attributes },
        ]),
      inBatch,
    );
  });

  it('are checked in a set before anything is read, as far as they say all', async () => {
    await refuses((ipvs) => ipvs.set(TCP4, { scheduler: '' }), 'scheduler');
  });

  it('are checked together with what the kernel has', async () => {
    const { channel, ipvs } = opened();
    const web = await ipvs.add(TCP4, { scheduler: 'rr' });
    const before = channel.counters().messages;
    expect(await rejection(web.set({ schedulerFlags: { fallback: true } }))).toMatchObject({
      path: 'schedulerFlags.fallback',
    });
    // Read, not written.
    expect(channel.counters().messages - before).toBe(1);
    expect(await web.set({ scheduler: 'sh', schedulerFlags: { fallback: true } })).toMatchObject({
      scheduler: 'sh',
    });
  });

  it.each([
    [{ url: 'tcp://10.0.0.1' }, 'url'],
    [{ scheduler: 'rr' }, 'url'],
    [undefined, 'spec'],
    ['tcp://10.0.0.1:80', 'spec'],
    [{ url: TCP4, sheduler: 'rr' }, 'sheduler'],
    [{ url: TCP4, realServers: '10.1.0.1:80' }, 'realServers'],
    [{ url: TCP4, realServers: ['10.1.0.1:80', '10.1.0.1:99999'] }, 'realServers[1]'],
    [{ url: TCP4, realServers: ['10.1.0.1', { address: '10.1.0.1', port: 80 }] }, 'realServers[1]'],
    [{ url: TCP4, realServers: [{ address: '10.1.0.1', weight: -3 }] }, 'realServers[0].weight'],
  ])('a spec %j is refused at %s', async (spec, path) => {
    await refuses((ipvs) => ipvs.ensure(spec as Loose), path);
  });
});

describe('attributes of a real server', () => {
  it.each(BAD_DESTINATION)('%j is refused at realServer%s before anything is sent', async (spec, path) => {
    await refuses(
      (ipvs) =>
        ipvs.batch([
          { op: 'add', virtualServer: TCP4 },
          { op: 'addReal', virtualServer: TCP4, realServer: spec as Loose },
        ]),
      `operations[1].realServer${path}`,
    );
  });

  it('are named alone when they are the argument of a verb', async () => {
    const { ipvs } = opened();
    const web = await ipvs.add(TCP4);
    expect(await rejection(web.add({ address: '10.1.0.1', weight: -1 }))).toMatchObject({ path: 'weight' });
    expect(await rejection(web.add('nonsense'))).toMatchObject({ path: 'realServer' });
    const real = await web.add('10.1.0.1:80');
    expect(await rejection(real.set({ weight: -1 }))).toMatchObject({ path: 'weight' });
    expect(await rejection(real.set({ address: '10.1.0.2' } as Loose))).toMatchObject({ path: 'address' });
  });

  it('are checked together with what the kernel has', async () => {
    const { ipvs } = opened();
    const web = await ipvs.add(TCP4);
    const real = await web.add({ address: '10.1.0.1', upperThreshold: 10, lowerThreshold: 5 });
    expect(await rejection(real.set({ upperThreshold: 4 }))).toMatchObject({ path: 'upperThreshold' });
    expect(await rejection(real.set({ lowerThreshold: 11 }))).toMatchObject({ path: 'lowerThreshold' });
    expect(await rejection(real.set({ tunnel: { type: 'gre' } }))).toMatchObject({ path: 'tunnel' });
    expect(await real.set({ upperThreshold: 4, lowerThreshold: 4 })).toMatchObject({ upperThreshold: 4 });
  });

  it.each([
    ['nat', 'masq'],
    ['MASQUERADE', 'masq'],
    ['direct', 'dr'],
    ['gate', 'dr'],
    ['route', 'dr'],
    ['ipip', 'tunnel'],
  ])('forwarding %s is an alias of %s', async (alias, expected) => {
    const { ipvs } = opened();
    const web = await ipvs.add(TCP4);
    const spec = { address: '10.1.0.1', forwarding: alias } as Loose;
    expect((await web.add(spec)).forwarding).toBe(expected);
  });
});

describe('options and operations', () => {
  it.each<[string, (ipvs: Ipvs) => Promise<unknown>]>([
    ['options.signl', (ipvs) => ipvs.list({ signl: 1 } as Loose)],
    ['options.signal', (ipvs) => ipvs.list({ signal: {} } as Loose)],
    ['options.realServers', (ipvs) => ipvs.list({ realServers: 1 } as Loose)],
    ['options.bigint', (ipvs) => ipvs.get(TCP4, { bigint: 'yes' } as Loose)],
    ['options.ifExist', (ipvs) => ipvs.remove(TCP4, { ifExist: true } as Loose)],
    ['options.ifExists', (ipvs) => ipvs.remove(TCP4, { ifExists: 'true' } as Loose)],
    ['options.onError', (ipvs) => ipvs.batch([], { onError: 'abort' } as Loose)],
    ['options.onFail', (ipvs) => ipvs.batch([], { onFail: 'stop' } as Loose)],
    ['operations[0]', (ipvs) => ipvs.batch([7 as Loose])],
    ['operations[0].op', (ipvs) => ipvs.batch([{ op: 'delete', virtualServer: TCP4 } as Loose])],
    ['operations[0].op', (ipvs) => ipvs.batch([{ op: 'constructor', virtualServer: TCP4 } as Loose])],
    [
      'operations[0].weight',
      (ipvs) => ipvs.batch([{ op: 'remove', virtualServer: TCP4, weight: 1 } as Loose]),
    ],
    ['operations[0].virtualServer', (ipvs) => ipvs.batch([{ op: 'remove', virtualServer: 'x' }])],
    ['timeouts', (ipvs) => ipvs.setTimeouts(900 as Loose)],
    ['tcpFinn', (ipvs) => ipvs.setTimeouts({ tcpFinn: 1 } as Loose)],
    ['tcp', (ipvs) => ipvs.setTimeouts({ tcp: -1 })],
    ['udp', (ipvs) => ipvs.setTimeouts({ udp: 2 ** 31 })],
    ['tcpFin', (ipvs) => ipvs.setTimeouts({ tcpFin: '1' } as Loose)],
  ])('a bad value is refused at %s', async (path, call) => {
    await refuses(call, path);
  });
});
