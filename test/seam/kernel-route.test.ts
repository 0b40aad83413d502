import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { NativeHandle, NativeReply } from '../../src/native/addon.js';
import { loadAddon } from '../../src/native/load.js';
import { Failure, FailureFlags, Link, LinkAddress } from '../../src/native/records.js';
import { missing } from '../support/needs.js';
import { makeNetns, type TestNetns } from '../support/netns.js';
import {
  failures,
  ip,
  ipv4,
  join,
  linkOp,
  NOTHING,
  Rtm,
  rows,
  text,
  type Fields,
} from './support/records.js';

const addon = loadAddon();
const reason = missing(['root']);
if (reason !== undefined) console.warn(`skipped: links over the seam: ${reason}`);

describe('links of one’s own namespace', () => {
  it('can be listed without privilege', async () => {
    const opened = await addon.open('route', {});
    if ('step' in opened) throw new Error('open');
    const reply = await addon.dump(opened.handle, 'LinkOp', linkOp({ command: Rtm.GETLINK, name: 'lo' }));
    const [lo] = rows(reply.Link, Link);
    expect([
      text(lo!, Link.name, 16),
      lo!.getUint32(Link.index, true),
      lo!.getUint32(Link.flags, true) & 8,
    ]).toEqual(['lo', 1, 8]);
    await addon.close(opened.handle);
  });
});

describe.skipIf(reason !== undefined)('links over the seam', () => {
  let netns: TestNetns;
  let handle: NativeHandle;
  let bridge: number;

  beforeAll(async () => {
    netns = await makeNetns('seam');
    const opened = await addon.open('route', { netnsPath: netns.path });
    if ('step' in opened) throw new Error(`${opened.step}: ${String(opened.errno)}`);
    handle = opened.handle;
    const reply = await run({ command: Rtm.NEWLINK, name: 'br0', kind: 'bridge', exclusive: 1 });
    expect(failures(reply)).toEqual([]);
    const [link] = rows((await dump({ command: Rtm.GETLINK, name: 'br0' })).Link, Link);
    bridge = link!.getUint32(Link.index, true);
  });
  afterAll(async () => {
    await addon.close(handle);
    await netns.remove();
  });

  function run(...ops: readonly Fields[]): Promise<NativeReply> {
    return addon.run(handle, 'LinkOp', join(...ops.map(linkOp)), NOTHING, { stopOnError: false });
  }
  function dump(op: Fields): Promise<NativeReply> {
    return addon.dump(handle, 'LinkOp', linkOp(op));
  }
  async function addresses(op: Fields = {}): Promise<string[]> {
    const reply = await dump({ command: Rtm.GETADDR, ...op });
    expect(reply.error).toBe(0);
    return rows(reply.LinkAddress, LinkAddress)
      .filter((row) => row.getUint8(LinkAddress.family) === 2)
      .map((row) => `${ipv4(row, LinkAddress.address)}/${String(row.getUint8(LinkAddress.prefix))}`);
  }

  it('are created, shown with their kind, set up and removed', async () => {
    expect(failures(await run({ command: Rtm.NEWLINK, name: 'br0', kind: 'bridge', exclusive: 1 }))).toEqual([
      [0, -17],
    ]);
    expect(failures(await run({ command: Rtm.NEWLINK, name: 'br1', kind: 'bridge', exclusive: 1 }))).toEqual(
      [],
    );
    const reply = await run(
      { command: Rtm.SETLINK, name: 'br1', flags: 1, flagsMask: 1 },
      { command: Rtm.GETLINK, name: 'br1' },
      { command: Rtm.DELLINK, name: 'br1' },
      { command: Rtm.DELLINK, name: 'br1' },
    );
    expect(failures(reply)).toEqual([[3, -19]]);
    const [link] = rows(reply.Link, Link);
    expect({
      op: link!.getUint32(Link.op, true),
      name: text(link!, Link.name, 16),
      kind: text(link!, Link.kind, 16),
      up: link!.getUint32(Link.flags, true) & 1,
      mac: link!.getUint8(Link.macLength),
    }).toEqual({ op: 1, name: 'br1', kind: 'bridge', up: 1, mac: 6 });
  });

  it('name what the kernel says about a refusal', async () => {
    const reply = await run({ command: Rtm.NEWLINK, name: 'x0', kind: 'nosuchkind', exclusive: 1 });
    const [failure] = rows(reply.failures, Failure);
    const at = failure!.getUint32(Failure.messageOffset, true);
    const words = Buffer.from(reply.heap).toString(
      'utf8',
      at,
      at + failure!.getUint16(Failure.messageLength, true),
    );
    expect([failure!.getInt32(Failure.code, true), words]).toEqual([-95, 'Unknown device type']);
    expect(failure!.getUint16(Failure.flags, true) & FailureFlags.failureWholeMessage).toBe(0);
  });

  it('take thousands of addresses in one run and give them back', async () => {
    const count = 3000;
    const wanted = Array.from({ length: count }, (_, i) => `10.1.${String(i >> 8)}.${String(i & 255)}`);
    const op = (address: string): Fields => ({
      command: Rtm.NEWADDR,
      index: bridge,
      family: 2,
      prefix: 32,
      address: ip(address),
      exclusive: 1,
    });
    const reply = await run(...wanted.map(op));
    expect(reply).toMatchObject({ settled: count, error: 0, overrun: false });
    expect(failures(reply)).toEqual([]);
    expect((await addresses({ index: bridge })).sort()).toEqual(
      wanted.map((address) => `${address}/32`).sort(),
    );
    expect(await addresses({ index: 1 })).toEqual(['127.0.0.1/8']);
    expect(await addresses({ family: 10 })).toEqual([]);
    expect((await addresses()).length).toBe(count + 1);
    const removal = await run(
      ...[...wanted, '10.9.9.9'].map((address) => ({ ...op(address), command: Rtm.DELADDR })),
    );
    expect(failures(removal)).toEqual([[count, -99]]);
    expect(await addresses({ index: bridge })).toEqual([]);
  });

  it('tell an address that is there from one that may be', async () => {
    const op = { command: Rtm.NEWADDR, index: bridge, family: 2, prefix: 32, address: ip('10.2.0.1') };
    const reply = await run({ ...op, exclusive: 1 }, { ...op, exclusive: 1 }, op);
    expect(failures(reply)).toEqual([[1, -17]]);
    await run({ ...op, command: Rtm.DELADDR });
  });

  it('take IPv6 addresses without waiting for duplicate detection', async () => {
    const address = Uint8Array.from([0x20, 1, 0x0d, 0xb8, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1]);
    const op = {
      command: Rtm.NEWADDR,
      index: bridge,
      family: 10,
      prefix: 128,
      address,
      exclusive: 1,
      addressFlags: 2,
    };
    expect(failures(await run({ command: Rtm.SETLINK, index: bridge, flags: 1, flagsMask: 1 }, op))).toEqual(
      [],
    );
    const reply = await dump({ command: Rtm.GETADDR, index: bridge, family: 10 });
    const found = rows(reply.LinkAddress, LinkAddress).find(
      (row) => row.getUint8(LinkAddress.address + 1) === 1,
    )!;
    expect(found.getUint8(LinkAddress.prefix)).toBe(128);
    // Tentative (0x40) would mean that detection is running.
    expect(found.getUint32(LinkAddress.flags, true) & 0x42).toBe(2);
  });

  it('report the addresses of a missing interface as the error of the exchange', async () => {
    expect(await dump({ command: Rtm.GETADDR, index: 999_999 })).toMatchObject({ error: -19 });
  });
});
