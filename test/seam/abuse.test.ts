import { closeSync, readFileSync } from 'node:fs';
import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { Addon, NativeHandle } from '../../src/native/addon.js';
import { loadAddon } from '../../src/native/load.js';
import { ConntrackOp, EntryParts as E, IpvsOp, SetCommand, SetEntry } from '../../src/native/records.js';
import { Ipset, ipvsOp, Ipvs, linkOp, NOTHING, Rtm, setCommand, setEntry } from './support/records.js';

const addon = loadAddon();

/** The same functions for calls that the types forbid. */
const loose = addon as unknown as Readonly<Record<keyof Addon, (...args: readonly unknown[]) => unknown>>;

const plain = { stopOnError: false };
const add = { ...plain, head: setCommand({ command: Ipset.ADD, name: 'web' }) };
const link = linkOp({ command: Rtm.GETLINK });

async function open(subsystem: 'route' | 'ipset'): Promise<NativeHandle> {
  const reply = await addon.open(subsystem, {});
  if ('step' in reply) throw new Error(`${reply.step}: ${String(reply.errno)}`);
  return reply.handle;
}

let route: NativeHandle;
beforeAll(async () => {
  route = await open('route');
});
afterAll(() => addon.close(route));

/** Values that are none of what a function wants. */
const rubbish = [
  undefined,
  null,
  0,
  -1,
  NaN,
  1n,
  'x',
  true,
  Symbol('s'),
  () => 0,
  {},
  [],
  new Uint8Array(3),
  new Float64Array(2),
];

describe('misuse is answered by an exception, never by a crash', () => {
  it.each(['open', 'close', 'run', 'dump', 'counters', 'encode', 'decode'] as const)(
    '%s without arguments',
    (name) => {
      expect(() => loose[name]()).toThrow(TypeError);
    },
  );

  it.each(['run', 'dump', 'close', 'counters'] as const)('%s with something else for a handle', (name) => {
    for (const value of rubbish) {
      expect(() => loose[name](value, 'LinkOp', link, NOTHING, plain)).toThrow(TypeError);
    }
  });

  it('anything in place of any argument', () => {
    for (const value of rubbish) {
      for (let position = 0; position < 4; ++position) {
        const args: unknown[] = ['LinkOp', link, NOTHING, plain];
        args[position] = value;
        const fits = position === 2 && value instanceof Uint8Array;
        if (fits) continue;
        expect(() => loose.encode(...args)).toThrow(/must be|whole number/);
      }
    }
  });

  it('forgetting tracked connections without saying which: the kernel would forget all', () => {
    const record = new Uint8Array(ConntrackOp.size);
    new DataView(record.buffer).setUint32(ConntrackOp.command, 2, true);
    expect(() => loose.encode('ConntrackOp', record, NOTHING, plain)).toThrow(
      'ConntrackOp 0: command 2 cannot be run',
    );
  });

  it('a subsystem or a shape that does not exist', () => {
    expect(() => loose.open('ipv6', {})).toThrow(
      "argument 1 must be 'ipvs', 'ipset', 'route' or 'conntrack'",
    );
    expect(() => loose.encode('IpvsDest', NOTHING, NOTHING, plain)).toThrow(
      'must be the name of a request record',
    );
    expect(() => loose.decode('nft', NOTHING)).toThrow(TypeError);
  });

  it('records of half a length', () => {
    for (const size of [1, IpvsOp.size - 1, IpvsOp.size + 1]) {
      expect(() => addon.encode('IpvsOp', new Uint8Array(size), NOTHING, plain)).toThrow(RangeError);
    }
    expect(() => addon.dump(route, 'LinkOp', NOTHING)).toThrow('exactly one record');
  });

  it('commands that the call cannot carry', () => {
    const entries = setEntry({ family: 2, parts: E.entryIp });
    expect(() => addon.encode('IpvsOp', ipvsOp({ command: 18 }), NOTHING, plain)).toThrow(RangeError);
    expect(() => addon.encode('IpvsOp', ipvsOp({ command: 0 }), NOTHING, plain)).toThrow(RangeError);
    // LIST would start a dump on the socket of the commands.
    expect(() => addon.encode('SetCommand', setCommand({ command: Ipset.LIST }), NOTHING, plain)).toThrow(
      RangeError,
    );
    expect(() => addon.encode('LinkOp', linkOp({ command: 24 }), NOTHING, plain)).toThrow(RangeError);
    const create = { ...plain, head: setCommand({ command: Ipset.CREATE }) };
    expect(() => addon.encode('SetEntry', entries, NOTHING, create)).toThrow('takes no elements');
    expect(() => addon.encode('SetEntry', entries, NOTHING, plain)).toThrow('needs options.head');
    expect(() => addon.dump(route, 'LinkOp', linkOp({ command: Rtm.NEWLINK }))).toThrow(RangeError);
    expect(() => loose.dump(route, 'SetEntry', entries)).toThrow(RangeError);
  });

  it('a head of the wrong size', () => {
    const head = new Uint8Array(SetCommand.size + 8);
    expect(() => addon.encode('SetEntry', NOTHING, NOTHING, { ...plain, head })).toThrow(
      'one SetCommand record',
    );
  });

  it('an address family that is none', () => {
    expect(() => addon.encode('SetEntry', setEntry({ family: 3, parts: E.entryIp }), NOTHING, add)).toThrow(
      'SetEntry 0: unknown address family 3',
    );
  });

  it.each([
    ['name', E.entryName, 'nameOffset', 'nameLength'],
    ['name', E.entryIface, 'nameOffset', 'nameLength'],
    ['name reference', E.entryNameRef, 'refOffset', 'refLength'],
    ['comment', E.entryComment, 'commentOffset', 'commentLength'],
  ] as const)('a %s outside the heap', (what, part, offset, length) => {
    const heap = new Uint8Array(10);
    const encode = (at: number, size: number): unknown =>
      addon.encode('SetEntry', setEntry({ parts: part, [offset]: at, [length]: size }), heap, add);
    for (const [at, size] of [
      [0, 11],
      [10, 1],
      [11, 0],
      [0xffffffff, 1],
      [0xffffffff, 0xffff],
      [5, 6],
    ] as const) {
      expect(() => encode(at, size)).toThrow(`SetEntry 0: ${what} is outside the heap`);
    }
    encode(10, 0);
    encode(0, 10);
  });

  it('strings without an end', () => {
    const full = 'x'.repeat(64);
    const op = ipvsOp({
      command: Ipvs.NEW_SERVICE,
      parts: 7,
      scheduler: full.slice(0, 16),
      engine: full.slice(0, 24),
    });
    expect(
      Buffer.from(addon.encode('IpvsOp', op, NOTHING, plain).bytes).includes(`${'x'.repeat(24)}\0`),
    ).toBe(true);
    const command = setCommand({ command: Ipset.SWAP, name: full.slice(0, 32), name2: full.slice(0, 32) });
    expect(addon.encode('SetCommand', command, NOTHING, plain).messages).toBe(1);
  });

  it('buffers whose memory is gone', () => {
    const gone = new Uint8Array(SetEntry.size);
    structuredClone(gone.buffer, { transfer: [gone.buffer] });
    expect(addon.encode('SetEntry', gone, gone, add)).toMatchObject({ messages: 0 });
  });

  it('options that throw when they are read', () => {
    const hostile = {
      get stopOnError(): boolean {
        throw new Error('mine');
      },
    };
    expect(() => addon.encode('LinkOp', link, NOTHING, hostile)).toThrow('mine');
  });

  it('options that take the memory away when they are read', () => {
    const heap = new Uint8Array(64);
    const hostile = {
      ...add,
      get stopOnError(): boolean {
        structuredClone(heap.buffer, { transfer: [heap.buffer] });
        return false;
      },
    };
    expect(() =>
      addon.encode('SetEntry', setEntry({ parts: E.entryComment, commentLength: 64 }), heap, hostile),
    ).toThrow('outside the heap');
  });

  it('any bytes for records', () => {
    const bytes = (size: number): fc.Arbitrary<Uint8Array> =>
      fc
        .integer({ min: 1, max: 4 })
        .chain((n) => fc.uint8Array({ minLength: n * size, maxLength: n * size }));
    const call = (shape: 'IpvsOp' | 'SetCommand' | 'SetEntry' | 'LinkOp', records: Uint8Array): void => {
      try {
        const { bytes: sent } = addon.encode(shape, records, new Uint8Array(300), add);
        expect(sent.length).toBeGreaterThan(0);
      } catch (err) {
        expect(err).toBeInstanceOf(RangeError);
      }
    };
    fc.assert(fc.property(bytes(SetEntry.size), (records) => call('SetEntry', records)));
    // Commands that exist, so that more than the first field is looked at.
    const known = (size: number, commands: readonly number[]): fc.Arbitrary<Uint8Array> =>
      fc.tuple(bytes(size), fc.constantFrom(...commands)).map(([records, command]) => {
        for (let at = 0; at < records.length; at += size)
          new DataView(records.buffer).setUint32(at, command, true);
        return records;
      });
    fc.assert(fc.property(known(IpvsOp.size, [1, 5, 9, 12, 16]), (records) => call('IpvsOp', records)));
    fc.assert(
      fc.property(known(SetCommand.size, [2, 5, 12, 13, 15]), (records) => call('SetCommand', records)),
    );
    fc.assert(fc.property(known(72, [16, 18, 20]), (records) => call('LinkOp', records)));
  });
});

describe('a handle', () => {
  it('takes one call at a time', async () => {
    const first = addon.dump(route, 'LinkOp', link);
    expect(() => addon.dump(route, 'LinkOp', link)).toThrow('under way');
    await first;
    await addon.dump(route, 'LinkOp', link);
  });

  it('may be used again as soon as the promise has settled, and after misuse', async () => {
    expect(() => addon.dump(route, 'LinkOp', NOTHING)).toThrow(RangeError);
    await addon.dump(route, 'LinkOp', link).then(() => addon.dump(route, 'LinkOp', link));
  });

  it('is refused once it is closed, and may be closed again', async () => {
    const handle = await open('route');
    await addon.dump(handle, 'LinkOp', link);
    expect(addon.counters(handle).sockets).toBe(2);
    await addon.close(handle);
    expect(addon.counters(handle).sockets).toBe(0);
    expect(() => addon.dump(handle, 'LinkOp', link)).toThrow('the handle is closed');
    expect(() => addon.run(handle, 'LinkOp', link, NOTHING, plain)).toThrow('the handle is closed');
    await addon.close(handle);
  });

  it('lets the call that is under way end before it closes', async () => {
    const handle = await open('route');
    const dump = addon.dump(handle, 'LinkOp', link);
    const close = addon.close(handle);
    expect((await dump).error).toBe(0);
    await close;
    expect(addon.counters(handle).sockets).toBe(0);
  });

  it('serves its own subsystem only', () => {
    expect(() => addon.run(route, 'IpvsOp', ipvsOp({ command: Ipvs.FLUSH }), NOTHING, plain)).toThrow(
      'another subsystem',
    );
    expect(() => addon.dump(route, 'SetCommand', setCommand({ command: Ipset.LIST }))).toThrow(
      'another subsystem',
    );
  });

  it('does nothing for nothing', async () => {
    const before = addon.counters(route).sends;
    const reply = await addon.run(route, 'LinkOp', NOTHING, NOTHING, plain);
    expect(reply).toMatchObject({ settled: 0, overrun: false, error: 0 });
    expect(addon.counters(route).sends).toBe(before);
  });
});

describe('opening', () => {
  it.each([
    ['a file that is not there', { netnsPath: '/nowhere/netns' }, -2],
    ['a file that is no namespace', { netnsPath: '/dev/null' }, -22],
    ['a descriptor that is not open', { netnsFd: 99_999 }, -9],
  ])('in %s names the step and the errno', async (_what, options, errno) => {
    expect(await addon.open('route', options)).toEqual({ step: 'netns', errno });
  });

  it.each([
    { netnsPath: '' },
    { netnsPath: 7 },
    { netnsPath: 'a\0b' },
    { netnsFd: -1 },
    { netnsFd: 1.5 },
    { netnsFd: '3' },
  ])('refuses %o', (options) => {
    expect(() => loose.open('route', options)).toThrow(TypeError);
  });

  it('refuses two namespaces at once', () => {
    expect(() => addon.open('route', { netnsPath: '/proc/self/ns/net', netnsFd: 0 })).toThrow(
      'exclude each other',
    );
  });

  it.each([
    [undefined, false, {}],
    ['', false, {}],
    ['/proc/a\0b', false, {}],
    ['/proc/self/stat', 1, {}],
    ['/proc/self/stat', false, undefined],
    ['/proc/self/stat', false, { netnsPath: 7 }],
  ])('refuses a file %o for writing %o in %o', (path, writing, options) => {
    expect(() => loose.openFile(path, writing, options)).toThrow(TypeError);
  });

  it('of a file says which step failed, and gives a descriptor that is the caller’s', async () => {
    expect(await addon.openFile('/nowhere/file', false, {})).toEqual({ step: 'file', errno: -2 });
    expect(await addon.openFile('/proc/self/stat', false, { netnsPath: '/nowhere' })).toEqual({
      step: 'netns',
      errno: -2,
    });
    const reply = await addon.openFile('/proc/self/stat', false, {});
    if (!('fd' in reply)) throw new Error('not opened');
    expect(readFileSync(reply.fd, 'latin1')).toContain(`${String(process.pid)} (`);
    closeSync(reply.fd);
  });

  it('survives being asked for many at once', async () => {
    const handles = await Promise.all(Array.from({ length: 64 }, () => open('route')));
    const replies = await Promise.all(handles.map((handle) => addon.dump(handle, 'LinkOp', link)));
    expect(new Set(replies.map(({ error }) => error))).toEqual(new Set([0]));
    await Promise.all(handles.map((handle) => addon.close(handle)));
  });
});
