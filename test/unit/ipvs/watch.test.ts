import { describe, expect, it } from 'vitest';
import { IpvsService } from '../../../src/native/records.js';
import type { Channel } from '../../../src/netlink/types.js';
import { fakeIpvsChannel } from '../../../src/ipvs/fake.js';
import { createIpvs } from '../../../src/ipvs/ipvs.js';
import type { Ipvs, IpvsEvent, WatchOptions } from '../../../src/ipvs/types.js';
import { rejection } from '../../support/rejection.js';

const WEB = 'tcp://10.0.0.1:80';
const REAL = `${WEB} -> 10.1.0.1:80`;
const QUICK = { interval: { min: 1, max: 4 } } as const;

function opened() {
  const channel = fakeIpvsChannel();
  return { channel, ipvs: createIpvs(() => Promise.resolve(channel)) };
}

const words = (event: IpvsEvent): string =>
  event.type === 'ready'
    ? 'ready'
    : event.type === 'changed'
      ? `changed ${event.target} ${event.fields.join(',')}`
      : `${event.type} ${event.target}`;

/** Runs a step whenever `count` more events have come, and gives all events in words. */
async function watching(
  ipvs: Ipvs,
  options: WatchOptions,
  steps: readonly (readonly [count: number, step: () => Promise<unknown>])[],
): Promise<string[]> {
  const seen: string[] = [];
  const left = [...steps];
  const iterator = ipvs.watch({ ...QUICK, ...options })[Symbol.asyncIterator]();
  // The first look is taken before the first step.
  let next = iterator.next();
  await new Promise((resolve) => setTimeout(resolve, 10));
  for (const [count, step] of left) {
    await step();
    for (let i = 0; i < count; i++) {
      const result = await next;
      if (result.done !== true) seen.push(words(result.value));
      next = iterator.next();
    }
  }
  next.catch(() => undefined);
  void iterator.return?.(undefined);
  return seen;
}

describe('a watch', () => {
  it('says what comes, changes and goes, real servers within their virtual server', async () => {
    const { ipvs } = opened();
    await ipvs.add('udp://10.0.0.9:53');
    const events = await watching(ipvs, {}, [
      [2, () => ipvs.ensure({ url: WEB, realServers: ['10.1.0.1:80'] })],
      [1, () => ipvs.set(WEB, { scheduler: 'sh', schedulerFlags: { port: true } })],
      [1, async () => (await ipvs.get(WEB))?.realServers[0]?.set({ weight: 9, upperThreshold: 5 })],
      [2, () => ipvs.remove(WEB)],
    ]);
    expect(events).toEqual([
      `added ${WEB}`,
      `added ${REAL}`,
      `changed ${WEB} scheduler,schedulerFlags`,
      `changed ${REAL} weight,upperThreshold`,
      `removed ${REAL}`,
      `removed ${WEB}`,
    ]);
  });

  it('begins with what is there, where asked to', async () => {
    const { ipvs } = opened();
    await ipvs.ensure({ url: WEB, realServers: ['10.1.0.1:80'] });
    const seen: string[] = [];
    for await (const event of ipvs.watch({ initial: true, ...QUICK })) {
      seen.push(words(event));
      if (event.type === 'ready') break;
    }
    expect(seen).toEqual([`added ${WEB}`, `added ${REAL}`, 'ready']);
  });

  it('has handles: of now, and of before', async () => {
    const { ipvs } = opened();
    const { server } = await ipvs.ensure({ url: WEB, realServers: ['10.1.0.1:80'] });
    const events = ipvs.watch(QUICK)[Symbol.asyncIterator]();
    const next = events.next();
    await new Promise((resolve) => setTimeout(resolve, 10));
    await server.realServers[0]?.set({ weight: 7 });
    const event = (await next).value as IpvsEvent;
    if (event.type !== 'changed' || event.kind !== 'realServer') throw new Error(words(event));
    expect([event.before.weight, event.server.weight]).toEqual([1, 7]);
    await event.server.set({ weight: event.before.weight });
    expect((await server.refresh()).realServers[0]?.weight).toBe(1);
    await events.return?.(undefined);
  });

  it('takes counters and connections for changes only where asked to', async () => {
    const { channel, ipvs } = opened();
    await ipvs.ensure({ url: WEB, realServers: ['10.1.0.1:80'] });
    const traffic = async (): Promise<void> => {
      channel.setConnections(WEB, '10.1.0.1:80', { activeConnections: 3 });
      channel.setCounters(WEB, undefined, { packetsIn: 8 });
      await Promise.resolve();
    };
    const settings = (): Promise<unknown> => ipvs.set(WEB, { scheduler: 'rr' });
    expect(
      await watching(ipvs, {}, [
        [0, traffic],
        [1, settings],
      ]),
    ).toEqual([`changed ${WEB} scheduler`]);
    channel.setConnections(WEB, '10.1.0.1:80', { activeConnections: 0 });
    channel.setCounters(WEB, undefined, { packetsIn: 9 });
    expect(await watching(ipvs, { stats: true }, [[2, traffic]])).toEqual([
      `changed ${WEB} stats`,
      `changed ${REAL} activeConnections`,
    ]);
  });

  it('sees only what its filter leaves, and no real servers where none are asked for', async () => {
    const { ipvs } = opened();
    const events = await watching(ipvs, { filter: { protocol: 'tcp' }, realServers: false }, [
      [0, () => ipvs.add('udp://10.0.0.1:80')],
      [1, () => ipvs.ensure({ url: WEB, realServers: ['10.1.0.1:80'] })],
      [1, () => ipvs.remove(WEB)],
    ]);
    expect(events).toEqual([`added ${WEB}`, `removed ${WEB}`]);
  });

  it('brings changes together for a slow consumer and looks no more often than it takes', async () => {
    const { channel, ipvs } = opened();
    await ipvs.add(WEB);
    const events = ipvs.watch({ interval: 1 })[Symbol.asyncIterator]();
    const first = events.next();
    await new Promise((resolve) => setTimeout(resolve, 10));
    await ipvs.set(WEB, { scheduler: 'rr' });
    await first;
    const dumps = channel.counters().dumps;
    for (let i = 0; i < 20; i++) {
      await ipvs.set(WEB, { scheduler: i % 2 === 0 ? 'wrr' : 'sh', persistence: { timeout: 1 + i } });
      await new Promise((resolve) => setTimeout(resolve, 2));
    }
    // 20 sets dump the real servers once each; nobody waits for events.
    expect(channel.counters().dumps - dumps).toBe(20);
    const event = (await events.next()).value as IpvsEvent;
    expect(words(event)).toBe(`changed ${WEB} scheduler,persistence`);
    expect(event).toMatchObject({
      before: { scheduler: 'rr' },
      server: { scheduler: 'sh', persistence: { timeout: 20 } },
    });
    await events.return?.(undefined);
  });

  it('does not report what was only missed', async () => {
    const fake = fakeIpvsChannel();
    let missing = false;
    const channel: Channel = {
      subsystem: 'ipvs',
      run: (request, options) => fake.run(request, options),
      dump: async (request, options) => {
        const reply = await fake.dump(request, options);
        const services = reply.IpvsService ?? new Uint8Array(0);
        // Every other dump has no first virtual server.
        missing = !missing;
        if (!missing || services.length === 0) return reply;
        return { ...reply, IpvsService: services.slice(IpvsService.size), IpvsDest: new Uint8Array(0) };
      },
      counters: () => fake.counters(),
      close: () => fake.close(),
    };
    const ipvs = createIpvs(() => Promise.resolve(channel));
    for (let i = 1; i <= 3; i++) await ipvs.add({ fwmark: i });
    const abort = new AbortController();
    setTimeout(() => abort.abort(new Error('long enough')), 60);
    const seen: string[] = [];
    const run = async (): Promise<void> => {
      for await (const event of ipvs.watch({ ...QUICK, signal: abort.signal })) seen.push(words(event));
    };
    expect(await rejection(run())).toMatchObject({ message: 'long enough' });
    expect(seen.filter((line) => line.startsWith('removed'))).toEqual([]);
  });

  it('ends with the reason of its signal, and with the error of a look', async () => {
    const { channel, ipvs } = opened();
    const all = async (options: WatchOptions): Promise<void> => {
      for await (const event of ipvs.watch(options)) words(event);
    };
    const abort = new AbortController();
    setTimeout(() => abort.abort(new Error('enough')), 10);
    expect(await rejection(all({ signal: abort.signal, interval: 60_000 }))).toMatchObject({
      message: 'enough',
    });
    setTimeout(() => (channel.machine = { ...channel.machine, capable: false }), 10);
    expect(await rejection(all(QUICK))).toMatchObject({ name: 'PermissionError' });
  });

  it.each<[unknown, string]>([
    [7, 'options'],
    [{ intervall: 1 }, 'options.intervall'],
    [{ interval: -1 }, 'options.interval'],
    [{ stats: 1 }, 'options.stats'],
    [{ filter: { port: -1 } }, 'options.filter.port'],
    [{ initial: 'yes' }, 'options.initial'],
  ])('refuses %j at %s at once', (options, path) => {
    expect(() => opened().ipvs.watch(options as never)).toThrow(
      expect.objectContaining({ name: 'ValidationError', path }) as Error,
    );
  });
});
