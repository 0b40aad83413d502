import fc from 'fast-check';
import { expect, it, onTestFailed } from 'vitest';
import { openKernel } from '../../src/kernel/open.js';
import type { Kernel } from '../../src/kernel/types.js';
import { canonicalEntry } from '../../src/ipset/entry.js';
import { formatCreate } from '../../src/ipset/save.js';
import { SET_TYPES, SET_TYPE_NAMES } from '../../src/ipset/set-types.js';
import { parseCreateOptions } from '../../src/ipset/text/create.js';
import type { SetType } from '../../src/ipset/types.js';
import { describeKernel } from '../support/backends.js';
import { MEMBERS, sampleSet, type SampleSet } from '../support/ipset-samples.js';
import { makeNetns, type TestNetns } from '../support/netns.js';

/** Sets of each type; every one has other options and entries. */
const SETS = 104;

async function inNetns(body: (kernel: Kernel, netns: TestNetns) => Promise<void>): Promise<void> {
  await using netns = await makeNetns('types');
  await using kernel = await openKernel({ netns: netns.path });
  await body(kernel, netns);
}

/**
 * Behind a bitmask the tool (7.17) prints a prefix length that it remembers from an element of the set before (seen with
 * hash:net,net on 6.12).
 */
const withoutStrayPrefix = (line: string): string => line.replace(/( bitmask [^ /]+)\/\d+/, '$1');

/** What `ipset save` prints, by set: the create line and the elements in its order. One process. */
async function saved(netns: TestNetns): Promise<Map<string, { create: string; entries: string[] }>> {
  const { stdout } = await netns.run(['ipset', 'save']);
  const sets = new Map<string, { create: string; entries: string[] }>();
  for (const line of stdout.split('\n')) {
    const [verb, name = ''] = line.split(' ', 2);
    if (verb === 'create') sets.set(name, { create: withoutStrayPrefix(line), entries: [] });
    if (verb === 'add') sets.get(name)?.entries.push(line.slice(`add ${name} `.length));
  }
  return sets;
}

/** Time goes by between adding and listing: what is left of a timeout is only roughly known. */
function settled(text: string): string {
  return text.replace(
    / timeout ([1-9]\d*)/,
    (_, left: string) => ` timeout ~${String(Math.round(Number(left) / 10_000))}`,
  );
}

/** A timeout just above a step of {@link settled} may be below it by the time it is read. */
function settledTexts(sample: SampleSet, texts: readonly string[]): string[] {
  const out = texts.map(settled);
  return SET_TYPES[sample.type].kind === 'list' ? out : out.sort();
}

const steady = (sample: Omit<SampleSet, 'name'>): boolean =>
  sample.texts.every(
    (text) => Number(/ timeout (\d+)/.exec(text)?.[1] ?? 0) % 10_000 < 4_900 || !text.includes(' timeout '),
  );

function draw(type: SetType, revision: number, seed: number): SampleSet[] {
  const arbitrary = sampleSet(type, revision).filter(steady);
  return fc
    .sample(arbitrary, { numRuns: SETS, seed })
    .map((sample, i) => ({ name: `${type.replaceAll(/[:,]/g, '-')}-${String(i)}`, ...sample }));
}

/** The tool (7.17) forgets forceadd. */
const withoutForceadd = (line: string): string => line.replace(' forceadd', '');

for (const type of SET_TYPE_NAMES) {
  const seed = Number(process.env['IPVS_TEST_SEED'] ?? Date.now() % 2 ** 31);
  describeKernel(['ipset', `set ${type}`], `${type} beside the ipset tool`, () => {
    it(`${String(SETS)} random sets that we make are what it saves, and that it restores what we list`, () =>
      inNetns(async (kernel, netns) => {
        onTestFailed(() => {
          console.error(`the same samples again: IPVS_TEST_SEED=${String(seed)}`);
        });
        await ours(kernel, netns);
        await kernel.ipset.flushAll();
        await kernel.ipset.destroyAll();
        await theirs(kernel, netns);
      }));

    async function ours({ ipset }: Kernel, netns: TestNetns): Promise<void> {
      for (const name of MEMBERS) await ipset.create(name, 'hash:ip');
      const revision = (await ipset.types())[type]?.max ?? 0;
      const samples = draw(type, revision, seed);
      for (const [i, { name, options, entries }] of samples.entries()) {
        const set = await ipset.create(name, type, {
          ...options,
          revision: i % 2 === 0 ? 'lowest' : 'newest',
        });
        expect(await set.addAll(entries as never[], { exist: false })).toMatchObject({
          applied: entries.length,
        });
      }
      const lines = await saved(netns);
      const ours = new Map((await ipset.snapshot()).map((snapshot) => [snapshot.header.name, snapshot]));
      for (const sample of samples) {
        const line = lines.get(sample.name);
        const listed = ours.get(sample.name);
        expect(settledTexts(sample, line?.entries ?? [])).toEqual(settledTexts(sample, sample.texts));
        expect(settledTexts(sample, listed?.entries ?? [])).toEqual(settledTexts(sample, sample.texts));
        expect(withoutForceadd(formatCreate(listed!.header))).toBe(line?.create);
      }
    }

    async function theirs({ ipset }: Kernel, netns: TestNetns): Promise<void> {
      const revision = (await ipset.types())[type]?.max ?? 0;
      const samples = draw(type, revision, seed + 1);
      const lines = [
        ...MEMBERS.map((name) => `create ${name} hash:ip`),
        ...samples.flatMap(({ name, options, texts }) => [
          formatCreate({ name, type, ...options, range: rangeOf(options.range) } as never),
          ...texts.map((text) => `add ${name} ${text}`),
        ]),
      ];
      await netns.run(['ipset', 'restore'], { stdin: `${lines.join('\n')}\n` });
      const tool = await saved(netns);
      const ours = new Map((await ipset.snapshot()).map((snapshot) => [snapshot.header.name, snapshot]));
      for (const sample of samples) {
        const listed = ours.get(sample.name);
        expect(settledTexts(sample, listed?.entries ?? [])).toEqual(settledTexts(sample, sample.texts));
        const line = tool.get(sample.name)?.create ?? '';
        expect(withoutForceadd(formatCreate(listed!.header))).toBe(line);
        // The words read back as options that make the same set.
        const words = line.split(' ').slice(3);
        expect(formatCreate({ ...listed!.header, ...parseRange(type, words) })).toBe(
          formatCreate(listed!.header),
        );
        expect(listed?.header.forceadd).toBe(sample.options.forceadd);
      }
    }
  });
}

function rangeOf(range: unknown): unknown {
  if (typeof range !== 'string') return range;
  return range === '10.7.0.0/16' ? ['10.7.0.0', '10.7.255.255'] : ['10.0.0.0', '10.255.255.255'];
}

function parseRange(type: SetType, words: readonly string[]): object {
  const options = parseCreateOptions(type, words);
  return typeof options.range === 'string' ? { ...options, range: options.range.split('-') } : options;
}

/** Texts that the tool takes and never prints: the kernel makes elements of them. */
const SPREAD: Readonly<Partial<Record<SetType, readonly string[]>>> = {
  'bitmap:ip': ['10.7.0.9/29', '10.7.1.1-10.7.1.9', '10.7.2.1'],
  'bitmap:port': ['1000-1010', 'tcp:2000', 'udp:2001-2003'],
  'hash:ip': ['10.0.0.0/28', '10.0.1.1-10.0.1.20', '10.0.2.1/32'],
  'hash:ip,mark': ['10.0.0.0/30,0x10', '10.0.1.1-10.0.1.5,99'],
  'hash:ip,port': ['10.0.0.0/30,80', '10.0.1.1-10.0.1.3,udp:1-4', '10.0.2.1,icmp:3/1', '10.0.2.1,icmp:ping'],
  'hash:ip,port,ip': ['10.0.0.0/30,80-82,10.9.9.9', '10.0.1.1-10.0.1.2,sctp:1-2,10.9.9.9'],
  'hash:ip,port,net': ['10.0.0.1-10.0.0.2,80-81,10.9.0.1-10.9.0.9', '10.0.0.0/31,53,10.8.0.0/16 nomatch'],
  'hash:net': ['10.0.0.1-10.0.0.77', '10.1.2.3/16', '192.0.2.7'],
  'hash:net,iface': ['10.0.0.1-10.0.0.9,eth0', '0.0.0.0/0,physdev:eth1 wildcard'],
  'hash:net,net': ['10.0.0.1-10.0.0.3,10.1.0.1-10.1.0.5', '10.2.0.9/16,10.3.0.1'],
  'hash:net,port': ['10.0.0.1-10.0.0.9,80-81', '10.2.0.9/16,udp:53'],
  'hash:net,port,net': ['10.0.0.1-10.0.0.3,80-81,10.1.0.1-10.1.0.3', '0.0.0.0/0,80,0.0.0.0/0'],
};

for (const type of Object.keys(SPREAD) as (keyof typeof SPREAD)[]) {
  describeKernel(['ipset', `set ${type}`], `ranges of ${type}`, () => {
    it('become the same elements whoever adds them', () =>
      inNetns(async ({ ipset }, netns) => {
        const options =
          type === 'bitmap:port'
            ? { range: [0, 65535] }
            : type === 'bitmap:ip'
              ? { range: '10.7.0.0/16' }
              : {};
        const texts = (SPREAD[type] ?? []).map((text) => text.replace('icmp:ping', 'icmp:echo-request'));
        const [one, all, theirs] = await Promise.all(
          ['one', 'all', 'theirs'].map((name) => ipset.create<SetType>(name, type, options as never)),
        );
        for (const text of texts) expect(await one!.add(text)).toBe(true);
        await all!.addAll(texts);
        const lines = (SPREAD[type] ?? []).map((text) => `add theirs ${text}`);
        await netns.run(['ipset', 'restore'], { stdin: `${lines.join('\n')}\n` });
        const expected = await theirs!.texts();
        expect(expected.length).toBeGreaterThan(texts.length);
        expect(await one!.texts()).toEqual(expected);
        expect(await all!.texts()).toEqual(expected);
        for (const text of texts) {
          expect(await one!.add(text)).toBe(false);
          expect(canonicalEntry(type, text)).toBe(canonicalEntry(type, canonicalEntry(type, text)));
        }
        for (const text of texts) expect(await one!.delete(text)).toBe(true);
        expect(await one!.texts()).toEqual([]);
      }));
  });
}
