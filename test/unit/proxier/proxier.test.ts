import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { packAddresses } from '../../../src/link/codec.js';
import { RTM } from '../../../src/link/rtnetlink.js';
import { LinkOp } from '../../../src/native/records.js';
import { parseAddress } from '../../../src/net/address.js';
import { Proxier, type ProxierOptions, type SyncReport } from '../../../src/proxier/index.js';
import { formatOperation, proxyConfig } from '../../../src/proxy/index.js';
import { type FakeKernel, fakeKernel } from '../../../src/testing.js';
import { mortalKernel } from '../../support/mortal-kernel.js';
import { contentsOf } from '../plan/states.js';
import { endpoint, type Fields, NODE, service, slice } from '../proxy/objects.js';
import { objects } from './objects.js';

const config = proxyConfig({ families: ['inet'], clusterCIDR: ['10.244.0.0/16'] });
const WEB = 'tcp://10.96.1.1:80';

/** Services s0, s1, … at 10.96.1.N, each with one slice of the same name and two endpoints. */
const web = (i: number, addresses = [`10.244.1.${i}`, `10.244.2.${i}`]): Fields[] => [
  service(`s${i}`, { clusterIP: `10.96.1.${i}` }),
  slice(
    `s${i}`,
    addresses.map((address) => endpoint(address)),
    {
      metadata: { namespace: 'shop', name: `s${i}`, labels: { 'kubernetes.io/service-name': `s${i}` } },
    },
  ),
];
const many = (count: number) => objects(Array.from({ length: count }, (_, i) => web(i + 1)).flat());

let kernel: FakeKernel;
beforeEach(() => {
  kernel = fakeKernel();
});
afterEach(() => {
  vi.useRealTimers();
});

const make = (options: Partial<ProxierOptions> = {}, on = kernel): Proxier =>
  new Proxier(on, config, { node: NODE, health: false, ...options });

async function started(count: number, options: Partial<ProxierOptions> = {}): Promise<Proxier> {
  const proxier = make(options);
  const { services, slices } = many(count);
  proxier.replace(services, slices);
  const report = await proxier.sync();
  expect(report).toMatchObject({ kind: 'full' });
  expect(report.error).toBeUndefined();
  return proxier;
}

const lines = ({ operations }: SyncReport): string[] => operations.map(formatOperation);
const update = (proxier: Proxier, items: readonly Fields[]): void => {
  const { services, slices } = objects(items);
  for (const one of services) proxier.upsertService(one);
  for (const one of slices) proxier.upsertSlice(one);
};
const reals = async (url: `${'tcp' | 'udp'}://${string}`): Promise<string[]> =>
  ((await kernel.ipvs.get(url, { realServers: true }))?.realServers ?? []).map(
    ({ address, weight }) => `${address}=${weight}`,
  );

describe('a proxier', () => {
  it('programs everything once it knows everything, and nothing before', async () => {
    const proxier = make();
    expect(proxier.status).toMatchObject({ state: 'waiting' });
    await expect(proxier.sync()).rejects.toThrow('replace()');
    const { services, slices } = many(2);
    proxier.replace(services, slices);
    expect(proxier.status).toMatchObject({ pending: 2 });
    await proxier.sync();
    expect((await kernel.ipvs.list()).map(({ url }) => url)).toEqual([WEB, 'tcp://10.96.1.2:80']);
    expect(proxier.status).toMatchObject({ state: 'healthy', pending: 0, services: 2, endpointSlices: 2 });
  });

  it('issues only the operations of what changed', async () => {
    const proxier = await started(3);
    update(proxier, web(1, ['10.244.1.1', '10.244.9.9']));
    const report = await proxier.sync();
    expect(report.kind).toBe('incremental');
    expect(lines(report)).toEqual([
      `+ real server ${WEB} -> 10.244.9.9:8080 masq weight 1`,
      `~ real server ${WEB} -> 10.244.2.1:8080 masq weight 0 (was masq weight 1)`,
      `- real server ${WEB} -> 10.244.2.1:8080`,
    ]);
    expect(await reals(WEB)).toEqual(['10.244.1.1=1', '10.244.9.9=1']);
  });

  it('adds and removes a Service with all that belongs to it, in the order of a plan', async () => {
    const proxier = await started(2);
    const before = contentsOf(kernel);
    update(proxier, [
      service('new', { clusterIP: '10.96.9.9', externalIPs: ['203.0.113.9'] }),
      slice('new', [endpoint('10.244.1.77', 'node-a')]),
    ]);
    const report = await proxier.sync();
    expect(lines(report)).toEqual([
      '+ entry IPVS-OWNED 10.96.9.9,tcp:80',
      '+ entry IPVS-OWNED 203.0.113.9,tcp:80',
      '+ entry KUBE-LOOP-BACK 10.244.1.77,tcp:8080,10.244.1.77',
      '+ entry KUBE-CLUSTER-IP 10.96.9.9,tcp:80',
      '+ entry KUBE-EXTERNAL-IP 203.0.113.9,tcp:80',
      expect.stringMatching(/^~ rules inet: write /),
      '+ virtual server tcp://10.96.9.9:80 rr',
      '+ virtual server tcp://203.0.113.9:80 rr',
      '+ address 10.96.9.9 on kube-ipvs0',
      '+ address 203.0.113.9 on kube-ipvs0',
      '+ real server tcp://10.96.9.9:80 -> 10.244.1.77:8080 masq weight 1',
      '+ real server tcp://203.0.113.9:80 -> 10.244.1.77:8080 masq weight 1',
    ]);
    expect((await proxier.sync({ full: true })).operations).toEqual([]);

    proxier.removeService({ namespace: 'shop', name: 'new' });
    expect((await proxier.sync()).kind).toBe('incremental');
    expect(contentsOf(kernel)).toEqual(before);
    expect((await proxier.sync({ full: true })).operations).toEqual([]);
  });

  it('costs one change the same with few and with many other Services', async () => {
    const cost = async (count: number) => {
      kernel = fakeKernel();
      const proxier = await started(count);
      const counters = () =>
        [kernel.ipvs.counters(), kernel.ipset.counters(), kernel.link.counters()].map(
          ({ messages }) => messages,
        );
      const before = counters();
      const programs = kernel.fake.runner.calls.length;
      update(proxier, web(1, ['10.244.1.1', '10.244.9.9']));
      const report = await proxier.sync();
      return {
        examined: report.examined,
        operations: report.operations.length,
        messages: counters().map((after, i) => after - before[i]!),
        programs: kernel.fake.runner.calls.length - programs,
      };
    };
    const few = await cost(2);
    expect(few).toMatchObject({
      // The virtual server twice: before, and before the real server that goes is removed.
      examined: { services: 1, virtualServers: 2, realServers: 5 },
      operations: 3,
      programs: 0,
    });
    expect(await cost(250)).toEqual(few);
  });

  it('compares everything when it is asked to, and repairs what others changed', async () => {
    const proxier = await started(2);
    await kernel.ipvs.remove(WEB);
    expect((await proxier.sync()).operations).toEqual([]);
    const report = await proxier.sync({ full: true });
    expect(report).toMatchObject({ kind: 'full', examined: { virtualServers: 1, realServers: 2 } });
    expect(lines(report)).toContain(`+ virtual server ${WEB} rr`);
    expect(await reals(WEB)).toEqual(['10.244.1.1=1', '10.244.2.1=1']);
  });

  it('finds what an earlier process left, and has nothing to do with it', async () => {
    await started(3);
    const next = make();
    const { services, slices } = many(3);
    next.replace(services, slices);
    expect((await next.sync()).operations).toEqual([]);
    // What the other process made is this one's too.
    next.removeService({ namespace: 'shop', name: 's1' });
    await next.sync();
    expect(await kernel.ipvs.get(WEB)).toBeUndefined();
  });

  it('takes over what somebody else made when it may, without touching it', async () => {
    const theirs = await kernel.ipvs.add(WEB, { scheduler: 'rr' });
    await theirs.add('10.244.1.1:8080');
    await theirs.add('10.244.2.1:8080');
    const proxier = make();
    const { services, slices } = many(1);
    proxier.replace(services, slices);
    expect((await proxier.sync()).error).toBeUndefined();
    expect(proxier.status.conflicts).toMatchObject([{ object: `virtual server ${WEB}` }]);

    const adopting = make({ adopt: true });
    adopting.replace(services, slices);
    const report = await adopting.sync();
    expect(lines(report)).toEqual(['+ entry IPVS-OWNED 10.96.1.1,tcp:80']);
    expect(adopting.status.conflicts).toEqual([]);
  });

  it('programs all Services again when the node changes', async () => {
    let node = NODE;
    const proxier = make({ node: () => node });
    const { services, slices } = objects([
      service('np', {
        clusterIP: '10.96.1.1',
        type: 'NodePort',
        ports: [{ name: 'http', port: 80, nodePort: 30080 }],
      }),
    ]);
    proxier.replace(services, slices);
    await proxier.sync();
    node = { ...NODE, interfaces: [...NODE.interfaces, { name: 'eth1', addresses: ['198.51.100.1'] }] };
    expect(lines(await proxier.sync({ full: true }))).toContain(
      '+ virtual server tcp://198.51.100.1:30080 rr',
    );
  });

  it('cleans up after itself and leaves strangers alone', async () => {
    await kernel.ipvs.add('tcp://10.96.1.1:9999');
    await kernel.ipset.create('KUBE-ANYTHING', 'hash:ip');
    const before = contentsOf(kernel);
    const proxier = await started(2);
    expect((await proxier.cleanup()).ok).toBe(true);
    expect(contentsOf(kernel)).toEqual(before);
  });

  it('leaves the interface when it has addresses of others, and says so', async () => {
    const proxier = await started(1);
    const link = await kernel.link.get('kube-ipvs0');
    const record = packAddresses(RTM.newAddress, link?.index ?? 0, [parseAddress('192.0.2.1', 'address')]);
    record[LinkOp.prefix] = 24;
    await kernel.fake.route.run({ shape: 'LinkOp', records: record });
    const report = await proxier.cleanup();
    expect(report.conflicts).toMatchObject([
      { object: 'interface kube-ipvs0', reason: 'it has addresses that are not ours: 192.0.2.1/24' },
    ]);
    expect((await kernel.link.addresses('kube-ipvs0')).map(({ address }) => address)).toEqual(['192.0.2.1']);
  });

  it('counts what it does', async () => {
    const proxier = await started(2);
    update(proxier, web(1, ['10.244.9.9']));
    await proxier.sync();
    const lines = proxier.metrics().split('\n');
    expect(lines).toEqual(
      expect.arrayContaining([
        '# TYPE ipvs_proxier_syncs_total counter',
        'ipvs_proxier_syncs_total{kind="full",result="success"} 1',
        'ipvs_proxier_syncs_total{kind="incremental",result="success"} 1',
        'ipvs_proxier_services 2',
        'ipvs_proxier_degraded 0',
      ]),
    );
    for (const line of lines)
      expect(line).toMatch(/^(# TYPE \w+ (counter|gauge)|\w+(\{[^}]*\})? [\d.e+]+|)$/);
  });

  it('refuses times that make no sense', () => {
    expect(() => make({ syncPeriod: 0 })).toThrow('syncPeriod');
    expect(() => make({ minSyncPeriod: 40_000 })).toThrow('minSyncPeriod');
    expect(() => make({ drainTimeout: -1 })).toThrow('drainTimeout');
  });
});

describe('draining', () => {
  const busy = (address: string, count: number): void =>
    kernel.fake.ipvs.setConnections(WEB, `${address}:8080`, { activeConnections: count });

  it('keeps a TCP real server with connections at weight 0 until they end', async () => {
    const proxier = await started(1, { drainInterval: 1 });
    busy('10.244.2.1', 2);
    update(proxier, web(1, ['10.244.1.1']));
    await proxier.sync();
    expect(await reals(WEB)).toEqual(['10.244.1.1=1', '10.244.2.1=0']);
    expect(proxier.status.draining).toMatchObject([{ address: '10.244.2.1', connections: 2 }]);

    busy('10.244.2.1', 0);
    await new Promise((resolve) => setTimeout(resolve, 2));
    const report = await proxier.sync();
    expect(report).toMatchObject({ kind: 'incremental', examined: { services: 0, virtualServers: 1 } });
    expect(lines(report)).toEqual([`- real server ${WEB} -> 10.244.2.1:8080`]);
    expect(proxier.status.draining).toEqual([]);
  });

  it('keeps a connection that begins after the real server was seen without any', async () => {
    const proxier = await started(1, { drainInterval: 1 });
    const setDestination = 6; // IPVS_CMD_SET_DEST
    kernel.fake.ipvs.faults = ({ command }) => {
      if (command === setDestination) busy('10.244.2.1', 1);
      return undefined;
    };
    update(proxier, web(1, ['10.244.1.1']));
    const report = await proxier.sync();
    expect(lines(report)).toEqual([
      `~ real server ${WEB} -> 10.244.2.1:8080 masq weight 0 (was masq weight 1)`,
    ]);
    expect(report.apply).toMatchObject({ ok: true, done: 1 });
    expect(proxier.status.draining).toMatchObject([{ address: '10.244.2.1', connections: 1 }]);

    busy('10.244.2.1', 0);
    await new Promise((resolve) => setTimeout(resolve, 2));
    expect(lines(await proxier.sync())).toEqual([`- real server ${WEB} -> 10.244.2.1:8080`]);
  });

  it('is over at once without connections, also when everything is compared, and takes no second look with drainTimeout 0', async () => {
    const proxier = await started(1);
    update(proxier, web(1, ['10.244.1.1']));
    expect(lines(await proxier.sync({ full: true }))).toEqual([
      `~ real server ${WEB} -> 10.244.2.1:8080 masq weight 0 (was masq weight 1)`,
      `- real server ${WEB} -> 10.244.2.1:8080`,
    ]);
    expect(proxier.status.draining).toEqual([]);

    kernel = fakeKernel();
    const hasty = await started(1, { drainTimeout: 0 });
    update(hasty, web(1, ['10.244.1.1']));
    expect(lines(await hasty.sync())).toEqual([`- real server ${WEB} -> 10.244.2.1:8080`]);
  });

  it('ends at the deadline, whoever still talks', async () => {
    const proxier = await started(1, { drainTimeout: 20, drainInterval: 1000 });
    busy('10.244.2.1', 2);
    update(proxier, web(1, ['10.244.1.1']));
    await proxier.sync();
    expect(await reals(WEB)).toEqual(['10.244.1.1=1', '10.244.2.1=0']);
    await new Promise((resolve) => setTimeout(resolve, 25));
    await proxier.sync();
    expect(await reals(WEB)).toEqual(['10.244.1.1=1']);
  });

  it('is taken up by the next process', async () => {
    const proxier = await started(1);
    busy('10.244.2.1', 2);
    update(proxier, web(1, ['10.244.1.1']));
    await proxier.sync();

    const next = make({ drainInterval: 1 });
    const { services, slices } = objects(web(1, ['10.244.1.1']));
    next.replace(services, slices);
    expect((await next.sync()).operations).toEqual([]);
    expect(next.status.draining).toMatchObject([{ address: '10.244.2.1', weight: 0 }]);
    busy('10.244.2.1', 0);
    await new Promise((resolve) => setTimeout(resolve, 2));
    await next.sync();
    expect(await reals(WEB)).toEqual(['10.244.1.1=1']);
  });

  it('goes back to weight 1 when the endpoint does', async () => {
    const proxier = await started(1);
    busy('10.244.2.1', 2);
    update(proxier, web(1, ['10.244.1.1']));
    await proxier.sync();
    update(proxier, web(1));
    await proxier.sync();
    expect(await reals(WEB)).toEqual(['10.244.1.1=1', '10.244.2.1=1']);
    expect(proxier.status.draining).toEqual([]);
  });

  it('is not for UDP', async () => {
    const udp = { ports: [{ name: 'dns', port: 53, protocol: 'UDP' }] };
    const ends = (addresses: readonly string[]) =>
      slice(
        'dns',
        addresses.map((address) => endpoint(address)),
        {
          metadata: { namespace: 'shop', name: 'dns', labels: { 'kubernetes.io/service-name': 'dns' } },
          ports: [{ name: 'dns', port: 53, protocol: 'UDP' }],
        },
      );
    const proxier = make();
    const { services, slices } = objects([
      service('dns', { clusterIP: '10.96.0.53', ...udp }),
      ends(['10.244.1.1', '10.244.2.1']),
    ]);
    proxier.replace(services, slices);
    await proxier.sync();
    kernel.fake.ipvs.setConnections('udp://10.96.0.53:53', '10.244.2.1:53', { activeConnections: 3 });
    update(proxier, [ends(['10.244.1.1'])]);
    expect(lines(await proxier.sync())).toEqual(['- real server udp://10.96.0.53:53 -> 10.244.2.1:53']);
  });
});

describe('after a failure', () => {
  it('a proxier says so, keeps changes going, and compares everything again until all is done', async () => {
    vi.useFakeTimers();
    const degraded = vi.fn();
    const recovered = vi.fn();
    const proxier = await started(2, { hooks: { degraded, recovered } });
    kernel.fake.runner.fault = () => ({ exitCode: 1, stdout: '', stderr: 'no\n' });
    update(proxier, [service('ext', { clusterIP: '10.96.7.7', externalIPs: ['203.0.113.9'] })]);
    expect((await proxier.sync()).error?.message).toContain('iptables-restore');
    expect(proxier.status).toMatchObject({ state: 'degraded', failures: 1 });
    expect(degraded).toHaveBeenCalledOnce();

    // Something else goes on, and does not hide that there is something left to do.
    update(proxier, web(1, ['10.244.9.9']));
    const other = await proxier.sync();
    expect(other.kind).toBe('incremental');
    expect(await reals(WEB)).toEqual(['10.244.9.9=1']);
    expect(proxier.status.state).toBe('degraded');

    kernel.fake.runner.fault = undefined;
    vi.advanceTimersByTime(1000);
    expect(await proxier.sync()).toMatchObject({ kind: 'full' });
    expect(proxier.status).toMatchObject({ state: 'healthy', failures: 0 });
    expect(recovered).toHaveBeenCalledOnce();
    expect(await kernel.ipvs.get('tcp://203.0.113.9:80')).toBeDefined();
  });

  it('of the process, at any operation of an incremental sync, the next process finishes the work', async () => {
    for (let lives = 0; ; lives++) {
      kernel = fakeKernel();
      await kernel.ipvs.add('tcp://10.96.1.1:9999');
      const theirs = contentsOf(kernel);
      await started(2);
      const mortal = mortalKernel(kernel, Infinity);
      const proxier = new Proxier(mortal.kernel, config, { node: NODE, health: false });
      const { services, slices } = many(2);
      proxier.replace(services, slices);
      await proxier.sync();
      mortal.dieAfter(lives);
      const change = [
        service('new', { clusterIP: '10.96.9.9', externalIPs: ['203.0.113.9'] }),
        slice('new', [endpoint('10.244.1.77', 'node-a')]),
        ...web(1, ['10.244.9.9']),
      ];
      update(proxier, change);
      proxier.removeService({ namespace: 'shop', name: 's2' });
      await proxier.sync();
      if (!mortal.dead) {
        expect(lives).toBeGreaterThan(15);
        return;
      }
      const next = make();
      const after = objects([...web(1, ['10.244.9.9']), ...change.slice(0, 2)]);
      next.replace(after.services, after.slices);
      expect((await next.sync()).error).toBeUndefined();
      expect((await next.sync({ full: true })).operations).toEqual([]);
      expect(contentsOf(kernel)).toEqual(expect.arrayContaining([...theirs]));
      await next.cleanup();
      expect(contentsOf(kernel)).toEqual(theirs);
    }
  });
});

describe('run()', () => {
  /** Run a proxier for some time of a fake clock; answers the kinds of its syncs with when they began. */
  async function running(
    options: Partial<ProxierOptions>,
    play: (proxier: Proxier, advance: (ms: number) => Promise<void>) => Promise<void>,
  ): Promise<string[]> {
    vi.useFakeTimers();
    const zero = Date.now();
    const seen: string[] = [];
    const proxier = make({
      ...options,
      hooks: { synced: ({ kind, started: at }) => seen.push(`${kind} ${at - zero}`) },
    });
    const controller = new AbortController();
    const run = proxier.run(controller.signal);
    await play(proxier, async (ms) => {
      await vi.advanceTimersByTimeAsync(ms);
    });
    controller.abort();
    await run;
    return seen;
  }

  it('syncs changes at once, and everything every syncPeriod', async () => {
    const seen = await running({ syncPeriod: 1000 }, async (proxier, advance) => {
      await advance(100);
      const { services, slices } = many(2);
      proxier.replace(services, slices);
      await advance(300);
      update(proxier, web(1, ['10.244.9.9']));
      await advance(800);
    });
    expect(seen).toEqual(['full 100', 'incremental 400', 'full 1100']);
  });

  it('does together what comes faster than minSyncPeriod', async () => {
    const seen = await running({ syncPeriod: 10_000, minSyncPeriod: 500 }, async (proxier, advance) => {
      const { services, slices } = many(2);
      proxier.replace(services, slices);
      for (let i = 1; i <= 6; i++) {
        await advance(100);
        update(proxier, web(1, [`10.244.9.${i}`]));
      }
      await advance(1000);
    });
    expect(seen).toEqual(['full 0', 'incremental 500', 'incremental 1000']);
  });

  it('looks after draining real servers', async () => {
    const seen = await running({ drainInterval: 200 }, async (proxier, advance) => {
      const { services, slices } = many(1);
      proxier.replace(services, slices);
      await advance(50);
      kernel.fake.ipvs.setConnections(WEB, '10.244.2.1:8080', { activeConnections: 1 });
      update(proxier, web(1, ['10.244.1.1']));
      await advance(250);
      kernel.fake.ipvs.setConnections(WEB, '10.244.2.1:8080', { activeConnections: 0 });
      await advance(1000);
      expect(await reals(WEB)).toEqual(['10.244.1.1=1']);
    });
    expect(seen).toEqual(['full 0', 'incremental 50', 'incremental 250', 'incremental 450']);
  });

  it('compares everything soon when it is asked to, and asks about the node then', async () => {
    let asked = 0;
    const node = () => {
      asked++;
      return NODE;
    };
    const seen = await running(
      { minSyncPeriod: 500, syncPeriod: 100_000, node },
      async (proxier, advance) => {
        proxier.refresh(); // Nothing is known yet.
        await advance(100);
        const { services, slices } = many(1);
        proxier.replace(services, slices);
        await advance(100);
        proxier.refresh();
        proxier.refresh();
        await advance(2000);
      },
    );
    expect(seen).toEqual(['full 100', 'full 600']);
    expect(asked).toBe(2);
  });

  it('tries again after a failure, later each time', async () => {
    const seen = await running({ syncPeriod: 5000, retryDelay: 1000 }, async (proxier, advance) => {
      kernel.fake.runner.fault = () => new Error('no');
      const { services, slices } = many(1);
      proxier.replace(services, slices);
      await advance(3500);
      kernel.fake.runner.fault = undefined;
      await advance(4500);
      expect(proxier.status.state).toBe('healthy');
    });
    expect(seen).toEqual(['full 0', 'full 1000', 'full 3000', 'full 7000']);
  });

  it('does not hurry when nothing can be known: neither the node, nor the kernel', async () => {
    let known = false;
    const node = () => (known ? NODE : Promise.reject(new Error('no such node')));
    const seen = await running({ syncPeriod: 5000, retryDelay: 1000, node }, async (proxier, advance) => {
      const { services, slices } = many(1);
      proxier.replace(services, slices);
      await advance(1500);
      update(proxier, web(1, ['10.244.9.9']));
      expect(proxier.status).toMatchObject({ state: 'degraded', error: { message: 'no such node' } });
      known = true;
      await advance(2000);
      expect(await reals(WEB)).toEqual(['10.244.9.9=1']);
    });
    expect(seen).toEqual(['full 0', 'full 1000', 'full 3000']);
  });

  it('does not hurry either when what drained too long cannot be removed', async () => {
    const options = { drainInterval: 200, drainTimeout: 300, syncPeriod: 100_000, retryDelay: 100_000 };
    const seen = await running(options, async (proxier, advance) => {
      const { services, slices } = many(1);
      proxier.replace(services, slices);
      await advance(50);
      kernel.fake.ipvs.setConnections(WEB, '10.244.2.1:8080', { activeConnections: 1 });
      update(proxier, web(1, ['10.244.1.1']));
      await advance(100);
      const deleteDestination = 7; // IPVS_CMD_DEL_DEST
      kernel.fake.ipvs.faults = ({ command }) => (command === deleteDestination ? -5 : undefined);
      await advance(550);
    });
    expect(seen).toEqual(['full 0', 'incremental 50', 'incremental 250', 'incremental 350']);
  });

  it('is unhealthy when a change has waited for twice syncPeriod', async () => {
    await running({ syncPeriod: 1000 }, async (proxier, advance) => {
      kernel.fake.runner.fault = () => new Error('no');
      const { services, slices } = many(1);
      proxier.replace(services, slices);
      await advance(1500);
      expect(proxier.isHealthy).toBe(true);
      await advance(1000);
      expect(proxier.isHealthy).toBe(false);
      kernel.fake.runner.fault = undefined;
      await advance(1500);
      expect(proxier.isHealthy).toBe(true);
    });
  });
});

describe('stale UDP flows', () => {
  const dns = (endpoints: readonly Fields[]): Fields[] => [
    service('dns', { clusterIP: '10.96.0.53', ports: [{ name: 'dns', port: 53, protocol: 'UDP' }] }),
    slice('dns', endpoints, {
      metadata: { namespace: 'shop', name: 'dns', labels: { 'kubernetes.io/service-name': 'dns' } },
      ports: [{ name: 'dns', port: 5353, protocol: 'UDP' }],
    }),
  ];
  const flow = (client: number, destination: string, answers: string, answersPort = 5353): void =>
    kernel.fake.conntrack.addFlow({
      family: 'inet',
      protocol: 'udp',
      original: { source: '10.0.0.1', sourcePort: client, destination, destinationPort: 53 },
      reply: { source: answers, sourcePort: answersPort, destination: '10.0.0.1', destinationPort: client },
    });
  const clients = async (): Promise<number[]> =>
    (await kernel.conntrack.list()).map(({ original }) => original.sourcePort).sort();
  const begin = async (options: Partial<ProxierOptions> = {}): Promise<Proxier> => {
    const proxier = make(options);
    const { services, slices } = objects(dns([endpoint('10.244.1.1'), endpoint('10.244.2.1')]));
    proxier.replace(services, slices);
    await proxier.sync();
    flow(1, '10.96.0.53', '10.244.1.1');
    flow(2, '10.96.0.53', '10.244.2.1');
    flow(3, '10.96.0.99', '10.244.2.1'); // to somebody else's address
    return proxier;
  };

  it('go when their endpoint does, and no others', async () => {
    const proxier = await begin();
    update(proxier, dns([endpoint('10.244.1.1')]));
    expect(await proxier.sync()).toMatchObject({ kind: 'incremental', staleFlows: 1 });
    expect(await clients()).toEqual([1, 3]);
  });

  it('stay with an endpoint that is not chosen any more but still answers', async () => {
    const proxier = await begin();
    update(proxier, [
      ...dns([
        endpoint('10.244.1.1'),
        endpoint('10.244.2.1', 'node-b', { conditions: { ready: false, serving: true, terminating: true } }),
      ]),
    ]);
    expect(await proxier.sync()).toMatchObject({ staleFlows: 0 });
    expect(await reals('udp://10.96.0.53:53')).toEqual(['10.244.1.1=1']);
    expect(await clients()).toEqual([1, 2, 3]);
  });

  it('go with their Service', async () => {
    const proxier = await begin();
    proxier.removeService({ namespace: 'shop', name: 'dns' });
    expect(await proxier.sync()).toMatchObject({ staleFlows: 2 });
    expect(await clients()).toEqual([3]);
  });

  it('that began before there was a virtual server go when it comes', async () => {
    flow(4, '10.96.0.53', '10.96.0.53', 53);
    await begin();
    expect(await clients()).toEqual([1, 2, 3]);
  });

  it('are not looked for when nothing of UDP changed, nor when that is not wanted', async () => {
    const proxier = await begin();
    const dumps = (): number => kernel.conntrack.counters().dumps;
    const before = dumps();
    update(proxier, web(1));
    await proxier.sync();
    expect(dumps()).toBe(before);

    const other = await begin({ conntrack: false });
    update(other, dns([endpoint('10.244.1.1')]));
    await other.sync();
    expect(dumps()).toBe(before);
  });

  it('are a warning, and only one, where the kernel cannot list them', async () => {
    kernel.fake.conntrack.supported = false;
    const warning = vi.fn();
    const proxier = await begin({ hooks: { warning } });
    update(proxier, dns([endpoint('10.244.1.1')]));
    expect((await proxier.sync()).error).toBeUndefined();
    expect(warning.mock.calls.map(([text]) => text as string)).toEqual([
      'stale UDP flows could not be removed',
    ]);
  });
});
