import { expect, it } from 'vitest';
import type { Ipvs, ServerLoad, VirtualServerSpec } from '../../src/ipvs/types.js';
import { describeOn } from '../support/backends.js';

const TABLE: readonly VirtualServerSpec[] = [
  { url: 'tcp://10.96.0.1:80', realServers: [] },
  {
    url: 'tcp://10.96.0.10:80',
    realServers: [
      { address: '10.244.1.7', port: 8080, weight: 5, upperThreshold: 20, lowerThreshold: 10 },
      { address: '10.244.1.8', forwarding: 'dr', weight: 0 },
    ],
  },
  { url: 'udp://10.96.0.10:80', realServers: ['10.244.1.9:53'] },
  { url: 'udp://[2001:db8::53]:53', realServers: [{ address: '2001:db8::7', weight: 9 }] },
  // Of the other family: what the socket options do not show.
  {
    url: 'tcp://10.96.0.11:80',
    realServers: [
      { address: '2001:db8::8', port: 80, forwarding: 'tunnel', weight: 3 },
      { address: '10.244.1.10', weight: 4 },
    ],
  },
  { url: 'fwmark://7', realServers: ['10.244.1.7:0', '10.244.1.8:0'] },
  { url: 'fwmark6://7', realServers: ['[2001:db8::7]:0'] },
];

/** Sorted, the real servers of each in their order: a kernel that makes its table larger between two listings mixes virtual servers. */
function byServer(loads: Iterable<ServerLoad>): ServerLoad[] {
  return [...loads].sort((a, b) => a.virtualServer.localeCompare(b.virtualServer));
}

/** What `list` says, in the words and the order of loads. */
async function listed(ipvs: Ipvs): Promise<ServerLoad[]> {
  const servers = await ipvs.list({ order: 'kernel' });
  return servers.flatMap((server) =>
    server.realServers.map(({ virtualServer, address, family, port, weight, forwarding, ...more }) => ({
      virtualServer,
      address,
      family,
      port,
      weight,
      forwarding,
      upperThreshold: more.upperThreshold,
      lowerThreshold: more.lowerThreshold,
      activeConnections: more.activeConnections,
      inactiveConnections: more.inactiveConnections,
      persistentConnections: more.persistentConnections,
    })),
  );
}

describeOn(['ipvs'], 'ipvs: loads', (open) => {
  it('are those of the listing, of both families, marks and mixed families', async () => {
    const { ipvs } = await open();
    expect([...(await ipvs.loads())]).toEqual([]);
    await ipvs.sync(TABLE, { owner: {} });
    const loads = await ipvs.loads();
    expect(loads.length).toBe(9);
    expect(byServer(loads)).toEqual(byServer(await listed(ipvs)));
    const at = [...loads].findIndex(({ weight }) => weight === 5);
    expect([loads.weight(at), loads.activeConnections(at), loads.get(at).upperThreshold]).toEqual([5, 0, 20]);
  });

  it('can be those of some virtual servers only', async () => {
    const { ipvs } = await open();
    await ipvs.sync(TABLE, { owner: {} });
    const loads = await ipvs.loads({ filter: [{ fwmark: 7 }, { port: 53 }] });
    expect([...loads].map(({ virtualServer }) => virtualServer).sort()).toEqual([
      'fwmark6://7',
      'fwmark://7',
      'fwmark://7',
      'udp://[2001:db8::53]:53',
    ]);
    expect((await ipvs.loads({ filter: { port: 9 } })).length).toBe(0);
    expect(() => loads.weight(4)).toThrow(RangeError);
    expect(() => loads.get(-1)).toThrow(RangeError);
    expect(() => loads.weight(0.5)).toThrow(RangeError);
  });

  it('have all real servers of a large virtual server', async () => {
    const { ipvs } = await open();
    const realServers = Array.from({ length: 300 }, (_, i) => ({
      address: `10.244.${String(i >> 8)}.${String(i & 255)}`,
      weight: i,
    }));
    await ipvs.ensure({ url: 'tcp://10.96.0.10:80', realServers: realServers.slice(1) });
    const loads = await ipvs.loads();
    expect(loads.length).toBe(299);
    let sum = 0;
    for (let i = 0; i < loads.length; i++) sum += loads.weight(i);
    expect(sum).toBe((299 * 300) / 2);
  });
});
