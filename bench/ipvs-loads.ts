/**
 * Weights and numbers of connections of many real servers, beside ipvsadm, in one namespace and in turns. Wants a kernel with ip_vs:
 *
 *   scripts/vm npm run bench -- ipvs-loads                     10,000 real servers
 *   scripts/vm sh -c 'SERVERS=10000 REALS=10 npm run bench -- ipvs-loads'
 */
import { openKernel } from '../src/kernel/open.js';
import type { IpvsOperation } from '../src/ipvs/types.js';
import { makeNetns } from '../test/support/netns.js';
import { compare } from './support/compare.js';

const servers = Number(process.env['SERVERS'] ?? 1000);
const reals = Number(process.env['REALS'] ?? 10);
const rounds = Number(process.env['ROUNDS'] ?? 3);

await using netns = await makeNetns('bench');
await using kernel = await openKernel({ netns: netns.path });
const { ipvs } = kernel;

const address = (block: number, i: number): string =>
  `10.${String(block + (i >> 16))}.${String((i >> 8) & 255)}.${String(i & 255)}`;

function* operations(): Generator<IpvsOperation> {
  for (let i = 0; i < servers; i++) {
    const virtualServer = `tcp://${address(96, i)}:80`;
    yield { op: 'add', virtualServer, attributes: { scheduler: 'rr' } };
    for (let j = 0; j < reals; j++) {
      yield {
        op: 'addReal',
        virtualServer,
        realServer: { address: address(128, i * reals + j), port: 8080 },
      };
    }
  }
}

const { ok } = await ipvs.batch(operations());
if (!ok) throw new Error('the table could not be filled');
const count = servers * reals;
console.log(`${String(servers)} virtual servers with ${String(reals)} real servers each`);

await compare(
  'weights and connections of all real servers',
  [
    {
      name: 'loads(), summed',
      run: async () => {
        const loads = await ipvs.loads();
        let sum = 0;
        for (let i = 0; i < loads.length; i++) sum += loads.weight(i) + loads.activeConnections(i);
        if (loads.length !== count || sum !== count) throw new Error(`${String(sum)} of ${String(count)}`);
      },
    },
    {
      name: 'loads(), as objects',
      run: async () => {
        let seen = 0;
        for (const load of await ipvs.loads()) seen += load.weight;
        if (seen !== count) throw new Error(`${String(seen)} of ${String(count)}`);
      },
    },
    {
      name: 'list()',
      run: async () => {
        const listed = await ipvs.list();
        if (listed.length !== servers) throw new Error(`${String(listed.length)} listed`);
      },
    },
    { name: 'ipvsadm -Ln', run: () => netns.run(['sh', '-c', 'ipvsadm -Ln > /dev/null']) },
  ],
  rounds,
);
