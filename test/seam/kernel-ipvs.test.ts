import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import type { NativeHandle, NativeReply } from '../../src/native/addon.js';
import { loadAddon } from '../../src/native/load.js';
import { IpvsConfig, IpvsDaemon, IpvsDest, IpvsParts as P, IpvsService } from '../../src/native/records.js';
import { loadIpvs, unloadIpvs } from '../support/ipvs-module.js';
import { missing } from '../support/needs.js';
import { makeNetns, type TestNetns } from '../support/netns.js';
import { bytes } from './support/golden.js';
import {
  failures,
  ip,
  Ipvs,
  ipvsOp,
  ipv4,
  join,
  NOTHING,
  rows,
  text,
  type Fields,
} from './support/records.js';

const addon = loadAddon();
const reason = missing(['root', 'ipvs']);
if (reason !== undefined) console.warn(`skipped: IPVS over the seam: ${reason}`);

const EEXIST = -17;
const ENOENT = -2;
const ESRCH = -3;

const service = (i: number, more: Fields = {}): Fields => ({
  command: Ipvs.NEW_SERVICE,
  family: 2,
  protocol: 6,
  address: ip(`10.0.${String(i >> 8)}.${String(i & 255)}`),
  port: 80,
  parts: P.serviceIdentity | P.serviceAttributes,
  flagsMask: 0xffffffff,
  netmask: bytes('ffffffff'),
  scheduler: 'rr',
  ...more,
});
const dest = (i: number, d: number, more: Fields = {}): Fields => ({
  ...service(i),
  command: Ipvs.NEW_DEST,
  parts: P.serviceIdentity | P.destIdentity | P.destAttributes,
  destFamily: 2,
  destAddress: ip(`127.1.${String(d >> 8)}.${String(d & 255)}`),
  destPort: 8080,
  weight: 1,
  ...more,
});
const identity = (i: number, command: number): Fields => service(i, { command, parts: P.serviceIdentity });

describe.skipIf(reason !== undefined)('IPVS over the seam', () => {
  let netns: TestNetns;
  let handle: NativeHandle;

  beforeAll(async () => {
    netns = await makeNetns('seam');
    const opened = await addon.open('ipvs', { netnsPath: netns.path });
    if ('step' in opened) throw new Error(`${opened.step}: ${String(opened.errno)}`);
    handle = opened.handle;
  });
  afterAll(async () => {
    await addon.close(handle);
    await netns.remove();
  });
  beforeEach(async () => {
    expect(failures(await run({ command: Ipvs.FLUSH }))).toEqual([]);
  });

  function runWith(stopOnError: boolean, ...ops: readonly Fields[]): Promise<NativeReply> {
    return addon.run(handle, 'IpvsOp', join(...ops.map(ipvsOp)), NOTHING, { stopOnError });
  }
  function run(...ops: readonly Fields[]): Promise<NativeReply> {
    return runWith(false, ...ops);
  }
  function dump(op: Fields): Promise<NativeReply> {
    return addon.dump(handle, 'IpvsOp', ipvsOp(op));
  }
  const everything = { command: Ipvs.GET_SERVICE, parts: P.withDestinations };

  it('programs services with their destinations in a few sends and lists them back', async () => {
    const before = addon.counters(handle).sends;
    const ops = Array.from({ length: 100 }, (_, i) => [
      service(i + 1),
      dest(i + 1, 1),
      dest(i + 1, 2, { weight: 7 }),
    ]).flat();
    const reply = await run(...ops);
    expect(reply).toMatchObject({ settled: 300, error: 0, overrun: false });
    expect(failures(reply)).toEqual([]);
    expect(addon.counters(handle).sends - before).toBeLessThan(5);

    const listed = await dump(everything);
    const services = rows(listed.IpvsService, IpvsService).map((row) => ipv4(row, IpvsService.address));
    expect([...services].sort()).toEqual(
      Array.from({ length: 100 }, (_, i) => `10.0.0.${String(i + 1)}`).sort(),
    );
    const dests = rows(listed.IpvsDest, IpvsDest).map((row) => [
      services[row.getUint32(IpvsDest.service, true)],
      ipv4(row, IpvsDest.address),
      row.getInt32(IpvsDest.weight, true),
    ]);
    expect(dests).toHaveLength(200);
    expect(dests).toContainEqual(['10.0.0.42', '127.1.0.2', 7]);
    expect(dests).toContainEqual(['10.0.0.42', '127.1.0.1', 1]);
  });

  it('reports each refusal with its own error and does the rest', async () => {
    const reply = await run(
      service(1),
      service(1),
      dest(1, 1),
      dest(1, 1),
      dest(1, 2, { command: Ipvs.DEL_DEST, parts: P.serviceIdentity | P.destIdentity }),
      dest(2, 1),
      service(3, { scheduler: 'nosuch' }),
      identity(9, Ipvs.DEL_SERVICE),
      dest(1, 1, { command: Ipvs.SET_DEST, weight: 9 }),
    );
    expect(failures(reply)).toEqual([
      [1, EEXIST],
      [3, EEXIST],
      [4, ENOENT],
      [5, ESRCH],
      [6, ENOENT],
      [7, ESRCH],
    ]);
    expect(reply.settled).toBe(9);
    const [row] = rows((await dump(everything)).IpvsDest, IpvsDest);
    expect(row!.getInt32(IpvsDest.weight, true)).toBe(9);
  });

  it('stops at the first refusal where that is asked for', async () => {
    const reply = await runWith(true, service(1), service(1), service(2));
    expect([failures(reply), reply.settled]).toEqual([[[1, EEXIST]], 2]);
    expect(rows((await dump(everything)).IpvsService, IpvsService)).toHaveLength(1);
  });

  it('answers gets by the index of the question', async () => {
    await run(service(1), service(2, { scheduler: 'wrr', flags: 1, timeout: 300 }));
    const reply = await run(
      { command: Ipvs.GET_INFO },
      identity(2, Ipvs.GET_SERVICE),
      identity(7, Ipvs.GET_SERVICE),
      identity(1, Ipvs.GET_SERVICE),
      { command: Ipvs.GET_CONFIG },
    );
    expect(failures(reply)).toEqual([[2, ESRCH]]);
    const services = rows(reply.IpvsService, IpvsService);
    expect(
      services.map((row) => [row.getUint32(IpvsService.op, true), text(row, IpvsService.scheduler, 16)]),
    ).toEqual([
      [1, 'wrr'],
      [3, 'rr'],
    ]);
    expect(services[0]!.getUint32(IpvsService.timeout, true)).toBe(300);
    expect(rows(reply.IpvsConfig, IpvsConfig).map((row) => row.getUint32(IpvsConfig.op, true))).toEqual([
      0, 4,
    ]);
  });

  it('lists the destinations of one service', async () => {
    const many = Array.from({ length: 500 }, (_, i) => dest(1, i + 1));
    await run(service(1), service(2), ...many, dest(2, 1));
    const one = await dump(identity(1, Ipvs.GET_DEST));
    expect(new Set(rows(one.IpvsDest, IpvsDest).map((row) => ipv4(row, IpvsDest.address))).size).toBe(500);
    expect(rows((await dump(identity(2, Ipvs.GET_DEST))).IpvsDest, IpvsDest)).toHaveLength(1);
    expect(await dump(identity(3, Ipvs.GET_DEST))).toMatchObject({ error: 0, IpvsDest: NOTHING });
  });

  it('keeps IPv6 services, marks and tunnels to the other family apart', async () => {
    const six = {
      family: 10,
      address: bytes('20010db8000000000000000000000001'),
      netmask: bytes('80000000'),
    };
    const mark = { byFwmark: 1, fwmark: 7 };
    const reply = await run(
      service(1),
      service(1, six),
      service(1, mark),
      service(1, { ...six, ...mark }),
      dest(1, 1, { ...six, forwarding: 2 }),
    );
    expect(failures(reply)).toEqual([]);
    const listed = await dump(everything);
    const services = rows(listed.IpvsService, IpvsService);
    expect(
      services
        .map((row) => [row.getUint16(IpvsService.family, true), row.getUint32(IpvsService.fwmark, true)])
        .sort(),
    ).toEqual([
      [10, 0],
      [10, 7],
      [2, 0],
      [2, 7],
    ]);
    const [tunnel] = rows(listed.IpvsDest, IpvsDest);
    expect([tunnel!.getUint16(IpvsDest.family, true), ipv4(tunnel!, IpvsDest.address)]).toEqual([
      2,
      '127.1.0.1',
    ]);
  });

  it('sets timeouts and daemons and reads them back', async () => {
    const daemon = {
      command: Ipvs.NEW_DAEMON,
      parts: P.daemon,
      daemonState: 1,
      daemonSyncId: 7,
      daemonInterface: 'lo',
    };
    const config = { command: Ipvs.SET_CONFIG, parts: P.config, tcpTimeout: 901, udpTimeout: 301 };
    expect(failures(await run(daemon, daemon, config))).toEqual([[1, EEXIST]]);
    const [row] = rows((await dump({ command: Ipvs.GET_DAEMON })).IpvsDaemon, IpvsDaemon);
    expect([row!.getUint32(IpvsDaemon.syncId, true), text(row!, IpvsDaemon.interface, 16)]).toEqual([
      7,
      'lo',
    ]);
    const stop = { command: Ipvs.DEL_DAEMON, parts: P.daemon, daemonState: 1 };
    const reply = await run(stop, { command: Ipvs.GET_CONFIG });
    expect(failures(reply)).toEqual([]);
    const [timeouts] = rows(reply.IpvsConfig, IpvsConfig);
    expect(
      [IpvsConfig.tcpTimeout, IpvsConfig.tcpFinTimeout, IpvsConfig.udpTimeout].map((at) =>
        timeouts!.getUint32(at, true),
      ),
    ).toEqual([901, 120, 301]);
  });

  it('lists each service once while others come and go', async () => {
    await run(...Array.from({ length: 600 }, (_, i) => service(i + 1)));
    const other = await addon.open('ipvs', { netnsPath: netns.path });
    if ('step' in other) throw new Error('open');
    const stop = new AbortController();
    const churn = (async () => {
      for (let i = 0; !stop.signal.aborted; i = (i + 1) % 50) {
        const ops = [service(1000 + i), identity(1000 + i, Ipvs.DEL_SERVICE)].map(ipvsOp);
        await addon.run(other.handle, 'IpvsOp', join(...ops), NOTHING, { stopOnError: false });
      }
    })();
    for (let round = 0; round < 5; ++round) {
      const listed = rows((await dump(everything)).IpvsService, IpvsService).map((row) =>
        ipv4(row, IpvsService.address),
      );
      expect(new Set(listed).size).toBe(listed.length);
    }
    stop.abort();
    await churn;
    await addon.close(other.handle);
  });

  it('goes on after the module was loaded again', async (context) => {
    await run({ command: Ipvs.FLUSH });
    const refused = await unloadIpvs();
    if (refused !== undefined) {
      console.warn(`skipped: reloading ip_vs: ${refused}`);
      context.skip();
    }
    loadIpvs();
    const reply = await run(service(1), service(2), dest(1, 1));
    expect(failures(reply)).toEqual([]);
    expect(rows((await dump(everything)).IpvsDest, IpvsDest)).toHaveLength(1);
    // A genuine answer stays one.
    expect(failures(await run(service(3, { scheduler: 'nosuch' })))).toEqual([[0, ENOENT]]);
  });

  it('lists after the module was loaded again', async (context) => {
    await run({ command: Ipvs.FLUSH });
    const refused = await unloadIpvs();
    if (refused !== undefined) {
      console.warn(`skipped: reloading ip_vs: ${refused}`);
      context.skip();
    }
    expect(await dump(everything)).toMatchObject({ error: 0, IpvsService: NOTHING });
  });
});
