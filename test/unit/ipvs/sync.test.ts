import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { fakeIpvsChannel } from '../../../src/ipvs/fake.js';
import { createIpvs } from '../../../src/ipvs/ipvs.js';
import type { Ipvs, SyncResult, VirtualServerSpec } from '../../../src/ipvs/types.js';
import { rejection } from '../../support/rejection.js';

const MINE = { address: '10.96.0.0/12' } as const;
const WEB = 'tcp://10.96.0.10:80';
const DNS = 'udp://10.96.0.53:53';
const OTHER = 'tcp://192.0.2.1:80';

function opened() {
  const channel = fakeIpvsChannel();
  return { channel, ipvs: createIpvs(() => Promise.resolve(channel)) };
}

const lines = (result: SyncResult): string[] =>
  result.changes.map(({ operation, target, status }) => `${operation.op} ${target} ${status}`);

describe('sync', () => {
  it('adds, changes in place and removes, and touches nothing outside of its scope', async () => {
    const { channel, ipvs } = opened();
    await ipvs.ensure({ url: OTHER, realServers: ['10.1.0.1:80'] });
    await ipvs.ensure({ url: 'fwmark://9' });
    await ipvs.ensure({ url: DNS, realServers: ['10.1.0.1:53'] });
    await ipvs.ensure({
      url: WEB,
      scheduler: 'rr',
      realServers: ['10.1.0.1:80', '10.1.0.2:80', '10.1.0.3:80'],
    });
    channel.setConnections(WEB, '10.1.0.2:80', { activeConnections: 5 });
    const result = await ipvs.sync(
      [
        {
          url: WEB,
          scheduler: 'wrr',
          realServers: ['10.1.0.1:80', { address: '10.1.0.2', weight: 4 }, '10.1.0.4:80'],
        },
        { url: 'tcp://10.96.0.11:80' },
      ],
      { owner: MINE },
    );
    expect(lines(result)).toEqual([
      `set ${WEB} done`,
      `addReal ${WEB} -> 10.1.0.4:80 done`,
      `setReal ${WEB} -> 10.1.0.2:80 done`,
      `removeReal ${WEB} -> 10.1.0.3:80 done`,
      'add tcp://10.96.0.11:80 done',
      `remove ${DNS} done`,
    ]);
    expect(result).toMatchObject({ ok: true, done: 6, failed: 0, unchanged: 1 });
    expect(result.changes[0]?.before).toMatchObject({ scheduler: 'rr' });
    expect(result.changes[2]).toMatchObject({
      before: { weight: 1 },
      operation: { realServer: { address: '10.1.0.2', port: 80, weight: 4, forwarding: 'masq' } },
    });
    const urls = (await ipvs.list()).map((server) => server.url);
    expect(urls).toEqual([WEB, 'tcp://10.96.0.11:80', OTHER, 'fwmark://9']);
    // Changed in place: its connections are still there.
    expect((await ipvs.get(WEB))?.realServers[1]).toMatchObject({ weight: 4, activeConnections: 5 });
    expect((await ipvs.get(OTHER))?.realServers).toHaveLength(1);
  });

  it('says what it would do', async () => {
    const { channel, ipvs } = opened();
    await ipvs.ensure({ url: DNS });
    const before = channel.save();
    const dry = await ipvs.sync([{ url: WEB, realServers: ['10.1.0.1:80'] }], { owner: MINE, dryRun: true });
    expect(channel.save()).toBe(before);
    expect(lines(dry)).toEqual([
      `add ${WEB} planned`,
      `addReal ${WEB} -> 10.1.0.1:80 planned`,
      `remove ${DNS} planned`,
    ]);
    expect((await ipvs.batch(dry.changes.map(({ operation }) => operation))).ok).toBe(true);
    expect((await ipvs.sync([{ url: WEB, realServers: ['10.1.0.1:80'] }], { owner: MINE })).changes).toEqual(
      [],
    );
  });

  it('leaves real servers alone that a spec does not speak of', async () => {
    const { ipvs } = opened();
    await ipvs.ensure({ url: WEB, realServers: ['10.1.0.1:80', '10.1.0.2:80'] });
    expect(await ipvs.sync([{ url: WEB }], { owner: MINE })).toMatchObject({ changes: [], unchanged: 3 });
    expect(await ipvs.sync([{ url: WEB, realServers: [] }], { owner: MINE })).toMatchObject({ done: 2 });
  });

  it('has an outcome for each object when some are refused', async () => {
    const { ipvs } = opened();
    const desired: VirtualServerSpec[] = [
      { url: WEB, scheduler: 'nosuchsched', realServers: ['10.1.0.1:80'] },
      { url: 'tcp://10.96.0.11:80', realServers: ['10.1.0.1:80'] },
    ];
    const result = await ipvs.sync(desired, { owner: MINE });
    expect(result).toMatchObject({ ok: false, done: 2, failed: 2 });
    expect(lines(result).map((line) => line.split(' ').at(-1))).toEqual(['failed', 'failed', 'done', 'done']);
    expect(result.changes[0]?.error).toMatchObject({ name: 'UnsupportedError' });
    const stopped = await opened().ipvs.sync(desired, { owner: MINE, onError: 'stop' });
    expect(stopped.changes.map(({ status }) => status)).toEqual(['failed', 'skipped', 'skipped', 'skipped']);
  });

  it('may own several ranges, marks, everything', async () => {
    const { ipvs } = opened();
    await ipvs.ensure({ url: OTHER });
    await ipvs.ensure({ url: 'fwmark://9' });
    await ipvs.ensure({ url: 'fwmark://200' });
    await ipvs.sync([{ url: WEB }], { owner: [MINE, { fwmark: { from: 1, to: 99 } }] });
    expect((await ipvs.list()).map((server) => server.url)).toEqual([WEB, OTHER, 'fwmark://200']);
    await ipvs.sync([], { owner: { where: ({ port }) => port === 80 } });
    expect((await ipvs.list()).map((server) => server.url)).toEqual(['fwmark://200']);
    await ipvs.sync([], { owner: {} });
    expect(await ipvs.list()).toEqual([]);
  });

  it.each<[string, (ipvs: Ipvs) => Promise<unknown>]>([
    ['options.owner', (ipvs) => ipvs.sync([], {} as never)],
    ['options.owner.adress', (ipvs) => ipvs.sync([], { owner: { adress: '10.0.0.1' } as never })],
    ['options.dryRun', (ipvs) => ipvs.sync([], { owner: {}, dryRun: 1 as never })],
    ['options.onError', (ipvs) => ipvs.sync([], { owner: {}, onError: 'abort' as never })],
    ['options', (ipvs) => ipvs.sync([], 7 as never)],
    ['desired', (ipvs) => ipvs.sync(7 as never, { owner: {} })],
    ['desired[0]', (ipvs) => ipvs.sync([7 as never], { owner: {} })],
    ['desired[1].url', (ipvs) => ipvs.sync([{ url: WEB }, { url: 'tcp://10.96.0.10' }], { owner: {} })],
    [
      'desired[1].url',
      (ipvs) => ipvs.sync([{ url: WEB }, { url: 'TCP://10.96.0.10:80' as never }], { owner: {} }),
    ],
    ['desired[1].url', (ipvs) => ipvs.sync([{ url: WEB }, { url: OTHER }], { owner: MINE })],
    [
      'desired[0].realServers[1].weight',
      (ipvs) =>
        ipvs.sync([{ url: WEB, realServers: ['10.1.0.1', { address: '10.1.0.2', weight: -1 }] }], {
          owner: {},
        }),
    ],
    [
      'desired[0].realServers[1]',
      (ipvs) => ipvs.sync([{ url: WEB, realServers: ['10.1.0.1', '10.1.0.1:80'] }], { owner: {} }),
    ],
  ])('refuses bad input at %s before anything is sent', async (path, call) => {
    const { channel, ipvs } = opened();
    await ipvs.add('tcp://10.96.0.99:80');
    const before = channel.counters();
    expect(await rejection(call(ipvs))).toMatchObject({ name: 'ValidationError', path });
    expect(channel.counters()).toEqual(before);
  });

  it('comes from any table to any other in one go, and then has nothing to do', async () => {
    const real = fc.record({
      address: fc.constantFrom('10.1.0.1', '10.1.0.2', '10.1.0.3', '10.1.0.4'),
      port: fc.constantFrom(80, 8080),
      weight: fc.integer({ min: 0, max: 3 }),
      forwarding: fc.constantFrom('masq' as const, 'dr' as const, 'tunnel' as const),
      upperThreshold: fc.constantFrom(0, 10),
    });
    const server = fc.record(
      {
        url: fc.constantFrom<VirtualServerSpec['url']>(WEB, DNS, 'fwmark://7', 'tcp://[2001:db8::1]:80'),
        scheduler: fc.constantFrom('rr', 'wlc', 'sh'),
        persistence: fc.constantFrom(false as const, { timeout: 60 }),
        realServers: fc.uniqueArray(real, {
          maxLength: 4,
          selector: ({ address, port }) => `${address}:${String(port)}`,
        }),
      },
      { requiredKeys: ['url', 'realServers'] },
    );
    const family = (spec: VirtualServerSpec): VirtualServerSpec =>
      spec.url.includes('[') ? { ...spec, realServers: [] } : spec;
    const state = fc
      .uniqueArray(server, { maxLength: 4, selector: ({ url }) => url })
      .map((specs) => specs.map(family));
    await fc.assert(
      fc.asyncProperty(state, state, async (from, to) => {
        const { channel, ipvs } = opened();
        const { channel: fresh, ipvs: other } = opened();
        expect((await ipvs.sync(from, { owner: {} })).ok).toBe(true);
        expect((await ipvs.sync(to, { owner: {} })).ok).toBe(true);
        expect((await ipvs.sync(to, { owner: {} })).changes).toEqual([]);
        expect((await other.sync(to, { owner: {} })).ok).toBe(true);
        expect(channel.save()).toBe(fresh.save());
      }),
      { numRuns: 100 },
    );
  });
});
