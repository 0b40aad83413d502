import { expect, it } from 'vitest';
import type { Kernel } from '../../src/kernel/types.js';
import { Proxier } from '../../src/proxier/index.js';
import { formatOperation, proxyConfig } from '../../src/proxy/index.js';
import { describeOn } from '../support/backends.js';
import { endpoint, type Fields, service, slice } from '../unit/proxy/objects.js';
import { objects } from '../unit/proxier/objects.js';

const WEB = 'tcp://10.96.1.1:80';
const DNS = 'udp://10.96.0.53:53';
const node = { name: 'node-a', labels: {}, podCIDRs: [], primaryIPs: ['192.0.2.11'], interfaces: [] };

const web = (...addresses: readonly string[]): Fields[] => [
  service('web', { clusterIP: '10.96.1.1' }),
  slice(
    'web',
    addresses.map((address) => endpoint(address)),
    { metadata: { namespace: 'shop', name: 'web', labels: { 'kubernetes.io/service-name': 'web' } } },
  ),
];
const dns: readonly Fields[] = [
  service('dns', { clusterIP: '10.96.0.53', ports: [{ name: 'dns', port: 53, protocol: 'UDP' }] }),
  slice('dns', [endpoint('10.244.1.9', 'node-a')], {
    ports: [{ name: 'dns', port: 5353, protocol: 'UDP' }],
  }),
];

const servers = async (kernel: Kernel): Promise<string[]> =>
  (await kernel.ipvs.list({ realServers: true })).map(({ url, realServers }) =>
    [url, ...realServers.map(({ address, weight }) => `${address}=${weight}`)].join(' '),
  );

describeOn(['ipvs', 'ipset', 'link', 'rules', 'dummy', 'conntrack'], 'the proxier', (open) => {
  it('programs, changes only what changed, takes up what is there, and cleans up', async () => {
    const kernel = await open();
    await kernel.ipvs.add('tcp://10.96.1.1:9999');
    const options = { node, health: false };
    const proxier = new Proxier(kernel, proxyConfig({ families: ['inet'] }), options);
    const first = objects([...web('10.244.1.1', '10.244.2.1'), ...dns]);
    proxier.replace(first.services, first.slices);
    expect(await proxier.sync()).not.toHaveProperty('error');
    expect(await servers(kernel)).toEqual([
      `${WEB} 10.244.1.1=1 10.244.2.1=1`,
      'tcp://10.96.1.1:9999',
      `${DNS} 10.244.1.9=1`,
    ]);

    for (const one of objects(web('10.244.1.1', '10.244.3.1')).slices) proxier.upsertSlice(one);
    proxier.removeService({ namespace: 'shop', name: 'dns' });
    const change = await proxier.sync();
    expect(change).not.toHaveProperty('error');
    expect(change.kind).toBe('incremental');
    expect(change.operations.map(({ op }) => op)).toEqual([
      'removeAddress',
      'removeVirtualServer',
      'addRealServer',
      'setRealServer',
      'deleteEntry',
      'deleteEntry',
      'deleteEntry',
      // Now that it is certain that it has no connections.
      'removeRealServer',
    ]);
    expect(await servers(kernel)).toEqual([`${WEB} 10.244.1.1=1 10.244.3.1=1`, 'tcp://10.96.1.1:9999']);

    // The next process finds all of it, and nothing to do.
    const next = new Proxier(kernel, proxyConfig({ families: ['inet'] }), options);
    const left = objects(web('10.244.1.1', '10.244.3.1'));
    next.replace(left.services, left.slices);
    expect(await next.sync()).toMatchObject({ kind: 'full', operations: [] });

    expect(await next.cleanup()).toMatchObject({ ok: true });
    expect(await servers(kernel)).toEqual(['tcp://10.96.1.1:9999']);
    expect(await kernel.ipset.list()).toEqual([]);
    expect(await kernel.link.get('kube-ipvs0')).toBeUndefined();
  });

  it('examines one virtual server for one endpoint', async () => {
    const kernel = await open();
    const proxier = new Proxier(kernel, proxyConfig({ families: ['inet'] }), { node, health: false });
    const all = objects([...web('10.244.1.1'), ...dns]);
    proxier.replace(all.services, all.slices);
    await proxier.sync();
    const counters = () => [kernel.ipvs.counters(), kernel.ipset.counters(), kernel.link.counters()];
    const before = counters().map(({ messages }) => messages);
    for (const one of objects(web('10.244.1.1', '10.244.2.1')).slices) proxier.upsertSlice(one);
    expect(await proxier.sync()).toMatchObject({
      examined: { services: 1, virtualServers: 1, realServers: 1 },
      operations: [{ op: 'addRealServer', realServer: { address: '10.244.2.1' } }],
    });
    const [ipvs = 0, ipset = 0, link = 0] = counters().map(({ messages }, i) => messages - (before[i] ?? 0));
    // The virtual server, its real servers, and the new one, with what is read again before that is added.
    expect(ipvs).toBeLessThanOrEqual(5);
    expect([ipset, link]).toEqual([0, 0]);
  });
});

describeOn(['ipvs', 'ipset', 'link', 'rules', 'nft', 'dummy'], 'the proxier with nft', (open) => {
  it('changes elements only, takes up what is there, and cleans up', async () => {
    const kernel = await open();
    const start = (): Proxier =>
      new Proxier(kernel, proxyConfig({ families: ['inet'], rules: 'nft' }), {
        node,
        health: false,
        conntrack: false,
      });
    const proxier = start();
    const first = objects([...web('10.244.1.1'), ...dns]);
    proxier.replace(first.services, first.slices);
    expect(await proxier.sync()).not.toHaveProperty('error');
    expect((await kernel.ipset.list()).map(({ name }) => name)).toEqual(['IPVS-OWNED']);

    proxier.removeService({ namespace: 'shop', name: 'dns' });
    const change = await proxier.sync();
    expect(change).not.toHaveProperty('error');
    expect(change.kind).toBe('incremental');
    expect(change.operations.map(formatOperation)).toEqual([
      '- address 10.96.0.53 on kube-ipvs0',
      `- virtual server ${DNS}`,
      '~ nft inet: delete KUBE-LOOP-BACK { 10.244.1.9 . udp . 5353 . 10.244.1.9 }; delete KUBE-CLUSTER-IP { 10.96.0.53 . udp . 53 }',
      '- entry IPVS-OWNED 10.96.0.53,udp:53',
    ]);

    const next = start();
    const left = objects(web('10.244.1.1'));
    next.replace(left.services, left.slices);
    expect(await next.sync()).toMatchObject({ kind: 'full', operations: [] });

    expect(await next.cleanup()).toMatchObject({ ok: true });
    expect(await kernel.nft.read('inet')).toBeUndefined();
    expect(await kernel.ipset.list()).toEqual([]);
    expect(await servers(kernel)).toEqual([]);
  });
});
