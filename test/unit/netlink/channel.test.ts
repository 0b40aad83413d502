import { describe, expect, it } from 'vitest';
import { ClosedError } from '../../../src/errors.js';
import type { Addon, NativeHandle, NativeReply } from '../../../src/native/addon.js';
import { Failure, LinkOp, SetEntry, SetHeader } from '../../../src/native/records.js';
import { openChannel } from '../../../src/netlink/channel.js';
import type { Channel } from '../../../src/netlink/types.js';
import { rejection } from '../../support/rejection.js';

const HANDLE = { __nativeHandle: undefined } as unknown as NativeHandle;

const empty: NativeReply = {
  settled: 0,
  overrun: false,
  error: 0,
  interrupted: false,
  failures: new Uint8Array(0),
  heap: new Uint8Array(0),
};

interface Call {
  readonly what: 'run' | 'dump' | 'close';
  readonly records?: Uint8Array;
  readonly options?: unknown;
}

/** An addon that answers as it is told and remembers what it was asked. */
function fakeAddon(answer: (records: Uint8Array, call: number) => NativeReply): {
  readonly addon: Addon;
  readonly calls: Call[];
} {
  const calls: Call[] = [];
  const nothing = (): never => {
    throw new Error('not called here');
  };
  let busy = false;
  const exclusive = async <T>(value: () => T): Promise<T> => {
    if (busy) throw new Error('two calls at once');
    busy = true;
    await new Promise((resolve) => setImmediate(resolve));
    busy = false;
    return value();
  };
  const addon: Addon = {
    open: () => Promise.resolve({ handle: HANDLE, receiveBuffer: 1, sendBuffer: 1 }),
    openFile: nothing,
    close: () => exclusive(() => void calls.push({ what: 'close' })),
    run: (_handle, _shape, records, _heap, options) => {
      calls.push({ what: 'run', records, options });
      return exclusive(() => answer(records, calls.length - 1));
    },
    dump: (_handle, _shape, records) => {
      calls.push({ what: 'dump', records });
      return exclusive(() => answer(records, calls.length - 1));
    },
    load: nothing,
    parse: nothing,
    counters: nothing,
    encode: nothing,
    decode: nothing,
    layouts: nothing,
    versions: nothing,
  };
  return { addon, calls };
}

/** Every record settled, none refused. */
const settled =
  (size: number) =>
  (records: Uint8Array): NativeReply => ({ ...empty, settled: records.length / size });

async function open(
  answer: Parameters<typeof fakeAddon>[0],
): Promise<{ readonly channel: Channel; readonly calls: Call[] }> {
  const { addon, calls } = fakeAddon(answer);
  return { channel: await openChannel('ipset', {}, addon), calls };
}

const entries = (count: number): Uint8Array => new Uint8Array(count * SetEntry.size);

function failure(index: number, code: number, messageOffset = 0): Uint8Array {
  const bytes = new Uint8Array(Failure.size);
  const view = new DataView(bytes.buffer);
  view.setUint32(Failure.index, index, true);
  view.setInt32(Failure.code, code, true);
  view.setUint32(Failure.messageOffset, messageOffset, true);
  return bytes;
}

function field(table: Uint8Array | undefined, size: number, at: number): number[] {
  const view = new DataView(table!.buffer, table!.byteOffset, table!.byteLength);
  return Array.from({ length: table!.length / size }, (_, i) => view.getUint32(i * size + at, true));
}

describe('a channel', () => {
  it('passes a short run on as it is', async () => {
    const { channel, calls } = await open(settled(SetEntry.size));
    const records = entries(3);
    const head = new Uint8Array(168);
    expect(await channel.run({ shape: 'SetEntry', records, head })).toEqual({ ...empty, settled: 3 });
    expect(calls).toEqual([{ what: 'run', records, options: { stopOnError: false, head } }]);
    expect(calls[0]!.records).toBe(records);
  });

  it('passes an empty run on, so that its tables come back', async () => {
    const { channel, calls } = await open(() => ({ ...empty, SetHeader: new Uint8Array(0) }));
    expect(await channel.run({ shape: 'SetCommand', records: new Uint8Array(0) })).toHaveProperty(
      'SetHeader',
    );
    expect(calls).toHaveLength(1);
  });

  it('cuts a long run into pieces and adds up the answers', async () => {
    const pieces: number[] = [];
    const { channel } = await open((records) => {
      const count = records.length / SetEntry.size;
      pieces.push(count);
      const text = Buffer.from(`#${String(pieces.length)}`);
      return { ...empty, settled: count, failures: failure(1, -17), heap: new Uint8Array(text) };
    });
    const reply = await channel.run({ shape: 'SetEntry', records: entries(40_000) });
    expect(pieces).toEqual([16_384, 16_384, 7232]);
    expect(reply.settled).toBe(40_000);
    expect(field(reply.failures, Failure.size, Failure.index)).toEqual([1, 16_385, 32_769]);
    expect(field(reply.failures, Failure.size, Failure.messageOffset)).toEqual([0, 2, 4]);
    expect(Buffer.from(reply.heap).toString()).toBe('#1#2#3');
  });

  it('keeps the indexes of answers when it cuts', async () => {
    const { channel } = await open((records) => ({
      ...empty,
      settled: records.length / 168,
      SetHeader: new Uint8Array(SetHeader.size),
    }));
    const reply = await channel.run({ shape: 'SetCommand', records: new Uint8Array(168 * 5000) });
    expect(field(reply.SetHeader, SetHeader.size, SetHeader.op)).toEqual([0, 4096]);
  });

  it.each([
    ['stopped', { settled: 100 }],
    ['overrun', { settled: 100, overrun: true }],
    ['failed', { settled: 0, error: -12 }],
  ])('sends no further piece when one was %s', async (_what, outcome) => {
    const { channel, calls } = await open((records, call) =>
      call === 1 ? { ...empty, ...outcome } : { ...empty, settled: records.length / SetEntry.size },
    );
    const reply = await channel.run({ shape: 'SetEntry', records: entries(60_000), stopOnError: true });
    expect(calls).toHaveLength(2);
    expect(reply).toMatchObject({ ...outcome, settled: 16_384 + outcome.settled });
  });

  it('keeps one call in flight, in the order of the calls', async () => {
    const { channel, calls } = await open(settled(LinkOp.size));
    const record = new Uint8Array(LinkOp.size);
    await Promise.all([
      channel.run({ shape: 'LinkOp', records: record }),
      channel.dump({ shape: 'LinkOp', record }),
      channel.run({ shape: 'LinkOp', records: record }),
    ]);
    expect(calls.map(({ what }) => what)).toEqual(['run', 'dump', 'run']);
  });

  it('sends nothing for a call that was cancelled before', async () => {
    const { channel, calls } = await open(settled(SetEntry.size));
    const reason = new Error('stop');
    const cancelled = channel.run(
      { shape: 'SetEntry', records: entries(1) },
      { signal: AbortSignal.abort(reason) },
    );
    expect(await rejection(cancelled)).toBe(reason);
    expect(calls).toEqual([]);
  });

  it('stops between pieces when it is cancelled', async () => {
    const controller = new AbortController();
    const { channel, calls } = await open((records, call) => {
      if (call === 1) controller.abort(new Error('stop'));
      return { ...empty, settled: records.length / SetEntry.size };
    });
    const cancelled = channel.run(
      { shape: 'SetEntry', records: entries(100_000) },
      { signal: controller.signal },
    );
    expect(await rejection(cancelled)).toMatchObject({ message: 'stop' });
    expect(calls).toHaveLength(2);
    expect(await channel.run({ shape: 'SetEntry', records: entries(1) })).toMatchObject({ settled: 1 });
  });

  it('rejects a listing that is cancelled while it runs', async () => {
    const controller = new AbortController();
    const { channel } = await open(() => {
      controller.abort();
      return empty;
    });
    const listing = channel.dump(
      { shape: 'SetCommand', record: new Uint8Array(168) },
      { signal: controller.signal },
    );
    expect(await rejection(listing)).toBe(controller.signal.reason);
  });

  it('closes once, after the calls that came before', async () => {
    const { channel, calls } = await open(settled(SetEntry.size));
    const run = channel.run({ shape: 'SetEntry', records: entries(1) });
    await Promise.all([channel.close(), channel.close()]);
    expect(await run).toMatchObject({ settled: 1 });
    expect(calls.map(({ what }) => what)).toEqual(['run', 'close']);
    const err = await rejection(channel.dump({ shape: 'SetCommand', record: new Uint8Array(168) }));
    expect(err).toBeInstanceOf(ClosedError);
    expect(err).toMatchObject({ message: 'the ipset channel is closed' });
  });
});
