import { afterEach, beforeEach, expect, it, vi } from 'vitest';
import type { Ipvs, IpvsOperation } from '../../src/ipvs/types.js';
import { openKernel } from '../../src/kernel/open.js';
import type { Kernel } from '../../src/kernel/types.js';
import { describeKernel } from '../support/backends.js';
import { makeNetns, run, type TestNetns } from '../support/netns.js';
import { rejection } from '../support/rejection.js';

const WEB = 'tcp://10.96.0.10:80';

/** `index` counted up from 10.BLOCK.0.0. */
function address(block: number, index: number): string {
  return `10.${String(block)}.${String(index >> 8)}.${String(index & 0xff)}`;
}

/** Asks for the table from a process of its own and prints the error's name, code and hint. */
const ASK = `
  const { createIpvs } = await import('./src/ipvs/ipvs.ts');
  const { openChannel } = await import('./src/netlink/channel.ts');
  const channel = openChannel('ipvs');
  const ipvs = createIpvs(() => channel);
  const calls = [() => ipvs.list(), () => ipvs.add('${WEB}'), () => ipvs.info()];
  for (const call of calls) {
    try {
      await call();
      console.log('allowed');
    } catch (err) {
      console.log([err.name, err.code, err.hint].join('|'));
    }
  }
  await (await channel).close();
`;
/** A process of its own starts slowly where the processor is emulated. */
const SLOW = 600_000;
const NODE = [process.execPath, '--import', 'tsx', '--input-type=module', '--eval', ASK];

describeKernel(['ipvs'], 'ipvs on the kernel', () => {
  let netns: TestNetns;
  let kernel: Kernel;
  let ipvs: Ipvs;

  beforeEach(async () => {
    netns = await makeNetns('ipvs');
    kernel = await openKernel({ netns: netns.path });
    ipvs = kernel.ipvs;
  });

  afterEach(async () => {
    await kernel.close();
    await netns.remove();
  });

  it('programs 1,000 virtual servers with 10 real servers each in few system calls', async () => {
    const operations = Array.from({ length: 1000 }, (_, i): IpvsOperation[] => {
      const virtualServer = `tcp://${address(96, i)}:80`;
      return [
        { op: 'add', virtualServer, attributes: { scheduler: 'rr' } },
        ...Array.from({ length: 10 }, (_, j): IpvsOperation => ({
          op: 'addReal',
          virtualServer,
          realServer: { address: address(244, 10 * i + j), port: 8080, weight: j },
        })),
      ];
    }).flat();
    const before = ipvs.counters();
    const result = await ipvs.batch(operations);
    const after = ipvs.counters();
    expect(result).toMatchObject({ ok: true, done: 11_000, failed: 0 });
    expect(after.messages - before.messages).toBe(11_000);
    expect(after.sends - before.sends).toBeLessThan(11_000 / 50);
    expect(after.overruns).toBe(0);

    const servers = await ipvs.list();
    expect(servers.map((server) => server.url)).toEqual(
      Array.from({ length: 1000 }, (_, i) => `tcp://${address(96, i)}:80`),
    );
    for (const [i, server] of servers.entries()) {
      expect(server.realServers.map((real) => [real.address, real.weight])).toEqual(
        Array.from({ length: 10 }, (_, j) => [address(244, 10 * i + j), j]),
      );
    }

    const drain = await ipvs.batch(
      servers.map((server): IpvsOperation => ({
        op: 'setReal',
        virtualServer: server,
        realServer: { address: server.realServers[9]?.address ?? '', port: 8080, weight: 0 },
      })),
    );
    expect(drain).toMatchObject({ ok: true, done: 1000 });
    const { stdout } = await netns.run(['ipvsadm', '-Sn']);
    expect(stdout.split('\n').filter((line) => line.endsWith(' -w 0'))).toHaveLength(2000);
  });

  it('reports each of many failures in one batch', async () => {
    const virtualServers = Array.from({ length: 3000 }, (_, i) => `fwmark://${String(i + 1)}`);
    const operations = virtualServers.map((virtualServer): IpvsOperation => ({ op: 'add', virtualServer }));
    expect((await ipvs.batch(operations)).ok).toBe(true);
    const again = await ipvs.batch(operations);
    expect(again).toMatchObject({ ok: false, done: 0, failed: 3000 });
    expect(again.items.every((item, i) => item.error?.position === i && item.error.code === 'EEXIST')).toBe(
      true,
    );
  });

  it('says that lo may be down when IPv4 real servers are refused', async () => {
    // A namespace in which lo has never been up: its local routing table does not exist.
    const name = `ipvs-down-${String(process.pid)}`;
    await run(undefined, ['ip', 'netns', 'add', name]);
    const other = await openKernel({ netns: name });
    try {
      const web = await other.ipvs.add(WEB);
      const err = await rejection(web.add('10.244.1.7:8080'));
      expect(err).toMatchObject({ name: 'InvalidArgumentError', code: 'EINVAL' });
      expect(String(err)).toContain('is lo up?');
      await run(name, ['ip', 'link', 'set', 'lo', 'up']);
      expect(await web.add('10.244.1.7:8080')).toMatchObject({ address: '10.244.1.7' });
    } finally {
      await other.close();
      await run(undefined, ['ip', 'netns', 'delete', name]);
    }
  });

  it('loads the module of a scheduler on demand', async () => {
    const names = ['rr', 'wrr', 'lc', 'wlc', 'lblc', 'lblcr', 'dh', 'sh', 'sed', 'nq', 'fo', 'ovf', 'mh'];
    for (const [i, scheduler] of names.entries()) {
      await ipvs.add(`fwmark://${String(i + 1)}`, { scheduler });
    }
    expect((await ipvs.list()).map((server) => server.scheduler)).toEqual(names);
  });

  it('needs CAP_NET_ADMIN', { timeout: SLOW }, async () => {
    const drop = ['setpriv', '--bounding-set', '-net_admin', '--inh-caps', '-net_admin', '--'];
    const { stdout } = await netns.run([...drop, ...NODE]);
    expect(stdout.trim().split('\n')).toEqual(
      Array.from(
        { length: 3 },
        () => expect.stringMatching(/^PermissionError\|EPERM\|.*CAP_NET_ADMIN/) as string,
      ),
    );
    expect(await ipvs.list()).toEqual([]);
  });

  it('needs it in the initial user namespace', { timeout: SLOW }, async () => {
    const { stdout } = await netns.run(['unshare', '--user', '--map-root-user', '--net', '--', ...NODE]);
    expect(stdout.trim().split('\n')).toEqual(
      Array.from(
        { length: 3 },
        () => expect.stringMatching(/^PermissionError\|EPERM\|.*initial user namespace/) as string,
      ),
    );
  });

  it('is seen by the tools of the same namespace only', async () => {
    await using other = await makeNetns('other');
    await ipvs.add(WEB);
    expect((await netns.run(['ipvsadm', '-Sn'])).stdout).toBe('-A -t 10.96.0.10:80 -s wlc\n');
    expect((await other.run(['ipvsadm', '-Sn'])).stdout).toBe('');
  });

  it('lists each server once while others write', async () => {
    const writer = await openKernel({ netns: netns.path });
    const add = (from: number, count: number): IpvsOperation[] =>
      Array.from({ length: count }, (_, i) => ({ op: 'add', virtualServer: `fwmark://${String(from + i)}` }));
    await ipvs.batch(add(1, 400));
    const writing = new AbortController();
    const writes = (async () => {
      for (let round = 0; !writing.signal.aborted; round++) {
        const from = 1000 + 200 * (round % 4);
        await writer.ipvs.batch(add(from, 200));
        await writer.ipvs.batch(
          add(from, 200).map((operation) => ({ op: 'remove', virtualServer: operation.virtualServer })),
        );
      }
    })();
    try {
      for (let i = 0; i < 10; i++) {
        const urls = (await ipvs.list()).map((server) => server.url);
        expect(new Set(urls).size).toBe(urls.length);
      }
    } finally {
      writing.abort();
      await writes;
      await writer.close();
    }
    // With the writer gone the listing is whole.
    expect(await ipvs.list()).toHaveLength(400);
  });

  it('tells the loads of each real server once while others write', async () => {
    const urls = Array.from({ length: 300 }, (_, i) => `tcp://${address(96, i)}:80` as const);
    const stay = [
      { address: '10.244.1.7', port: 80 },
      { address: '2001:db8::7', port: 80, forwarding: 'tunnel' as const },
    ];
    await ipvs.sync(
      urls.map((url, i) => ({ url, realServers: stay.slice(0, 1 + (i % 2)) })),
      { owner: {} },
    );
    const other = await openKernel({ netns: netns.path });
    const writing = new AbortController();
    const churn = (async () => {
      for (let i = 0; !writing.signal.aborted; i++) {
        const op = i % 2 === 0 ? ('addReal' as const) : ('removeReal' as const);
        await other.ipvs.batch(
          urls.map((virtualServer) => ({ op, virtualServer, realServer: '10.244.1.8:80' })),
        );
      }
    })();
    try {
      for (let look = 0; look < 8; look++) {
        const loads = [...(await ipvs.loads())];
        const names = loads.map((load) => `${load.virtualServer} ${load.address}`);
        expect(new Set(names).size).toBe(names.length);
        // Those that nobody touches are all there.
        expect(names.filter((name) => name.endsWith(' 10.244.1.7'))).toHaveLength(urls.length);
      }
    } finally {
      writing.abort();
      await churn;
      await other.close();
    }
  });

  it('has the counters that the kernel has', async () => {
    const udp = 'udp://10.96.0.10:53';
    await ipvs.add(udp, { scheduler: 'rr' });
    await netns.run(['ip', 'address', 'add', '10.96.0.10/32', 'dev', 'lo']);
    // No real server: the packet is counted nowhere, and nothing breaks.
    expect((await ipvs.get(udp, { bigint: true }))?.stats.packetsIn).toBe(0n);
    const server = await ipvs.get(udp);
    await server?.add({ address: '127.0.0.1', port: 5353 });
    const send = `require('dgram').createSocket('udp4').send('ping', 53, '10.96.0.10', () => process.exit())`;
    await netns.run([process.execPath, '-e', send]);
    // The kernel adds up what its processors counted every other second.
    await vi.waitFor(
      async () => {
        const after = await ipvs.get(udp, { bigint: true });
        expect(after?.stats).toMatchObject({ connections: 1n, packetsIn: 1n, bytesIn: 32n });
        expect(after?.realServers).toMatchObject([{ inactiveConnections: 1, stats: { connections: 1n } }]);
      },
      { timeout: 60_000, interval: 500 },
    );
  });
});
