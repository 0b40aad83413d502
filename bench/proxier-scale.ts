/**
 * The proxier with many Services: computing, planning and programming all of them, and then one endpoint. On the running kernel where it has
 * IPVS, on the fake one otherwise or with FAKE=1: that leaves the cost of this package.
 *
 *   scripts/vm --timeout 3600 --memory 4096 npm run bench -- proxier-scale
 *   scripts/vm --timeout 3600 --memory 4096 --env RULES=nft npm run bench -- proxier-scale
 *   SERVICES=1000 ENDPOINTS=3 FAKE=1 npm run bench -- proxier-scale
 */
import { openKernel } from '../src/kernel/open.js';
import type { Kernel } from '../src/kernel/types.js';
import { Proxier, type SyncReport } from '../src/proxier/index.js';
import { proxyConfig } from '../src/proxy/index.js';
import { fakeKernel } from '../src/testing.js';
import { manyService, manySlice, messagesTo, NODE_A } from '../test/support/many-services.js';
import { missing } from '../test/support/needs.js';
import { makeNetns, type TestNetns } from '../test/support/netns.js';

const count = Number(process.env['SERVICES'] ?? 10_000);
const endpoints = Number(process.env['ENDPOINTS'] ?? 10);
const rules = process.env['RULES'] === 'nft' ? 'nft' : 'iptables';
const fake = process.env['FAKE'] === '1' || missing(['ipvs', 'ipset', 'rules', 'dummy']) !== undefined;

let messages = 0;
function show(what: string, report: SyncReport, kernel: Kernel): void {
  const { examined, operations, duration, kind } = report;
  const sent = messagesTo(kernel) - messages;
  messages += sent;
  console.log(
    [
      what.padEnd(28),
      `${kind} ${duration} ms`.padEnd(22),
      `${operations.length} operations`.padEnd(20),
      `examined ${examined.services} services, ${examined.virtualServers} virtual and ${examined.realServers} real servers;`,
      `${sent} messages, ${Math.round(process.memoryUsage.rss() / 2 ** 20)} MiB`,
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
console.log(
  `${count} Services with ${endpoints} endpoints each, ${rules}, ${fake ? 'fake kernel' : 'running kernel'}`,
);
try {
  const proxier = new Proxier(kernel, proxyConfig({ families: ['inet'], profile: 'current', rules }), {
    node: NODE_A,
    syncPeriod: 0x7fffffff,
    health: false,
  });
  const indexes = Array.from({ length: count }, (_, i) => i);
  proxier.replace(
    indexes.map(manyService),
    indexes.map((i) => manySlice(i, endpoints)),
  );
  show('first sync', await proxier.sync(), kernel);
  show('comparing, nothing to do', await proxier.sync({ full: true }), kernel);
  for (const i of [0, count >> 1, count - 1]) {
    proxier.upsertSlice(manySlice(i, endpoints, 1));
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
