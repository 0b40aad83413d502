import { expect, it } from 'vitest';
import { openKernel } from '../../src/kernel/open.js';
import { temporaryPrefix } from '../../src/ipset/temporary.js';
import { describeKernel } from '../support/backends.js';
import { makeNetns } from '../support/netns.js';

const VALUES = { timeout: 0, counters: true, comment: true } as const;

/** Entries as the kernel has them, with timeouts rounded away. */
const rough = (texts: readonly string[]): string[] =>
  texts.map((t) => t.replace(/timeout (\d+)\d\d\b/, 'timeout $1xx'));

describeKernel(['ipset'], 'what stays in a set that is replaced', () => {
  it.each(['delta', 'swap'] as const)('keeps timeout, counters and comment by %s', async (strategy) => {
    await using netns = await makeNetns('keep');
    await using kernel = await openKernel({ netns: netns.path });
    const set = await kernel.ipset.create('web', 'hash:net', VALUES);
    await set.addAll([
      '10.1.0.0/16 timeout 5999 packets 7 bytes 700 comment "one"',
      '10.2.0.0/16 packets 8 bytes 800 comment "two"',
      '10.3.0.0/16 nomatch',
      '10.4.0.0/16',
    ]);
    const wanted = ['10.1.0.0/16', '10.2.3.4/16 comment "new"', '10.3.0.0/16', '10.5.0.0/16 timeout 4999'];
    expect(await set.replace(wanted, { strategy })).toEqual({
      ...{ added: 1, removed: 1, kept: 3, updated: 2, way: strategy },
    });
    expect(rough(await set.texts())).toEqual([
      '10.1.0.0/16 timeout 59xx packets 7 bytes 700 comment "one"',
      '10.2.0.0/16 timeout 0 packets 8 bytes 800 comment "new"',
      '10.3.0.0/16 timeout 0 packets 0 bytes 0',
      '10.5.0.0/16 timeout 49xx packets 0 bytes 0',
    ]);
  });

  it('keeps what fits the new parameters when they change', async () => {
    await using netns = await makeNetns('keep');
    await using kernel = await openKernel({ netns: netns.path });
    const set = await kernel.ipset.create('web', 'hash:ip', { ...VALUES, maxElements: 100 });
    await set.addAll(['10.0.0.1 timeout 5999 packets 7 bytes 700 comment "one"', '10.0.0.2']);
    const { set: now } = await kernel.ipset.ensure('web', 'hash:ip', {
      ...{ counters: false, skbinfo: true, maxElements: 200, onMismatch: 'rebuild' },
    });
    expect(now.header).toMatchObject({ maxElements: 200, comment: true, skbinfo: true, timeout: 0 });
    expect(now.header.counters).toBeUndefined();
    expect(rough(await now.texts())).toEqual(['10.0.0.1 timeout 59xx comment "one"', '10.0.0.2 timeout 0']);
    expect(await now.replace(['10.0.0.1'], { parameters: { comment: false } })).toMatchObject({
      kept: 1,
      way: 'swap',
    });
    expect(rough(await now.texts())).toEqual(['10.0.0.1 timeout 59xx']);
  });

  it('takes ranges, and what the kernel makes of them', async () => {
    await using netns = await makeNetns('ranges');
    await using kernel = await openKernel({ netns: netns.path });
    const set = await kernel.ipset.create('web', 'hash:ip,port', VALUES);
    await set.addAll(['10.0.0.1,tcp:80 comment "kept"', '10.0.0.9,tcp:80']);
    expect(await set.replace(['10.0.0.1-10.0.0.2,80-81', '10.0.0.8/31,udp:53'])).toMatchObject({
      ...{ added: 5, removed: 1, kept: 1, updated: 0 },
    });
    expect((await set.texts()).map((text) => text.replace(/ timeout.* bytes 0/, ''))).toEqual([
      '10.0.0.1,tcp:80 comment "kept"',
      ...['10.0.0.1,tcp:81', '10.0.0.2,tcp:80', '10.0.0.2,tcp:81', '10.0.0.8,udp:53', '10.0.0.9,udp:53'],
    ]);
    const masked = await kernel.ipset.create('masked', 'hash:ip', { netmask: 24 });
    await masked.replace(['10.0.0.1', '10.0.0.2', '10.0.1.1']);
    expect(await masked.replace(['10.0.0.77', '10.0.2.1'])).toMatchObject({ added: 1, removed: 1, kept: 1 });
    expect(await kernel.ipset.names()).toEqual(['masked', 'web']);
  });

  it('keeps the order of a list, and what refers to a set', async () => {
    await using netns = await makeNetns('lists');
    await using kernel = await openKernel({ netns: netns.path });
    const { ipset } = kernel;
    for (const name of ['a', 'b', 'c']) await ipset.create(name, 'hash:ip');
    const list = await ipset.create('all', 'list:set', { size: 4 });
    expect(await list.replace(['a', 'b'])).toMatchObject({ added: 2, way: 'swap' });
    expect(await list.replace(['a', 'b'])).toMatchObject({ way: 'none' });
    expect(await list.replace(['b', 'a'])).toEqual({
      added: 0,
      removed: 0,
      kept: 2,
      updated: 0,
      way: 'swap',
    });
    expect(await list.texts()).toEqual(['b', 'a']);
    expect(await list.replace(['a', 'c before a'])).toMatchObject({ added: 1, removed: 1, kept: 1 });
    expect(await list.texts()).toEqual(['c', 'a']);
    const index = await ipset.byName('a');
    const set = await ipset.get('a');
    await set?.replace(
      Array.from({ length: 300 }, (_, i) => `10.0.1.${String(i % 256)}`),
      { strategy: 'swap' },
    );
    expect(set?.name).toBe('a');
    expect(await ipset.byName('a')).toBe(index);
    expect((await ipset.header('a'))?.references).toBe(1);
    expect((await ipset.names()).filter((name) => name.startsWith('ipvs-tmp'))).toEqual([]);
  });

  it('goes through while somebody lists the set, and leaves nothing behind when killed and called again', async () => {
    await using netns = await makeNetns('busy');
    await using kernel = await openKernel({ netns: netns.path });
    const set = await kernel.ipset.create('web', 'hash:ip');
    await set.addAll('10.0.0.0/20');
    const listing = netns.run(['sh', '-c', 'for i in 1 2 3 4 5; do ipset list web >/dev/null; done']);
    for (let i = 0; i < 5; i++)
      await set.replace([`10.0.${String(i)}.1-10.0.${String(i)}.200`], { strategy: 'swap' });
    await listing;
    expect(await set.size()).toBe(200);
    await netns.run(['ipset', 'create', `${temporaryPrefix('web')}dead`, 'hash:ip']);
    await set.replace(['10.0.0.1']);
    expect(await kernel.ipset.names()).toEqual(['web']);
  });
});
