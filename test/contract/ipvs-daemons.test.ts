import { expect, it } from 'vitest';
import type { Kernel } from '../../src/kernel/types.js';
import { describeOn, type OpenBackend } from '../support/backends.js';
import { run } from '../support/netns.js';

/** Everything that is iterated. */
async function all<T>(items: AsyncIterable<T>): Promise<T[]> {
  const collected: T[] = [];
  for await (const item of items) collected.push(item);
  return collected;
}

/** A kernel with an interface `eth0` that can multicast. */
async function withInterface(open: OpenBackend): Promise<Kernel> {
  const kernel = await open();
  if (kernel.netns !== 'fake') {
    for (const line of [
      'ip link add eth0 type dummy',
      'ip link set eth0 multicast on up',
      'ip address add 10.9.0.1/24 dev eth0',
      'ip address add 2001:db8:9::1/64 dev eth0 nodad',
    ]) {
      await run(kernel.netns, line.split(' '));
    }
  }
  return kernel;
}

describeOn(['ipvs', 'dummy'], 'sync daemons', (open) => {
  it('run one of each role, with the defaults of the kernel for what is not given', async () => {
    const { ipvs } = await withInterface(open);
    expect(await ipvs.daemons.list()).toEqual([]);
    await ipvs.daemons.start({ role: 'backup', interface: 'eth0', syncId: 7 });
    await ipvs.daemons.start({ role: 'master', interface: 'eth0' });
    const common = { interface: 'eth0', maxLength: 1472, group: '224.0.0.81', port: 8848, ttl: 1 };
    expect(await ipvs.daemons.list()).toEqual([
      { role: 'master', syncId: 0, ...common },
      { role: 'backup', syncId: 7, ...common },
    ]);
    expect(await ipvs.daemons.stop('master')).toBe(true);
    expect((await ipvs.daemons.list()).map(({ role }) => role)).toEqual(['backup']);
    await ipvs.daemons.stop('backup');
  });

  it('take group, port, time to live and length, of IPv6 too', async () => {
    const { ipvs } = await withInterface(open);
    const daemon = {
      role: 'master',
      interface: 'eth0',
      syncId: 255,
      maxLength: 1000,
      group: 'ff02::5',
      port: 9000,
      ttl: 5,
    } as const;
    await ipvs.daemons.start(daemon);
    expect(await ipvs.daemons.list()).toEqual([daemon]);
    await ipvs.daemons.stop('master');
    await ipvs.daemons.start({ role: 'backup', interface: 'eth0', maxLength: 1, group: '224.0.0.90' });
    expect(await ipvs.daemons.list()).toMatchObject([{ maxLength: 1024, group: '224.0.0.90' }]);
    await ipvs.daemons.stop('backup');
  });

  it('refuse a second one of a role, an unknown interface, and to stop what does not run', async () => {
    const { ipvs } = await withInterface(open);
    await ipvs.daemons.start({ role: 'master', interface: 'eth0' });
    await expect(ipvs.daemons.start({ role: 'master', interface: 'eth0' })).rejects.toMatchObject({
      name: 'AlreadyExistsError',
      operation: 'ipvs.startDaemon',
      target: 'master on eth0',
    });
    await expect(ipvs.daemons.start({ role: 'backup', interface: 'eth7' })).rejects.toMatchObject({
      name: 'NotFoundError',
      code: 'ENODEV',
    });
    await ipvs.daemons.stop('master');
    await expect(ipvs.daemons.stop('master')).rejects.toMatchObject({ name: 'NotFoundError', code: 'ESRCH' });
    expect(await ipvs.daemons.stop('master', { ifRunning: true })).toBe(false);
  });

  it('exclude real servers of another address family than their virtual server', async () => {
    const { ipvs } = await withInterface(open);
    const server = await ipvs.add('tcp://10.0.0.1:80');
    const six = { address: '2001:db8::7', port: 80, forwarding: 'tunnel' } as const;
    await ipvs.daemons.start({ role: 'master', interface: 'eth0' });
    await expect(server.add(six)).rejects.toMatchObject({ code: 'EINVAL' });
    await ipvs.daemons.stop('master');
    await server.add(six);
    await expect(ipvs.daemons.start({ role: 'master', interface: 'eth0' })).rejects.toMatchObject({
      code: 'EINVAL',
    });
  });

  it.each([
    ['role', { role: 'leader', interface: 'eth0' }],
    ['interface', { role: 'master', interface: 'averyveryverylongname' }],
    ['interface', { role: 'master' }],
    ['syncId', { role: 'master', interface: 'eth0', syncId: 256 }],
    ['maxLength', { role: 'master', interface: 'eth0', maxLength: 0 }],
    ['group', { role: 'master', interface: 'eth0', group: '10.0.0.1' }],
    ['group', { role: 'master', interface: 'eth0', group: 'fe80::1' }],
    ['port', { role: 'master', interface: 'eth0', port: 65_536 }],
    ['ttl', { role: 'master', interface: 'eth0', ttl: Number.NaN }],
    ['colour', { role: 'master', interface: 'eth0', colour: 'red' }],
  ])('refuse a bad %s before anything is sent', async (path, daemon) => {
    const { ipvs } = await open();
    await expect(ipvs.daemons.start(daemon as never)).rejects.toMatchObject({
      name: 'ValidationError',
      path,
    });
  });
});

describeOn(['ipvs'], 'zeroing counters', (open) => {
  it('works for one virtual server and for all, and names one that is not there', async () => {
    const { ipvs } = await open();
    const server = await ipvs.add('tcp://10.0.0.1:80');
    await ipvs.zero(server);
    await ipvs.zero();
    await expect(ipvs.zero('tcp://10.0.0.2:80')).rejects.toMatchObject({
      name: 'NotFoundError',
      operation: 'ipvs.zero',
      target: 'tcp://10.0.0.2:80',
    });
  });
});

describeOn(['ipvs'], 'the order of a listing', (open) => {
  it('is the kernel’s on request: the same servers, the newest real server first', async () => {
    const { ipvs } = await open();
    for (const port of [80, 81, 82, 83]) {
      const server = await ipvs.add(`tcp://10.0.0.${String(port)}:${String(port)}`);
      for (const last of [2, 1, 3]) await server.add(`10.1.0.${String(last)}:80`);
    }
    const kernel = await ipvs.list({ order: 'kernel' });
    const sorted = await ipvs.list();
    expect(kernel.map(({ url }) => url).sort()).toEqual(sorted.map(({ url }) => url).sort());
    for (const { realServers } of kernel) {
      expect(realServers.map(({ address }) => address)).toEqual(['10.1.0.3', '10.1.0.1', '10.1.0.2']);
    }
    const one = await ipvs.get('tcp://10.0.0.80:80', { order: 'kernel' });
    expect(one?.realServers.map(({ address }) => address)).toEqual(['10.1.0.3', '10.1.0.1', '10.1.0.2']);
    await expect(ipvs.list({ order: 'random' as never })).rejects.toMatchObject({ path: 'options.order' });
  });
});

describeOn(['ipvs'], 'the connection table', (open) => {
  it('of a namespace without connections is empty, and can be read again', async () => {
    const { ipvs } = await open();
    for (let i = 0; i < 2; i++) expect(await all(ipvs.connections())).toEqual([]);
  });

  it('is not read for a signal that is aborted', async () => {
    const { ipvs } = await open();
    const signal = AbortSignal.abort(new Error('enough'));
    await expect(all(ipvs.connections({ signal }))).rejects.toThrow('enough');
  });
});
