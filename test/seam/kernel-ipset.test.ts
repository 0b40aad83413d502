import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import type { NativeHandle, NativeReply } from '../../src/native/addon.js';
import { loadAddon } from '../../src/native/load.js';
import {
  EntryParts as E,
  Failure,
  FailureFlags,
  SetEntry,
  SetHeader,
  SetOptions as O,
} from '../../src/native/records.js';
import { missing } from '../support/needs.js';
import { makeNetns, type TestNetns } from '../support/netns.js';
import {
  failures,
  ip,
  Ipset,
  ipv4,
  join,
  NOTHING,
  rows,
  setCommand,
  setEntry,
  text,
  type Fields,
} from './support/records.js';

const addon = loadAddon();
const reason = missing(['root', 'ipset']);
if (reason !== undefined) console.warn(`skipped: ipset over the seam: ${reason}`);

const EEXIST = -17;
const ENOENT = -2;
const IPSET_EXIST = -4103;
const IPSET_PROTOCOL = -4097;

describe.skipIf(reason !== undefined)('ipset over the seam', () => {
  let netns: TestNetns;
  let handle: NativeHandle;

  beforeAll(async () => {
    netns = await makeNetns('seam');
    const opened = await addon.open('ipset', { netnsPath: netns.path });
    if ('step' in opened) throw new Error(`${opened.step}: ${String(opened.errno)}`);
    handle = opened.handle;
  });
  afterAll(async () => {
    await addon.close(handle);
    await netns.remove();
  });
  beforeEach(async () => {
    // The list first: what it refers to cannot be destroyed.
    const reply = await command(
      { command: Ipset.DESTROY, name: 'all', exist: 1 },
      { command: Ipset.DESTROY },
    );
    expect(failures(reply)).toEqual([]);
  });

  function command(...commands: readonly Fields[]): Promise<NativeReply> {
    return addon.run(handle, 'SetCommand', join(...commands.map(setCommand)), NOTHING, {
      stopOnError: false,
    });
  }

  async function create(name: string, type = 'hash:ip', more: Fields = {}): Promise<void> {
    const options = O.setFamily | O.setRevision | Number(more['options'] ?? 0);
    const family = type.startsWith('hash') ? 2 : 0;
    const reply = await command({ command: Ipset.CREATE, name, name2: type, family, ...more, options });
    expect(failures(reply)).toEqual([]);
  }

  function run(
    verb: number,
    name: string,
    entries: Uint8Array,
    more: Fields = {},
    stopOnError = false,
  ): Promise<NativeReply> {
    const head = setCommand({ command: verb, name, ...more });
    return addon.run(handle, 'SetEntry', entries, NOTHING, { stopOnError, head });
  }

  function list(name = ''): Promise<NativeReply> {
    return addon.dump(handle, 'SetCommand', setCommand({ command: Ipset.LIST, name }));
  }

  async function members(name: string): Promise<string[]> {
    return rows((await list(name)).SetEntry, SetEntry).map((row) => ipv4(row, SetEntry.ip));
  }

  const address = (i: number): string => `10.${String(i >> 16)}.${String((i >> 8) & 255)}.${String(i & 255)}`;
  const element = (i: number): Uint8Array => setEntry({ family: 2, ip: ip(address(i)), parts: E.entryIp });
  const elements = (from: number, to: number): Uint8Array =>
    join(...Array.from({ length: to - from }, (_, i) => element(from + i)));

  it('adds, lists, tests and deletes elements', async () => {
    await create('web');
    expect(await run(Ipset.ADD, 'web', elements(1, 4))).toMatchObject({
      settled: 3,
      error: 0,
      overrun: false,
    });
    expect((await members('web')).sort()).toEqual(['10.0.0.1', '10.0.0.2', '10.0.0.3']);
    expect(failures(await run(Ipset.TEST, 'web', elements(2, 6)))).toEqual([
      [2, IPSET_EXIST],
      [3, IPSET_EXIST],
    ]);
    expect(await run(Ipset.DEL, 'web', elements(1, 3))).toMatchObject({ settled: 2 });
    expect(await members('web')).toEqual(['10.0.0.3']);
  });

  it('names every refused element and applies all others', async () => {
    await create('web');
    const count = 5000;
    const taken = [0, 1, 2, 99, 100, 101, 2500, 4998, 4999];
    await run(Ipset.ADD, 'web', join(...taken.map((i) => element(i + 1))));
    const reply = await run(Ipset.ADD, 'web', elements(1, count + 1));
    expect(reply).toMatchObject({ settled: count, error: 0, overrun: false });
    expect(failures(reply)).toEqual(taken.map((i) => [i, IPSET_EXIST]));
    expect(await members('web')).toHaveLength(count);
  });

  it.each([1, 2, 3, 7, 50])('keeps its count when every %sth element is refused', async (step) => {
    await create('web');
    const count = 3000;
    const taken = Array.from({ length: count }, (_, i) => i).filter((i) => i % step === 0);
    await run(Ipset.ADD, 'web', join(...taken.map(element)), { exist: 1 });
    // 10.0.0.0 is an address like others; 0.0.0.0 would be refused.
    const reply = await run(Ipset.ADD, 'web', elements(0, count));
    expect(failures(reply).map(([index]) => index)).toEqual(taken);
    expect(reply.settled).toBe(count);
    expect(await members('web')).toHaveLength(count);
  });

  it('sends fewer bytes than it would with full messages when everything is refused', async () => {
    await create('web');
    const all = elements(1, 20_001);
    const before = addon.counters(handle).bytesSent;
    await run(Ipset.ADD, 'web', all);
    const added = addon.counters(handle).bytesSent - before;
    const reply = await run(Ipset.ADD, 'web', all);
    expect(failures(reply)).toHaveLength(20_000);
    expect(addon.counters(handle).bytesSent - before - added).toBeLessThan(6 * added);
  });

  it('numbers elements from the first refusal on only, where adding them again changes nothing', async () => {
    await create('web');
    const bytesOf = async (more: Fields): Promise<number> => {
      const before = addon.counters(handle).bytesSent;
      expect(failures(await run(Ipset.ADD, 'web', elements(1, 2001), more))).toEqual([]);
      const sent = addon.counters(handle).bytesSent - before;
      await command({ command: Ipset.FLUSH, name: 'web' });
      return sent;
    };
    expect((await bytesOf({})) - (await bytesOf({ exist: 1 }))).toBe(2000 * 8);
  });

  it.each([true, false])(
    'names what is refused among elements that may exist, stopping: %s',
    async (stop) => {
      // A plain errno, an error of the type, and one that comes without a line number.
      await create('web', 'hash:ip,port', { options: O.setMaxElem, maxElem: 100_000 });
      const key = E.entryIp | E.entryPort | E.entryProto;
      const at = (i: number, more: Fields = {}): Uint8Array =>
        setEntry({ family: 2, ip: ip(address(i)), port: i & 65535, proto: 6, parts: key, ...more });
      const bad = new Map([
        [1500, at(0, { ip: ip('0.0.0.0') })],
        [1501, at(1501, { proto: 0 })],
        [2999, at(2999, { mark: 7, parts: key | E.entryMark })],
      ]);
      const all = Array.from({ length: 3000 }, (_, i) => bad.get(i) ?? at(i));
      for (const verb of [Ipset.ADD, Ipset.DEL]) {
        const reply = await run(verb, 'web', join(...all), { exist: 1 }, stop);
        const codes = [
          [1500, -22],
          [1501, -4354],
          [2999, IPSET_PROTOCOL],
        ];
        expect([failures(reply), reply.settled]).toEqual(stop ? [codes.slice(0, 1), 1501] : [codes, 3000]);
        const left = rows((await list('web')).SetEntry, SetEntry).length;
        expect(left).toBe(verb === Ipset.DEL ? 0 : stop ? 1500 : 2997);
      }
      for (const [index, entry] of bad) {
        const alone = await run(Ipset.ADD, 'web', entry, { exist: 1 }, stop);
        const [failure] = rows(alone.failures, Failure);
        expect([index, failure!.getUint16(Failure.flags, true) & FailureFlags.failureWholeMessage]).toEqual([
          index,
          0,
        ]);
      }
    },
  );

  it('lets what exists be added again where that is asked for', async () => {
    await create('web');
    await run(Ipset.ADD, 'web', elements(1, 100));
    expect(failures(await run(Ipset.ADD, 'web', elements(1, 200), { exist: 1 }))).toEqual([]);
    expect(failures(await run(Ipset.DEL, 'web', elements(100, 300), { exist: 1 }))).toEqual([]);
    expect(await members('web')).toHaveLength(99);
  });

  it('stops at the first refused element where that is asked for', async () => {
    await create('web');
    await run(Ipset.ADD, 'web', element(500));
    const reply = await run(Ipset.ADD, 'web', elements(1, 1001), {}, true);
    expect(failures(reply)).toEqual([[499, IPSET_EXIST]]);
    expect(reply.settled).toBe(500);
    expect(await members('web')).toHaveLength(500);
  });

  it('says once that a set is missing, and tries no further', async () => {
    const reply = await run(Ipset.ADD, 'nosuch', elements(1, 100_000));
    expect(failures(reply)).toEqual([[0, ENOENT]]);
    const [failure] = rows(reply.failures, Failure);
    expect(failure!.getUint16(Failure.flags, true) & FailureFlags.failureWholeMessage).toBeTruthy();
    expect(reply.settled).toBe(1);
    expect(addon.counters(handle).overruns).toBe(0);
    for (const verb of [Ipset.ADD, Ipset.DEL, Ipset.TEST]) {
      const [single] = rows((await run(verb, 'nosuch', element(1))).failures, Failure);
      expect(single!.getUint16(Failure.flags, true) & FailureFlags.failureWholeMessage).toBeTruthy();
    }
  });

  it('finds the malformed element among well-formed ones', async () => {
    await create('web');
    const odd = setEntry({ family: 2, ip: ip('10.9.9.9'), mark: 7, parts: E.entryIp | E.entryMark });
    const six = setEntry({ family: 10, ip: new Uint8Array(16).fill(1), parts: E.entryIp });
    const reply = await run(
      Ipset.ADD,
      'web',
      join(elements(1, 40), odd, elements(40, 60), six, elements(60, 80)),
    );
    expect(failures(reply)).toEqual([
      [39, IPSET_PROTOCOL],
      [60, IPSET_PROTOCOL],
    ]);
    expect(reply.settled).toBe(81);
    expect(await members('web')).toHaveLength(79);
    const stopped = await run(Ipset.ADD, 'web', join(elements(100, 110), odd, elements(110, 120)), {}, true);
    expect([failures(stopped), stopped.settled]).toEqual([[[10, IPSET_PROTOCOL]], 11]);
    expect(await members('web')).toHaveLength(89);
  });

  it('still refuses a duplicate behind a malformed element', async () => {
    await create('web');
    await run(Ipset.ADD, 'web', element(50));
    const odd = setEntry({ family: 2, ip: ip('10.9.9.9'), mark: 7, parts: E.entryIp | E.entryMark });
    const reply = await run(Ipset.ADD, 'web', join(element(1), odd, element(50), element(2)));
    expect(failures(reply)).toEqual([
      [1, IPSET_PROTOCOL],
      [2, IPSET_EXIST],
    ]);
  });

  it('keeps the order of a list of sets even when members are refused', async () => {
    const names = Array.from({ length: 300 }, (_, i) => `s${String(i)}`);
    for (const name of names)
      if (name !== 's100' && name !== 's200') await create(name, 'bitmap:port', bitmap);
    await create('all', 'list:set');
    const heap = Buffer.from(names.join(''));
    let at = 0;
    const entries = names.map((name) => {
      const entry = setEntry({ nameOffset: at, nameLength: name.length, parts: E.entryName });
      at += name.length;
      return entry;
    });
    const head = setCommand({ command: Ipset.ADD, name: 'all' });
    const reply = await addon.run(handle, 'SetEntry', join(...entries), heap, { stopOnError: false, head });
    expect(failures(reply).map(([index]) => index)).toEqual([100, 200]);
    const listed = await list('all');
    const got = rows(listed.SetEntry, SetEntry).map((row) => {
      const start = row.getUint32(SetEntry.nameOffset, true);
      return Buffer.from(listed.heap).toString(
        'utf8',
        start,
        start + row.getUint16(SetEntry.nameLength, true),
      );
    });
    expect(got).toEqual(names.filter((name) => name !== 's100' && name !== 's200'));
  });

  const bitmap: Fields = { port: 1, portTo: 8, options: O.setPort | O.setPortTo };

  it('answers questions about types, sets and indexes, by the index of the question', async () => {
    await create('web');
    const reply = await command(
      { command: Ipset.PROTOCOL },
      { command: Ipset.TYPE, name2: 'hash:ip', family: 2, options: O.setFamily },
      { command: Ipset.HEADER, name: 'nosuch' },
      { command: Ipset.HEADER, name: 'web' },
      { command: Ipset.BYNAME, name: 'web' },
    );
    expect(failures(reply)).toEqual([[2, ENOENT]]);
    const headers = rows(reply.SetHeader, SetHeader);
    expect(headers.map((row) => row.getUint32(SetHeader.op, true))).toEqual([0, 1, 3, 4]);
    expect(headers[1]!.getUint8(SetHeader.revision)).toBeGreaterThanOrEqual(5);
    expect(text(headers[2]!, SetHeader.type, 32)).toBe('hash:ip');
    const index = headers[3]!.getUint16(SetHeader.index, true);
    const [byIndex] = rows(
      (await command({ command: Ipset.BYINDEX, index, options: O.setIndex })).SetHeader,
      SetHeader,
    );
    expect(text(byIndex!, SetHeader.name, 32)).toBe('web');
  });

  it('runs commands in order and reports those that are refused', async () => {
    const created = {
      command: Ipset.CREATE,
      name2: 'hash:ip',
      family: 2,
      options: O.setFamily | O.setRevision,
    };
    const reply = await command(
      { ...created, name: 'a' },
      { ...created, name: 'a' },
      { ...created, name: 'b' },
      { command: Ipset.SWAP, name: 'a', name2: 'b' },
      { command: Ipset.RENAME, name: 'a', name2: 'b' },
      { ...created, name: 'a', exist: 1 },
      { command: Ipset.DESTROY, name: 'b' },
    );
    expect(failures(reply)).toEqual([
      [1, EEXIST],
      [4, -4101],
    ]);
    expect(rows((await list()).SetHeader, SetHeader).map((row) => text(row, SetHeader.name, 32))).toEqual([
      'a',
    ]);
  });

  it('stops at the first refused command where that is asked for', async () => {
    const created = {
      command: Ipset.CREATE,
      name2: 'hash:ip',
      family: 2,
      options: O.setFamily | O.setRevision,
    };
    const commands = ['a', 'a', 'b'].map((name) => setCommand({ ...created, name }));
    const reply = await addon.run(handle, 'SetCommand', join(...commands), NOTHING, { stopOnError: true });
    expect([failures(reply), reply.settled]).toEqual([[[1, EEXIST]], 2]);
    expect(rows((await list()).SetHeader, SetHeader)).toHaveLength(1);
  });

  it('lists thousands of sets, each with its own entries', async () => {
    const names = Array.from({ length: 2000 }, (_, i) => `s${String(i)}`);
    const commands = names.map((name) => ({
      command: Ipset.CREATE,
      name,
      name2: 'bitmap:port',
      ...bitmap,
      options: O.setFamily | O.setRevision | O.setPort | O.setPortTo,
    }));
    expect(failures(await command(...commands))).toEqual([]);
    const port = (n: number): Uint8Array => setEntry({ port: n, parts: E.entryPort });
    for (let i = 0; i < 2000; i += 97)
      await run(Ipset.ADD, `s${String(i)}`, join(port(1 + (i % 8)), port(1 + ((i + 1) % 8))));
    const reply = await list();
    expect(reply.error).toBe(0);
    const entries = rows(reply.SetEntry, SetEntry);
    const headers = rows(reply.SetHeader, SetHeader);
    expect(headers).toHaveLength(2000);
    for (const header of headers) {
      const i = Number(text(header, SetHeader.name, 32).slice(1));
      const first = header.getUint32(SetHeader.firstEntry, true);
      const own = entries.slice(first, first + header.getUint32(SetHeader.entryCount, true));
      const expected = i % 97 === 0 ? [1 + (i % 8), 1 + ((i + 1) % 8)].sort() : [];
      expect(own.map((row) => row.getUint16(SetEntry.port, true))).toEqual(expected);
    }
  });

  it('reads large sets back as they were written', async () => {
    const count = 100_000;
    await create('web', 'hash:ip', {
      hashSize: 65_536,
      maxElem: 200_000,
      options: O.setHashSize | O.setMaxElem,
    });
    expect(await run(Ipset.ADD, 'web', elements(0, count))).toMatchObject({ settled: count, error: 0 });
    const listed = new Set(await members('web'));
    expect(listed.size).toBe(count);
    for (let i = 0; i < count; i += 7) expect(listed.has(address(i))).toBe(true);
  });

  it('lists a set whose buckets are larger than the first datagram of a fresh socket', async () => {
    const opened = await addon.open('ipset', { netnsPath: netns.path });
    if ('step' in opened) throw new Error('open');
    const create = { command: Ipset.CREATE, name: 'big', name2: 'hash:net,iface', family: 2, cadtFlags: 16 };
    expect(
      failures(await command({ ...create, options: O.setFamily | O.setRevision | O.setCadtFlags })),
    ).toEqual([]);
    // The same network on many interfaces: all in one bucket, each with a long comment.
    const entries = Array.from({ length: 60 }, (_, i) =>
      setEntry({
        family: 2,
        ip: ip('10.0.0.0'),
        cidr: 24,
        nameOffset: 300 + i * 4,
        nameLength: 4,
        commentLength: 255,
        parts: E.entryIp | E.entryCidr | E.entryIface | E.entryComment,
      }),
    );
    const heap = Buffer.from(
      'c'.repeat(300) + Array.from({ length: 60 }, (_, i) => `if${String(10 + i)}`).join(''),
    );
    const head = setCommand({ command: Ipset.ADD, name: 'big' });
    expect(
      failures(await addon.run(handle, 'SetEntry', join(...entries), heap, { stopOnError: false, head })),
    ).toEqual([]);
    const reply = await addon.dump(
      opened.handle,
      'SetCommand',
      setCommand({ command: Ipset.LIST, name: 'big' }),
    );
    expect(reply.error).toBe(0);
    expect(rows(reply.SetEntry, SetEntry)).toHaveLength(60);
    await addon.close(opened.handle);
  });

  it('reports a listing of what does not exist as the error of the exchange', async () => {
    expect(await list('nosuch')).toMatchObject({ error: ENOENT });
    expect(await list()).toMatchObject({ error: 0 });
  });

  it('leaves no set blocked behind a listing', async () => {
    await create('web');
    await run(Ipset.ADD, 'web', elements(1, 20_000));
    await list('web');
    expect(failures(await command({ command: Ipset.DESTROY, name: 'web' }))).toEqual([]);
  });

  it('opens its dump socket in the same namespace', async () => {
    await create('here');
    const elsewhere = await addon.open('ipset', {});
    if ('step' in elsewhere) throw new Error('open');
    const there = await addon.dump(
      elsewhere.handle,
      'SetCommand',
      setCommand({ command: Ipset.LIST, name: 'here' }),
    );
    expect(there.error).toBe(ENOENT);
    await addon.close(elsewhere.handle);
    expect((await list('here')).error).toBe(0);
    expect((await netns.run(['ipset', 'list', '-n'])).stdout.trim()).toBe('here');
  });

  it('asks for nothing else than it has to', async () => {
    await create('web');
    const before = addon.counters(handle);
    await run(Ipset.ADD, 'web', element(1));
    const after = addon.counters(handle);
    expect(after.sends - before.sends).toBe(1);
    // The acknowledgement, and the receive that finds the queue empty.
    expect(after.receives - before.receives).toBe(2);
  });

  it('says that the capability is missing, once for a whole run', async () => {
    const program = fileURLToPath(new URL('support/unprivileged.mjs', import.meta.url));
    const { stdout } = await netns.run([process.execPath, program]);
    const { entries, commands, dump } = JSON.parse(stdout) as Record<
      string,
      { error: number; settled: number; failures: number[] }
    >;
    // The kernel looks once per buffer: the first message is refused, the others are dropped in silence.
    expect(entries).toEqual({ error: -1, settled: 1, failures: [0, -1, FailureFlags.failureWholeMessage] });
    expect(commands).toEqual({ error: -1, settled: 1, failures: [0, -1, 0] });
    expect(dump).toMatchObject({ error: -1 });
  });
});
