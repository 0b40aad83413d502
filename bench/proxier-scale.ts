/**
 * The proxier with many Services: computing, planning and programming all of them, and then one endpoint. On the running kernel where it has
 * IPVS, on the fake one otherwise or with FAKE=1: that leaves the cost of this package.
 *
 *   scripts/vm --timeout 1800 npm run bench -- proxier-scale
 *   SERVICES=1000 ENDPOINTS=3 FAKE=1 npm run bench -- proxier-scale
 */
import { existsSync } from 'node:fs';
import { openKernel } from '../src/kernel/open.js';
import type { Kernel } from '../src/kernel/types.js';
import { Proxier, type SyncReport } from '../src/proxier/index.js';
import { type EndpointSlice, proxyConfig, type Service } from '../src/proxy/index.js';
import { fakeKernel } from '../src/testing.js';
import { makeNetns, type TestNetns } from '../test/support/netns.js';

const count = Number(process.env['SERVICES'] ?? 10_000);
const endpoints = Number(process.env['ENDPOINTS'] ?? 10);
const fake = process.env['FAKE'] === '1' || !existsSync('/proc/net/ip_vs');

const ip = (base: number, i: number): string => `10.${base + (i >> 16)}.${(i >> 8) & 255}.${i & 255}`;

function service(i: number): Service {
  return {
    namespace: 'bench',
    name: `s${i}`,
    labels: {},
    annotations: {},
    type: 'ClusterIP',
    clusterIPs: [ip(96, i + 1)],
    headless: false,
    ports: [{ name: 'http', protocol: 'tcp', port: 80, nodePort: 0 }],
    externalIPs: [],
    loadBalancerIPs: [],
    loadBalancerSourceRanges: [],
    externalTrafficPolicy: 'Cluster',
    internalTrafficPolicy: 'Cluster',
    healthCheckNodePort: 0,
  };
}

function slice(i: number, shift = 0): EndpointSlice {
  return {
    namespace: 'bench',
    name: `s${i}`,
    service: `s${i}`,
    family: 'inet',
    ports: [{ name: 'http', protocol: 'tcp', port: 8080 }],
    endpoints: Array.from({ length: endpoints }, (_, e) => ({
      address: ip(128, i * endpoints + e + shift),
      ready: true,
      serving: true,
      terminating: false,
      nodeName: e === 0 ? 'node-a' : 'node-b',
      hints: { zones: [], nodes: [] },
    })),
  };
}

function show(what: string, report: SyncReport, kernel: Kernel): void {
  const { examined, operations, duration, kind } = report;
  const messages =
    kernel.ipvs.counters().messages + kernel.ipset.counters().messages + kernel.link.counters().messages;
  console.log(
    [
      what.padEnd(28),
      `${kind} ${duration} ms`.padEnd(22),
      `${operations.length} operations`.padEnd(20),
      `examined ${examined.services} services, ${examined.virtualServers} virtual and ${examined.realServers} real servers;`,
      `${messages} messages so far`,
    ].join(' '),
  );
  if (report.error !== undefined) throw report.error;
}

let netns: TestNetns | undefined;
let kernel: Kernel;
if (fake) {
  kernel = fakeKernel();
} else {
  netns = await makeNetns('bench');
  kernel = await openKernel({ netns: netns.path });
}
console.log(`${count} Services with ${endpoints} endpoints each, ${fake ? 'fake kernel' : 'running kernel'}`);
try {
  const proxier = new Proxier(kernel, proxyConfig({ families: ['inet'], profile: 'current' }), {
    node: { name: 'node-a', labels: {}, podCIDRs: [], primaryIPs: ['192.0.2.11'], interfaces: [] },
    syncPeriod: 0x7fffffff,
    health: false,
  });
  const indexes = Array.from({ length: count }, (_, i) => i);
  proxier.replace(
    indexes.map(service),
    indexes.map((i) => slice(i)),
  );
  show('first sync', await proxier.sync(), kernel);
  show('comparing, nothing to do', await proxier.sync({ full: true }), kernel);
  for (const i of [0, count >> 1, count - 1]) {
    proxier.upsertSlice(slice(i, 1));
    show(`one endpoint of s${i}`, await proxier.sync(), kernel);
  }
  const started = Date.now();
  const report = await proxier.cleanup();
  console.log(`cleanup                      ${Date.now() - started} ms, ${report.results.length} operations`);
  if (!report.ok) throw new Error(JSON.stringify(report.results.find(({ status }) => status !== 'done')));
} finally {
  await kernel.close();
  await netns?.remove();
}
