import { expect, it } from 'vitest';
import type { IpvsOperation } from '../../src/ipvs/types.js';
import { openKernel } from '../../src/kernel/open.js';
import { describeKernel } from '../support/backends.js';
import { loadIpvs, unloadIpvs } from '../support/ipvs-module.js';
import { makeNetns } from '../support/netns.js';
import { rejection } from '../support/rejection.js';

const WEB = 'tcp://10.96.0.10:80';

async function all<T>(items: AsyncIterable<T>): Promise<T[]> {
  const found: T[] = [];
  for await (const item of items) found.push(item);
  return found;
}

describeKernel(['ipvs'], 'a kernel whose ground moves', () => {
  it('goes on when the module is loaded again: the table is empty, and handles say so', async (context) => {
    await using netns = await makeNetns('reload');
    await using kernel = await openKernel({ netns: netns.path });
    const { ipvs } = kernel;
    const { server } = await ipvs.ensure({ url: WEB, realServers: ['10.244.1.7:80'] });
    await ipvs.flush();
    const refused = await unloadIpvs();
    if (refused !== undefined) {
      console.warn(`skipped: reloading ip_vs: ${refused}`);
      context.skip();
    }
    loadIpvs();
    expect(await rejection(server.refresh())).toMatchObject({ name: 'NotFoundError', code: 'ESRCH' });
    expect(await ipvs.list()).toEqual([]);
    expect((await ipvs.loads()).length).toBe(0);
    expect((await ipvs.ensure({ url: WEB, realServers: ['10.244.1.7:80'] })).changed).toBe('added');
    expect((await ipvs.loads()).length).toBe(1);
  });

  it('keeps a namespace that was deleted for as long as it is open, and reads no more files of it', async () => {
    const netns = await makeNetns('gone');
    await using kernel = await openKernel({ netns: netns.path });
    const { ipvs, sysctl } = kernel;
    await ipvs.add(WEB);
    await netns.remove();
    // The sockets are in there still.
    expect((await ipvs.list()).map((server) => server.url)).toEqual([WEB]);
    await ipvs.flush();
    expect(await ipvs.list()).toEqual([]);
    const gone = { name: 'NotFoundError', target: `network namespace ${netns.path}` };
    expect(await rejection(all(ipvs.connections()))).toMatchObject(gone);
    expect(await rejection(sysctl.get('net.ipv4.ip_forward'))).toMatchObject(gone);
    expect(await rejection(openKernel({ netns: netns.path }))).toMatchObject({ name: 'NotFoundError' });
  });

  it('refuses everything once it is closed, handles included', async () => {
    await using netns = await makeNetns('closed');
    const kernel = await openKernel({ netns: netns.path });
    const { ipvs } = kernel;
    const { server } = await ipvs.ensure({ url: WEB, realServers: ['10.244.1.7:80'] });
    await kernel.close();
    await kernel.close();
    const calls: readonly (() => Promise<unknown>)[] = [
      () => ipvs.list(),
      () => ipvs.loads(),
      () => ipvs.batch([{ op: 'remove', virtualServer: WEB }]),
      () => ipvs.sync([], { owner: {} }),
      () => all(ipvs.connections()),
      () => all(ipvs.watch()),
      () => all(ipvs.drain(WEB)),
      () => server.refresh(),
      () => server.set({ scheduler: 'rr' }),
      () => server.realServers[0]?.set({ weight: 0 }) ?? Promise.resolve(),
    ];
    for (const call of calls) {
      expect(await rejection(call())).toMatchObject({ name: 'ClosedError', code: 'ERR_CLOSED' });
    }
  });

  it('says of each of many operations whether it took effect', async () => {
    await using netns = await makeNetns('many');
    await using kernel = await openKernel({ netns: netns.path });
    const { ipvs } = kernel;
    const operations = Array.from({ length: 60 }, (_, i): IpvsOperation[] => {
      const virtualServer = `fwmark://${String(i + 1)}`;
      return [
        { op: 'add', virtualServer, attributes: { scheduler: i % 50 === 30 ? 'nosuchsched' : 'rr' } },
        ...Array.from({ length: 49 }, (_, j): IpvsOperation => ({
          op: 'addReal',
          virtualServer,
          realServer: { address: `10.1.0.${String(i % 10 === 3 && j === 48 ? 47 : j + 1)}`, port: 80 },
        })),
      ];
    }).flat();
    const result = await ipvs.batch(operations);
    expect(result).toMatchObject({ done: 3000 - 50 - 6, failed: 56 });
    const loads = await ipvs.loads();
    // The virtual servers that were added, and the real servers: all that is said to be done, and no more.
    expect(loads.length + (await ipvs.list({ realServers: false })).length).toBe(result.done);
    for (const [i, { status, error }] of result.items.entries()) {
      if (status !== 'done') expect(error?.position).toBe(i);
    }
  });
});
