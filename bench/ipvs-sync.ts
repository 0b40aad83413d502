/**
 * Programming virtual servers with their real servers, beside ipvsadm, each round into an empty namespace. Wants a kernel with ip_vs:
 *
 *   scripts/vm npm run bench -- ipvs-sync                      1,000 virtual servers with 10 real servers each
 */
import { writeFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { formatSave } from '../src/ipvs/save.js';
import type { IpvsOperation, VirtualServerSpec } from '../src/ipvs/types.js';
import { openKernel } from '../src/kernel/open.js';
import type { Kernel } from '../src/kernel/types.js';
import { makeNetns, type TestNetns } from '../test/support/netns.js';
import { compare, type Contender } from './support/compare.js';

const servers = Number(process.env['SERVERS'] ?? 1000);
const reals = Number(process.env['REALS'] ?? 10);
const rounds = Number(process.env['ROUNDS'] ?? 3);

const address = (block: number, i: number): string =>
  `10.${String(block + (i >> 16))}.${String((i >> 8) & 255)}.${String(i & 255)}`;

const table = Array.from({ length: servers }, (_, i) => ({
  url: `tcp://${address(96, i)}:80` as const,
  scheduler: 'rr',
  realServers: Array.from({ length: reals }, (_, j) => ({
    address: address(128, i * reals + j),
    port: 8080,
  })),
})) satisfies VirtualServerSpec[];
const operations = table.flatMap(({ url: virtualServer, scheduler, realServers }): IpvsOperation[] => [
  { op: 'add', virtualServer, attributes: { scheduler } },
  ...realServers.map((realServer): IpvsOperation => ({ op: 'addReal', virtualServer, realServer })),
]);
const saved = join(tmpdir(), `ipvs-sync-${String(process.pid)}`);
await writeFile(saved, formatSave(table));
console.log(`${String(servers)} virtual servers with ${String(reals)} real servers each`);

let netns: TestNetns;
let kernel: Kernel;

/** Into a namespace of its own: real servers that were removed make adding slow for two minutes. */
function contender(name: string, run: () => Promise<unknown>): Contender {
  return {
    name,
    before: async () => {
      netns = await makeNetns('bench');
      kernel = await openKernel({ netns: netns.path });
      await kernel.ipvs.info();
    },
    run,
    after: async () => {
      const listed = await kernel.ipvs.list();
      const count = listed.reduce((sum, { realServers }) => sum + realServers.length, 0);
      if (listed.length !== servers || count !== servers * reals)
        throw new Error(`${name} left ${String(count)}`);
      await kernel.close();
      await netns.remove();
    },
  };
}

await compare(
  'programming a table',
  [
    contender('batch()', () => kernel.ipvs.batch(operations)),
    contender('sync()', () => kernel.ipvs.sync(table, { owner: {} })),
    contender('ipvsadm -R', () => netns.run(['sh', '-c', `ipvsadm -R < ${saved}`])),
  ],
  rounds,
);
await rm(saved);
