import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { createIpvs } from '../../../src/ipvs/ipvs.js';
import { type FakeIpvsOptions, fakeIpvsChannel } from '../../../src/ipvs/fake.js';
import type { IpvsOperation } from '../../../src/ipvs/types.js';
import { Failure } from '../../../src/native/records.js';
import type { Channel, Reply } from '../../../src/netlink/types.js';
import { rejection } from '../../support/rejection.js';

const A = 'tcp://10.0.0.1:80';
const B = 'tcp://10.0.0.2:80';

const opened = (options?: FakeIpvsOptions) => {
  const channel = fakeIpvsChannel(options);
  return { channel, ipvs: createIpvs(() => Promise.resolve(channel)) };
};

/** A channel that answers the runs with prepared replies. */
function answering(...replies: readonly Partial<Reply>[]): Channel {
  const fake = fakeIpvsChannel();
  const queue = [...replies];
  return Object.assign(Object.create(fake) as Channel, {
    run: (): Promise<Reply> =>
      Promise.resolve({
        settled: 0,
        overrun: false,
        error: 0,
        interrupted: false,
        failures: new Uint8Array(0),
        heap: new Uint8Array(0),
        ...queue.shift(),
      }),
  });
}

function failure(index: number, errno: number): Uint8Array {
  const bytes = new Uint8Array(Failure.size);
  new Uint32Array(bytes.buffer)[0] = index;
  new Int32Array(bytes.buffer)[1] = errno;
  return bytes;
}

describe('a batch', () => {
  it('ends as its last operation says, also when that is what was there before', async () => {
    const channel = fakeIpvsChannel();
    const ipvs = createIpvs(() => Promise.resolve(channel));
    const url = 'tcp://10.0.0.1:80';
    const whole = { weight: 1, forwarding: 'masq', upperThreshold: 0, lowerThreshold: 0 } as const;
    await ipvs.ensure({ url, realServers: ['10.1.0.1:80', '10.1.0.2:80'] });
    const setReal = (address: string, attributes: object) =>
      ({ op: 'setReal', virtualServer: url, realServer: { address, ...attributes } }) as const;
    const { ok } = await ipvs.batch([
      setReal('10.1.0.2', { weight: 3 }),
      setReal('10.1.0.1', { ...whole, weight: 9 }),
      setReal('10.1.0.1', whole),
    ]);
    expect(ok).toBe(true);
    expect((await ipvs.get(url))?.realServers.map(({ weight }) => weight)).toEqual([1, 3]);
  });

  it('of nothing sends nothing', async () => {
    const { channel, ipvs } = opened();
    expect(await ipvs.batch([])).toEqual({ ok: true, done: 0, failed: 0, items: [] });
    expect(channel.counters().messages).toBe(0);
  });

  it('takes any iterable, in order', async () => {
    const { channel, ipvs } = opened();
    function* operations(): Generator<IpvsOperation> {
      yield { op: 'add', virtualServer: A, attributes: { scheduler: 'rr' } };
      yield { op: 'addReal', virtualServer: A, realServer: '10.1.0.1:8080' };
      yield { op: 'setReal', virtualServer: A, realServer: { address: '10.1.0.1', port: 8080, weight: 5 } };
      yield { op: 'set', virtualServer: A, attributes: { persistence: { timeout: 60 } } };
      yield { op: 'addReal', virtualServer: A, realServer: '10.1.0.2:8080' };
      yield { op: 'removeReal', virtualServer: A, realServer: '10.1.0.2:8080' };
    }
    const result = await ipvs.batch(operations());
    expect(result).toMatchObject({ ok: true, done: 6, failed: 0 });
    expect(result.items.map((item) => item.operation)).toEqual([...operations()]);
    expect(channel.save()).toBe(
      ['-A -t 10.0.0.1:80 -s rr -p 60', '-a -t 10.0.0.1:80 -r 10.1.0.1:8080 -m -w 5', ''].join('\n'),
    );
  });

  it('goes on after a failure, and says which operation failed and why', async () => {
    const { channel, ipvs } = opened();
    await ipvs.add(A);
    const result = await ipvs.batch([
      { op: 'add', virtualServer: A },
      { op: 'add', virtualServer: B },
      { op: 'removeReal', virtualServer: B, realServer: '10.1.0.1' },
    ]);
    expect(result).toMatchObject({ ok: false, done: 1, failed: 2 });
    expect(result.items.map((item) => item.status)).toEqual(['failed', 'done', 'failed']);
    expect(result.items[0]?.error).toMatchObject({ code: 'EEXIST', position: 0, target: A });
    expect(result.items[2]?.error).toMatchObject({ code: 'ENOENT', position: 2 });
    expect(channel.save()).toContain('10.0.0.2:80');
  });

  it('stops at the first failure when asked to', async () => {
    const { channel, ipvs } = opened();
    await ipvs.add(A);
    const result = await ipvs.batch(
      [
        { op: 'add', virtualServer: B },
        { op: 'add', virtualServer: A },
        { op: 'add', virtualServer: 'tcp://10.0.0.3:80' },
        { op: 'remove', virtualServer: B },
      ],
      { onError: 'stop' },
    );
    expect(result.items.map((item) => item.status)).toEqual(['done', 'failed', 'skipped', 'skipped']);
    expect(result).toMatchObject({ ok: false, done: 1, failed: 1 });
    expect(channel.save()).not.toContain('10.0.0.3');
  });

  it('names the root cause for what depends on a failed add', async () => {
    const { ipvs } = opened({ schedulers: ['wlc'] });
    const result = await ipvs.batch([
      { op: 'add', virtualServer: A, attributes: { scheduler: 'mh' } },
      { op: 'addReal', virtualServer: A, realServer: '10.1.0.1:80' },
      { op: 'set', virtualServer: A, attributes: { scheduler: 'wlc' } },
      { op: 'remove', virtualServer: A },
      { op: 'removeReal', virtualServer: B, realServer: '10.1.0.1:80' },
      { op: 'add', virtualServer: A },
      { op: 'remove', virtualServer: A },
      { op: 'remove', virtualServer: A },
    ]);
    const errors = result.items.map((item) => item.error);
    expect(errors[0]).toMatchObject({ name: 'UnsupportedError', code: 'ENOENT', hint: 'modprobe ip_vs_mh' });
    for (const i of [1, 2, 3]) {
      expect(errors[i]).toMatchObject({
        name: 'UnsupportedError',
        code: 'ENOENT',
        hint: 'modprobe ip_vs_mh',
        position: i,
      });
      expect(errors[i]?.message).toContain('the virtual server could not be added');
      expect(errors[i]?.cause).toBe(errors[0]);
    }
    expect(errors[1]).toMatchObject({ operation: 'ipvs.addReal', target: `${A} -> 10.1.0.1:80` });
    // Not this batch's doing, or no longer.
    expect(errors[4]).toMatchObject({ name: 'NotFoundError', code: 'ESRCH' });
    expect(result.items.slice(5, 7).map((item) => item.status)).toEqual(['done', 'done']);
    expect(errors[7]).toMatchObject({ name: 'NotFoundError', code: 'ESRCH' });
  });

  it('does not blame an add that failed because the server was there', async () => {
    const { ipvs } = opened();
    await ipvs.add(A);
    const result = await ipvs.batch([
      { op: 'add', virtualServer: A },
      { op: 'remove', virtualServer: A },
      { op: 'remove', virtualServer: A },
    ]);
    expect(result.items[2]?.error).toMatchObject({ code: 'ESRCH', name: 'NotFoundError' });
  });

  it('says what is not known when the kernel dropped answers', async () => {
    const channel = answering({ settled: 1, overrun: true });
    const ipvs = createIpvs(() => Promise.resolve(channel));
    const result = await ipvs.batch([
      { op: 'remove', virtualServer: A },
      { op: 'remove', virtualServer: B },
    ]);
    expect(result.items.map((item) => item.status)).toEqual(['done', 'unknown']);
    expect(result.items[1]?.error).toMatchObject({ name: 'OutcomeUnknownError', target: B });
    expect(result).toMatchObject({ ok: false, done: 1, failed: 0 });
  });

  it('tells a refusal from a lost answer when an exchange broke', async () => {
    const channel = answering({ settled: 1, error: -105, failures: failure(0, -3) });
    const ipvs = createIpvs(() => Promise.resolve(channel));
    const result = await ipvs.batch([
      { op: 'remove', virtualServer: A },
      { op: 'remove', virtualServer: B },
    ]);
    expect(result.items.map((item) => item.status)).toEqual(['failed', 'unknown']);
  });

  it('reads nothing when every set is complete', async () => {
    const { channel, ipvs } = opened();
    const web = await ipvs.add(A);
    await web.add('10.1.0.1:80');
    const before = channel.counters();
    const result = await ipvs.batch([
      {
        op: 'set',
        virtualServer: A,
        attributes: { scheduler: 'rr', schedulerFlags: {}, persistence: false, onePacket: false },
      },
      {
        op: 'setReal',
        virtualServer: A,
        realServer: {
          address: '10.1.0.1',
          port: 80,
          weight: 7,
          forwarding: 'dr',
          upperThreshold: 0,
          lowerThreshold: 0,
        },
      },
    ]);
    expect(result.ok).toBe(true);
    const after = channel.counters();
    expect(after.messages - before.messages).toBe(2);
    expect(after.sends - before.sends).toBe(1);
    expect(after.dumps).toBe(before.dumps);
  });

  it('keeps what an incomplete set leaves out, and does not write what would change nothing', async () => {
    const { channel, ipvs } = opened();
    await ipvs.ensure({
      url: A,
      scheduler: 'rr',
      persistence: { timeout: 60 },
      realServers: [{ address: '10.1.0.1', weight: 3, upperThreshold: 10 }, '10.1.0.2'],
    });
    const before = channel.counters().messages;
    const result = await ipvs.batch([
      { op: 'set', virtualServer: A, attributes: { scheduler: 'rr' } },
      { op: 'setReal', virtualServer: A, realServer: { address: '10.1.0.1', weight: 0 } },
      { op: 'setReal', virtualServer: A, realServer: { address: '10.1.0.2', weight: 1 } },
    ]);
    expect(result).toMatchObject({ ok: true, done: 3 });
    // One get, one dump, and the one write that changes something.
    expect(channel.counters().messages - before).toBe(3);
    const server = await ipvs.get(A);
    expect(server).toMatchObject({ scheduler: 'rr', persistence: { timeout: 60 } });
    expect(server?.realServers).toMatchObject([{ weight: 0, upperThreshold: 10 }, { weight: 1 }]);
  });

  it('leaves no write out on the strength of an earlier operation, which may be refused', async () => {
    const { channel, ipvs } = opened();
    const web = await ipvs.add(A);
    await web.add('10.1.0.1:80');
    let faults = 1;
    channel.faults = ({ command }) => (command === 6 && faults-- > 0 ? 12 : undefined);
    const drain = {
      op: 'setReal',
      virtualServer: A,
      realServer: { address: '10.1.0.1', weight: 0 },
    } as const;
    const result = await ipvs.batch([drain, drain]);
    expect(result.items.map((item) => item.status)).toEqual(['failed', 'done']);
    expect((await web.refresh()).realServers).toMatchObject([{ weight: 0 }]);
  });

  it('follows what its earlier operations do', async () => {
    const { channel, ipvs } = opened();
    const result = await ipvs.batch([
      { op: 'add', virtualServer: A, attributes: { scheduler: 'sh', persistence: { timeout: 60 } } },
      { op: 'set', virtualServer: A, attributes: { schedulerFlags: { port: true } } },
      { op: 'addReal', virtualServer: A, realServer: { address: '10.1.0.1', weight: 9, forwarding: 'dr' } },
      { op: 'setReal', virtualServer: A, realServer: { address: '10.1.0.1', weight: 2 } },
      { op: 'remove', virtualServer: A },
      { op: 'set', virtualServer: A, attributes: { schedulerFlags: { port: true } } },
      { op: 'add', virtualServer: A },
      { op: 'setReal', virtualServer: A, realServer: { address: '10.1.0.1', weight: 2 } },
      { op: 'set', virtualServer: A, attributes: { onePacket: false } },
    ]);
    expect(result.items.map((item) => item.error?.code ?? item.status)).toEqual([
      'done',
      'done',
      'done',
      'done',
      'done',
      'ESRCH',
      'done',
      'ENOENT',
      'done',
    ]);
    expect(channel.save()).toBe('-A -t 10.0.0.1:80 -s wlc\n');
  });

  it('lets the kernel say that something is not there, whatever the patch', async () => {
    const { ipvs } = opened();
    await ipvs.add(A);
    const result = await ipvs.batch([
      { op: 'set', virtualServer: B, attributes: { schedulerFlags: { fallback: true } } },
      { op: 'setReal', virtualServer: A, realServer: { address: '10.1.0.1', tunnel: { type: 'gre' } } },
      { op: 'setReal', virtualServer: A, realServer: { address: '2001:db8::7', port: 80, weight: 1 } },
      { op: 'setReal', virtualServer: A, realServer: { address: '10.1.0.1', lowerThreshold: 5 } },
    ]);
    expect(result.items.map((item) => item.error?.code)).toEqual(['ESRCH', 'ENOENT', 'ENOENT', 'ENOENT']);
  });

  it('fails the operation whose patch does not fit what the kernel has', async () => {
    const { ipvs } = opened();
    const web = await ipvs.add(A, { scheduler: 'rr' });
    await web.add({ address: '10.1.0.1', upperThreshold: 5 });
    const operations: readonly IpvsOperation[] = [
      { op: 'addReal', virtualServer: A, realServer: '10.1.0.2' },
      { op: 'setReal', virtualServer: A, realServer: { address: '10.1.0.1', lowerThreshold: 6 } },
      { op: 'set', virtualServer: A, attributes: { schedulerFlags: { port: true } } },
      { op: 'addReal', virtualServer: A, realServer: '10.1.0.3' },
    ];
    const all = await ipvs.batch(operations);
    expect(all.items.map((item) => item.status)).toEqual(['done', 'failed', 'failed', 'done']);
    expect(all.items[1]?.error).toMatchObject({
      name: 'InvalidArgumentError',
      operation: 'ipvs.setReal',
      target: `${A} -> 10.1.0.1:80`,
      position: 1,
      cause: { path: 'realServer.lowerThreshold' },
    });
    expect(all.items[2]?.error).toMatchObject({ cause: { path: 'attributes.schedulerFlags.port' } });
    await ipvs.batch([
      { op: 'removeReal', virtualServer: A, realServer: '10.1.0.2' },
      { op: 'removeReal', virtualServer: A, realServer: '10.1.0.3' },
    ]);
    const some = await ipvs.batch(operations, { onError: 'stop' });
    expect(some.items.map((item) => item.status)).toEqual(['done', 'failed', 'skipped', 'skipped']);
    expect((await web.refresh()).realServers).toHaveLength(2);
  });

  it('reads everything at once when it needs the real servers of many', async () => {
    const { channel, ipvs } = opened();
    const urls = Array.from({ length: 40 }, (_, i) => `tcp://10.0.1.${String(i)}:80`);
    await ipvs.batch(
      urls.flatMap((virtualServer): IpvsOperation[] => [
        { op: 'add', virtualServer },
        { op: 'addReal', virtualServer, realServer: { address: '10.1.0.1', weight: 4, upperThreshold: 8 } },
      ]),
    );
    const result = await ipvs.batch(
      urls.map((virtualServer): IpvsOperation => ({
        op: 'setReal',
        virtualServer,
        realServer: { address: '10.1.0.1', weight: 0 },
      })),
    );
    expect(result.ok).toBe(true);
    const weights = (await ipvs.list()).map((server) => server.realServers[0]);
    expect(weights.every((real) => real?.weight === 0 && real.upperThreshold === 8)).toBe(true);
    expect(channel.save()).not.toContain('-w 4');
  });

  it('is cancelled between chunks: what was sent stays', async () => {
    const { channel, ipvs } = opened();
    const controller = new AbortController();
    channel.faults = (_, index) => {
      if (index === 100) controller.abort(new Error('enough'));
      return undefined;
    };
    const operations = Array.from({ length: 20_000 }, (_, i): IpvsOperation => ({
      op: 'add',
      virtualServer: `fwmark://${String(i + 1)}`,
    }));
    const err = await rejection(ipvs.batch(operations, { signal: controller.signal }));
    expect(err).toMatchObject({ message: 'enough' });
    const lines = channel.save().split('\n').length - 1;
    expect(lines).toBeGreaterThan(0);
    expect(lines).toBeLessThan(20_000);
  });

  it('puts one operation after the other over several runs', async () => {
    const { channel, ipvs } = opened();
    const count = 40_000;
    const operations = Array.from({ length: count }, (_, i): IpvsOperation => ({
      op: i % 2 === 0 ? 'add' : 'remove',
      virtualServer: `fwmark://${String(1 + (i >> 1))}`,
    }));
    channel.faults = (request) => (request.record[8] === 77 && request.command === 1 ? 12 : undefined);
    const result = await ipvs.batch(operations);
    // Every mark that ends in 77 (of 256): its add fails with ENOMEM, and its removal names that.
    const failed = result.items.filter((item) => item.status === 'failed');
    expect(failed.length).toBe(result.failed);
    expect(failed.every((item) => item.error?.code === 'ENOMEM')).toBe(true);
    expect(result.done + result.failed).toBe(count);
    expect(failed.map((item) => item.error?.position)).toEqual(
      operations.flatMap((_, i) => (((1 + (i >> 1)) & 0xff) === 77 ? [i] : [])),
    );
    expect(channel.save()).toBe('');
  });

  it('agrees with the same operations one at a time', async () => {
    const server = fc.constantFrom(A, B, 'fwmark://7');
    const real = fc.constantFrom('10.1.0.1:80', '10.1.0.2:80');
    const operation: fc.Arbitrary<IpvsOperation> = fc.oneof(
      fc.record({
        op: fc.constantFrom('add' as const, 'set' as const),
        virtualServer: server,
        attributes: fc.record(
          { scheduler: fc.constantFrom('rr', 'sh', 'gone'), onePacket: fc.constant(false) },
          { requiredKeys: [] },
        ),
      }),
      fc.record({ op: fc.constant('remove' as const), virtualServer: server }),
      fc.record({
        op: fc.constantFrom('addReal' as const, 'setReal' as const),
        virtualServer: server,
        realServer: fc.record(
          {
            address: fc.constantFrom('10.1.0.1', '10.1.0.2'),
            port: fc.constant(80),
            weight: fc.nat(3),
            upperThreshold: fc.nat(3),
            forwarding: fc.constantFrom('dr' as const, 'masq' as const),
          },
          { requiredKeys: ['address', 'port'] },
        ),
      }),
      fc.record({ op: fc.constant('removeReal' as const), virtualServer: server, realServer: real }),
    );
    await fc.assert(
      fc.asyncProperty(fc.array(operation, { maxLength: 12 }), async (operations) => {
        const whole = opened();
        const single = opened();
        const result = await whole.ipvs.batch(operations);
        const statuses: string[] = [];
        for (const op of operations) {
          const one = await single.ipvs.batch([op]);
          statuses.push(one.items[0]?.status ?? '');
        }
        expect(result.items.map((item) => item.status)).toEqual(statuses);
        expect(whole.channel.save()).toBe(single.channel.save());
      }),
    );
  });
});
