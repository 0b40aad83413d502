import { beforeEach, describe, expect, it } from 'vitest';
import { createIpvs } from '../../../src/ipvs/ipvs.js';
import { fakeIpvsChannel } from '../../../src/ipvs/fake.js';
import type { IpvsOperation } from '../../../src/ipvs/types.js';
import { IpvsDest } from '../../../src/native/records.js';
import type { Channel, Reply } from '../../../src/netlink/types.js';
import { rejection } from '../../support/rejection.js';

const WEB = 'tcp://10.0.0.1:80';
const ONE = '10.1.0.1:80';

const fake = () => fakeIpvsChannel();

/** Calls that find the table otherwise than they left it, because others write to it in between. */
describe('while others write', () => {
  let channel: ReturnType<typeof fake>;
  /** Called after each answer of the kernel, with the commands of the requests: others get their turn. */
  let meanwhile: (kind: 'run' | 'dump') => Promise<void>;
  /** What a dump of destinations leaves out, by the index of the record: others deleted something before it. */
  let skipped: number | undefined;

  const others = () => createIpvs(() => Promise.resolve(channel));

  const ours = () => {
    const raced: Channel = {
      subsystem: 'ipvs',
      run: async (request, options) => {
        const reply = await channel.run(request, options);
        await meanwhile('run');
        return reply;
      },
      dump: async (request, options) => {
        const reply = await channel.dump(request, options);
        await meanwhile('dump');
        return skipped === undefined ? reply : without(reply, skipped);
      },
      counters: () => channel.counters(),
      close: () => channel.close(),
    };
    return createIpvs(() => Promise.resolve(raced));
  };

  function without(reply: Reply, index: number): Reply {
    skipped = undefined;
    const bytes = reply.IpvsDest ?? new Uint8Array(0);
    const kept = [bytes.subarray(0, index * IpvsDest.size), bytes.subarray((index + 1) * IpvsDest.size)];
    return { ...reply, IpvsDest: Buffer.concat(kept) };
  }

  beforeEach(() => {
    channel = fake();
    skipped = undefined;
    meanwhile = () => Promise.resolve();
  });

  const once = (kind: 'run' | 'dump', job: () => Promise<unknown>) => {
    meanwhile = async (of) => {
      if (of !== kind) return;
      meanwhile = () => Promise.resolve();
      await job();
    };
  };

  const items = async (operation: IpvsOperation) => (await ours().batch([operation])).items;

  it('a patch of a virtual server that comes after it was looked for does not reset it', async () => {
    once('run', () => others().add(WEB, { scheduler: 'sh', persistence: { timeout: 60 } }));
    expect(await items({ op: 'set', virtualServer: WEB, attributes: { scheduler: 'rr' } })).toMatchObject([
      { status: 'failed', error: { name: 'NotFoundError', target: WEB, position: 0 } },
    ]);
    expect(await others().get(WEB)).toMatchObject({ scheduler: 'sh', persistence: { timeout: 60 } });
  });

  it('a patch of a real server that comes after it was looked for does not reset it', async () => {
    const web = await others().add(WEB);
    const realServer = { address: '10.1.0.1', port: 80, weight: 7, upperThreshold: 100 };
    once('dump', () => web.add(realServer));
    const patch = { address: '10.1.0.1', port: 80, weight: 3 };
    expect(await items({ op: 'setReal', virtualServer: WEB, realServer: patch })).toMatchObject([
      { status: 'done' },
    ]);
    expect((await others().get(WEB))?.realServers).toMatchObject([{ weight: 3, upperThreshold: 100 }]);
  });

  it('a patch of a real server that a listing skipped keeps what it leaves out', async () => {
    await others().ensure({
      url: WEB,
      realServers: [{ address: '10.1.0.1', port: 80, weight: 7, upperThreshold: 100 }],
    });
    skipped = 0;
    const patch = { address: '10.1.0.1', port: 80, weight: 3 };
    expect(await items({ op: 'setReal', virtualServer: WEB, realServer: patch })).toMatchObject([
      { status: 'done' },
    ]);
    expect((await others().get(WEB))?.realServers).toMatchObject([{ weight: 3, upperThreshold: 100 }]);
  });

  it('a patch of a real server among many virtual servers keeps what it leaves out, too', async () => {
    const urls = Array.from({ length: 40 }, (_, i) => `tcp://10.0.1.${String(i)}:80` as const);
    for (const url of urls) {
      await others().ensure({ url, realServers: [{ address: '10.1.0.1', weight: 7, upperThreshold: 100 }] });
    }
    skipped = 5;
    const { ok } = await ours().batch(
      urls.map((virtualServer) => ({
        op: 'setReal',
        virtualServer,
        realServer: { address: '10.1.0.1', weight: 3 },
      })),
    );
    expect(ok).toBe(true);
    for (const { realServers } of await others().list()) {
      expect(realServers).toMatchObject([{ weight: 3, upperThreshold: 100 }]);
    }
  });

  it('a real server that a listing skipped can be changed', async () => {
    await others().ensure({ url: WEB, realServers: [ONE] });
    const web = await ours().get(WEB);
    skipped = 0;
    expect(await web?.realServers[0]?.set({ weight: 5 })).toMatchObject({ weight: 5 });
  });

  it('a drain does not take a real server that a listing skipped for gone', async () => {
    await others().ensure({ url: WEB, realServers: [ONE, '10.1.0.2:80'] });
    channel.setConnections(WEB, ONE, { activeConnections: 1 });
    const drain = ours().drain(WEB, { remove: true, interval: 1, deadline: 20, onDeadline: 'remove' });
    for await (const progress of drain) {
      if (progress.realServers.some(({ phase }) => phase === 'draining')) skipped = 0;
    }
    expect(await others().get(WEB)).toMatchObject({ realServers: [] });
  });

  it('a patch of what is not there says what is missing', async () => {
    await others().add('tcp://10.0.0.2:80');
    const { items: failed } = await ours().batch([
      { op: 'setReal', virtualServer: WEB, realServer: { address: '10.1.0.1', weight: 2 } },
      { op: 'setReal', virtualServer: 'tcp://10.0.0.2:80', realServer: { address: '10.1.0.1', weight: 2 } },
    ]);
    expect(failed).toMatchObject([
      { status: 'failed', error: { name: 'NotFoundError', code: 'ESRCH' } },
      { status: 'failed', error: { name: 'NotFoundError', code: 'ENOENT' } },
    ]);
    const web = await others().add(WEB);
    const gone = await web.add(ONE);
    await gone.remove();
    expect(await rejection(gone.set({ weight: 2 }))).toMatchObject({ name: 'NotFoundError', code: 'ENOENT' });
  });
});
