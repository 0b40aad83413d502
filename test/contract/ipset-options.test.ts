import { expect, it } from 'vitest';
import {
  AlreadyExistsError,
  BusyError,
  InvalidArgumentError,
  NotFoundError,
  SetFullError,
  UnsupportedError,
  ValidationError,
} from '../../src/errors.js';
import { SET_TYPES, SET_TYPE_NAMES } from '../../src/ipset/set-types.js';
import type { CreateOptions, Entry, IPSet, Ipset, SetType } from '../../src/ipset/types.js';
import { diffRules, noRules } from '../../src/rules/diff.js';
import { describeOn } from '../support/backends.js';
import { rejection } from '../support/rejection.js';

const RANGE: Partial<Record<SetType, CreateOptions>> = {
  'bitmap:ip': { range: '10.0.0.0/16' },
  'bitmap:ip,mac': { range: '10.0.0.0/16' },
  'bitmap:port': { range: [0, 65535] },
};

async function all<T>(items: AsyncIterable<T>): Promise<T[]> {
  const out: T[] = [];
  for await (const item of items) out.push(item);
  return out;
}

/** The only entry of a set. */
async function only<T extends SetType>(set: IPSet<T>): Promise<Entry<T>> {
  const [entry, more] = await all(set.entries());
  expect(more).toBeUndefined();
  if (entry === undefined) throw new Error('the set is empty');
  return entry;
}

for (const type of SET_TYPE_NAMES) {
  describeOn(['ipset', `set ${type}`], `ipset options of ${type}`, (open) => {
    // One test for one namespace: making it takes longer than all of this where the machine is emulated.
    it('are carried by every entry, refused where the set lacks them, and decide about the revision', async () => {
      const { ipset } = await open();
      await carried(ipset);
      await ipset.flushAll();
      await ipset.destroyAll();
      await refused(ipset);
      await ipset.destroyAll();
      await revisions(ipset);
    });

    async function carried(ipset: Ipset): Promise<void> {
      await ipset.create('web', 'hash:ip');
      const set: IPSet = await ipset.create('all', type, {
        ...RANGE[type],
        ...{ timeout: 1000, counters: true, comment: true, skbinfo: true },
      });
      expect(set.header).toMatchObject({ timeout: 1000, counters: true, comment: true, skbinfo: true });
      const key = type === 'list:set' ? 'web' : SET_TYPES[type].example.inet;
      const options = 'packets 5 bytes 6 comment "two words, é" skbmark 0x1/0xff skbprio 1:af skbqueue 7';
      expect(await set.add(`${key} timeout 0 ${options}`)).toBe(true);
      expect(await set.texts()).toEqual([`${key} timeout 0 ${options}`]);
      expect(await only(set)).toMatchObject({
        ...{ timeout: 0, packets: 5, bytes: 6, comment: 'two words, é' },
        ...{ skbmark: '0x1/0xff', skbprio: '1:af', skbqueue: 7 },
      });
      expect((await all(set.entries({ bigint: true })))[0]).toMatchObject({ packets: 5n, bytes: 6n });

      // Added again: everything is new but the counters.
      expect(await set.add(`${key} timeout 500`)).toBe(false);
      expect(await set.texts()).toEqual([`${key} timeout 0 ${options}`]);
      await set.addAll([key]);
      const entry = await only(set);
      expect(entry.timeout).toBeGreaterThan(900);
      expect(entry.timeout).toBeLessThanOrEqual(1000);
      expect(entry).toMatchObject({ packets: 5, bytes: 6 });
      expect(entry).not.toHaveProperty('comment');
      expect(entry).not.toHaveProperty('skbmark');
      await set.addAll([`${key} packets 18446744073709551614 bytes 0`]);
      const [exact] = await all(set.entries({ bigint: true }));
      expect([exact?.packets, exact?.bytes]).toEqual([2n ** 64n - 2n, 0n]);
      expect(await set.delete(`${key} timeout 9 comment "whatever"`)).toBe(true);
    }

    async function refused(ipset: Ipset): Promise<void> {
      await ipset.create('web', 'hash:ip');
      const set: IPSet = await ipset.create('all', type, RANGE[type]);
      const key = type === 'list:set' ? 'web' : SET_TYPES[type].example.inet;
      for (const option of ['timeout 5', 'packets 5', 'comment "x"', 'skbqueue 5']) {
        expect(await rejection(set.add(`${key} ${option}`))).toBeInstanceOf(ValidationError);
      }
      expect(await rejection(set.addAll([`${key} timeout 5`]))).toBeInstanceOf(ValidationError);
      await set.add(key);
      const object = { ...(await only(set)), timeout: 5 };
      expect(await rejection(set.add(object))).toMatchObject({ path: 'entry.timeout' });

      // A handle that knows another set of the name has to ask the kernel.
      await ipset.destroy('all');
      const old: IPSet = await ipset.create('all', type, { ...RANGE[type], timeout: 5, comment: true });
      await ipset.destroy('all');
      await ipset.create('all', type, RANGE[type]);
      // hash:ip,mac answers with a bare number for either.
      const codes = type === 'hash:ip,mac' ? ['PROTOCOL', 'PROTOCOL'] : ['TIMEOUT', 'COMMENT'];
      for (const [i, option] of ['timeout 5', 'comment "x"'].entries()) {
        const err = await rejection(old.add(`${key} ${option}`));
        expect(err).toBeInstanceOf(InvalidArgumentError);
        expect(err).toMatchObject({ code: `IPSET_ERR_${codes[i] ?? ''}` });
      }
    }

    async function revisions(ipset: Ipset): Promise<void> {
      const { min, max } = (await ipset.types())[type] ?? { min: -1, max: -1 };
      const made = async (name: string, options: object): Promise<number> =>
        (await ipset.create(name, type, { ...RANGE[type], ...options })).header.revision;
      expect(await made('lowest', {})).toBe(Math.min(max, SET_TYPES[type].revision));
      expect(await made('newest', { revision: 'newest' })).toBe(max);
      expect(await made('exact', { revision: min })).toBe(min);
      const skbinfo = SET_TYPES[type].revisionOf.skbinfo ?? 0;
      expect(await made('skbinfo', { skbinfo: true })).toBe(Math.max(skbinfo, SET_TYPES[type].revision));
      if (skbinfo > 0) {
        const low = ipset.create('x', type, { ...RANGE[type], skbinfo: true, revision: 0 });
        expect(await rejection(low)).toMatchObject({ path: 'options.revision' });
      }
      const err = await rejection(ipset.create('x', type, { ...RANGE[type], revision: 200 }));
      expect(err).toBeInstanceOf(UnsupportedError);
      expect(err).toMatchObject({ code: 'ERR_SET_REVISION' });
      expect(await ipset.get('x')).toBeUndefined();
    }
  });
}

describeOn(['ipset'], 'ipset parameters', (open) => {
  it('of a hash are what was asked for', async () => {
    const { ipset } = await open();
    const options = {
      family: 'inet',
      ...{ hashSize: 128, maxElements: 9, netmask: 24, timeout: 5, bucketSize: 5 },
      ...{ initialValue: 0xcafe_babe, counters: true, comment: true, forceadd: true, skbinfo: true },
    } as const;
    const { header } = await ipset.create('web', 'hash:ip', options);
    // Odd sizes of buckets are rounded up.
    expect(header).toMatchObject({ ...options, bucketSize: 6 });
  });

  it('mask addresses', async () => {
    const { ipset } = await open();
    const net = await ipset.create('net', 'hash:ip', { netmask: 24 });
    await net.addAll(['10.0.0.1', '10.0.0.2', '10.0.1.0-10.0.2.255']);
    expect(await net.texts()).toEqual(['10.0.0.0', '10.0.1.0', '10.0.2.0']);
    expect(await net.has('10.0.2.77')).toBe(true);
    const six = await ipset.create('six', 'hash:ip', { family: 'inet6', netmask: 64 });
    await six.add('2001:db8::1');
    expect([await six.texts(), await six.has('2001:db8::77')]).toEqual([['2001:db8::'], true]);
    const bits = await ipset.create('bits', 'bitmap:ip', { range: '10.0.0.0/16', netmask: 24 });
    expect(bits.header).toMatchObject({ range: ['10.0.0.0', '10.0.255.255'], netmask: 24 });
    await bits.addAll(['10.0.1.9', '10.0.3.0/23']);
    expect(await bits.texts()).toEqual(['10.0.1.0', '10.0.2.0', '10.0.3.0']);
  });

  it('of a hash may say that nothing fits, as with ipset', async () => {
    const { ipset } = await open();
    const set = await ipset.create('none', 'hash:ip', { maxElements: 0 });
    expect(set.header.maxElements).toBe(0);
    expect(await rejection(set.add('10.0.0.1'))).toBeInstanceOf(SetFullError);
    await set.replace([]);
    expect(await rejection(set.replace(['10.0.0.1']))).toBeInstanceOf(SetFullError);
    expect(await set.texts()).toEqual([]);
  });

  it('of a list are what was asked for', async () => {
    const { ipset } = await open();
    expect((await ipset.create('all', 'list:set', { size: 20 })).header.size).toBe(20);
  });

  it('make a set like another one', async () => {
    const { ipset } = await open();
    await ipset.create('web', 'hash:net', { family: 'inet6', maxElements: 7, timeout: 0, comment: true });
    const header = await ipset.header('web');
    expect(header).toMatchObject({ name: 'web', type: 'hash:net', family: 'inet6', maxElements: 7 });
    expect(await ipset.header('none')).toBeUndefined();
  });
});

describeOn(['ipset'], 'ipset timeouts', (open) => {
  it('let entries expire by themselves', async () => {
    const { ipset } = await open();
    const set = await ipset.create('web', 'hash:ip', { timeout: 1 });
    await set.addAll(['10.0.0.1', '10.0.0.2 timeout 0', '10.0.0.3 timeout 1000']);
    expect(await set.has('10.0.0.1')).toBe(true);
    while (await set.has('10.0.0.1')) await new Promise((resolve) => setTimeout(resolve, 100));
    const texts = await set.texts();
    expect(texts[0]).toBe('10.0.0.2 timeout 0');
    expect(texts[1]).toMatch(/^10\.0\.0\.3 timeout 9\d\d$/);
    expect(await set.add('10.0.0.1')).toBe(true);
  });
});

describeOn(['ipset'], 'ipset networks', (open) => {
  it('match the hosts inside, the closest network first, exceptions included', async () => {
    const { ipset } = await open();
    const set = await ipset.create('web', 'hash:net');
    await set.addAll(['10.0.0.0/8', '10.1.0.0/16 nomatch', '10.1.2.0/24']);
    const answers = async (addresses: readonly string[]): Promise<boolean[]> =>
      Promise.all(addresses.map((address) => set.has(address)));
    expect(
      await answers(['10.9.9.9', '10.1.9.9', '10.1.2.9', '11.0.0.1', '10.9.0.0/16', '10.0.0.0/8']),
    ).toEqual([true, false, true, false, false, true]);
    // With the flag the question is whether an exception covers it.
    expect(await answers(['10.1.9.9 nomatch', '10.9.9.9 nomatch', '10.1.2.9 nomatch'])).toEqual([
      true,
      false,
      false,
    ]);
  });

  it('match on interfaces by name, by their beginning, and as ports of a bridge', async () => {
    const { ipset } = await open();
    const set = await ipset.create('web', 'hash:net,iface');
    await set.addAll(['10.0.0.0/8,eth0', '10.1.0.0/16,wlan wildcard', '0.0.0.0/0,physdev:br0']);
    expect(await set.has('10.9.9.9,eth0')).toBe(true);
    expect(await set.has('10.9.9.9,eth1')).toBe(false);
    expect(await set.has('10.1.9.9,wlan7')).toBe(true);
    // The closest network is there, with other interfaces: wider ones are not tried.
    expect(await set.has('10.1.9.9,eth0')).toBe(false);
    expect(await set.has('192.0.2.1,physdev:br0')).toBe(true);
    expect(await set.has('192.0.2.1,br0')).toBe(false);
    expect(await set.add('10.1.0.0/16,wlan0')).toBe(false);
  });

  it('hold at most 64 interfaces each', async () => {
    const { ipset } = await open();
    const set = await ipset.create('web', 'hash:net,iface');
    await set.addAll(Array.from({ length: 64 }, (_, i) => ({ net: '10.0.0.0/8', iface: `eth${String(i)}` })));
    const err = await rejection(set.add('10.0.0.0/8,one-more'));
    expect(err).toBeInstanceOf(SetFullError);
    expect(await set.add('10.0.0.0/9,one-more')).toBe(true);
  });

  it('never cover everything', async () => {
    const { ipset } = await open();
    const set = await ipset.create('web', 'hash:net');
    expect(await rejection(set.add('0.0.0.0/0'))).toBeInstanceOf(ValidationError);
    expect(await rejection(set.add('0.0.0.0-255.255.255.255'))).toMatchObject({
      code: 'IPSET_ERR_HASH_RANGE',
    });
    await set.addAll(['0.0.0.0/1', '128.0.0.0/1']);
    expect(await set.has('1.2.3.4')).toBe(true);
  });
});

describeOn(['ipset'], 'ipset ranges', (open) => {
  it('are added and deleted whole, whatever was there', async () => {
    const { ipset } = await open();
    const set = await ipset.create('web', 'hash:ip,port');
    await set.add('10.0.0.2,tcp:81');
    expect(await set.add('10.0.0.1-10.0.0.3,80-82')).toBe(false);
    expect(await set.size()).toBe(9);
    expect(await set.add('10.0.1.0/30,udp:53')).toBe(true);
    expect(await set.size()).toBe(13);
    await set.delete('10.0.0.2,tcp:81');
    expect(await set.delete('10.0.0.1-10.0.0.3,80-82')).toBe(false);
    expect(await set.size()).toBe(4);
    expect(await set.delete({ ip: '10.0.1.0-10.0.1.3', protocol: 'udp', port: 53 })).toBe(true);
    expect(await set.size()).toBe(0);
  });

  it('are not to be asked for at once', async () => {
    const { ipset } = await open();
    const set = await ipset.create('web', 'hash:ip,port');
    for (const range of ['10.0.0.1-10.0.0.3,80', '10.0.0.0/30,80', '10.0.0.1,80-82']) {
      expect(await rejection(set.has(range))).toBeInstanceOf(ValidationError);
    }
  });

  it('beyond those of a bitmap are refused, and nothing is added', async () => {
    const { ipset } = await open();
    const ports = await ipset.create('ports', 'bitmap:port', { range: [10, 20] });
    expect(await rejection(ports.add('15-25'))).toMatchObject({ code: 'IPSET_ERR_BITMAP_RANGE' });
    const hosts = await ipset.create('hosts', 'bitmap:ip', { range: '10.0.0.5-10.0.0.20' });
    expect(await rejection(hosts.add('10.0.0.15-10.0.0.25'))).toMatchObject({
      code: 'IPSET_ERR_BITMAP_RANGE',
    });
    expect([await ports.size(), await hosts.size()]).toEqual([0, 0]);
    await hosts.add('10.0.0.8/30');
    expect(await hosts.texts()).toEqual(['10.0.0.10', '10.0.0.11', '10.0.0.8', '10.0.0.9']);
  });
});

describeOn(['ipset'], 'ipset addresses with hardware addresses', (open) => {
  it('can have it filled in later, once', async () => {
    const { ipset } = await open();
    const set = await ipset.create('web', 'bitmap:ip,mac', { range: '10.0.0.0/24' });
    expect(await set.add('10.0.0.1')).toBe(true);
    expect(await set.add('10.0.0.1')).toBe(false);
    expect(await set.add('10.0.0.1,00:11:22:33:44:55')).toBe(true);
    expect(await set.add('10.0.0.1,00:11:22:33:44:66')).toBe(false);
    expect(await set.texts()).toEqual(['10.0.0.1,00:11:22:33:44:55']);
    expect(await set.has('10.0.0.1,00:11:22:33:44:66')).toBe(false);
    await set.addAll(['10.0.0.1,00:11:22:33:44:66']);
    expect(await set.texts()).toEqual(['10.0.0.1,00:11:22:33:44:66']);
    expect(await set.delete('10.0.0.1,AA:AA:AA:AA:AA:AA')).toBe(true);
  });
});

describeOn(['ipset'], 'ipset lists', (open) => {
  it('keep their members in the order in which they were put', async () => {
    const { ipset } = await open();
    for (const name of ['a', 'b', 'c', 'd']) await ipset.create(name, 'hash:ip');
    const list = await ipset.create('all', 'list:set');
    await list.add('b');
    await list.add('a before b');
    await list.add({ set: 'd', after: 'b' });
    await list.add('c before d');
    expect(await list.texts()).toEqual(['a', 'b', 'c', 'd']);
    expect(await all(list.entries())).toEqual([{ set: 'a' }, { set: 'b' }, { set: 'c' }, { set: 'd' }]);
    expect(await list.has('b before c')).toBe(true);
    expect(await list.has('b after c')).toBe(false);
    expect(await list.add('a after d')).toBe(false);
    expect(await list.texts()).toEqual(['a', 'b', 'c', 'd']);
    expect(await rejection(list.delete('a after d'))).toMatchObject({ code: 'IPSET_ERR_REF_EXIST' });
    expect(await list.delete('b before c')).toBe(true);
    expect(await list.texts()).toEqual(['a', 'c', 'd']);
  });

  it('hold only sets that exist and are no lists', async () => {
    const { ipset } = await open();
    await ipset.create('a', 'hash:ip');
    await ipset.create('b', 'hash:ip');
    const list = await ipset.create('all', 'list:set');
    const missing = await rejection(list.add('none'));
    expect(missing).toBeInstanceOf(NotFoundError);
    expect(missing).toMatchObject({ code: 'IPSET_ERR_NAME' });
    expect(await rejection(list.add('all'))).toMatchObject({ code: 'IPSET_ERR_LOOP' });
    expect(await rejection(list.add('a before none'))).toMatchObject({ code: 'IPSET_ERR_NAMEREF' });
    expect(await rejection(list.add('a before b'))).toMatchObject({ code: 'IPSET_ERR_REF_EXIST' });
    expect(await list.texts()).toEqual([]);
  });

  it('keep their members from being destroyed and renamed, not from being swapped', async () => {
    const { ipset } = await open();
    const a = await ipset.create('a', 'hash:ip');
    const b = await ipset.create('b', 'hash:ip');
    const list = await ipset.create('all', 'list:set');
    await list.add('a');
    await b.add('10.0.0.1');
    expect((await ipset.header('a'))?.references).toBe(1);
    expect(await rejection(a.destroy())).toBeInstanceOf(BusyError);
    expect(await rejection(ipset.rename('a', 'c'))).toBeInstanceOf(BusyError);
    await ipset.swap('a', 'b');
    expect(await a.texts()).toEqual(['10.0.0.1']);
    expect(await list.texts()).toEqual(['a']);
    await list.flush();
    expect(await a.destroy()).toBe(true);
  });
});

describeOn(['ipset'], 'ipset names and numbers', (open) => {
  it('find each other', async () => {
    const { ipset } = await open();
    await ipset.create('a', 'hash:ip');
    const b = await ipset.create('b', 'list:set');
    const index = await ipset.byName('b');
    expect(b.header.index).toBe(index);
    expect(await ipset.byIndex(index ?? -1)).toBe('b');
    expect(await ipset.byName('none')).toBeUndefined();
    expect(await ipset.byIndex(60_000)).toBeUndefined();
    expect(await rejection(ipset.byIndex(65_535))).toBeInstanceOf(ValidationError);
  });

  it('are listed alone', async () => {
    const { ipset } = await open();
    expect(await ipset.names()).toEqual([]);
    for (const name of ['web-b', 'web-a', 'x']) await ipset.create(name, 'hash:ip');
    expect(await ipset.names()).toEqual(['web-a', 'web-b', 'x']);
    expect(await ipset.names({ prefix: 'web-' })).toEqual(['web-a', 'web-b']);
  });

  it('and all sets are flushed and destroyed at once, unless one is in use', async () => {
    const { ipset } = await open();
    const a = await ipset.create('a', 'hash:ip');
    const list = await ipset.create('all', 'list:set');
    await a.add('10.0.0.1');
    await list.add('a');
    expect(await rejection(ipset.destroyAll())).toBeInstanceOf(BusyError);
    expect(await ipset.names()).toEqual(['a', 'all']);
    await ipset.flushAll();
    expect([await a.size(), await list.size()]).toEqual([0, 0]);
    await ipset.destroyAll();
    expect(await ipset.names()).toEqual([]);
  });
});

describeOn(['ipset', 'rules'], 'ipset and rules', (open) => {
  it('keep sets that rules refer to', async () => {
    const { ipset, rules } = await open();
    const set = await ipset.create('web', 'hash:ip');
    const wanted = {
      family: 'inet' as const,
      chains: [
        {
          table: 'filter' as const,
          name: 'T-SETS',
          rules: [
            {
              matches: [{ match: 'set' as const, set: 'web', directions: ['src' as const] }],
              target: { target: 'drop' as const },
            },
          ],
        },
      ],
      jumps: [],
    };
    await rules.apply(diffRules(wanted, noRules('inet')));
    expect((await ipset.header('web'))?.references).toBe(1);
    expect(await rejection(set.destroy())).toMatchObject({ code: 'IPSET_ERR_BUSY' });
    expect(await rejection(ipset.rename('web', 'other'))).toMatchObject({ code: 'IPSET_ERR_REFERENCED' });
    expect(await rejection(ipset.create('web', 'hash:ip'))).toBeInstanceOf(AlreadyExistsError);
  });
});
