import { describe, expect, it } from 'vitest';
import { fakeIpvsChannel } from '../../../src/ipvs/fake.js';
import { createIpvs } from '../../../src/ipvs/ipvs.js';
import type { DrainOptions, DrainProgress } from '../../../src/ipvs/types.js';
import { rejection } from '../../support/rejection.js';

const WEB = 'tcp://10.0.0.1:80';
const ONE = '10.1.0.1:80';
const QUICK = { interval: { min: 1, max: 4 } } as const;

async function balanced() {
  const channel = fakeIpvsChannel();
  const ipvs = createIpvs(() => Promise.resolve(channel));
  const { server } = await ipvs.ensure({
    url: WEB,
    realServers: [
      { address: '10.1.0.1', weight: 5, upperThreshold: 100, lowerThreshold: 10 },
      { address: '10.1.0.2', weight: 7 },
    ],
  });
  channel.setConnections(WEB, ONE, {
    activeConnections: 2,
    inactiveConnections: 1,
    persistentConnections: 4,
  });
  const weights = async () => {
    const again = await server.refresh();
    return Object.fromEntries(again.realServers.map((real) => [real.address, real.weight]));
  };
  return { channel, ipvs, server, weights };
}

const phases = (progress: DrainProgress): string[] => progress.realServers.map(({ phase }) => phase);

describe('a drain', () => {
  it('takes the weight, waits until the connections are gone, and says how far it is', async () => {
    const { channel, ipvs, weights } = await balanced();
    const seen: DrainProgress[] = [];
    for await (const progress of ipvs.drain(WEB, { realServers: [ONE], ...QUICK })) {
      if (seen.length === 0) {
        expect(await weights()).toEqual({ '10.1.0.1': 0, '10.1.0.2': 7 });
        channel.setConnections(WEB, ONE, { activeConnections: 0 });
      } else {
        channel.setConnections(WEB, ONE, { inactiveConnections: 0 });
      }
      seen.push(progress);
    }
    expect(seen[0]).toMatchObject({
      done: false,
      drained: false,
      connections: 3,
      realServers: [
        {
          virtualServer: WEB,
          address: '10.1.0.1',
          port: 80,
          phase: 'draining',
          weightBefore: 5,
          activeConnections: 2,
          inactiveConnections: 1,
          persistentConnections: 4,
        },
      ],
    });
    expect(seen[1]).toMatchObject({ done: false, connections: 1 });
    expect(seen.at(-1)).toMatchObject({ done: true, drained: true, connections: 0 });
    expect(phases(seen.at(-1)!)).toEqual(['drained']);
    expect(seen.filter(({ done }) => done)).toHaveLength(1);
    expect(await weights()).toEqual({ '10.1.0.1': 0, '10.1.0.2': 7 });
  });

  it('keeps every other attribute', async () => {
    const { ipvs, server } = await balanced();
    await ipvs.drain(WEB, { ...QUICK, waitFor: 'active', deadline: 0 });
    expect((await server.refresh()).realServers[0]).toMatchObject({
      weight: 0,
      upperThreshold: 100,
      lowerThreshold: 10,
      forwarding: 'masq',
    });
  });

  it('removes each real server when it is done, where asked to', async () => {
    const { channel, server } = await balanced();
    const steps: string[][] = [];
    for await (const progress of server.drain({ remove: true, ...QUICK })) {
      steps.push(phases(progress));
      if (progress.done) break;
      channel.setConnections(WEB, ONE, { activeConnections: 0, inactiveConnections: 0 });
    }
    expect(steps[0]).toEqual(['draining', 'removed']);
    expect(steps.at(-1)).toEqual(['removed', 'removed']);
    expect((await server.refresh()).realServers).toEqual([]);
  });

  it.each<[NonNullable<DrainOptions['waitFor']>, number]>([
    ['active', 2],
    ['connections', 3],
    ['templates', 7],
  ])('waits for %s', async (waitFor, connections) => {
    const { ipvs } = await balanced();
    const result = await ipvs.drain(WEB, { waitFor, deadline: 0, realServers: [ONE], ...QUICK });
    // What was waited for is over; the numbers of the server are still there.
    expect(result).toMatchObject({ done: true, drained: false, connections: 0 });
    const [server] = result.realServers;
    const { activeConnections = 0, inactiveConnections = 0, persistentConnections = 0 } = server ?? {};
    const counted = {
      active: activeConnections,
      connections: activeConnections + inactiveConnections,
      templates: activeConnections + inactiveConnections + persistentConnections,
    };
    expect(counted[waitFor]).toBe(connections);
  });

  it('is over at its deadline, and keeps, removes or restores what is not done', async () => {
    const keep = await balanced();
    expect(await keep.ipvs.drain(WEB, { deadline: 5, ...QUICK })).toMatchObject({
      done: true,
      drained: false,
    });
    expect(await keep.weights()).toEqual({ '10.1.0.1': 0, '10.1.0.2': 0 });

    const remove = await balanced();
    const removed = await remove.ipvs.drain(WEB, { deadline: 5, onDeadline: 'remove', ...QUICK });
    expect(phases(removed)).toEqual(['expired', 'drained']);
    expect(await remove.weights()).toEqual({ '10.1.0.2': 0 });

    const restore = await balanced();
    await restore.ipvs.drain(WEB, { deadline: 5, onDeadline: 'restore', ...QUICK });
    expect(await restore.weights()).toEqual({ '10.1.0.1': 5, '10.1.0.2': 0 });
  });

  it('goes on where an earlier one stopped', async () => {
    const { channel, ipvs, weights } = await balanced();
    await ipvs.drain(WEB, { deadline: 0, realServers: [ONE], ...QUICK });
    const again = ipvs.drain(WEB, { realServers: [ONE], remove: true, ...QUICK });
    for await (const progress of again) {
      expect(progress.realServers[0]?.weightBefore).toBe(0);
      if (progress.done) break;
      channel.setConnections(WEB, ONE, { activeConnections: 0, inactiveConnections: 0 });
    }
    expect(await weights()).toEqual({ '10.1.0.2': 7 });
  });

  it('writes nothing when the weight is 0 already', async () => {
    const { channel, ipvs } = await balanced();
    await ipvs.drain(WEB, { deadline: 0, ...QUICK });
    const before = channel.counters();
    await ipvs.drain(WEB, { deadline: 0, ...QUICK });
    const after = channel.counters();
    // Two looks, each a dump of one message.
    expect(after.dumps - before.dumps).toBe(2);
    expect(after.messages - before.messages).toBe(2);
  });

  it('leaves the weight at 0 when it is aborted, unless told to restore it', async () => {
    for (const onAbort of ['keep', 'restore'] as const) {
      const { ipvs, weights } = await balanced();
      const abort = new AbortController();
      const draining = ipvs.drain(WEB, { signal: abort.signal, onAbort, interval: 60_000 });
      setTimeout(() => abort.abort(new Error('enough')), 20);
      expect(await rejection(Promise.resolve(draining))).toMatchObject({ message: 'enough' });
      expect(await weights()).toEqual({ '10.1.0.1': onAbort === 'keep' ? 0 : 5, '10.1.0.2': 0 });
    }
  });

  it('restores the weight also when the iteration is left', async () => {
    const { ipvs, weights } = await balanced();
    for await (const progress of ipvs.drain(WEB, { onAbort: 'restore', ...QUICK })) {
      expect(progress.done).toBe(false);
      break;
    }
    expect(await weights()).toEqual({ '10.1.0.1': 5, '10.1.0.2': 0 });
  });

  it('does not fight with somebody who gives the weight back or removes the server', async () => {
    const { ipvs, server } = await balanced();
    const steps: string[][] = [];
    for await (const progress of ipvs.drain(WEB, { realServers: [ONE], ...QUICK })) {
      steps.push(phases(progress));
      await server.realServers[0]?.set({ weight: 9 });
    }
    expect(steps.at(-1)).toEqual(['overridden']);
    for await (const progress of ipvs.drain(WEB, { realServers: [ONE], ...QUICK })) {
      steps.push(phases(progress));
      await server.realServers[0]?.remove({ ifExists: true });
    }
    expect(steps.at(-1)).toEqual(['gone']);
  });

  it('does nothing before it is awaited', async () => {
    const { ipvs, weights } = await balanced();
    const draining = ipvs.drain(WEB, { deadline: 0, ...QUICK });
    expect(await weights()).toEqual({ '10.1.0.1': 5, '10.1.0.2': 7 });
    await draining;
    expect(await weights()).toEqual({ '10.1.0.1': 0, '10.1.0.2': 0 });
  });

  it('needs what it is to drain', async () => {
    const { ipvs } = await balanced();
    expect(await rejection(Promise.resolve(ipvs.drain('tcp://10.0.0.9:80')))).toMatchObject({
      name: 'NotFoundError',
      code: 'ESRCH',
      operation: 'ipvs.drain',
    });
    expect(await rejection(Promise.resolve(ipvs.drain(WEB, { realServers: ['10.1.0.9:80'] })))).toMatchObject(
      {
        name: 'NotFoundError',
        code: 'ENOENT',
        target: `${WEB} -> 10.1.0.9:80`,
      },
    );
    await ipvs.add('udp://10.0.0.1:53');
    expect(await ipvs.drain('udp://10.0.0.1:53')).toMatchObject({
      done: true,
      drained: true,
      realServers: [],
    });
  });

  it.each<[unknown, string]>([
    [7, 'options'],
    [{ deadlin: 1 }, 'options.deadlin'],
    [{ deadline: -1 }, 'options.deadline'],
    [{ deadline: NaN }, 'options.deadline'],
    [{ waitFor: 'all' }, 'options.waitFor'],
    [{ remove: 1 }, 'options.remove'],
    [{ onDeadline: 'abort' }, 'options.onDeadline'],
    [{ onAbort: 'remove' }, 'options.onAbort'],
    [{ interval: 0 }, 'options.interval'],
    [{ interval: { min: 5, max: 4 } }, 'options.interval.max'],
    [{ interval: { minimum: 5 } }, 'options.interval.minimum'],
    [{ realServers: ONE }, 'options.realServers'],
    [{ realServers: [ONE, 'x'] }, 'options.realServers[1]'],
    [{ signal: {} }, 'options.signal'],
  ])('refuses %j at %s at once', async (options, path) => {
    const { ipvs, weights } = await balanced();
    expect(() => ipvs.drain(WEB, options as never)).toThrow(expect.objectContaining({ path }) as Error);
    expect(await weights()).toEqual({ '10.1.0.1': 5, '10.1.0.2': 7 });
  });
});
