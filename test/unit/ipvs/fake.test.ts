import { describe, expect, it } from 'vitest';
import { isValidation } from '../../../src/errors.js';
import { fakeIpvsChannel } from '../../../src/ipvs/fake.js';
import { createIpvs } from '../../../src/ipvs/ipvs.js';
import { Failure, IpvsOp, IpvsParts, IpvsService } from '../../../src/native/records.js';
import type { Channel, Reply } from '../../../src/netlink/types.js';
import { rejection } from '../../support/rejection.js';

/** What the public interface never sends: records by hand. */
interface Fields {
  command: number;
  family?: number;
  protocol?: number;
  port?: number;
  address?: readonly number[];
  fwmark?: number;
  parts: number;
  flags?: number;
  mask?: number;
  scheduler?: string;
  engine?: string;
  netmask?: number;
  destFamily?: number;
  destAddress?: readonly number[];
  destPort?: number;
  forwarding?: number;
  weight?: number;
  upper?: number;
  lower?: number;
  tunnelType?: number;
}

const { serviceIdentity, serviceAttributes, serviceEngine, destIdentity, destAttributes, config } = IpvsParts;
const WHOLE_SERVICE = serviceIdentity | serviceAttributes;
const WHOLE_DEST = serviceIdentity | destIdentity | destAttributes;
const little = new Uint8Array(Uint16Array.of(1).buffer)[0] === 1;

function record(fields: Fields): Uint8Array {
  const bytes = new Uint8Array(IpvsOp.size);
  const view = new DataView(bytes.buffer);
  const u16 = (at: number, value = 0) => view.setUint16(at, value, little);
  const u32 = (at: number, value = 0) => view.setUint32(at, value, little);
  u32(IpvsOp.command, fields.command);
  u16(IpvsOp.family, fields.family ?? 2);
  u16(IpvsOp.protocol, fields.protocol ?? 6);
  u16(IpvsOp.port, fields.port ?? 80);
  bytes.set(fields.address ?? [10, 0, 0, 1], IpvsOp.address);
  if (fields.fwmark !== undefined) bytes[IpvsOp.byFwmark] = 1;
  u32(IpvsOp.fwmark, fields.fwmark);
  bytes[IpvsOp.parts] = fields.parts;
  u32(IpvsOp.flags, fields.flags);
  u32(IpvsOp.flagsMask, fields.mask ?? 0xffffffff);
  u32(IpvsOp.netmask, fields.netmask ?? 128);
  bytes.set(Buffer.from(fields.scheduler ?? 'rr'), IpvsOp.scheduler);
  bytes.set(Buffer.from(fields.engine ?? ''), IpvsOp.engine);
  u16(IpvsOp.destFamily, fields.destFamily ?? 2);
  u16(IpvsOp.destPort, fields.destPort ?? 80);
  bytes.set(fields.destAddress ?? [10, 1, 0, 1], IpvsOp.destAddress);
  u32(IpvsOp.forwarding, fields.forwarding);
  view.setInt32(IpvsOp.weight, fields.weight ?? 1, little);
  u32(IpvsOp.upperThreshold, fields.upper);
  u32(IpvsOp.lowerThreshold, fields.lower);
  bytes[IpvsOp.tunnelType] = fields.tunnelType ?? 0;
  return bytes;
}

async function run(channel: Channel, ...fields: readonly Fields[]): Promise<Reply> {
  return channel.run({ shape: 'IpvsOp', records: Buffer.concat(fields.map(record)) });
}

function codes(reply: Reply): readonly number[] {
  const view = new DataView(reply.failures.buffer, reply.failures.byteOffset, reply.failures.byteLength);
  return Array.from({ length: reply.failures.byteLength / Failure.size }, (_, i) =>
    view.getInt32(i * Failure.size + Failure.code, little),
  );
}

async function errno(channel: Channel, fields: Fields): Promise<number> {
  return codes(await run(channel, fields))[0] ?? 0;
}

describe('the fake kernel, at the level of records', () => {
  it('checks what a request lacks before it looks for the service', async () => {
    const channel = fakeIpvsChannel();
    expect(await errno(channel, { command: 1, parts: 0 })).toBe(-22);
    expect(await errno(channel, { command: 1, parts: serviceIdentity })).toBe(-22);
    expect(await errno(channel, { command: 2, parts: serviceIdentity })).toBe(-22);
    expect(await errno(channel, { command: 2, parts: WHOLE_SERVICE })).toBe(-3);
    expect(await errno(channel, { command: 3, parts: serviceIdentity })).toBe(-3);
    expect(await errno(channel, { command: 5, parts: serviceIdentity })).toBe(-3);
    expect(await errno(channel, { command: 1, parts: WHOLE_SERVICE })).toBe(0);
    expect(await errno(channel, { command: 1, parts: WHOLE_SERVICE, scheduler: 'nope' })).toBe(-17);
    expect(await errno(channel, { command: 5, parts: serviceIdentity })).toBe(-22);
    expect(await errno(channel, { command: 5, parts: serviceIdentity | destIdentity })).toBe(-22);
  });

  it('checks the family first, then scheduler, engine and prefix', async () => {
    const channel = fakeIpvsChannel({ ipv6: false });
    expect(await errno(channel, { command: 1, parts: WHOLE_SERVICE, family: 3 })).toBe(-97);
    expect(await errno(channel, { command: 1, parts: serviceIdentity, family: 10 })).toBe(-97);
    const dual = fakeIpvsChannel();
    const six = { command: 1, parts: WHOLE_SERVICE | serviceEngine, family: 10 };
    expect(await errno(dual, { ...six, scheduler: 'nope', engine: 'nope', netmask: 0 })).toBe(-2);
    expect(await errno(dual, { ...six, engine: 'nope', netmask: 0 })).toBe(-2);
    expect(await errno(dual, { ...six, engine: 'sip', netmask: 0 })).toBe(-22);
    expect(await errno(dual, { ...six, engine: 'sip', netmask: 129 })).toBe(-22);
    expect(await errno(dual, { ...six, engine: 'sip', netmask: 1 })).toBe(0);
    expect(await errno(dual, { ...six, address: [1], scheduler: 'none', engine: '' })).toBe(0);
  });

  it('changes only the flags that the mask names, and always reports the hashed bit', async () => {
    const channel = fakeIpvsChannel();
    const flags = async () => {
      const { IpvsService: table = new Uint8Array() } = await run(channel, {
        command: 4,
        parts: serviceIdentity,
      });
      return new DataView(table.buffer, table.byteOffset).getUint32(IpvsService.flags, little);
    };
    await run(channel, { command: 1, parts: WHOLE_SERVICE, flags: 0x19, mask: 0x19 });
    expect(await flags()).toBe(0x1b);
    await run(channel, { command: 2, parts: WHOLE_SERVICE, flags: 0, mask: 0x8 });
    expect(await flags()).toBe(0x13);
    await run(channel, { command: 2, parts: WHOLE_SERVICE, flags: 0xff, mask: 0 });
    expect(await flags()).toBe(0x13);
  });

  it('checks destinations in the order of the kernel', async () => {
    const channel = fakeIpvsChannel();
    await run(channel, { command: 1, parts: WHOLE_SERVICE });
    const add = { command: 5, parts: WHOLE_DEST };
    expect(await errno(channel, { ...add, destFamily: 3 })).toBe(-97);
    expect(await errno(channel, { ...add, destFamily: 10, weight: -1 })).toBe(-22);
    expect(await errno(channel, { ...add, weight: -1 })).toBe(-34);
    expect(await errno(channel, { ...add, lower: 1 })).toBe(-34);
    expect(await errno(channel, { ...add, upper: 2 ** 31 })).toBe(-22);
    expect(await errno(channel, { ...add, tunnelType: 1 })).toBe(-22);
    expect(await errno(channel, { ...add, destAddress: [0, 0, 0, 0] })).toBe(-22);
    expect(await errno(channel, { ...add, destAddress: [239, 0, 0, 1] })).toBe(-22);
    expect(await errno(channel, add)).toBe(0);
    expect(await errno(channel, add)).toBe(-17);
    expect(await errno(channel, { ...add, command: 6, destPort: 81 })).toBe(-2);
    expect(await errno(channel, { ...add, command: 7, destPort: 81 })).toBe(-2);
    expect(await errno(channel, { ...add, command: 7 })).toBe(0);
  });

  it('takes mark 0 for the TCP service 0.0.0.0:0', async () => {
    const channel = fakeIpvsChannel();
    expect(await errno(channel, { command: 1, parts: WHOLE_SERVICE, fwmark: 0 })).toBe(0);
    expect(channel.save()).toBe('-A -t 0.0.0.0:0 -s rr\n');
    expect(await errno(channel, { command: 3, parts: serviceIdentity, address: [0, 0, 0, 0], port: 0 })).toBe(
      0,
    );
  });

  it('compares four bytes of an IPv4 address and reports zeros behind them', async () => {
    const channel = fakeIpvsChannel();
    const address = [10, 0, 0, 1, 9, 9, 9];
    expect(await errno(channel, { command: 1, parts: WHOLE_SERVICE, address })).toBe(0);
    expect(await errno(channel, { command: 3, parts: serviceIdentity })).toBe(0);
  });

  it('masks forwarding silently', async () => {
    const channel = fakeIpvsChannel();
    await run(channel, { command: 1, parts: WHOLE_SERVICE });
    await run(channel, { command: 5, parts: WHOLE_DEST, forwarding: 0x1003 });
    expect(channel.save()).toContain('-g -w 1');
  });

  it('knows gets of destinations and of sync daemons as dumps only', async () => {
    const channel = fakeIpvsChannel();
    for (const command of [8, 11, 14, 99]) {
      expect(await errno(channel, { command, parts: serviceIdentity })).toBe(-95);
    }
  });

  it('zeroes counters of one service with its destinations, or of all', async () => {
    const channel = fakeIpvsChannel();
    const ipvs = createIpvs(() => Promise.resolve(channel));
    for (const url of ['tcp://10.0.0.1:80', 'tcp://10.0.0.2:80'] as const) {
      await ipvs.ensure({ url, realServers: ['10.1.0.1:80'] });
      channel.setCounters(url, undefined, { bytesIn: 5 });
      channel.setCounters(url, '10.1.0.1:80', { bytesIn: 5 });
    }
    const bytes = async () =>
      (await ipvs.list()).map((server) => [server.stats.bytesIn, server.realServers[0]?.stats.bytesIn]);
    await run(channel, { command: 16, parts: serviceIdentity });
    expect(await bytes()).toEqual([
      [0, 0],
      [5, 5],
    ]);
    await run(channel, { command: 16, parts: 0 });
    expect(await bytes()).toEqual([
      [0, 0],
      [0, 0],
    ]);
    expect(await errno(channel, { command: 16, parts: serviceIdentity, port: 1 })).toBe(-3);
  });

  it('refuses timeouts beyond what ticks can count, and keeps those that are 0', async () => {
    const channel = fakeIpvsChannel({ hz: 1000 });
    const ipvs = createIpvs(() => Promise.resolve(channel));
    await ipvs.setTimeouts({ tcp: 2_147_483 });
    expect(await rejection(ipvs.setTimeouts({ tcp: 1, udp: 2_147_484 }))).toMatchObject({ code: 'EINVAL' });
    expect(await ipvs.timeouts()).toEqual({ tcp: 2_147_483, tcpFin: 120, udp: 300 });
    expect(await errno(channel, { command: 12, parts: config })).toBe(0);
  });
});

describe('the fake kernel, as a tool for tests', () => {
  it('fails requests as told', async () => {
    const channel = fakeIpvsChannel();
    const ipvs = createIpvs(() => Promise.resolve(channel));
    channel.faults = ({ command, scheduler }) => (command === 1 && scheduler === 'rr' ? 12 : undefined);
    expect(await rejection(ipvs.add('tcp://10.0.0.1:80', { scheduler: 'rr' }))).toMatchObject({
      code: 'ENOMEM',
    });
    await ipvs.add('tcp://10.0.0.1:80', { scheduler: 'wrr' });
    channel.faults = () => -1;
    expect(await rejection(ipvs.list())).toMatchObject({ name: 'PermissionError' });
    channel.faults = undefined;
    expect(await ipvs.list()).toHaveLength(1);
  });

  it('can lack the capability, IPv6, loopback, schedulers', async () => {
    const channel = fakeIpvsChannel();
    const ipvs = createIpvs(() => Promise.resolve(channel));
    const web = await ipvs.add('tcp://10.0.0.1:80');
    channel.machine = { ...channel.machine, loopback: false };
    expect(await rejection(web.add('10.1.0.1:80'))).toMatchObject({
      name: 'InvalidArgumentError',
      code: 'EINVAL',
    });
    channel.machine = { ...channel.machine, capable: false };
    expect(await rejection(ipvs.get('tcp://10.0.0.1:80'))).toMatchObject({ name: 'PermissionError' });
    expect(await rejection(ipvs.list())).toMatchObject({ name: 'PermissionError' });
    expect(await rejection(ipvs.flush())).toMatchObject({ name: 'PermissionError' });
    const old = createIpvs(() => Promise.resolve(fakeIpvsChannel({ ipv6: false, schedulers: ['rr'] })));
    expect(await rejection(old.add('tcp://[2001:db8::1]:80'))).toMatchObject({ code: 'EAFNOSUPPORT' });
    expect(await rejection(old.add('tcp://10.0.0.1:80'))).toMatchObject({ hint: 'modprobe ip_vs_wlc' });
  });

  it('brings back the connections of a real server that is added again', async () => {
    const channel = fakeIpvsChannel();
    const ipvs = createIpvs(() => Promise.resolve(channel));
    const web = await ipvs.add('tcp://10.0.0.1:80');
    const real = await web.add('10.1.0.1:80');
    channel.setConnections(web, real, { activeConnections: 4 });
    await real.remove();
    await web.add({ address: '10.1.0.1', port: 80, weight: 3 });
    expect((await web.refresh()).realServers).toMatchObject([{ weight: 3, activeConnections: 4 }]);
  });

  it('counts one send for a window of requests, and one for each when it stops at errors', async () => {
    const channel = fakeIpvsChannel();
    const fields = Array.from({ length: 600 }, () => ({ command: 13, parts: 0 }));
    await run(channel, ...fields);
    expect(channel.counters()).toMatchObject({ sends: 3, messages: 600 });
    await channel.run({
      shape: 'IpvsOp',
      records: Buffer.concat(fields.slice(0, 10).map(record)),
      stopOnError: true,
    });
    expect(channel.counters()).toMatchObject({ sends: 13, messages: 610 });
  });

  it('refuses to pretend traffic for what is not there', () => {
    const channel = fakeIpvsChannel();
    let err: unknown;
    try {
      channel.setConnections('tcp://10.0.0.1:80', '10.1.0.1:80', { activeConnections: 1 });
    } catch (thrown) {
      err = thrown;
    }
    expect(isValidation(err)).toBe(true);
  });

  it('is closed when it was closed', async () => {
    const channel = fakeIpvsChannel();
    const ipvs = createIpvs(() => Promise.resolve(channel));
    await ipvs.add('tcp://10.0.0.1:80');
    await channel.close();
    await channel.close();
    expect(await rejection(ipvs.list())).toMatchObject({ code: 'ERR_CLOSED' });
    expect(channel.counters().sockets).toBe(0);
  });
});
