import { expect, it } from 'vitest';
import type { Kernel } from '../../src/kernel/types.js';
import { apply, nothing } from '../../src/plan/index.js';
import { describeOn } from '../support/backends.js';
import { planFor, state } from '../unit/plan/states.js';

const WEB = 'tcp://10.96.0.10:80';
const DNS = 'udp://10.96.0.53:53';
const full = state({
  servers: { [WEB]: ['10.244.1.2:8080', '10.244.1.3:8080'], [DNS]: ['10.244.1.2:5353'] },
  entries: ['10.96.0.10,tcp:80', '10.96.0.53,udp:53'],
  bound: ['10.96.0.10', '10.96.0.53'],
  rules: 'OURS-A',
});

const make = async (kernel: Kernel, desired: ReturnType<typeof state>): Promise<void> => {
  const report = await apply(kernel, await planFor(kernel, desired));
  expect(report.results.filter(({ status }) => status !== 'done')).toEqual([]);
};

const servers = async (kernel: Kernel): Promise<string[]> =>
  (await kernel.ipvs.list({ realServers: true })).map(({ url, scheduler, realServers }) =>
    [url, scheduler, ...realServers.map(({ address, port, weight }) => `${address}:${port}=${weight}`)].join(
      ' ',
    ),
  );

describeOn(['ipvs', 'ipset', 'link', 'rules', 'dummy'], 'plan and apply', (open) => {
  it('make the kernel as it is wanted, and then have nothing to do', async () => {
    const kernel = await open();
    await make(kernel, full);
    expect(await servers(kernel)).toEqual([
      `${WEB} rr 10.244.1.2:8080=1 10.244.1.3:8080=1`,
      `${DNS} rr 10.244.1.2:5353=1`,
    ]);
    expect((await kernel.link.addresses('ours0')).map(({ address }) => address).sort()).toEqual([
      '10.96.0.10',
      '10.96.0.53',
    ]);
    expect(await (await kernel.ipset.get('OURS-A'))?.texts()).toEqual([
      '10.96.0.10,tcp:80',
      '10.96.0.53,udp:53',
    ]);
    const again = await planFor(kernel, full);
    expect(again.toString()).toBe('');
  });

  it('write nothing when nothing differs', async () => {
    const kernel = await open();
    await make(kernel, full);
    const plan = await planFor(kernel, full);
    const before = [kernel.ipvs.counters(), kernel.ipset.counters(), kernel.link.counters()];
    await apply(kernel, plan);
    expect([kernel.ipvs.counters(), kernel.ipset.counters(), kernel.link.counters()]).toEqual(before);
  });

  it('change in place what can be changed', async () => {
    const kernel = await open();
    await make(kernel, full);
    const next = state({
      servers: { [WEB]: ['10.244.1.3:8080', '10.244.1.4:8080'] },
      attributes: { scheduler: 'wrr', persistence: { timeout: 300 } },
      entries: ['10.96.0.10,tcp:80'],
      bound: ['10.96.0.10'],
      rules: 'OURS-A',
    });
    const operations = (await planFor(kernel, next)).operations.map(({ op }) => op);
    expect(operations).not.toContain('addVirtualServer');
    await make(kernel, next);
    expect(await servers(kernel)).toEqual([`${WEB} wrr 10.244.1.3:8080=1 10.244.1.4:8080=1`]);
    expect((await planFor(kernel, next)).toString()).toBe('');
  });

  it('leave strangers alone, and nothing of their own behind', async () => {
    const kernel = await open();
    const theirs = await kernel.ipvs.add('tcp://10.96.0.10:9999', { scheduler: 'wlc' });
    await theirs.add({ address: '192.0.2.9', port: 9, weight: 7 });
    await kernel.ipvs.add('fwmark://7', { scheduler: 'rr' });
    await (await kernel.ipset.create('OURS-ELSE', 'hash:ip,port')).add('10.96.0.10,tcp:80');
    const seen = async () => [await servers(kernel), (await kernel.ipset.list()).map(({ name }) => name)];
    const before = await seen();

    await make(kernel, full);
    await make(kernel, nothing());

    expect(await seen()).toEqual(before);
    expect(await kernel.link.get('ours0')).toBeUndefined();
    expect(await kernel.rules.read('inet', [{ table: 'nat', name: 'OURS' }])).toMatchObject({
      chains: [],
      jumps: [],
    });
  });

  it('report what is wanted and belongs to somebody else, and do the rest', async () => {
    const kernel = await open();
    await kernel.ipvs.add(WEB, { scheduler: 'wlc' });
    const report = await apply(kernel, await planFor(kernel, full));
    expect(report.conflicts.map(({ object }) => object)).toEqual([`virtual server ${WEB}`]);
    expect(await servers(kernel)).toEqual([`${WEB} wlc`, `${DNS} rr 10.244.1.2:5353=1`]);
  });

  it('tell a set of the other family under our name', async () => {
    const kernel = await open();
    await kernel.ipset.create('OURS-A', 'hash:ip,port', { family: 'inet6' });
    expect((await planFor(kernel, state({ entries: [] }))).conflicts).toMatchObject([
      { object: 'set OURS-A' },
    ]);
  });

  it('report a scheduler that the kernel lacks, and record nothing as added', async () => {
    const kernel = await open();
    const desired = state({ servers: { [WEB]: ['10.244.1.2:8080'] }, attributes: { scheduler: 'nosuch' } });
    const report = await apply(kernel, await planFor(kernel, desired));
    expect(
      report.results
        .filter(({ status }) => status !== 'done')
        .map(({ operation, status }) => [operation.op, status]),
    ).toEqual([
      ['addVirtualServer', 'failed'],
      ['addRealServer', 'skipped'],
    ]);
    expect(await servers(kernel)).toEqual([]);
  });
});
