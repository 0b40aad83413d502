import { afterEach, describe, expect, it } from 'vitest';
import { diffNft, isEmptyNftDiff } from '../../src/rules/nft/diff.js';
import { fakeNft } from '../../src/rules/nft/fake.js';
import { nftTable } from '../../src/rules/nft/compile.js';
import { createNft } from '../../src/rules/nft/nft.js';
import type { Nft, NftDiff, NftTable } from '../../src/rules/nft/types.js';
import { createRunner } from '../../src/rules/runner.js';
import type { RuleSet } from '../../src/rules/types.js';
import { describeKernel } from '../support/backends.js';
import { makeNetns } from '../support/netns.js';
import { rejection } from '../support/rejection.js';

const jump = (chain: string, set: string): RuleSet['chains'][number]['rules'][number] => ({
  matches: [{ match: 'set', set, directions: ['dst', 'dst', 'src'] }],
  target: { target: 'jump', chain },
});
const table = (ranges: readonly string[], ...more: RuleSet['chains']): NftTable =>
  nftTable(
    {
      family: 'inet',
      chains: [
        { table: 'filter', name: 'T-FIREWALL', rules: [jump('T-DROP', 'RANGES')] },
        { table: 'filter', name: 'T-DROP', rules: [{ matches: [], target: { target: 'drop' } }] },
        ...more,
      ],
      jumps: [
        {
          table: 'filter',
          from: 'INPUT',
          rule: { matches: [], target: { target: 'jump', chain: 'T-FIREWALL' } },
        },
      ],
    },
    [{ name: 'RANGES', type: 'hash:ip,port,net', entries: ranges.map((r) => `203.0.113.1,tcp:80,${r}`) }],
  );
const NOTHING: NftTable = { family: 'inet', sets: [], chains: [] };
const one = table(['10.0.0.0/8']);
const changing = (more: Partial<NftDiff>): NftDiff => ({ ...diffNft(one, one), ...more });
const element = (net: string): string => `203.0.113.1 . 80 . ${net}`;

function suite(open: () => Promise<Nft>): void {
  const install = async (nft: Nft, wanted: NftTable): Promise<void> =>
    nft.apply(diffNft(wanted, await nft.read('inet')));

  it('has no table in a fresh namespace', async () => {
    const nft = await open();
    expect(await nft.read('inet')).toBeUndefined();
    expect(await nft.save('inet6')).toBe('');
    await install(nft, NOTHING);
    expect(await nft.version()).toMatch(/^\d+\.\d+/);
  });

  it('has what was written, and of the other family nothing', async () => {
    const nft = await open();
    await install(nft, one);
    const actual = await nft.read('inet');
    expect(isEmptyNftDiff(diffNft(one, actual))).toBe(true);
    expect(actual?.sets).toEqual(one.sets);
    expect(await nft.read('inet6')).toBeUndefined();
    expect(await nft.save('inet')).toContain('T-FIREWALL');
  });

  it('changes elements, chains and sets, and goes away', async () => {
    const nft = await open();
    const third = { table: 'nat', name: 'T-THIRD', rules: [] } as const;
    for (const wanted of [one, table(['10.1.0.0/16', '192.0.2.1'], third), table([]), one, NOTHING]) {
      await install(nft, wanted);
      expect(isEmptyNftDiff(diffNft(wanted, await nft.read('inet')))).toBe(true);
    }
    expect(await nft.read('inet')).toBeUndefined();
  });

  it('takes an element twice', async () => {
    const nft = await open();
    await install(nft, one);
    await nft.apply(changing({ addElements: [{ set: 'RANGES-TCP', elements: [element('10.0.0.0/8')] }] }));
    expect((await nft.read('inet'))?.sets).toEqual(one.sets);
  });

  it.each<[string, Partial<NftDiff>, RegExp]>([
    [
      'an element that overlaps',
      { addElements: [{ set: 'RANGES-TCP', elements: [element('10.1.0.0/16')] }] },
      /^add element .*10\.1\.0\.0\/16/,
    ],
    [
      'to delete an element that is not there',
      { deleteElements: [{ set: 'RANGES-TCP', elements: [element('192.0.2.0/24')] }] },
      /^delete element .*192\.0\.2\.0/,
    ],
    [
      'a rule about a set that is not there',
      { writeChains: [{ name: 'filter-T-DROP', rules: [{ text: 'ip daddr @NONE drop' }] }] },
      /^add rule .*@NONE/,
    ],
    [
      'a jump to a chain that is not there',
      { writeChains: [{ name: 'filter-T-DROP', rules: [{ text: 'jump filter-NONE' }] }] },
      /^add rule .*filter-NONE/,
    ],
    ['to remove a chain that is in use', { removeChains: ['filter-T-DROP'] }, /^delete chain .*T-DROP/],
    ['to remove a set that is in use', { removeSets: ['RANGES-TCP'] }, /^delete set .*RANGES-TCP/],
  ])('refuses %s with the line, and changes nothing', async (_, more, line) => {
    const nft = await open();
    await install(nft, one);
    const before = await nft.read('inet');
    const diff = changing({
      addSets: [{ name: 'OTHER', key: ['ipv4_addr'], interval: false, elements: ['192.0.2.9'] }],
      ...more,
    });
    for (const call of ['check', 'apply'] as const) {
      expect(await rejection(nft[call](diff))).toMatchObject({
        code: 'ERR_COMMAND_FAILED',
        lineText: expect.stringMatching(line) as string,
      });
      expect(await nft.read('inet')).toEqual(before);
    }
  });

  it('checks without changing anything', async () => {
    const nft = await open();
    await nft.check(diffNft(one, undefined));
    expect(await nft.read('inet')).toBeUndefined();
  });
}

describe('nft (fake)', () => {
  suite(() => Promise.resolve(fakeNft()));

  it('fails when it is told to', async () => {
    const nft = fakeNft();
    nft.fault = (call) => (call === 'apply' ? new Error('no') : undefined);
    expect(await rejection(nft.apply(diffNft(one, undefined)))).toMatchObject({ message: 'no' });
    expect(await nft.read('inet')).toBeUndefined();
  });
});

describeKernel(['nft'], 'nft (kernel)', () => {
  const cleanups: (() => Promise<void>)[] = [];
  afterEach(async () => {
    for (const cleanup of cleanups.splice(0)) await cleanup();
  });
  suite(async () => {
    const netns = await makeNetns('nft');
    cleanups.push(() => netns.remove());
    return createNft(createRunner({ netnsPath: netns.path }));
  });
});
