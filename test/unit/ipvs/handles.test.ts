import { inspect } from 'node:util';
import { describe, expect, it } from 'vitest';
import { fakeIpvsChannel } from '../../../src/ipvs/fake.js';
import { createIpvs } from '../../../src/ipvs/ipvs.js';

const opened = () => {
  const channel = fakeIpvsChannel();
  return { channel, ipvs: createIpvs(() => Promise.resolve(channel)) };
};

async function sample() {
  const { channel, ipvs } = opened();
  const { server } = await ipvs.ensure({
    url: 'tcp://10.0.0.1:80',
    scheduler: 'sh',
    schedulerFlags: { port: true, raw: 0x20 },
    persistence: { timeout: 300, engine: 'sip' },
    realServers: [
      '10.1.0.1:8080',
      {
        address: '2001:db8::7',
        port: 80,
        forwarding: 'tunnel',
        tunnel: { type: 'gue', port: 6080 },
        upperThreshold: 20,
      },
    ],
  });
  return { channel, ipvs, server };
}

describe('a handle', () => {
  it('has its state in own properties, in the order of the documentation', async () => {
    const { server } = await sample();
    expect(Object.keys(server)).toEqual([
      'url',
      'family',
      'protocol',
      'address',
      'port',
      'scheduler',
      'schedulerFlags',
      'flags',
      'persistence',
      'onePacket',
      'stats',
      'realServers',
    ]);
    expect({ ...server }).toMatchObject({ url: 'tcp://10.0.0.1:80', flags: 0x1 | 0x10 | 0x20 });
    expect(Object.keys(server.realServers[0] ?? {})).not.toContain('tunnel');
    expect(server.realServers[1]?.tunnel).toEqual({ type: 'gue', port: 6080 });
  });

  it('of a server by mark has no address', async () => {
    const { ipvs } = opened();
    const server = await ipvs.add('fwmark6://7');
    expect(server).toMatchObject({ url: 'fwmark6://7', family: 'inet6', fwmark: 7 });
    expect(Object.keys(server)).not.toEqual(expect.arrayContaining(['address']));
  });

  it('is plain data in JSON, bigint as decimal text', async () => {
    const { channel, ipvs } = await sample();
    channel.setCounters('tcp://10.0.0.1:80', undefined, { bytesIn: 2n ** 60n + 1n });
    const [server] = await ipvs.list({ bigint: true });
    const parsed: unknown = JSON.parse(JSON.stringify(server));
    expect(parsed).toMatchObject({
      url: 'tcp://10.0.0.1:80',
      schedulerFlags: { port: true, raw: 0x20 },
      persistence: { timeout: 300, netmask: '255.255.255.255', engine: 'sip' },
      stats: { bytesIn: String(2n ** 60n + 1n), rate: { connections: '0' } },
      realServers: [
        { address: '10.1.0.1', port: 8080, virtualServer: 'tcp://10.0.0.1:80', activeConnections: 0 },
        { address: '2001:db8::7', tunnel: { type: 'gue', port: 6080 } },
      ],
    });
  });

  it('prints as lines for people', async () => {
    const { channel, ipvs } = await sample();
    channel.setConnections('tcp://10.0.0.1:80', '10.1.0.1:8080', { activeConnections: 2 });
    const server = await ipvs.get('tcp://10.0.0.1:80');
    expect(inspect(server)).toBe(
      [
        'VirtualServer tcp://10.0.0.1:80 sh, sh-port, raw 32, persistent 300 s by sip',
        '  -> 10.1.0.1:8080 masq weight 1 (2 active, 0 inactive)',
        '  -> [2001:db8::7]:80 tunnel/gue:6080 weight 1 thresholds 0..20 (0 active, 0 inactive)',
      ].join('\n'),
    );
    expect(inspect(server?.realServers[0])).toBe(
      'RealServer 10.1.0.1:8080 masq weight 1 (2 active, 0 inactive) of tcp://10.0.0.1:80',
    );
  });

  it('is a snapshot: verbs give new ones', async () => {
    const { server } = await sample();
    const changed = await server.set({ scheduler: 'rr', schedulerFlags: {} });
    expect(server.scheduler).toBe('sh');
    expect(changed.scheduler).toBe('rr');
    expect(changed.realServers).toBe(server.realServers);
    const [real] = server.realServers;
    const drained = await real?.set({ weight: 0 });
    expect(real?.weight).toBe(1);
    expect(drained?.weight).toBe(0);
    expect((await changed.refresh()).realServers[0]?.weight).toBe(0);
  });
});

describe('counters of the channel', () => {
  it('are zeros before the channel opens', async () => {
    const { ipvs } = opened();
    expect(ipvs.counters()).toMatchObject({ sends: 0, sockets: 0 });
    await ipvs.list();
    expect(ipvs.counters()).toMatchObject({ dumps: 1, sockets: 1 });
  });
});
