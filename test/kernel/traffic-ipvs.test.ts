import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { openKernel } from '../../src/kernel/open.js';
import type {
  Connection,
  DrainProgress,
  RealServerSpec,
  VirtualServerAttributes,
} from '../../src/ipvs/types.js';
import type { Answer, RequestOptions } from '../support/agent.js';
import { describeKernel } from '../support/backends.js';
import {
  addressOf,
  CLIENT6,
  CLIENTS,
  type DirectorLab,
  GUE_PORT,
  makeDirectorLab,
  REAL_SERVERS,
  VIP,
  VIP6,
} from '../support/director.js';
import { run } from '../support/netns.js';
import { askSctp, type SctpServer, serveSctp } from '../support/sctp.js';

type Name = (typeof REAL_SERVERS)[number];

/** A refused request is waited for that long; an answered one takes milliseconds, even emulated. */
const REFUSED = { timeoutMs: 1500 };
const URL = `http://${VIP}:80/`;
const URL6 = `http://[${VIP6}]:80/`;
const [CLIENT = ''] = CLIENTS;

describeKernel(['ipvs', 'rules'], 'real packets through a director', () => {
  let lab: DirectorLab;
  beforeAll(async () => {
    lab = await makeDirectorLab();
  });
  afterAll(() => lab.remove());
  beforeEach(() => lab.kernel.ipvs.flush());

  /** Add a virtual server with the real servers named, by default all three with weight 1. */
  const serve = async (
    url: string,
    attributes: VirtualServerAttributes,
    reals: Partial<Record<Name, object>> = { 'rs-1': {}, 'rs-2': {}, 'rs-3': {} },
    { port = 8080, family = 'v4' }: { readonly port?: number; readonly family?: 'v4' | 'v6' } = {},
  ) => {
    const virtual = await lab.kernel.ipvs.add(url, attributes);
    for (const name of REAL_SERVERS) {
      const more = reals[name];
      if (more === undefined) continue;
      const spec: RealServerSpec = { address: addressOf(name)[family], port, ...more };
      await virtual.add(spec);
    }
    return virtual;
  };
  const ask = (url: string, options: RequestOptions = {}): Promise<Answer[]> =>
    lab.client.request(url, options);
  /** Who answered, in order; errors in place of names. */
  const who = async (url: string, options: RequestOptions = {}): Promise<string[]> =>
    (await ask(url, options)).map((answer) => answer.pod ?? answer.error);
  const countOf = (names: readonly string[]): Record<string, number> => {
    const count: Record<string, number> = {};
    for (const name of names) count[name] = (count[name] ?? 0) + 1;
    return count;
  };
  const connections = async (
    filter: (connection: Connection) => boolean = () => true,
  ): Promise<Connection[]> => {
    const found: Connection[] = [];
    for await (const connection of lab.kernel.ipvs.connections())
      if (filter(connection)) found.push(connection);
    return found;
  };
  const WAIT = { timeout: 60_000, interval: 500 };

  it('nobody answers without a virtual server', async () => {
    expect(await who(URL, REFUSED)).toEqual(['ECONNREFUSED']);
  });

  describe('schedulers', () => {
    it('rr takes every server in turn, and none that was removed', async () => {
      const virtual = await serve(`tcp://${VIP}:80`, { scheduler: 'rr' });
      const names = await who(URL, { count: 6 });
      expect(countOf(names)).toEqual({ 'rs-1': 2, 'rs-2': 2, 'rs-3': 2 });
      expect(names.slice(3)).toEqual(names.slice(0, 3));
      await lab.kernel.ipvs.batch([
        {
          op: 'removeReal',
          virtualServer: virtual.url,
          realServer: { address: addressOf('rs-2').v4, port: 8080 },
        },
      ]);
      expect(countOf(await who(URL, { count: 4 }))).toEqual({ 'rs-1': 2, 'rs-3': 2 });
    });

    it('wrr gives each server its share, and none to weight 0', async () => {
      const reals = { 'rs-1': { weight: 3 }, 'rs-2': { weight: 1 }, 'rs-3': { weight: 0 } };
      await serve(`tcp://${VIP}:80`, { scheduler: 'wrr' }, reals);
      expect(countOf(await who(URL, { count: 8 }))).toEqual({ 'rs-1': 6, 'rs-2': 2 });
    });

    it.each(['sh', 'mh'])(
      '%s sends a client to one server, and different clients to different ones',
      async (scheduler) => {
        await serve(`tcp://${VIP}:80`, { scheduler });
        const chosen = new Set<string>();
        for (const localAddress of CLIENTS) {
          const [first = '', second] = await who(URL, { count: 2, localAddress });
          expect(REAL_SERVERS).toContain(first);
          expect(second).toBe(first);
          chosen.add(first);
        }
        expect(chosen.size).toBeGreaterThan(1);
      },
    );

    it('lc takes the server with the fewest connections', async () => {
      await serve(`tcp://${VIP}:80`, { scheduler: 'lc' });
      const held = [];
      for (let i = 0; i < 3; i++) held.push(await lab.client.hold(URL));
      expect(countOf(held.map(({ answer }) => answer.pod ?? ''))).toEqual({
        'rs-1': 1,
        'rs-2': 1,
        'rs-3': 1,
      });
      // In turn it would be the first one.
      const [, , last] = held;
      await last?.close();
      await expect.poll(() => connections(({ state }) => state === 'ESTABLISHED'), WAIT).toHaveLength(2);
      const next = await lab.client.hold(URL);
      expect(next.answer.pod).toBe(last?.answer.pod);
      for (const connection of [...held, next]) await connection.close();
    });

    it('fo takes the server with the greatest weight that there is', async () => {
      const reals = { 'rs-1': { weight: 1 }, 'rs-2': { weight: 9 }, 'rs-3': { weight: 5 } };
      const virtual = await serve(`tcp://${VIP}:80`, { scheduler: 'fo' }, reals);
      expect(await who(URL, { count: 3 })).toEqual(['rs-2', 'rs-2', 'rs-2']);
      await lab.kernel.ipvs.batch([
        {
          op: 'setReal',
          virtualServer: virtual.url,
          realServer: { address: addressOf('rs-2').v4, port: 8080, weight: 0 },
        },
      ]);
      expect(await who(URL, { count: 3 })).toEqual(['rs-3', 'rs-3', 'rs-3']);
    });
  });

  describe('what a virtual server keeps of a client', () => {
    it('persistence keeps a client at its server, and another client is not bound by it', async () => {
      await serve(`tcp://${VIP}:80`, { scheduler: 'rr', persistence: { timeout: 300 } });
      const [first = '', ...more] = await who(URL, { count: 4, localAddress: CLIENTS[1] ?? '' });
      expect(REAL_SERVERS).toContain(first);
      expect(more).toEqual([first, first, first]);
      const [other] = await who(URL, { localAddress: CLIENTS[2] ?? '' });
      expect(other).not.toBe(first);
    });

    it('persistence by network takes neighbours for one client', async () => {
      await serve(`tcp://${VIP}:80`, {
        scheduler: 'rr',
        persistence: { timeout: 300, netmask: '255.255.255.0' },
      });
      const chosen = new Set<string>();
      for (const localAddress of CLIENTS.slice(0, 4)) {
        for (const name of await who(URL, { localAddress })) chosen.add(name);
      }
      expect(chosen.size).toBe(1);
    });

    it('persistence ends with its timeout', async () => {
      const { ipvs } = lab.kernel;
      const before = await ipvs.timeouts();
      // Connections have to go before their template can.
      await ipvs.setTimeouts({ udp: 1 });
      try {
        await serve(`udp://${VIP}:53`, { scheduler: 'rr', persistence: { timeout: 3 } }, undefined, {
          port: 53,
        });
        const localAddress = CLIENTS[3] ?? '';
        const [first] = await who(`udp://${VIP}:53`, { localAddress });
        expect(REAL_SERVERS).toContain(first);
        await expect

          .poll(
            () => connections(({ client, server }) => client.address === localAddress && server.port === 53),
            WAIT,
          )
          .toEqual([]);
        const [second] = await who(`udp://${VIP}:53`, { localAddress });
        expect(REAL_SERVERS).toContain(second);
        expect(second).not.toBe(first);
      } finally {
        await ipvs.setTimeouts(before);
      }
    });

    it('datagrams of one port belong together, unless each is scheduled by itself', async () => {
      // Nothing remembers a packet that is scheduled by itself, so nothing translates the answer back: masquerading is not for it.
      const direct = { forwarding: 'dr' };
      const reals = { 'rs-1': direct, 'rs-2': direct, 'rs-3': direct };
      const virtual = await serve(`udp://${VIP}:55`, { scheduler: 'rr' }, reals, { port: 55 });
      const together = await who(`udp://${VIP}:55`, { count: 3, localPort: 41001 });
      expect(new Set(together).size).toBe(1);
      expect(REAL_SERVERS).toContain(together[0]);
      await virtual.set({ onePacket: true });
      expect(countOf(await who(`udp://${VIP}:55`, { count: 3, localPort: 41002 }))).toEqual({
        'rs-1': 1,
        'rs-2': 1,
        'rs-3': 1,
      });
      expect(await connections(({ client }) => client.port === 41002)).toEqual([]);
    });
  });

  describe('thresholds', () => {
    it('a server with as many connections as it may have gets no more, until some have gone', async () => {
      const { ipvs } = lab.kernel;
      const before = await ipvs.timeouts();
      const reals = { 'rs-1': { upperThreshold: 2 }, 'rs-2': {} };
      // A port that no other test uses: a real server that comes back within two minutes has its old connections.
      await serve(`udp://${VIP}:53`, { scheduler: 'rr' }, reals, { port: 54 });
      const send = async (localPort: number): Promise<string> =>
        (await who(`udp://${VIP}:53`, { localPort }))[0] ?? '';
      const ports = [42001, 42002, 42003, 42004, 42005, 42006];
      const names: string[] = [];
      for (const port of ports) names.push(await send(port));
      expect(countOf(names)).toEqual({ 'rs-1': 2, 'rs-2': 4 });
      try {
        // One more datagram of each of its connections, so that they have the new timeout.
        await ipvs.setTimeouts({ udp: 1 });
        for (const [i, port] of ports.entries())
          if (names[i] === 'rs-1') expect(await send(port)).toBe('rs-1');
        const { v4 } = addressOf('rs-1');
        // Those of other tests stay for minutes.
        const ofTest = ({ server }: Connection): boolean => server.address === v4 && server.port === 54;
        await expect.poll(() => connections(ofTest), WAIT).toEqual([]);
      } finally {
        await ipvs.setTimeouts(before);
      }
      const later: string[] = [];
      for (const port of [42011, 42012, 42013, 42014]) later.push(await send(port));
      expect(countOf(later)).toEqual({ 'rs-1': 2, 'rs-2': 2 });
    });

    it('a client is refused when no server may have more', async () => {
      const reals = { 'rs-1': { upperThreshold: 1 } };
      await serve(`tcp://${VIP}:80`, { scheduler: 'rr' }, reals, { port: 80 });
      const held = await lab.client.hold(URL);
      expect(held.answer).toMatchObject({ pod: 'rs-1' });
      expect(await who(URL, REFUSED)).not.toContain('rs-1');
      expect(await held.ask()).toMatchObject({ pod: 'rs-1' });
      await held.close();
    });
  });

  it('a firewall mark joins ports, and only what is marked', async () => {
    const mark = [
      '-t',
      'mangle',
      'PREROUTING',
      '-d',
      VIP,
      '-p',
      'tcp',
      '-m',
      'multiport',
      '--dports',
      '80,8080',
    ];
    const rule = (verb: string): readonly string[] => [
      'iptables',
      ...mark.slice(0, 2),
      verb,
      ...mark.slice(2),
      '-j',
      'MARK',
      '--set-mark',
      '7',
    ];
    await run(lab.director.path, rule('-A'));
    try {
      await serve('fwmark://7', { scheduler: 'rr' }, { 'rs-1': {}, 'rs-2': {} }, { port: 0 });
      const [a, b] = [await who(`http://${VIP}:80/`), await who(`http://${VIP}:8080/`)];
      expect(countOf([...a, ...b])).toEqual({ 'rs-1': 1, 'rs-2': 1 });
      expect(await who(`http://${VIP}:81/`, REFUSED)).toEqual(['ECONNREFUSED']);
    } finally {
      await run(lab.director.path, rule('-D'));
    }
    expect(await who(URL, REFUSED)).toEqual(['ECONNREFUSED']);
  });

  describe('ways to a real server', () => {
    const real = addressOf('rs-1');
    const inRs1 = (...argv: readonly string[]) => run(lab.netns('rs-1').path, argv);
    /** What the real server saw: where the request came from, and where it went. */
    const seen = async (url: string): Promise<unknown> => (await ask(url))[0];

    it('masquerading: the real server sees the client and its own address and port', async () => {
      await serve(`tcp://${VIP}:80`, { scheduler: 'rr' }, { 'rs-1': { forwarding: 'masq' } });
      expect(await seen(URL)).toMatchObject({ pod: 'rs-1', clientAddress: CLIENT, serverAddress: real.v4 });
      await serve(`tcp://${VIP}:81`, { scheduler: 'rr' }, { 'rs-1': { forwarding: 'masq' } }, { port: 1 });
      expect(await who(`http://${VIP}:81/`)).toEqual(['ECONNREFUSED']);
    });

    it('direct routing: the real server has the virtual address, and no answer comes when it has not', async () => {
      await serve(`tcp://${VIP}:80`, { scheduler: 'rr' }, { 'rs-1': { forwarding: 'dr' } }, { port: 80 });
      expect(await seen(URL)).toMatchObject({ pod: 'rs-1', clientAddress: CLIENT, serverAddress: VIP });
      await inRs1('ip', 'addr', 'del', `${VIP}/32`, 'dev', 'lo');
      try {
        expect(await who(URL, REFUSED)).not.toContain('rs-1');
      } finally {
        await inRs1('ip', 'addr', 'add', `${VIP}/32`, 'dev', 'lo');
      }
    });

    it.each([
      { tunnel: { type: 'ipip' }, device: 'tunl0' },
      { tunnel: { type: 'gre' }, device: 'gre0' },
      { tunnel: { type: 'gue', port: GUE_PORT }, device: 'tunl0' },
      { tunnel: { type: 'gue', port: GUE_PORT, checksum: 'csum' }, device: 'tunl0' },
    ])(
      'tunnel $tunnel: the packet comes out at the other end, and nowhere while that is down',
      async ({ tunnel, device }) => {
        await serve(
          `tcp://${VIP}:80`,
          { scheduler: 'rr' },
          { 'rs-1': { forwarding: 'tunnel', tunnel } },
          { port: 80 },
        );
        expect(await seen(URL)).toMatchObject({ pod: 'rs-1', clientAddress: CLIENT, serverAddress: VIP });
        await inRs1('ip', 'link', 'set', device, 'down');
        try {
          expect(await who(URL, REFUSED)).not.toContain('rs-1');
        } finally {
          await inRs1('ip', 'link', 'set', device, 'up');
        }
      },
    );

    it.each([
      { forwarding: 'masq', port: 8080, serverAddress: real.v6 },
      { forwarding: 'dr', port: 80, serverAddress: VIP6 },
      { forwarding: 'tunnel', port: 80, serverAddress: VIP6 },
    ])('IPv6, $forwarding', async ({ forwarding, port, serverAddress }) => {
      const virtual = await serve(
        `tcp://[${VIP6}]:80`,
        { scheduler: 'rr' },
        { 'rs-1': { forwarding } },
        { port, family: 'v6' },
      );
      expect(await seen(URL6)).toMatchObject({ pod: 'rs-1', clientAddress: CLIENT6, serverAddress });
      await virtual.remove();
      expect(await who(URL6, REFUSED)).toEqual(['ECONNREFUSED']);
    });
  });

  it('a drained server ends the connections that it has, and gets no others', async () => {
    const url = `tcp://${VIP}:80` as const;
    await serve(url, { scheduler: 'rr' }, { 'rs-1': {}, 'rs-2': {} });
    const held = [await lab.client.hold(URL), await lab.client.hold(URL)];
    const kept = held.find(({ answer }) => answer.pod === 'rs-1');
    const server = { address: addressOf('rs-1').v4, port: 8080 };
    expect(countOf(held.map(({ answer }) => answer.pod ?? ''))).toEqual({ 'rs-1': 1, 'rs-2': 1 });

    const drain = lab.kernel.ipvs.drain(url, { realServers: [server], waitFor: 'active', remove: true });
    const progress = drain[Symbol.asyncIterator]();
    expect((await progress.next()).value).toMatchObject({ done: false, connections: 1 });
    expect(await kept?.ask()).toMatchObject({ pod: 'rs-1' });
    expect(await who(URL, { count: 3 })).toEqual(['rs-2', 'rs-2', 'rs-2']);
    expect(await kept?.ask()).toMatchObject({ pod: 'rs-1' });

    await kept?.close();
    let last: DrainProgress | undefined;
    for (let step = await progress.next(); step.done !== true; step = await progress.next())
      last = step.value;
    expect(last).toMatchObject({ done: true, drained: true, realServers: [{ ...server, phase: 'removed' }] });
    const left = (await lab.kernel.ipvs.get(url))?.realServers;
    expect(left?.map(({ address }) => address)).toEqual([addressOf('rs-2').v4]);
    expect(await who(URL, { count: 2 })).toEqual(['rs-2', 'rs-2']);
    for (const connection of held) await connection.close();
  });

  it('SCTP is balanced too', async () => {
    const servers: SctpServer[] = [];
    try {
      for (const name of ['rs-1', 'rs-2'] as const)
        servers.push(await serveSctp(lab.netns(name).path, name, 7, [addressOf(name).v4]));
      await serve(`sctp://${VIP}:9`, { scheduler: 'rr' }, { 'rs-1': {}, 'rs-2': {} }, { port: 7 });
      const client = lab.netns('client').path;
      const target = { from: CLIENT, address: VIP, port: 9, seconds: 60 };
      const answers = await askSctp(client, [target, target, target, target]);
      expect(countOf(answers)).toEqual({ [`rs-1 ${CLIENT}`]: 2, [`rs-2 ${CLIENT}`]: 2 });
      expect(await connections(({ protocol }) => protocol === 'sctp')).toHaveLength(4);
      await lab.kernel.ipvs.flush();
      expect(await askSctp(client, [target])).toEqual(['ECONNREFUSED']);
    } finally {
      await Promise.all(servers.map((server) => server.stop()));
    }
  });

  it('a backup learns the connections of the master', async () => {
    // Any machine of the network can be the backup; a real server is at hand.
    await using backup = await openKernel({ netns: lab.netns('rs-3').path });
    const { ipvs } = lab.kernel;
    // From the first packet on, not only every fiftieth.
    await lab.kernel.sysctl.set('net.ipv4.vs.sync_threshold', '0 1');
    try {
      await backup.ipvs.daemons.start({ role: 'backup', interface: 'eth0', syncId: 7 });
      await ipvs.daemons.start({ role: 'master', interface: 'eth0', syncId: 7 });
      await serve(`tcp://${VIP}:80`, { scheduler: 'rr' }, { 'rs-1': {} });
      const held = await lab.client.hold(URL);
      expect(held.answer).toMatchObject({ pod: 'rs-1' });
      const learned = async (): Promise<Connection[]> => {
        // Packets are what the master tells of.
        await held.ask();
        const found: Connection[] = [];
        for await (const connection of backup.ipvs.connections()) found.push(connection);
        return found;
      };
      await expect.poll(learned, WAIT).toMatchObject([
        {
          protocol: 'tcp',
          client: { address: CLIENT },
          virtual: { address: VIP, port: 80 },
          server: { address: addressOf('rs-1').v4, port: 8080 },
          state: 'ESTABLISHED',
        },
      ]);
      await held.close();
    } finally {
      await ipvs.daemons.stop('master', { ifRunning: true });
      await backup.ipvs.daemons.stop('backup', { ifRunning: true });
    }
  });
});
