/**
 * Filling and listing a set of hash:ip,port beside the ipset program, in one namespace and in turns.
 *
 *   npm run bench -- ipset-bulk            100,000 elements
 *   ELEMENTS=1000000 npm run bench -- ipset-bulk
 *
 * The limit is a C program that sends messages which were encoded before (bench/limit), and measures nothing but that.
 */
import { availableParallelism, loadavg } from 'node:os';
import { setTimeout } from 'node:timers/promises';
import { openKernel } from '../src/kernel/open.js';
import type { IPSet } from '../src/ipset/types.js';
import { makeNetns } from '../test/support/netns.js';
import { compare, type Seconds } from './support/compare.js';
import { buildLimit } from './support/limit.js';

const count = Number(process.env['ELEMENTS'] ?? 100_000);
const rounds = Number(process.env['ROUNDS'] ?? 5);
const hashSize = 2 ** Math.ceil(Math.log2(count / 2));
/** The same for everybody: with some of the random ones a bucket overflows and the whole hash is made anew, at a third of the cost. */
const initialValue = 0x12345678;

const address = (i: number): string =>
  `10.${String((i >> 16) & 255)}.${String((i >> 8) & 255)}.${String(i & 255)}`;

function* texts(): Generator<string> {
  for (let i = 0; i < count; i++) yield `${address(i)},tcp:${String(i & 65535)}`;
}

function* objects(): Generator<{ ip: string; port: number }> {
  for (let i = 0; i < count; i++) yield { ip: address(i), port: i & 65535 };
}

await using netns = await makeNetns('bench');
await using kernel = await openKernel({ netns: netns.path });
const { ipset } = kernel;
const limit = await buildLimit();
const measured = async (...args: string[]): Promise<Seconds> => {
  const [wall, cpu] = (await netns.run([limit, ...args])).stdout.split(' ').map(Number);
  return { wall: wall ?? Number.NaN, cpu: cpu ?? Number.NaN };
};

/** Run a program; `times` of the shell says what its children took of the processor, as minutes and seconds. */
const program = async (command: string, stdin = ''): Promise<Seconds> => {
  const { stdout } = await netns.run(['sh', '-c', `${command}; times`], { stdin });
  const used = [...(stdout.split('\n').at(-2) ?? '').matchAll(/(\d+)m([\d.]+)s/g)];
  return { cpu: used.reduce((sum, [, minutes, seconds]) => sum + 60 * Number(minutes) + Number(seconds), 0) };
};

let ready = [...texts()];
const list = Buffer.from(ready.join('\n'));
const restore = (protocol: string): string =>
  `create web hash:ip,port hashsize ${String(hashSize)} maxelem ${String(count)} initval 0x${initialValue.toString(16)}\n` +
  ready.map((text) => `add web ${text.replace('tcp', protocol)}\n`).join('');
const named = restore('tcp');
const numeric = restore('6');

console.log(
  `${String(count)} elements, hashsize ${String(hashSize)}; ${String(availableParallelism())} CPUs, load ${(loadavg()[0] ?? 0).toFixed(1)}`,
);

let set: IPSet<'hash:ip,port'>;
const create = async (): Promise<void> => {
  set = await ipset.create('web', 'hash:ip,port', { hashSize, maxElements: count, initialValue });
};
const check = async (): Promise<void> => {
  const size = await set.size();
  if (size !== count) throw new Error(`${String(size)} elements are in the set, not ${String(count)}`);
};
const verifyAndDestroy = async (): Promise<void> => {
  await check();
  await ipset.destroy('web');
  // The kernel frees the elements later, in the time of whoever runs then: that must not be the next contender.
  await setTimeout(500 + count / 1000);
};
const filling = (name: string, run: () => Promise<unknown>) => ({
  name,
  before: create,
  run,
  after: verifyAndDestroy,
});

await compare(
  'filling a set',
  [
    filling('addAll, text', () => set.addAll(list)),
    filling("addAll, text, onError: 'continue'", () => set.addAll(list, { onError: 'continue' })),
    filling('addAll, texts of an array', () => set.addAll(ready)),
    filling('addAll, texts of a generator', () => set.addAll(texts())),
    filling('addAll, objects of a generator', () => set.addAll(objects())),
    filling('the limit: encoded messages', () => measured('add', 'web', String(count))),
    {
      name: 'ipset restore, tcp:',
      run: () => program('ipset restore', named),
      after: verifyAndDestroy,
    },
    {
      name: 'ipset restore, 6:',
      run: () => program('ipset restore', numeric),
      after: verifyAndDestroy,
    },
  ],
  rounds,
);

// A million strings of ours would be collected in the time of what follows.
ready = [];
await create();
await set!.addAll(list);
await check();

const counted = (seen: number): void => {
  if (seen !== count) throw new Error(`${String(seen)} listed`);
};

await compare(
  'listing it',
  [
    {
      name: 'entries(), counted',
      run: async () => {
        let seen = 0;
        for await (const entry of set) seen += entry.port >= 0 ? 1 : 0;
        counted(seen);
      },
    },
    {
      name: 'batches(), counted',
      run: async () => {
        let seen = 0;
        for await (const batch of set.batches()) {
          for (const entry of batch) seen += entry.port >= 0 ? 1 : 0;
        }
        counted(seen);
      },
    },
    { name: 'texts(), sorted', run: () => set.texts() },
    { name: 'the limit: datagrams', run: () => measured('list', 'web') },
    { name: 'ipset save', run: () => program('ipset save web > /dev/null') },
  ],
  rounds,
);

let others = list;
for (let i = 0; i < 100; i++) others = others.subarray(0, others.lastIndexOf('\n'));
await compare(
  'replacing its entries',
  [
    { name: 'replace(), the same', run: () => set.replace(list) },
    {
      name: 'replace(), 100 differ',
      before: () => set.replace(others),
      run: () => set.replace(list),
    },
    {
      name: 'replace(), all by swap',
      run: () => set.replace(list, { strategy: 'swap' }),
    },
  ],
  rounds,
);
