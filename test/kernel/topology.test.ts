import { existsSync, readdirSync } from 'node:fs';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { describeKernel } from '../support/backends.js';
import { makeTopology, type Topology } from '../support/topology.js';

const alive = (pid: number): boolean => existsSync(`/proc/${pid}`);

describeKernel(['link'], 'the topology of namespaces', () => {
  let topology: Topology;
  beforeAll(async () => {
    topology = await makeTopology({
      nodes: [
        {
          name: 'left',
          addresses: ['192.0.2.11/24', '2001:db8:10::11/64'],
          podCidrs: ['10.244.1.0/24', 'fd00:10:244:1::/64'],
          agent: true,
        },
        {
          name: 'right',
          addresses: ['192.0.2.12/24', '2001:db8:10::12/64'],
          podCidrs: ['10.244.2.0/24', 'fd00:10:244:2::/64'],
        },
      ],
      pods: [
        {
          name: 'here',
          node: 'left',
          addresses: ['10.244.1.11', 'fd00:10:244:1::11'],
          http: [8080],
          udp: [5353],
        },
        { name: 'there', node: 'right', addresses: ['10.244.2.11', 'fd00:10:244:2::11'], http: [8080] },
      ],
      clients: [{ name: 'outside', addresses: ['192.0.2.100/24'] }],
      throughFirstNode: ['10.244.1.0/24'],
    });
  });
  afterAll(() => topology.remove());

  it('routes between pods of different nodes without changing the source address', async () => {
    const { agent } = topology.host('here');
    expect(await agent.request('http://10.244.2.11:8080/a')).toEqual([
      {
        pod: 'there',
        clientAddress: '10.244.1.11',
        serverAddress: '10.244.2.11',
        method: 'GET',
        path: '/a',
      },
    ]);
    expect(await agent.request('http://[fd00:10:244:2::11]:8080/')).toMatchObject([
      { pod: 'there', clientAddress: 'fd00:10:244:1::11' },
    ]);
  });

  it('carries UDP, from the node and from outside', async () => {
    expect(await topology.host('left').agent.request('udp://10.244.1.11:5353')).toMatchObject([
      { pod: 'here', clientAddress: '10.244.1.1', method: 'UDP' },
    ]);
    expect(
      await topology.host('outside').agent.request('udp://10.244.1.11:5353', { count: 2 }),
    ).toMatchObject([
      { pod: 'here', clientAddress: '192.0.2.100' },
      { pod: 'here', clientAddress: '192.0.2.100' },
    ]);
  });

  it('reports what nobody answers as an error code, not as a rejection', async () => {
    const { agent } = topology.host('here');
    expect(await agent.request('http://10.244.2.11:1/')).toEqual([{ error: 'ECONNREFUSED' }]);
    expect(await agent.request('udp://10.244.2.99:53', { timeoutMs: 300 })).toEqual([
      { error: expect.any(String) as string },
    ]);
  });

  it('leaves neither processes nor namespaces behind', async () => {
    const names = ['left', 'here'];
    const small = await makeTopology({
      nodes: [{ name: 'left', addresses: ['192.0.2.11/24'], podCidrs: ['10.244.1.0/24'], agent: true }],
      pods: [{ name: 'here', node: 'left', addresses: ['10.244.1.11'], http: [8080] }],
      clients: [],
    });
    const pids = names.map((name) => small.host(name).agent.pid);
    const namespaces = names.map((name) => small.netns(name).name);
    expect(pids.map(alive)).toEqual([true, true]);
    await small.remove();
    expect(pids.map(alive)).toEqual([false, false]);
    expect(readdirSync('/run/netns').filter((name) => namespaces.includes(name))).toEqual([]);
  });

  it('removes what it made when a step fails', async () => {
    const broken = makeTopology({
      nodes: [{ name: 'broken', addresses: ['not an address'], podCidrs: ['10.244.1.0/24'] }],
      pods: [],
      clients: [],
    });
    await expect(broken).rejects.toThrow('any valid prefix is expected');
    expect(readdirSync('/run/netns').filter((name) => name.startsWith('ipvs-broken-'))).toEqual([]);
  });
});
