/**
 * Filling and listing a set of hash:ip,port beside the ipset tool, in one namespace and in turns.
 *
 *   npm run bench -- ipset-bulk            100,000 elements
 *   ELEMENTS=1000000 npm run bench -- ipset-bulk
 */
import { availableParallelism, loadavg } from 'node:os';
import { openKernel } from '../src/kernel/open.js';
import type { IPSet } from '../src/ipset/types.js';
import { makeNetns } from '../test/support/netns.js';
import { compare } from './support/compare.js';

const count = Number(process.env['ELEMENTS'] ?? 100_000);
const rounds = Number(process.env['ROUNDS'] ?? 5);
const hashSize = 2 ** Math.ceil(Math.log2(count / 2));

function* texts(): Generator<string> {
  for (let i = 0; i < count; i++) {
    yield `10.${String((i >> 16) & 255)}.${String((i >> 8) & 255)}.${String(i & 255)},tcp:${String(i & 65535)}`;
  }
}

function* objects(): Generator<{ ip: string; port: number }> {
  for (let i = 0; i < count; i++) {
    yield {
      ip: `10.${String((i >> 16) & 255)}.${String((i >> 8) & 255)}.${String(i & 255)}`,
      port: i & 65535,
    };
  }
}

await using netns = await makeNetns('bench');
await using kernel = await openKernel({ netns: netns.path });
const { ipset } = kernel;
const restore = (protocol: string): string =>
  `create web hash:ip,port hashsize ${String(hashSize)} maxelem ${String(count)}\n` +
  [...texts()].map((text) => `add web ${text.replace('tcp', protocol)}\n`).join('');
const named = restore('tcp');
const numeric = restore('6');
const ready = [...texts()];

console.log(
  `${String(count)} elements, hashsize ${String(hashSize)}; ${String(availableParallelism())} CPUs, load ${(loadavg()[0] ?? 0).toFixed(1)}`,
);

let set: IPSet<'hash:ip,port'>;
const create = async (): Promise<void> => {
  set = await ipset.create('web', 'hash:ip,port', { hashSize, maxElements: count });
};
const check = async (): Promise<void> => {
  const size = (await ipset.get('web'))?.header.elements;
  if (size !== count) throw new Error(`${String(size)} elements are in the set, not ${String(count)}`);
};
const verifyAndDestroy = async (): Promise<void> => {
  await check();
  await ipset.destroy('web');
};

await compare(
  'filling a set',
  [
    {
      name: 'addAll, texts of a generator',
      before: create,
      run: () => set.addAll(texts()),
      after: verifyAndDestroy,
    },
    {
      name: 'addAll, texts of an array',
      before: create,
      run: () => set.addAll(ready),
      after: verifyAndDestroy,
    },
    {
      name: 'addAll, objects of a generator',
      before: create,
      run: () => set.addAll(objects()),
      after: verifyAndDestroy,
    },
    {
      name: 'ipset restore, tcp:',
      run: () => netns.run(['ipset', 'restore'], { stdin: named }),
      after: verifyAndDestroy,
    },
    {
      name: 'ipset restore, 6:',
      run: () => netns.run(['ipset', 'restore'], { stdin: numeric }),
      after: verifyAndDestroy,
    },
  ],
  rounds,
);

await create();
await set!.addAll(texts());
await check();

await compare(
  'listing it',
  [
    {
      name: 'entries(), counted',
      run: async () => {
        let seen = 0;
        for await (const entry of set) seen += entry.port >= 0 ? 1 : 0;
        if (seen !== count) throw new Error(`${String(seen)} listed`);
      },
    },
    { name: 'texts(), sorted', run: () => set.texts() },
    { name: 'ipset save', run: () => netns.run(['sh', '-c', 'ipset save web > /dev/null']) },
  ],
  rounds,
);
