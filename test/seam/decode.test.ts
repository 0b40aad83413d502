import { describe, expect, it } from 'vitest';
import { loadAddon } from '../../src/native/load.js';
import {
  DaemonParts as D,
  EntryParts as E,
  IpvsConfig,
  IpvsDaemon,
  IpvsDest,
  IpvsService,
  IpvsStats,
  SetEntry,
  SetHeader,
  SetOptions as O,
} from '../../src/native/records.js';
import { bytes, golden } from './support/golden.js';
import { failures, ipv4, rows, text } from './support/records.js';

const addon = loadAddon();

/** Everything that the kernel answered in that golden case, decoded. */
function decoded(group: 'ipset' | 'ipvs', name: string): ReturnType<typeof addon.decode> {
  return addon.decode(group, bytes(...golden(group)(name).received));
}

const u32 = (row: DataView, at: number): number => row.getUint32(at, true);
const u16 = (row: DataView, at: number): number => row.getUint16(at, true);

describe('captured ipset listings', () => {
  it('become a header with its options and its entries with theirs', () => {
    const reply = decoded('ipset', 'list hash:ip,port');
    const header = rows(reply.SetHeader, SetHeader).find((row) => text(row, SetHeader.type, 32) !== '')!;
    expect(text(header, SetHeader.name, 32)).toBe('web');
    expect(text(header, SetHeader.type, 32)).toBe('hash:ip,port');
    expect({
      revision: header.getUint8(SetHeader.revision),
      family: header.getUint8(SetHeader.family),
      hashSize: u32(header, SetHeader.hashSize),
      maxElem: u32(header, SetHeader.maxElem),
      timeout: u32(header, SetHeader.timeout),
      cadtFlags: u32(header, SetHeader.cadtFlags),
      initVal: u32(header, SetHeader.initVal),
      bucketSize: header.getUint8(SetHeader.bucketSize),
      references: u32(header, SetHeader.references),
      elements: u32(header, SetHeader.elements),
      entryCount: u32(header, SetHeader.entryCount),
    }).toEqual({
      revision: 7,
      family: 2,
      hashSize: 64,
      maxElem: 65_536,
      timeout: 60,
      cadtFlags: 8 | 16 | 64,
      initVal: 0x01020304,
      bucketSize: 12,
      references: 0,
      elements: 1,
      entryCount: 1,
    });
    const entry = rows(reply.SetEntry, SetEntry)[u32(header, SetHeader.firstEntry)]!;
    const comment = u32(entry, SetEntry.commentOffset);
    expect({
      address: ipv4(entry, SetEntry.ip),
      port: u16(entry, SetEntry.port),
      proto: entry.getUint8(SetEntry.proto),
      timeout: u32(entry, SetEntry.timeout),
      packets: entry.getBigUint64(SetEntry.packets, true),
      bytes: entry.getBigUint64(SetEntry.bytes, true),
      comment: Buffer.from(reply.heap).toString(
        'utf8',
        comment,
        comment + u16(entry, SetEntry.commentLength),
      ),
      mark: [u32(entry, SetEntry.skbMark), u32(entry, SetEntry.skbMask)],
      priority: u32(entry, SetEntry.skbPrio),
      queue: u16(entry, SetEntry.skbQueue),
    }).toEqual({
      address: '10.0.0.1',
      port: 80,
      proto: 6,
      timeout: 0,
      packets: 5n,
      bytes: 1234567890123n,
      comment: 'hello',
      mark: [1, 0xff],
      priority: 0x10002,
      queue: 3,
    });
    expect(u32(entry, SetEntry.parts)).toBe(
      E.entryIp |
        E.entryPort |
        E.entryProto |
        E.entryTimeout |
        E.entryPackets |
        E.entryBytes |
        E.entryComment |
        E.entrySkbMark |
        E.entrySkbPrio |
        E.entrySkbQueue,
    );
  });

  it('become one header per name where only names were asked for', () => {
    const names = rows(decoded('ipset', 'list names').SetHeader, SetHeader).map((row) =>
      text(row, SetHeader.name, 32),
    );
    expect(names.filter((name) => name !== '').sort()).toEqual(['a', 'b']);
  });

  it('tell the ranges of bitmaps', () => {
    const headers = rows(decoded('ipset', 'list headers').SetHeader, SetHeader);
    const of = (name: string): DataView => headers.find((row) => text(row, SetHeader.name, 32) === name)!;
    expect([u16(of('a'), SetHeader.port), u16(of('a'), SetHeader.portTo)]).toEqual([1, 9]);
    expect([ipv4(of('b'), SetHeader.ip), ipv4(of('b'), SetHeader.ipTo)]).toEqual(['10.0.0.0', '10.0.0.3']);
    expect(u32(of('b'), SetHeader.options) & (O.setIp | O.setIpTo)).toBe(O.setIp | O.setIpTo);
  });

  it('tell the range of revisions of a type and the range of protocols', () => {
    const [protocol, type] = rows(decoded('ipset', 'create hash:ip,port').SetHeader, SetHeader);
    expect([protocol!.getUint8(SetHeader.protocol), protocol!.getUint8(SetHeader.protocolMin)]).toEqual([
      7, 6,
    ]);
    expect(text(type!, SetHeader.type, 32)).toBe('hash:ip,port');
    expect([type!.getUint8(SetHeader.revisionMin), type!.getUint8(SetHeader.revision)]).toEqual([0, 7]);
    expect(u32(type!, SetHeader.options) & O.setRevisionMin).toBe(O.setRevisionMin);
  });
});

describe('captured IPVS answers', () => {
  it('become services', () => {
    const services = rows(decoded('ipvs', 'list').IpvsService, IpvsService);
    const web = services.find((row) => row.getUint8(IpvsService.byFwmark) === 0)!;
    expect({
      family: u16(web, IpvsService.family),
      protocol: u16(web, IpvsService.protocol),
      address: ipv4(web, IpvsService.address),
      port: u16(web, IpvsService.port),
      scheduler: text(web, IpvsService.scheduler, 16),
      engine: text(web, IpvsService.engine, 24),
      timeout: u32(web, IpvsService.timeout),
      netmask: ipv4(web, IpvsService.netmask),
      persistentAndHashed: u32(web, IpvsService.flags),
      stats64: web.getUint8(IpvsService.stats64),
    }).toEqual({
      family: 2,
      protocol: 6,
      address: '10.0.0.1',
      port: 80,
      scheduler: 'rr',
      engine: '',
      timeout: 360,
      netmask: '255.255.255.0',
      persistentAndHashed: 3,
      stats64: 1,
    });
    const mark = services.find((row) => row.getUint8(IpvsService.byFwmark) === 1)!;
    expect([
      u16(mark, IpvsService.family),
      u32(mark, IpvsService.fwmark),
      u16(mark, IpvsService.protocol),
    ]).toEqual([10, 7, 0]);
    expect([text(mark, IpvsService.scheduler, 16), u32(mark, IpvsService.flags) & 0x10]).toEqual([
      'sh',
      0x10,
    ]);
    expect(u32(mark, IpvsService.netmask)).toBe(128);
  });

  it('become destinations', () => {
    const dests = rows(decoded('ipvs', 'list').IpvsDest, IpvsDest).map((row) => ({
      family: u16(row, IpvsDest.family),
      address: ipv4(row, IpvsDest.address),
      port: u16(row, IpvsDest.port),
      forwarding: u32(row, IpvsDest.forwarding),
      weight: row.getInt32(IpvsDest.weight, true),
      thresholds: [u32(row, IpvsDest.upperThreshold), u32(row, IpvsDest.lowerThreshold)],
      tunnel: [
        row.getUint8(IpvsDest.tunnelType),
        u16(row, IpvsDest.tunnelPort),
        u16(row, IpvsDest.tunnelFlags),
      ],
    }));
    const by = (address: string): unknown => dests.find((dest) => dest.address === address);
    expect(by('127.0.0.2')).toEqual({
      family: 2,
      address: '127.0.0.2',
      port: 8080,
      forwarding: 0,
      weight: 50,
      thresholds: [100, 10],
      tunnel: [0, 0, 0],
    });
    expect(by('127.0.0.3')).toEqual({
      family: 2,
      address: '127.0.0.3',
      port: 80,
      forwarding: 2,
      weight: 1,
      thresholds: [0, 0],
      tunnel: [1, 6080, 1],
    });
  });

  it('become timeouts, information and daemons', () => {
    const [info, config] = rows(decoded('ipvs', 'list timeouts').IpvsConfig, IpvsConfig);
    expect(u32(info!, IpvsConfig.version)).toBe(0x010201);
    expect(u32(info!, IpvsConfig.connectionTableSize)).toBe(4096);
    expect(
      [IpvsConfig.tcpTimeout, IpvsConfig.tcpFinTimeout, IpvsConfig.udpTimeout].map((at) => u32(config!, at)),
    ).toEqual([900, 120, 300]);
    const [daemon] = rows(decoded('ipvs', 'list daemon').IpvsDaemon, IpvsDaemon);
    expect({
      state: u32(daemon!, IpvsDaemon.state),
      syncId: u32(daemon!, IpvsDaemon.syncId),
      interface: text(daemon!, IpvsDaemon.interface, 16),
      group: ipv4(daemon!, IpvsDaemon.group),
      port: u16(daemon!, IpvsDaemon.port),
      ttl: daemon!.getUint8(IpvsDaemon.ttl),
      parts: daemon!.getUint8(IpvsDaemon.parts),
    }).toEqual({
      state: 1,
      syncId: 7,
      interface: 'lo',
      group: '224.0.0.81',
      port: 8848,
      ttl: 1,
      parts: D.daemonMaxLen | D.daemonGroup4 | D.daemonPort | D.daemonTtl,
    });
  });
});

/** Little-endian netlink pieces, for answers that no tool on hand provokes. */
const le = (width: 2 | 4 | 8, value: number | bigint): Buffer => {
  const out = Buffer.alloc(8);
  out.writeBigUInt64LE(BigInt(value));
  return out.subarray(0, width);
};
const attr = (type: number, payload: Buffer): Buffer => {
  const padding = Buffer.alloc(-payload.length & 3);
  return Buffer.concat([le(2, payload.length + 4), le(2, type), payload, padding]);
};
const message = (type: number, flags: number, sequence: number, ...body: readonly Buffer[]): Buffer => {
  const joined = Buffer.concat(body);
  const padding = Buffer.alloc(-joined.length & 3);
  return Buffer.concat([
    le(4, 16 + joined.length),
    le(2, type),
    le(2, flags),
    le(4, sequence),
    le(4, 0),
    joined,
    padding,
  ]);
};

describe('answers made by hand', () => {
  const GENL = (command: number): Buffer => Buffer.from([command, 1, 0, 0]);

  it('take the 64-bit statistics wherever they stand, and skip their padding', () => {
    const stats32 = attr(10, Buffer.concat([attr(1, le(4, 7)), attr(4, le(8, 70n))]));
    const stats64 = attr(
      12,
      Buffer.concat([attr(11, Buffer.alloc(0)), attr(1, le(8, 2n ** 40n)), attr(5, le(8, 2n ** 63n))]),
    );
    for (const both of [
      [stats32, stats64],
      [stats64, stats32],
    ]) {
      const reply = addon.decode('ipvs', message(0x1d, 2, 1, GENL(5), attr(2, Buffer.concat(both))));
      const [dest] = rows(reply.IpvsDest, IpvsDest);
      expect(dest!.getUint8(IpvsDest.stats64)).toBe(1);
      expect(dest!.getBigUint64(IpvsDest.stats + IpvsStats.connections, true)).toBe(2n ** 40n);
      expect(dest!.getBigUint64(IpvsDest.stats + IpvsStats.bytesOut, true)).toBe(2n ** 63n);
    }
    const [old] = rows(
      addon.decode('ipvs', message(0x1d, 2, 1, GENL(5), attr(2, stats32))).IpvsDest,
      IpvsDest,
    );
    expect(old!.getUint8(IpvsDest.stats64)).toBe(0);
    expect(old!.getBigUint64(IpvsDest.stats + IpvsStats.connections, true)).toBe(7n);
    expect(old!.getBigUint64(IpvsDest.stats + IpvsStats.bytesIn, true)).toBe(70n);
  });

  it('read a mark mask in host order, as the kernel reports it, and flagged values in network order', () => {
    const nfgen = Buffer.from([2, 0, 0, 0]);
    const data = attr(
      0x8000 | 7,
      Buffer.concat([attr(11, le(4, 0xff)), attr(0x4000 | 18, Buffer.from([0, 0, 4, 0]))]),
    );
    const name = attr(2, Buffer.from('m\0'));
    const type = attr(3, Buffer.from('hash:ip,mark\0'));
    const reply = addon.decode(
      'ipset',
      message(0x607, 2, 1, nfgen, attr(1, Buffer.from([7])), name, type, data),
    );
    const [header] = rows(reply.SetHeader, SetHeader);
    expect(u32(header!, SetHeader.markMask)).toBe(0xff);
    expect(u32(header!, SetHeader.hashSize)).toBe(1024);
  });

  it('merge the messages of one set and start a new header for the next', () => {
    const nfgen = Buffer.from([2, 0, 0, 0]);
    const name = (text: string): Buffer => attr(2, Buffer.from(`${text}\0`));
    const type = attr(3, Buffer.from('bitmap:port\0'));
    const ports = (...values: readonly number[]): Buffer =>
      attr(
        0x8008,
        Buffer.concat(values.map((v) => attr(0x8007, attr(0x4004, Buffer.from([v >> 8, v & 255]))))),
      );
    const list = (...parts: readonly Buffer[]): Buffer =>
      message(0x607, 2, 1, nfgen, attr(1, Buffer.from([7])), ...parts);
    const reply = addon.decode(
      'ipset',
      Buffer.concat([
        list(name('a'), type, ports(1, 2)),
        list(name('a'), ports(3)),
        list(name('b'), type),
        list(name('c'), type, ports(4)),
        message(3, 2, 1, le(4, 0)),
      ]),
    );
    const headers = rows(reply.SetHeader, SetHeader);
    expect(
      headers.map((row) => [
        text(row, SetHeader.name, 32),
        u32(row, SetHeader.firstEntry),
        u32(row, SetHeader.entryCount),
      ]),
    ).toEqual([
      ['a', 0, 3],
      ['b', 3, 0],
      ['c', 3, 1],
    ]);
    expect(rows(reply.SetEntry, SetEntry).map((row) => u16(row, SetEntry.port))).toEqual([1, 2, 3, 4]);
  });

  it('turn errors into refusals with the text and place that the kernel gives', () => {
    const request = message(16, 5, 3);
    const capped = Buffer.concat([
      le(4, 0x1_0000_0000 - 95),
      request.subarray(0, 16),
      attr(1, Buffer.from('Unknown device type\0')),
      attr(2, le(4, 36)),
    ]);
    const full = Buffer.concat([
      le(4, 0x1_0000_0000 - 22),
      message(16, 5, 4, Buffer.alloc(8)),
      attr(1, Buffer.from('Bad\0')),
    ]);
    const reply = addon.decode(
      'route',
      Buffer.concat([message(2, 0x300, 3, capped), message(2, 0x200, 4, full)]),
    );
    expect(failures(reply)).toEqual([
      [2, -95],
      [3, -22],
    ]);
    expect(Buffer.from(reply.heap).toString()).toBe('Unknown device typeBad');
  });

  it('keep a positive error number as it is', () => {
    const body = Buffer.concat([le(4, 1), message(0x609, 5, 1).subarray(0, 16)]);
    expect(failures(addon.decode('ipset', message(2, 0x100, 1, body)))).toEqual([[0, 1]]);
  });

  it('report how a listing ended', () => {
    expect(addon.decode('route', message(3, 2, 1, le(4, 0x1_0000_0000 - 19))).error).toBe(-19);
  });

  it('refuse to guess where a length makes no sense', () => {
    const broken = message(0x607, 2, 1, Buffer.alloc(8));
    broken.writeUInt32LE(9, 0);
    expect(addon.decode('ipset', broken).error).toBe(-74);
    broken.writeUInt32LE(4096, 0);
    expect(addon.decode('ipset', broken).error).toBe(-74);
  });
});
