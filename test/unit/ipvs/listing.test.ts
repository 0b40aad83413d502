import { describe, expect, it } from 'vitest';
import { IpvsDest, IpvsService } from '../../../src/native/records.js';
import type { Channel, Reply } from '../../../src/netlink/types.js';
import { fakeIpvsChannel } from '../../../src/ipvs/fake.js';
import { createIpvs } from '../../../src/ipvs/ipvs.js';
import type { IpvsOperation, OneOrMany, VirtualServerFilter } from '../../../src/ipvs/types.js';
import { rejection } from '../../support/rejection.js';

/** A fake whose dumps pass through `change`, which sees how many there were before. */
function unsteady(change: (reply: Reply, dump: number) => Reply) {
  const fake = fakeIpvsChannel();
  let dumps = 0;
  const channel: Channel = {
    subsystem: 'ipvs',
    run: (request, options) => fake.run(request, options),
    dump: async (request, options) => change(await fake.dump(request, options), dumps++),
    counters: () => fake.counters(),
    close: () => fake.close(),
  };
  return { ipvs: createIpvs(() => Promise.resolve(channel)), dumps: () => dumps };
}

const without = (bytes: Uint8Array | undefined, index: number, size: number): Uint8Array =>
  bytes === undefined
    ? new Uint8Array(0)
    : Uint8Array.from([...bytes.subarray(0, index * size), ...bytes.subarray((index + 1) * size)]);

const missingService = (reply: Reply): Reply => ({
  ...reply,
  IpvsService: without(reply.IpvsService, 1, IpvsService.size),
  // Of the destinations, those of the second service; what is behind it moves up.
  IpvsDest: new Uint8Array(0),
});

const missingDestination = (reply: Reply): Reply => ({
  ...reply,
  IpvsDest: without(reply.IpvsDest, 1, IpvsDest.size),
});

const URLS = ['tcp://10.0.0.1:80', 'tcp://10.0.0.2:80', 'tcp://10.0.0.3:80'];
const FILL = URLS.flatMap((virtualServer): IpvsOperation[] => [
  { op: 'add', virtualServer },
  { op: 'addReal', virtualServer, realServer: '10.1.0.1:80' },
  { op: 'addReal', virtualServer, realServer: '10.1.0.2:80' },
]);

describe('a listing', () => {
  it('is read again when virtual servers were missed', async () => {
    const { ipvs, dumps } = unsteady((reply, dump) => (dump === 0 ? missingService(reply) : reply));
    await ipvs.batch(FILL);
    const servers = await ipvs.list();
    expect(servers.map((server) => [server.url, server.realServers.length])).toEqual(
      URLS.map((url) => [url, 2]),
    );
    // Short, not the same, read again, the same.
    expect(dumps()).toBe(4);
  });

  it('that keeps moving is given as last read, unless it has to be consistent', async () => {
    const moving = () => unsteady((reply, dump) => (dump % 2 === 0 ? missingService(reply) : reply));
    const loose = moving();
    await loose.ipvs.batch(FILL);
    expect(await loose.ipvs.list()).toHaveLength(2);
    const strict = moving();
    await strict.ipvs.batch(FILL);
    expect(await rejection(strict.ipvs.list({ consistent: true }))).toMatchObject({
      name: 'BusyError',
      operation: 'ipvs.list',
    });
  });

  it('that has to be consistent misses no real server', async () => {
    const { ipvs, dumps } = unsteady((reply, dump) => (dump === 0 ? missingDestination(reply) : reply));
    await ipvs.batch(FILL);
    const servers = await ipvs.list({ consistent: true });
    expect(servers.map((server) => server.realServers.length)).toEqual([2, 2, 2]);
    expect(dumps()).toBe(3);
  });

  it('of few virtual servers without real servers is one dump', async () => {
    const { ipvs, dumps } = unsteady((reply) => reply);
    await ipvs.batch(FILL);
    await ipvs.list({ realServers: false });
    expect(dumps()).toBe(1);
  });
});

async function varied() {
  const channel = fakeIpvsChannel();
  const ipvs = createIpvs(() => Promise.resolve(channel));
  const urls = [
    'tcp://10.0.0.1:80',
    'tcp://10.1.0.1:443',
    'udp://10.0.0.1:53',
    'sctp://10.9.0.1:9',
    'tcp://[2001:db8::1]:80',
    'udp://[2001:db9::1]:53',
    'fwmark://7',
    'fwmark6://7',
    'fwmark://70',
  ];
  for (const url of urls) await ipvs.add(url);
  await (await ipvs.get('udp://10.0.0.1:53'))?.add('10.1.0.1:53');
  return { channel, ipvs, urls };
}

describe('a filter', () => {
  it.each<[OneOrMany<VirtualServerFilter>, readonly number[]]>([
    [{}, [0, 1, 2, 3, 4, 5, 6, 7, 8]],
    [{ protocol: 'tcp' }, [0, 1, 4]],
    [{ protocol: ['udp', 'sctp'] }, [2, 3, 5]],
    [{ family: 'inet6' }, [4, 5, 7]],
    [{ family: 'inet', protocol: 'tcp' }, [0, 1]],
    [{ address: '10.0.0.1' }, [0, 2]],
    [{ address: '10.0.0.0/8' }, [0, 1, 2, 3]],
    [{ address: ['10.1.0.0/16', '2001:db8::/32'] }, [1, 4]],
    [{ address: '::/0' }, [4, 5]],
    [{ port: 80 }, [0, 4]],
    [{ port: [53, { from: 400, to: 500 }] }, [1, 2, 5]],
    [{ fwmark: 7 }, [6, 7]],
    [{ fwmark: { from: 1, to: 100 }, family: 'inet' }, [6, 8]],
    [{ fwmark: 7, protocol: 'tcp' }, []],
    [{ where: ({ url }) => url.includes('9') }, [3, 5]],
    [{ protocol: 'tcp', where: ({ port }) => port === 443 }, [1]],
    [
      [{ port: 9 }, { fwmark: 70 }],
      [3, 8],
    ],
    [[], []],
  ])('%j leaves what fits', async (filter, indexes) => {
    const { ipvs, urls } = await varied();
    const listed = await ipvs.list({ filter });
    expect(listed.map((server) => server.url)).toEqual(indexes.map((i) => urls[i]));
    expect(await ipvs.list({ filter, consistent: true })).toEqual(listed);
  });

  it('keeps the real servers, and does not read those of the others', async () => {
    const { channel, ipvs } = await varied();
    const before = channel.counters().dumps;
    const [dns] = await ipvs.list({ filter: { port: 53, family: 'inet' } });
    expect(dns?.realServers.map((real) => real.address)).toEqual(['10.1.0.1']);
    // The virtual servers twice, and the real servers of one.
    expect(channel.counters().dumps - before).toBe(3);
  });

  it('that fits many virtual servers reads them in one go', async () => {
    const channel = fakeIpvsChannel();
    const ipvs = createIpvs(() => Promise.resolve(channel));
    await ipvs.batch(
      Array.from({ length: 100 }, (_, i): IpvsOperation[] => [
        { op: 'add', virtualServer: { fwmark: i + 1 } },
        { op: 'addReal', virtualServer: { fwmark: i + 1 }, realServer: '10.1.0.1' },
      ]).flat(),
    );
    const listed = await ipvs.list({ filter: { fwmark: { from: 11, to: 90 } } });
    expect(listed).toHaveLength(80);
    expect(listed.every((server) => server.realServers.length === 1)).toBe(true);
  });

  it.each<[unknown, string]>([
    [7, 'options.filter'],
    [null, 'options.filter'],
    [{ adress: '10.0.0.1' }, 'options.filter.adress'],
    [{ protocol: 'icmp' }, 'options.filter.protocol'],
    [{ family: 4 }, 'options.filter.family'],
    [{ address: '10.0.0.0/33' }, 'options.filter.address'],
    [{ address: ['10.0.0.1', 'web'] }, 'options.filter.address[1]'],
    [{ address: [] }, 'options.filter.address'],
    [{ port: 65536 }, 'options.filter.port'],
    [{ port: { from: 9, to: 8 } }, 'options.filter.port.to'],
    [{ port: NaN }, 'options.filter.port'],
    [{ fwmark: 0 }, 'options.filter.fwmark'],
    [{ fwmark: { from: 1 } }, 'options.filter.fwmark.to'],
    [{ where: 'x' }, 'options.filter.where'],
    [[{}, { port: -1 }], 'options.filter[1].port'],
  ])('%j is refused at %s', async (filter, path) => {
    const { ipvs } = await varied();
    expect(await rejection(ipvs.list({ filter: filter as never }))).toMatchObject({
      name: 'ValidationError',
      path,
    });
  });
});
