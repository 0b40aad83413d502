import { expect, it } from 'vitest';
import type { Ipvs, IpvsOperation, VirtualServerSpec } from '../../src/ipvs/types.js';
import { describeOn } from '../support/backends.js';
import { rejection } from '../support/rejection.js';

const WEB = 'tcp://10.96.0.10:80';
const DNS6 = 'udp://[2001:db8::53]:53';

const NO_TRAFFIC = {
  connections: 0,
  packetsIn: 0,
  packetsOut: 0,
  bytesIn: 0,
  bytesOut: 0,
  rate: { connections: 0, packetsIn: 0, packetsOut: 0, bytesIn: 0, bytesOut: 0 },
};

/** The table as names and weights, which is what most tests ask for. */
async function table(ipvs: Ipvs): Promise<Record<string, readonly string[]>> {
  const servers = await ipvs.list();
  return Object.fromEntries(
    servers.map((server) => [
      `${server.url} ${server.scheduler}`,
      server.realServers.map(
        (real) => `${real.address} ${String(real.port)} ${real.forwarding} ${String(real.weight)}`,
      ),
    ]),
  );
}

describeOn(['ipvs'], 'ipvs: virtual servers', (open) => {
  it('are none in a fresh namespace', async () => {
    const { ipvs } = await open();
    expect(await ipvs.list()).toEqual([]);
    expect(await ipvs.get(WEB)).toBeUndefined();
  });

  it('have the defaults of ipvsadm when nothing is chosen', async () => {
    const { ipvs } = await open();
    const web = await ipvs.add(WEB);
    expect({ ...web }).toEqual({
      url: WEB,
      family: 'inet',
      protocol: 'tcp',
      address: '10.96.0.10',
      port: 80,
      scheduler: 'wlc',
      schedulerFlags: {},
      flags: 0,
      persistence: false,
      onePacket: false,
      stats: NO_TRAFFIC,
      realServers: [],
    });
    expect(await ipvs.get('TCP://10.96.0.10:80')).toEqual(web);
    expect(await ipvs.list()).toEqual([web]);
  });

  it.each<[string, object, object]>([
    [WEB, { scheduler: 'rr' }, { scheduler: 'rr', flags: 0 }],
    [
      WEB,
      { scheduler: 'sh', schedulerFlags: { fallback: true, port: true } },
      { schedulerFlags: { fallback: true, port: true }, flags: 0x18 },
    ],
    [
      WEB,
      { scheduler: 'mh', schedulerFlags: { port: true } },
      { schedulerFlags: { port: true }, flags: 0x10 },
    ],
    [
      WEB,
      { scheduler: 'wrr', schedulerFlags: { raw: 0x20 } },
      { schedulerFlags: { raw: 0x20 }, flags: 0x20 },
    ],
    [WEB, { scheduler: 'none' }, { scheduler: 'none' }],
    [
      WEB,
      { persistence: { timeout: 300 } },
      { persistence: { timeout: 300, netmask: '255.255.255.255' }, flags: 1 },
    ],
    [
      WEB,
      { persistence: { timeout: 2_678_400, netmask: '255.255.0.0' } },
      { persistence: { timeout: 2_678_400, netmask: '255.255.0.0' } },
    ],
    [
      'udp://10.96.0.10:5060',
      { persistence: { timeout: 60, engine: 'sip' } },
      { persistence: { timeout: 60, netmask: '255.255.255.255', engine: 'sip' } },
    ],
    [DNS6, { persistence: { timeout: 60 } }, { family: 'inet6', persistence: { timeout: 60, netmask: 128 } }],
    [DNS6, { persistence: { timeout: 60, netmask: 64 } }, { persistence: { timeout: 60, netmask: 64 } }],
    [DNS6, { onePacket: true }, { onePacket: true, flags: 4 }],
    ['sctp://10.96.0.10:9', {}, { protocol: 'sctp', scheduler: 'wlc' }],
    ['tcp://10.96.0.10:0', { persistence: { timeout: 60 } }, { port: 0 }],
    ['fwmark://7', {}, { family: 'inet', fwmark: 7 }],
    [
      'fwmark6://4294967295',
      { persistence: { timeout: 9, netmask: 1 } },
      { family: 'inet6', fwmark: 4294967295 },
    ],
  ])('%s keeps %j', async (url, attributes, expected) => {
    const { ipvs } = await open();
    const added = await ipvs.add(url, attributes);
    expect(added).toMatchObject({ url, ...expected });
    expect(await ipvs.list()).toEqual([added]);
  });

  it('must be new to be added', async () => {
    const { ipvs } = await open();
    await ipvs.add(WEB, { scheduler: 'rr' });
    expect(await rejection(ipvs.add(WEB, { scheduler: 'wrr' }))).toMatchObject({
      name: 'AlreadyExistsError',
      code: 'EEXIST',
      errno: -17,
      operation: 'ipvs.add',
      target: WEB,
    });
    expect(await ipvs.get(WEB)).toMatchObject({ scheduler: 'rr' });
  });

  it('differ by family, protocol, address, port and mark', async () => {
    const { ipvs } = await open();
    const urls = [
      'tcp://9.0.0.1:80',
      'tcp://10.0.0.1:9',
      'tcp://10.0.0.1:80',
      'udp://10.0.0.1:80',
      'sctp://10.0.0.1:80',
      'tcp://[2001:db8::2]:80',
      'tcp://[2001:db8::10]:80',
      'fwmark://7',
      'fwmark6://7',
      'fwmark://10',
    ];
    for (const url of [...urls].reverse()) await ipvs.add(url);
    expect((await ipvs.list()).map((server) => server.url)).toEqual(urls);
  });

  it('can be named by an object, and by a handle', async () => {
    const { ipvs } = await open();
    const web = await ipvs.add({ protocol: 'tcp', address: '10.96.0.10', port: 80 });
    expect((await ipvs.get(web))?.url).toBe(WEB);
    await ipvs.add({ fwmark: 7, family: 'inet6' });
    expect((await ipvs.get('fwmark6://7'))?.fwmark).toBe(7);
    expect(await ipvs.remove(web)).toBe(true);
  });

  it('with a scheduler that the kernel lacks are refused, with the module to load', async () => {
    const { ipvs } = await open();
    expect(await rejection(ipvs.add(WEB, { scheduler: 'nosuchsched' }))).toMatchObject({
      name: 'UnsupportedError',
      code: 'ENOENT',
      hint: 'modprobe ip_vs_nosuchsched',
    });
    expect(await ipvs.list()).toEqual([]);
    const web = await ipvs.add(WEB);
    expect(await rejection(web.set({ scheduler: 'nosuchsched' }))).toMatchObject({
      name: 'UnsupportedError',
      operation: 'ipvs.set',
    });
    expect(await ipvs.get(WEB)).toMatchObject({ scheduler: 'wlc' });
  });

  it('with a persistence engine that the kernel lacks are refused', async () => {
    const { ipvs } = await open();
    const persistence = { timeout: 60, engine: 'nosuchengine' };
    const err = await rejection(ipvs.add(WEB, { scheduler: 'rr', persistence }));
    expect(err).toMatchObject({ name: 'UnsupportedError', code: 'ENOENT' });
    expect(String(err)).toContain('ip_vs_pe_nosuchengine');
  });

  it('change what a patch names and keep the rest', async () => {
    const { ipvs } = await open();
    const web = await ipvs.add(WEB, {
      scheduler: 'sh',
      schedulerFlags: { port: true },
      persistence: { timeout: 60, netmask: '255.255.255.0', engine: 'sip' },
    });
    const one = await web.set({ schedulerFlags: { fallback: true } });
    expect(one).toMatchObject({
      scheduler: 'sh',
      schedulerFlags: { fallback: true },
      persistence: { timeout: 60, netmask: '255.255.255.0', engine: 'sip' },
    });
    expect(one.schedulerFlags).toEqual({ fallback: true });
    // An attribute that is given replaces the former value as a whole.
    const two = await ipvs.set(WEB, { persistence: { timeout: 90 } });
    expect(two.persistence).toEqual({ timeout: 90, netmask: '255.255.255.255' });
    const three = await ipvs.set(WEB, { persistence: false, scheduler: 'rr', schedulerFlags: {} });
    expect(three).toMatchObject({ scheduler: 'rr', schedulerFlags: {}, persistence: false, flags: 0 });
    expect(await ipvs.get(WEB)).toEqual(three);
  });

  it('keep their real servers when they change', async () => {
    const { ipvs } = await open();
    const web = await ipvs.add(WEB);
    await web.add('10.244.1.7:8080');
    const changed = await ipvs.set(WEB, { scheduler: 'rr' });
    expect(changed.realServers.map((real) => real.address)).toEqual(['10.244.1.7']);
  });

  it('are not written when nothing differs', async () => {
    const { ipvs } = await open();
    const web = await ipvs.add(WEB, { scheduler: 'rr', persistence: { timeout: 60 } });
    const before = ipvs.counters();
    expect(await web.set({ scheduler: 'rr', persistence: { timeout: 60 } })).toEqual(web);
    expect(await web.set({})).toEqual(web);
    expect(ipvs.counters().messages - before.messages).toBe(2);
  });

  it('that are not there cannot be changed, read again or removed', async () => {
    const { ipvs } = await open();
    const web = await ipvs.add(WEB);
    expect(await ipvs.remove(WEB)).toBe(true);
    for (const call of [
      () => ipvs.set(WEB, { scheduler: 'rr' }),
      () => web.set({ scheduler: 'rr' }),
      () => web.refresh(),
      () => web.remove(),
      () => ipvs.remove(WEB),
      () => web.add('10.244.1.7:8080'),
    ]) {
      expect(await rejection(call())).toMatchObject({ name: 'NotFoundError', code: 'ESRCH', errno: -3 });
    }
    expect(await ipvs.remove(WEB, { ifExists: true })).toBe(false);
    expect(await web.remove({ ifExists: true })).toBe(false);
  });

  it('go with their real servers, and all of them with a flush', async () => {
    const { ipvs } = await open();
    const web = await ipvs.add(WEB);
    await web.add('10.244.1.7:8080');
    await web.remove();
    expect(await ipvs.list()).toEqual([]);
    await ipvs.add(WEB);
    await ipvs.add(DNS6);
    await ipvs.flush();
    await ipvs.flush();
    expect(await ipvs.list()).toEqual([]);
  });

  it('are listed without real servers when asked', async () => {
    const { ipvs } = await open();
    const web = await ipvs.add(WEB);
    await web.add('10.244.1.7:8080');
    const dumps = ipvs.counters().dumps;
    const [listed] = await ipvs.list({ realServers: false });
    expect(listed?.realServers).toEqual([]);
    expect((await ipvs.get(WEB, { realServers: false }))?.realServers).toEqual([]);
    expect(ipvs.counters().dumps - dumps).toBe(1);
    expect((await ipvs.get(WEB))?.realServers).toHaveLength(1);
  });

  it('count in bigint when asked', async () => {
    const { ipvs } = await open();
    const web = await ipvs.add(WEB);
    await web.add('10.244.1.7:8080');
    const [listed] = await ipvs.list({ bigint: true });
    expect(listed?.stats.bytesIn).toBe(0n);
    expect(listed?.realServers[0]?.stats.rate.connections).toBe(0n);
  });
});

describeOn(['ipvs'], 'ipvs: real servers', (open) => {
  it('have weight 1, masquerading and no thresholds when nothing is chosen', async () => {
    const { ipvs } = await open();
    const web = await ipvs.add(WEB);
    const added = await web.add('10.244.1.7:8080');
    expect({ ...added }).toEqual({
      virtualServer: WEB,
      address: '10.244.1.7',
      family: 'inet',
      port: 8080,
      weight: 1,
      forwarding: 'masq',
      upperThreshold: 0,
      lowerThreshold: 0,
      activeConnections: 0,
      inactiveConnections: 0,
      persistentConnections: 0,
      stats: NO_TRAFFIC,
    });
    expect((await web.refresh()).realServers).toEqual([added]);
  });

  it.each<[string, object]>([
    [WEB, { address: '10.244.1.7', weight: 0 }],
    [WEB, { address: '10.244.1.7', weight: 2147483647 }],
    [WEB, { address: '10.244.1.7', forwarding: 'dr' }],
    [WEB, { address: '10.244.1.7', forwarding: 'local' }],
    [WEB, { address: '10.244.1.7', forwarding: 'bypass' }],
    [WEB, { address: '127.0.0.1' }],
    [WEB, { address: '10.244.1.7', upperThreshold: 2147483647, lowerThreshold: 2147483647 }],
    [WEB, { address: '10.244.1.7', forwarding: 'tunnel', tunnel: { type: 'ipip' } }],
    [WEB, { address: '10.244.1.7', forwarding: 'tunnel', tunnel: { type: 'gre', checksum: 'csum' } }],
    [WEB, { address: '10.244.1.7', forwarding: 'tunnel', tunnel: { type: 'gue', port: 6080 } }],
    [
      WEB,
      {
        address: '10.244.1.7',
        forwarding: 'tunnel',
        tunnel: { type: 'gue', port: 65535, checksum: 'remcsum' },
      },
    ],
    [WEB, { address: '2001:db8::7', port: 80, forwarding: 'tunnel', tunnel: { type: 'ipip' } }],
    [DNS6, { address: '2001:db8::7', weight: 3 }],
    [DNS6, { address: '10.244.1.7', forwarding: 'tunnel', tunnel: { type: 'gre' } }],
    ['fwmark://7', { address: '10.244.1.7', port: 0, forwarding: 'dr' }],
  ])('of %s keep %j', async (url, spec) => {
    const { ipvs } = await open();
    const server = await ipvs.add(url);
    const added = await server.add(spec as never);
    expect(added).toMatchObject(spec);
    expect((await server.refresh()).realServers).toEqual([added]);
  });

  it('have the port of their virtual server unless they say otherwise', async () => {
    const { ipvs } = await open();
    const web = await ipvs.add(WEB);
    expect((await web.add('10.244.1.7')).port).toBe(80);
    const mark = await ipvs.add('fwmark://7');
    expect((await mark.add('10.244.1.7')).port).toBe(0);
  });

  it('are listed by family, address and port', async () => {
    const { ipvs } = await open();
    const web = await ipvs.add(WEB);
    const names = ['10.0.0.9:1', '10.0.0.9:2', '10.0.0.10:1'];
    await web.add({ address: '2001:db8::1', port: 1, forwarding: 'tunnel' });
    for (const name of [names[1], names[2], names[0]]) await web.add(name ?? '');
    const [listed] = await ipvs.list();
    expect(listed?.realServers.map((real) => `${real.address}:${String(real.port)}`)).toEqual([
      ...names,
      '2001:db8::1:1',
    ]);
    expect((await ipvs.get(WEB))?.realServers).toEqual(listed?.realServers);
  });

  it('must be new to be added', async () => {
    const { ipvs } = await open();
    const web = await ipvs.add(WEB);
    await web.add({ address: '10.244.1.7', port: 8080, weight: 5 });
    expect(await rejection(web.add('10.244.1.7:8080'))).toMatchObject({
      name: 'AlreadyExistsError',
      code: 'EEXIST',
      operation: 'ipvs.addReal',
      target: `${WEB} -> 10.244.1.7:8080`,
    });
    expect((await web.refresh()).realServers).toMatchObject([{ weight: 5 }]);
  });

  it.each(['0.0.0.0', '224.0.0.1', '255.255.255.255'])('cannot have the address %s', async (address) => {
    const { ipvs } = await open();
    const web = await ipvs.add(WEB);
    expect(await rejection(web.add({ address }))).toMatchObject({
      name: 'InvalidArgumentError',
      code: 'EINVAL',
      hint: `${address} is not the address of one host`,
    });
  });

  it.each(['::', 'ff02::1', 'fe80::7'])('cannot have the address %s', async (address) => {
    const { ipvs } = await open();
    const dns = await ipvs.add(DNS6);
    expect(await rejection(dns.add({ address }))).toMatchObject({
      name: 'InvalidArgumentError',
      code: 'EINVAL',
    });
  });

  it('change what a patch names and keep the rest', async () => {
    const { ipvs } = await open();
    const web = await ipvs.add(WEB);
    const real = await web.add({
      address: '10.244.1.7',
      weight: 5,
      forwarding: 'tunnel',
      tunnel: { type: 'gue', port: 6080, checksum: 'csum' },
      upperThreshold: 20,
      lowerThreshold: 10,
    });
    const drained = await real.set({ weight: 0 });
    expect({ ...drained }).toEqual({ ...real, weight: 0 });
    expect((await web.refresh()).realServers).toEqual([drained]);
    const plain = await drained.set({ forwarding: 'masq', upperThreshold: 0, lowerThreshold: 0, weight: 2 });
    expect(plain).toMatchObject({ forwarding: 'masq', weight: 2, upperThreshold: 0 });
    expect(Object.keys(plain)).not.toContain('tunnel');
    // The encapsulation went with the tunnel.
    const again = await plain.set({ forwarding: 'tunnel' });
    expect(again.tunnel).toEqual({ type: 'ipip' });
    expect((await web.refresh()).realServers).toEqual([again]);
  });

  it('are not written when nothing differs', async () => {
    const { ipvs } = await open();
    const web = await ipvs.add(WEB);
    const real = await web.add({ address: '10.244.1.7', weight: 5 });
    const before = ipvs.counters();
    expect(await real.set({ weight: 5 })).toEqual(real);
    const after = ipvs.counters();
    expect(after.dumps - before.dumps).toBe(1);
    expect(after.messages - before.messages).toBe(1);
  });

  it('that are not there cannot be changed or removed, and it is said what is missing', async () => {
    const { ipvs } = await open();
    const web = await ipvs.add(WEB);
    const real = await web.add('10.244.1.7:8080');
    expect(await real.remove()).toBe(true);
    for (const call of [() => real.set({ weight: 2 }), () => real.remove()]) {
      expect(await rejection(call())).toMatchObject({
        name: 'NotFoundError',
        code: 'ENOENT',
        target: `${WEB} -> 10.244.1.7:8080`,
      });
    }
    expect(await real.remove({ ifExists: true })).toBe(false);
    await web.remove();
    for (const call of [() => real.set({ weight: 2 }), () => real.remove()]) {
      expect(await rejection(call())).toMatchObject({ name: 'NotFoundError', code: 'ESRCH' });
    }
    expect(await real.remove({ ifExists: true })).toBe(false);
  });

  it('of another family are named by their own address', async () => {
    const { ipvs } = await open();
    const web = await ipvs.add(WEB);
    const real = await web.add({ address: '2001:db8::7', port: 80, forwarding: 'tunnel' });
    const heavier = await real.set({ weight: 9 });
    expect(heavier).toMatchObject({ family: 'inet6', weight: 9 });
    expect(await heavier.remove()).toBe(true);
    expect((await web.refresh()).realServers).toEqual([]);
  });
});

describeOn(['ipvs'], 'ipvs: ensure', (open) => {
  const spec: VirtualServerSpec = {
    url: WEB,
    scheduler: 'rr',
    realServers: ['10.244.1.7:8080', { address: '10.244.2.9', port: 8080, weight: 50 }],
  };

  it('adds what is not there, and says so', async () => {
    const { ipvs } = await open();
    const { server, changed } = await ipvs.ensure(spec);
    expect(changed).toBe('added');
    expect(server.realServers.map((real) => [real.address, real.weight])).toEqual([
      ['10.244.1.7', 1],
      ['10.244.2.9', 50],
    ]);
    expect(await ipvs.list()).toEqual([server]);
  });

  it('writes nothing when nothing differs', async () => {
    const { ipvs } = await open();
    const first = await ipvs.ensure(spec);
    const before = ipvs.counters();
    const second = await ipvs.ensure(spec);
    expect(second).toEqual({ server: first.server, changed: false });
    // Two gets and two dumps.
    expect(ipvs.counters().messages - before.messages).toBe(4);
  });

  it('changes what differs and leaves other real servers alone', async () => {
    const { ipvs } = await open();
    const { server } = await ipvs.ensure(spec);
    await server.add({ address: '10.244.3.3', port: 8080, weight: 7 });
    const { server: after, changed } = await ipvs.ensure({
      url: WEB,
      scheduler: 'wrr',
      realServers: [{ address: '10.244.1.7', port: 8080, weight: 9 }, '10.244.4.4:8080'],
    });
    expect(changed).toBe('changed');
    expect(after.scheduler).toBe('wrr');
    expect(await table(ipvs)).toEqual({
      [`${WEB} wrr`]: [
        '10.244.1.7 8080 masq 9',
        '10.244.2.9 8080 masq 50',
        '10.244.3.3 8080 masq 7',
        '10.244.4.4 8080 masq 1',
      ],
    });
  });

  it('means the defaults by what a spec omits', async () => {
    const { ipvs } = await open();
    await ipvs.add(WEB, { scheduler: 'rr', persistence: { timeout: 60 } });
    const { server, changed } = await ipvs.ensure({ url: WEB });
    expect(changed).toBe('changed');
    expect(server).toMatchObject({ scheduler: 'wlc', persistence: false });
  });

  it('leaves real servers alone when the spec says nothing about them', async () => {
    const { ipvs } = await open();
    await ipvs.ensure(spec);
    const { server, changed } = await ipvs.ensure({ url: WEB, scheduler: 'rr' });
    expect(changed).toBe(false);
    expect(server.realServers).toHaveLength(2);
    expect((await ipvs.ensure({ url: WEB, scheduler: 'rr', realServers: [] })).changed).toBe(false);
  });

  it('says what was refused', async () => {
    const { ipvs } = await open();
    expect(await rejection(ipvs.ensure({ ...spec, scheduler: 'nosuchsched' }))).toMatchObject({
      name: 'UnsupportedError',
      operation: 'ipvs.add',
    });
    expect(await rejection(ipvs.ensure({ ...spec, realServers: ['224.0.0.1:80'] }))).toMatchObject({
      name: 'InvalidArgumentError',
      target: `${WEB} -> 224.0.0.1:80`,
    });
  });
});

describeOn(['ipvs'], 'ipvs: batches', (open) => {
  it('run in order, with a result for each operation', async () => {
    const { ipvs } = await open();
    const operations: readonly IpvsOperation[] = [
      { op: 'add', virtualServer: WEB, attributes: { scheduler: 'rr' } },
      { op: 'addReal', virtualServer: WEB, realServer: '10.244.1.7:8080' },
      { op: 'addReal', virtualServer: WEB, realServer: '10.244.1.7:8080' },
      { op: 'setReal', virtualServer: WEB, realServer: { address: '10.244.1.7', port: 8080, weight: 0 } },
      { op: 'removeReal', virtualServer: WEB, realServer: '10.244.9.9:8080' },
      { op: 'set', virtualServer: WEB, attributes: { scheduler: 'wrr' } },
      { op: 'add', virtualServer: DNS6, attributes: { scheduler: 'nosuchsched' } },
      { op: 'addReal', virtualServer: DNS6, realServer: '[2001:db8::7]:53' },
      { op: 'remove', virtualServer: 'fwmark://7' },
    ];
    const result = await ipvs.batch(operations);
    expect(result.items.map((item) => item.error?.code ?? item.status)).toEqual([
      'done',
      'done',
      'EEXIST',
      'done',
      'ENOENT',
      'done',
      'ENOENT',
      'ENOENT',
      'ESRCH',
    ]);
    expect(result).toMatchObject({ ok: false, done: 4, failed: 5 });
    expect(result.items[4]?.error?.name).toBe('NotFoundError');
    expect(result.items[6]?.error?.name).toBe('UnsupportedError');
    // Not "no such virtual server": the reason for that.
    expect(result.items[7]?.error).toMatchObject({ name: 'UnsupportedError', cause: result.items[6]?.error });
    expect(await table(ipvs)).toEqual({ [`${WEB} wrr`]: ['10.244.1.7 8080 masq 0'] });
  });

  it('stop at the first failure when asked to', async () => {
    const { ipvs } = await open();
    const result = await ipvs.batch(
      [
        { op: 'add', virtualServer: WEB },
        { op: 'add', virtualServer: WEB },
        { op: 'add', virtualServer: DNS6 },
      ],
      { onError: 'stop' },
    );
    expect(result.items.map((item) => item.status)).toEqual(['done', 'failed', 'skipped']);
    expect((await ipvs.list()).map((server) => server.url)).toEqual([WEB]);
  });

  it('go out many at a time', async () => {
    const { ipvs } = await open();
    const operations = Array.from({ length: 2000 }, (_, i): IpvsOperation => ({
      op: 'add',
      virtualServer: `fwmark://${String(i + 1)}`,
    }));
    const before = ipvs.counters();
    const result = await ipvs.batch(operations);
    const after = ipvs.counters();
    expect(result).toMatchObject({ ok: true, done: 2000 });
    expect(after.messages - before.messages).toBe(2000);
    expect(after.sends - before.sends).toBeLessThan(2000 / 50);
    expect(await ipvs.list({ realServers: false })).toHaveLength(2000);
  });

  it('refuse bad input before anything is sent', async () => {
    const { ipvs } = await open();
    const err = await rejection(
      ipvs.batch([
        { op: 'add', virtualServer: WEB },
        { op: 'addReal', virtualServer: WEB, realServer: { address: '10.244.1.7', weight: -1 } },
      ]),
    );
    expect(err).toMatchObject({ name: 'ValidationError', path: 'operations[1].realServer.weight' });
    expect(await ipvs.list()).toEqual([]);
  });
});

describeOn(['ipvs'], 'ipvs: the namespace', (open) => {
  it('has a version and, from the first virtual server on, the size of a table', async () => {
    const { ipvs } = await open();
    await ipvs.add('tcp://10.0.0.1:80'); // 7.2 has no table before
    const info = await ipvs.info();
    expect(info.version).toMatch(/^1\.\d+\.\d+$/);
    expect(Math.log2(info.connectionTableSize) % 1).toBe(0);
  });

  it('has timeouts, of which those given change', async () => {
    const { ipvs } = await open();
    expect(await ipvs.timeouts()).toEqual({ tcp: 900, tcpFin: 120, udp: 300 });
    await ipvs.setTimeouts({ tcp: 1000 });
    await ipvs.setTimeouts({ udp: 77, tcpFin: 0 });
    await ipvs.setTimeouts({});
    expect(await ipvs.timeouts()).toEqual({ tcp: 1000, tcpFin: 120, udp: 77 });
    expect(await rejection(ipvs.setTimeouts({ tcp: 1, udp: 2147483647 }))).toMatchObject({
      name: 'InvalidArgumentError',
      code: 'EINVAL',
    });
    expect(await ipvs.timeouts()).toEqual({ tcp: 1000, tcpFin: 120, udp: 77 });
  });

  it('is apart from any other', async () => {
    const [one, two] = [await open(), await open()];
    await one.ipvs.add(WEB);
    await two.ipvs.add(DNS6);
    expect((await one.ipvs.list()).map((server) => server.url)).toEqual([WEB]);
    expect((await two.ipvs.list()).map((server) => server.url)).toEqual([DNS6]);
    await one.ipvs.flush();
    expect(await two.ipvs.list()).toHaveLength(1);
  });
});

describeOn(['ipvs'], 'ipvs: calls', (open) => {
  it('may come a hundred at a time', async () => {
    const { ipvs } = await open();
    const urls = Array.from({ length: 100 }, (_, i) => `tcp://10.0.0.${String(i)}:80`);
    const servers = await Promise.all(urls.map((url) => ipvs.add(url)));
    expect(servers.map((server) => server.url)).toEqual(urls);
    const reals = await Promise.all(servers.map((server) => server.add('10.244.1.7:8080')));
    expect(new Set(reals.map((real) => real.virtualServer)).size).toBe(100);
    const again = await Promise.all(urls.map((url) => ipvs.get(url)));
    expect(again.every((server, i) => server?.url === urls[i] && server?.realServers.length === 1)).toBe(
      true,
    );
  });

  it('that change the same thing at once lose no change', async () => {
    const { ipvs } = await open();
    const web = await ipvs.add(WEB, { scheduler: 'sh' });
    const real = await web.add('10.244.1.7:8080');
    await Promise.all([
      web.set({ persistence: { timeout: 60 } }),
      web.set({ schedulerFlags: { port: true } }),
      real.set({ weight: 4 }),
      real.set({ upperThreshold: 9 }),
      ipvs.batch([
        {
          op: 'setReal',
          virtualServer: WEB,
          realServer: { address: '10.244.1.7', port: 8080, forwarding: 'dr' },
        },
      ]),
    ]);
    const after = await web.refresh();
    expect(after).toMatchObject({ persistence: { timeout: 60 }, schedulerFlags: { port: true } });
    expect(after.realServers).toMatchObject([{ weight: 4, upperThreshold: 9, forwarding: 'dr' }]);
  });

  it('that were cancelled before they began do nothing', async () => {
    const { ipvs } = await open();
    const signal = AbortSignal.abort(new Error('no need'));
    for (const call of [
      () => ipvs.add(WEB, {}, { signal }),
      () => ipvs.list({ signal }),
      () => ipvs.batch([{ op: 'add', virtualServer: WEB }], { signal }),
      () => ipvs.ensure({ url: WEB }, { signal }),
      () => ipvs.flush({ signal }),
    ]) {
      expect(await rejection(call())).toMatchObject({ message: 'no need' });
    }
    expect(await ipvs.list()).toEqual([]);
  });

  it('are refused once the kernel is closed', async () => {
    const kernel = await open();
    await kernel.ipvs.add(WEB);
    await kernel.close();
    expect(await rejection(kernel.ipvs.list())).toMatchObject({ code: 'ERR_CLOSED' });
  });
});

describeOn(['ipvs'], 'ipvs: sync', (open) => {
  it('makes its part of the table what is wanted, in place, and leaves the rest', async () => {
    const { ipvs } = await open();
    await ipvs.ensure({ url: 'tcp://192.0.2.1:80', realServers: ['10.244.1.7:80'] });
    await ipvs.ensure({ url: 'udp://10.96.0.53:53', realServers: ['10.244.1.7:53'] });
    await ipvs.ensure({ url: WEB, scheduler: 'rr', realServers: ['10.244.1.7:80', '10.244.1.8:80'] });
    const desired: VirtualServerSpec[] = [
      {
        url: WEB,
        scheduler: 'sh',
        schedulerFlags: { port: true },
        persistence: { timeout: 60, netmask: '255.255.255.0' },
        realServers: [
          { address: '10.244.1.8', weight: 3, upperThreshold: 9 },
          { address: '10.244.1.9', forwarding: 'tunnel', tunnel: { type: 'gre', checksum: 'csum' } },
        ],
      },
      { url: 'fwmark6://7', realServers: ['[2001:db8::7]:80'] },
    ];
    const owner = [{ address: '10.96.0.0/12' }, { fwmark: { from: 1, to: 9 } }];
    const dry = await ipvs.sync(desired, { owner, dryRun: true });
    const result = await ipvs.sync(desired, { owner });
    expect(
      result.changes.map(({ operation, target, status }) => `${operation.op} ${target} ${status}`),
    ).toEqual([
      `set ${WEB} done`,
      `addReal ${WEB} -> 10.244.1.9:80 done`,
      `setReal ${WEB} -> 10.244.1.8:80 done`,
      `removeReal ${WEB} -> 10.244.1.7:80 done`,
      'add fwmark6://7 done',
      'addReal fwmark6://7 -> [2001:db8::7]:80 done',
      'remove udp://10.96.0.53:53 done',
    ]);
    expect(dry.changes.map(({ operation }) => operation)).toEqual(
      result.changes.map(({ operation }) => operation),
    );
    expect((await ipvs.sync(desired, { owner })).changes).toEqual([]);
    expect((await ipvs.list()).map((server) => server.url)).toEqual([
      WEB,
      'tcp://192.0.2.1:80',
      'fwmark6://7',
    ]);
    const listed = await ipvs.list({ filter: { port: 80, address: '10.0.0.0/8' }, consistent: true });
    expect(listed).toMatchObject([
      {
        url: WEB,
        realServers: [{ weight: 3 }, { forwarding: 'tunnel', tunnel: { type: 'gre', checksum: 'csum' } }],
      },
    ]);
  });
});

describeOn(['ipvs'], 'ipvs: watches', (open) => {
  it('see what comes, changes and goes', async () => {
    const { ipvs } = await open();
    const seen: string[] = [];
    for await (const event of ipvs.watch({ initial: true, interval: { min: 5, max: 50 } })) {
      if (event.type === 'ready') {
        await ipvs.ensure({ url: WEB, realServers: ['10.244.1.7:8080'] });
        continue;
      }
      seen.push(`${event.type} ${event.target}`);
      if (seen.length === 2) await ipvs.set(WEB, { scheduler: 'rr' });
      if (seen.length === 3) await ipvs.flush();
      if (seen.length === 5) break;
    }
    expect(seen).toEqual([
      `added ${WEB}`,
      `added ${WEB} -> 10.244.1.7:8080`,
      `changed ${WEB}`,
      `removed ${WEB} -> 10.244.1.7:8080`,
      `removed ${WEB}`,
    ]);
  });
});

describeOn(['ipvs'], 'ipvs: drains', (open) => {
  it('take the weight, and remove what has no connections', async () => {
    const { ipvs } = await open();
    const { server } = await ipvs.ensure({
      url: WEB,
      realServers: [
        { address: '10.244.1.7', weight: 5, forwarding: 'dr', upperThreshold: 9 },
        { address: '10.244.1.8', weight: 6 },
      ],
    });
    const one = await server.realServers[0]?.drain();
    expect(one).toMatchObject({ done: true, drained: true, connections: 0 });
    expect(one?.realServers).toMatchObject([{ address: '10.244.1.7', phase: 'drained', weightBefore: 5 }]);
    expect((await server.refresh()).realServers).toMatchObject([
      { address: '10.244.1.7', weight: 0, forwarding: 'dr', upperThreshold: 9 },
      { address: '10.244.1.8', weight: 6 },
    ]);
    const all = await server.drain({ remove: true });
    expect(all.realServers).toMatchObject([
      { phase: 'removed', weightBefore: 0 },
      { phase: 'removed', weightBefore: 6 },
    ]);
    expect((await server.refresh()).realServers).toEqual([]);
    await server.remove();
    expect(await rejection(Promise.resolve(server.drain()))).toMatchObject({
      name: 'NotFoundError',
      code: 'ESRCH',
    });
  });
});
