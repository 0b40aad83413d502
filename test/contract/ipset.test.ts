import { expect, it } from 'vitest';
import {
  AlreadyExistsError,
  BusyError,
  InvalidArgumentError,
  NotFoundError,
  SetFullError,
  SetTypeMismatchError,
  ValidationError,
} from '../../src/errors.js';
import { SET_TYPES, SET_TYPE_NAMES } from '../../src/ipset/set-types.js';
import type { CreateOptions, EntryInput, IPSet, Ipset, SetType } from '../../src/ipset/types.js';
import { describeOn } from '../support/backends.js';
import { rejection } from '../support/rejection.js';

const CREATE: Partial<Record<SetType, CreateOptions>> = {
  'bitmap:ip': { range: '10.0.0.0/16' },
  'bitmap:ip,mac': { range: '10.0.0.0-10.0.255.255' },
  'bitmap:port': { range: [0, 65535] },
};

/** Some entries of each type in canonical text, sorted. */
const ENTRIES: Readonly<Record<SetType, readonly string[]>> = {
  'bitmap:ip': ['10.0.0.0', '10.0.0.1', '10.0.255.255'],
  'bitmap:ip,mac': ['10.0.0.0', '10.0.0.1,00:11:22:AA:BB:CC'],
  'bitmap:port': ['0', '65535', '80'],
  'hash:ip': ['10.0.0.1', '10.0.0.2', '255.255.255.255'],
  'hash:ip,mac': ['10.0.0.1,00:11:22:AA:BB:CC', '10.0.0.1,FF:FF:FF:FF:FF:FF'],
  'hash:ip,mark': ['10.0.0.1,0x00000000', '10.0.0.1,0xffffffff', '10.0.0.2,0x00000063'],
  'hash:ip,port': [
    '10.0.0.1,gre:0',
    '10.0.0.1,icmp:echo-request',
    '10.0.0.1,tcp:0',
    '10.0.0.1,tcp:80',
    '10.0.0.1,udp:80',
  ],
  'hash:ip,port,ip': ['10.0.0.1,sctp:5,10.1.0.1', '10.0.0.1,tcp:80,10.1.0.1', '10.0.0.1,tcp:80,10.1.0.2'],
  'hash:ip,port,net': [
    '10.0.0.1,tcp:80,10.1.0.0/16',
    '10.0.0.1,tcp:80,10.1.2.3',
    '10.0.0.1,tcp:80,128.0.0.0/1',
  ],
  'hash:mac': ['00:11:22:AA:BB:CC', '01:00:00:00:00:00'],
  'hash:net': ['10.0.0.0/8', '10.0.0.1', '128.0.0.0/1'],
  'hash:net,iface': ['0.0.0.0/0,eth0', '10.0.0.0/8,eth0', '10.0.0.0/8,physdev:eth0', '10.0.0.1,eth1'],
  'hash:net,net': ['10.0.0.0/8,10.1.0.0/16', '10.0.0.0/8,10.1.2.3', '128.0.0.0/1,10.1.0.0/16'],
  'hash:net,port': ['10.0.0.0/8,icmp:echo-request', '10.0.0.0/8,tcp:80', '10.0.0.1,udp:80'],
  'hash:net,port,net': [
    '0.0.0.0/0,tcp:80,0.0.0.0/0',
    '10.0.0.0/8,tcp:80,10.1.0.0/16',
    '10.0.0.1,tcp:80,10.1.2.3',
  ],
  'list:set': ['member-a', 'member-b'],
};
type InetSix = Exclude<SetType, `bitmap:${string}` | 'hash:mac' | 'list:set'>;
const ENTRIES6: Readonly<Record<InetSix, readonly string[]>> = {
  'hash:ip': ['2001:db8::1', '::1', 'ff02::'],
  'hash:ip,mac': ['2001:db8::1,00:11:22:AA:BB:CC'],
  'hash:ip,mark': ['2001:db8::1,0x00000063'],
  'hash:ip,port': ['2001:db8::1,ipv6-icmp:echo-request', '2001:db8::1,tcp:80', '2001:db8::1,udp:53'],
  'hash:ip,port,ip': ['2001:db8::1,tcp:80,2001:db8::2', '2001:db8::1,tcp:80,::1'],
  'hash:ip,port,net': [
    '2001:db8::1,tcp:80,2001:db8:1::/48',
    '2001:db8::1,tcp:80,8000::/1',
    '2001:db8::1,tcp:80,::1',
  ],
  'hash:net': ['2001:db8::/32', '8000::/1', '::1'],
  'hash:net,iface': ['2001:db8::/32,eth0', '::/0,eth0'],
  'hash:net,net': ['2001:db8::/32,2001:db8:1::/48', '::1,8000::/1'],
  'hash:net,port': ['2001:db8::/32,tcp:80', '::1,ipv6-icmp:echo-reply'],
  'hash:net,port,net': ['2001:db8::/32,tcp:80,::1', '::/0,tcp:80,::/0'],
};

/** Create a set of any type; a list gets sets to hold. */
async function make(ipset: Ipset, type: SetType, options: CreateOptions = {}): Promise<IPSet> {
  if (type === 'list:set') for (const name of ENTRIES[type]) await ipset.create(name, 'hash:ip');
  return ipset.create(`web`, type, { ...CREATE[type], ...options });
}

async function all<T>(items: AsyncIterable<T>): Promise<T[]> {
  const out: T[] = [];
  for await (const item of items) out.push(item);
  return out;
}

for (const type of SET_TYPE_NAMES) {
  const { families } = SET_TYPES[type];
  describeOn(['ipset', `set ${type}`], `ipset ${type}`, (open) => {
    // One test for one namespace: making it takes longer than all of this where the machine is emulated.
    it('is made with the kernel’s defaults, and its entries are added, found, listed and deleted', async () => {
      const { ipset } = await open();
      const empty = await ipset.create('web', type, CREATE[type]);
      expect(empty).toMatchObject({ name: 'web', type });
      expect(empty.header).toMatchObject({ name: 'web', type, references: 0, elements: 0 });
      if (type.startsWith('hash:'))
        expect(empty.header).toMatchObject({ hashSize: 1024, maxElements: 65536 });
      if (type === 'bitmap:port') expect(empty.header.range).toEqual([0, 65535]);
      else if (type.startsWith('bitmap:')) expect(empty.header.range).toEqual(['10.0.0.0', '10.0.255.255']);
      if (type === 'list:set') expect(empty.header.size).toBe(8);
      expect(empty.header.family).toBe(families[0]);
      expect((await ipset.get('web', type))?.header).toEqual(empty.header);

      await ipset.flushAll();
      await ipset.destroyAll();
      const set = await make(ipset, type);
      for (const text of ENTRIES[type]) expect(await set.add(text)).toBe(true);
      for (const text of ENTRIES[type]) expect(await set.add(text)).toBe(false);
      expect(await set.texts()).toEqual([...ENTRIES[type]].sort());
      expect(await set.size()).toBe(ENTRIES[type].length);
      for (const text of ENTRIES[type]) expect(await set.has(text)).toBe(true);
      const objects = await all(set.entries());
      expect(objects).toHaveLength(ENTRIES[type].length);
      for (const object of objects) expect(await set.delete(object)).toBe(true);
      for (const object of objects) expect(await set.delete(object)).toBe(false);
      for (const object of objects) expect(await set.has(object)).toBe(false);
      expect(await all(set)).toEqual([]);
      if (families.length < 2) return;

      await ipset.flushAll();
      await ipset.destroyAll();
      const entries = ENTRIES6[type as InetSix];
      const six = await make(ipset, type, { family: 'inet6' });
      expect(six.header.family).toBe('inet6');
      expect(await six.addAll(entries)).toMatchObject({ applied: entries.length });
      expect(await six.texts()).toEqual([...entries].sort());
      for (const object of await all(six)) expect(await six.delete(object)).toBe(true);
      expect(await six.size()).toBe(0);
    });
  });
}

describeOn(['ipset'], 'ipset create', (open) => {
  it('speaks protocol 7 and names the revisions of each type', async () => {
    const { ipset } = await open();
    const { current, minimum } = await ipset.protocol();
    expect(current).toBeGreaterThanOrEqual(minimum);
    const types = await ipset.types();
    expect(Object.keys(types)).toEqual(SET_TYPE_NAMES);
    for (const type of ['hash:ip', 'bitmap:port', 'list:set'] as const) {
      expect(types[type]?.max).toBeGreaterThanOrEqual(types[type]?.min ?? Infinity);
    }
  });

  it('rounds the hash size up to a power of two of at least 64', async () => {
    const { ipset } = await open();
    const sizes = [1, 64, 65, 1000, 4096];
    for (const hashSize of sizes) await ipset.create(`s${String(hashSize)}`, 'hash:ip', { hashSize });
    const made = await Promise.all(sizes.map((size) => ipset.get(`s${String(size)}`, 'hash:ip')));
    expect(made.map((set) => set?.header.hashSize)).toEqual([64, 64, 128, 1024, 4096]);
  });

  it('takes names of 31 bytes and refuses 32 before asking', async () => {
    const { ipset } = await open();
    const name = 'n'.repeat(31);
    expect((await ipset.create(name, 'hash:ip')).name).toBe(name);
    expect((await ipset.list()).map((set) => set.name)).toEqual([name]);
    expect(await rejection(ipset.create('n'.repeat(32), 'hash:ip'))).toBeInstanceOf(ValidationError);
    const unicode = `${'é'.repeat(15)}x`;
    expect((await ipset.create(unicode, 'hash:ip')).name).toBe(unicode);
  });

  it('refuses a name that is taken, whatever the type', async () => {
    const { ipset } = await open();
    await ipset.create('web', 'hash:ip');
    expect(await rejection(ipset.create('web', 'hash:ip'))).toBeInstanceOf(AlreadyExistsError);
    expect(await rejection(ipset.create('web', 'bitmap:port', { range: [1, 2] }))).toMatchObject({
      code: 'EEXIST',
    });
  });

  it('tells when there is not memory enough for the hash', async () => {
    const { ipset } = await open();
    expect(await rejection(ipset.create('web', 'hash:ip', { hashSize: 2 ** 31 }))).toMatchObject({
      code: 'ENOMEM',
    });
    expect(await ipset.get('web')).toBeUndefined();
  });
});

describeOn(['ipset'], 'ipset ensure', (open) => {
  it('creates once and finds it afterwards', async () => {
    const { ipset } = await open();
    const first = await ipset.ensure('web', 'hash:ip,port', { maxElements: 5 });
    expect(first.created).toBe(true);
    await first.set.add('10.0.0.1,tcp:80');
    const second = await ipset.ensure('web', 'hash:ip,port', { maxElements: 5 });
    expect(second.created).toBe(false);
    expect(second.set.header).toMatchObject({ maxElements: 5, elements: 1 });
  });

  it('refuses a set of another type, family or range', async () => {
    const { ipset } = await open();
    await ipset.create('web', 'hash:ip');
    await ipset.create('ports', 'bitmap:port', { range: [1, 100] });
    for (const call of [
      ipset.ensure('web', 'hash:ip,port'),
      ipset.ensure('web', 'hash:ip', { family: 'inet6' }),
      ipset.ensure('ports', 'bitmap:port', { range: [1, 101] }),
    ]) {
      expect(await rejection(call)).toBeInstanceOf(SetTypeMismatchError);
    }
  });

  it('is right for many at the same time', async () => {
    const { ipset } = await open();
    const results = await Promise.all(Array.from({ length: 8 }, () => ipset.ensure('web', 'hash:ip')));
    expect(results.filter(({ created }) => created)).toHaveLength(1);
  });
});

describeOn(['ipset'], 'ipset entries', (open) => {
  it('are objects with names for the protocols that have ports', async () => {
    const { ipset } = await open();
    const set = await ipset.create('web', 'hash:ip,port,net');
    await set.addAll(['10.0.0.1,udp:53,10.1.2.3/24', '10.0.0.1,47:0,10.1.2.3']);
    const entries = (await all(set)).sort((a, b) => a.port - b.port);
    expect(entries).toEqual([
      { ip: '10.0.0.1', protocol: 47, port: 0, net: '10.1.2.3' },
      { ip: '10.0.0.1', protocol: 'udp', port: 53, net: '10.1.2.0/24' },
    ]);
  });

  it('of the other family are refused before they are sent', async () => {
    const { ipset } = await open();
    const v4 = await ipset.create('v4', 'hash:ip');
    const v6 = await ipset.create('v6', 'hash:ip', { family: 'inet6' });
    for (const call of [
      v4.add('2001:db8::1'),
      v4.has('::1'),
      v6.add('10.0.0.1'),
      v6.delete({ ip: '10.0.0.1' }),
    ]) {
      expect(await rejection(call)).toBeInstanceOf(ValidationError);
    }
  });

  it('match the networks around an address, except where an exception is closer', async () => {
    const { ipset } = await open();
    const set = await ipset.create('web', 'hash:ip,port,net');
    await set.addAll([
      '10.0.0.1,tcp:80,10.0.0.0/8',
      '10.0.0.1,tcp:80,10.1.0.0/16 nomatch',
      '10.0.0.1,tcp:80,10.1.2.0/24',
    ]);
    expect(await set.has('10.0.0.1,tcp:80,10.9.9.9')).toBe(true);
    expect(await set.has('10.0.0.1,tcp:80,10.1.9.9')).toBe(false);
    expect(await set.has('10.0.0.1,tcp:80,10.1.9.9 nomatch')).toBe(true);
    expect(await set.has('10.0.0.1,tcp:80,10.1.2.9')).toBe(true);
    expect(await set.has('10.0.0.1,tcp:81,10.9.9.9')).toBe(false);
    expect(await set.has('10.0.0.1,tcp:80,10.9.0.0/16')).toBe(false);
    expect(await set.has('10.0.0.1,tcp:80,10.1.0.0/16')).toBe(false);
    expect(await set.texts()).toContain('10.0.0.1,tcp:80,10.1.0.0/16 nomatch');
  });

  it('turn into exceptions and back when they are added again', async () => {
    const { ipset } = await open();
    const set = await ipset.create('web', 'hash:ip,port,net');
    const entry = { ip: '10.0.0.1', port: 80, net: '10.0.0.0/8' };
    await set.add(entry);
    expect(await set.add({ ...entry, nomatch: true })).toBe(false);
    expect(await set.texts()).toEqual(['10.0.0.1,tcp:80,10.0.0.0/8']);
    await set.addAll([{ ...entry, nomatch: true }]);
    expect(await set.texts()).toEqual(['10.0.0.1,tcp:80,10.0.0.0/8 nomatch']);
    expect(await set.delete(entry)).toBe(true);
  });

  it('outside the range of a bitmap are refused', async () => {
    const { ipset } = await open();
    const set = await ipset.create('ports', 'bitmap:port', { range: [10, 20] });
    const err = await rejection(set.add('9'));
    expect(err).toBeInstanceOf(InvalidArgumentError);
    expect(err).toMatchObject({ code: 'IPSET_ERR_BITMAP_RANGE', target: 'set ports entry 9' });
    expect(await set.has('9')).toBe(false);
    expect(await rejection(set.delete('21'))).toMatchObject({ code: 'IPSET_ERR_BITMAP_RANGE' });
  });

  it('of all zeros are refused by hash:ip, and do not match', async () => {
    const { ipset } = await open();
    const set = await ipset.create('web', 'hash:ip');
    const err = await rejection(set.add('0.0.0.0'));
    expect(err).toMatchObject({ code: 'IPSET_ERR_HASH_ELEM' });
    expect(await set.has('0.0.0.0')).toBe(false);
  });

  it('are all gone after a flush', async () => {
    const { ipset } = await open();
    const set = await ipset.create('web', 'hash:ip');
    await set.addAll(ENTRIES['hash:ip']);
    await set.flush();
    expect(await set.size()).toBe(0);
    expect(await rejection(ipset.flush('none'))).toBeInstanceOf(NotFoundError);
  });

  it('of a full set are told apart: what is there already is not refused for that', async () => {
    const { ipset } = await open();
    const set = await ipset.create('web', 'hash:ip', { maxElements: 2 });
    await set.addAll(['10.0.0.1', '10.0.0.2']);
    expect(await rejection(set.add('10.0.0.3'))).toBeInstanceOf(SetFullError);
    expect(await set.add('10.0.0.1')).toBe(false);
    expect(await set.addAll(['10.0.0.1'])).toMatchObject({ applied: 1 });
    expect(await set.delete('10.0.0.2')).toBe(true);
    expect(await set.add('10.0.0.3')).toBe(true);
  });
});

describeOn(['ipset'], 'ipset addAll and deleteAll', (open) => {
  const entries = (count: number, from = 0): string[] =>
    Array.from(
      { length: count },
      (_, i) => `10.0.${String((i + from) >> 8)}.${String((i + from) & 255)},tcp:${String(i + from)}`,
    );

  it('stop at the first refusal with its index and text; what was before it stays, what is behind is not tried', async () => {
    const { ipset } = await open();
    const set = await ipset.create('web', 'hash:ip,port');
    await set.add(entries(1, 2500)[0] ?? '');
    const err = await rejection(set.addAll(entries(5000), { exist: false }));
    expect(err).toBeInstanceOf(AlreadyExistsError);
    expect(err).toMatchObject({
      code: 'IPSET_ERR_EXIST',
      position: 2500,
      applied: 2500,
      target: `set web entry ${entries(1, 2500)[0] ?? ''}`,
    });
    expect(await set.size()).toBe(2501);
  });

  it('go on behind refusals when asked to, and name each', async () => {
    const { ipset } = await open();
    const set = await ipset.create('web', 'hash:ip,port');
    const there = [0, 1, 700, 701, 1023, 1024, 4999];
    await set.addAll(there.map((i) => entries(1, i)[0] ?? ''));
    const result = await set.addAll(entries(5000), { exist: false, onError: 'continue' });
    expect(result.applied).toBe(5000 - there.length);
    expect(result.failures.map(({ index }) => index)).toEqual(there);
    expect(result.failures.map(({ entry }) => entry)).toEqual(there.map((i) => entries(1, i)[0]));
    expect(result.failures.every(({ error }) => error.code === 'IPSET_ERR_EXIST')).toBe(true);
    expect(await set.size()).toBe(5000);
    const gone = await set.deleteAll([...entries(10, 9000), ...entries(5000)], {
      exist: false,
      onError: 'continue',
    });
    expect(gone).toMatchObject({ applied: 5000 });
    expect(gone.failures.map(({ index }) => index)).toEqual([0, 1, 2, 3, 4, 5, 6, 7, 8, 9]);
    expect(gone.failures[0]?.error).toBeInstanceOf(NotFoundError);
    expect(await set.size()).toBe(0);
  });

  it('name the entry that did not fit, at the exact place', async () => {
    const { ipset } = await open();
    const set = await ipset.create('web', 'hash:ip,port', { maxElements: 3000, hashSize: 1024 });
    const err = await rejection(set.addAll(entries(4000)));
    expect(err).toBeInstanceOf(SetFullError);
    const { position, applied } = err as SetFullError;
    expect(position).toBe(applied);
    expect(await set.size()).toBe(applied);
  });

  it('are fine with what is there, or gone, already', async () => {
    const { ipset } = await open();
    const set = await ipset.create('web', 'hash:ip,port');
    expect(await set.addAll(entries(300))).toEqual({ applied: 300, failures: [] });
    expect(await set.addAll(entries(400))).toEqual({ applied: 400, failures: [] });
    expect(await set.deleteAll(entries(500))).toEqual({ applied: 500, failures: [] });
  });

  it('end with the set’s absence, whatever was asked for refusals', async () => {
    const { ipset } = await open();
    const set = await ipset.create('web', 'hash:ip,port');
    await set.destroy();
    for (const onError of ['stop', 'continue'] as const) {
      const err = await rejection(set.addAll(entries(3000), { onError }));
      expect(err).toBeInstanceOf(NotFoundError);
      expect(err).toMatchObject({ applied: 0, target: 'set web' });
    }
  });

  it('refuse every entry of a set that became another one', async () => {
    const { ipset } = await open();
    const old = await ipset.create('web', 'hash:ip');
    await ipset.destroy('web');
    const set = await ipset.create('web', 'hash:ip', { family: 'inet6' });
    expect(await rejection(old.addAll(['10.0.0.1', '10.0.0.2']))).toMatchObject({
      code: 'IPSET_ERR_PROTOCOL',
      applied: 0,
    });
    const both = await old.addAll(['10.0.0.1', '10.0.0.2'], { onError: 'continue' });
    expect(both.failures.map(({ index }) => index)).toEqual([0, 1]);
    expect(await set.size()).toBe(0);
    // A listing decodes what is there, not what the old handle expects.
    await set.add('2001:db8::1');
    expect(await old.texts()).toEqual(['2001:db8::1']);
  });
});

describeOn(['ipset'], 'ipset sets', (open) => {
  it('are listed by name, with headers, and by prefix', async () => {
    const { ipset } = await open();
    expect(await ipset.list()).toEqual([]);
    for (const name of ['b', 'KUBE-B', 'KUBE-A', 'a']) await ipset.create(name, 'hash:ip');
    expect((await ipset.list()).map(({ name }) => name)).toEqual(['KUBE-A', 'KUBE-B', 'a', 'b']);
    expect((await ipset.list({ prefix: 'KUBE-' })).map(({ name }) => name)).toEqual(['KUBE-A', 'KUBE-B']);
  });

  it('come with their entries in a snapshot', async () => {
    const { ipset } = await open();
    const a = await ipset.create('a', 'hash:ip,port');
    const b = await ipset.create('b', 'hash:ip', { family: 'inet6' });
    await ipset.create('c', 'bitmap:port', { range: [1, 2] });
    await a.addAll(ENTRIES['hash:ip,port']);
    await b.addAll(ENTRIES6['hash:ip']);
    const found = (await ipset.snapshot()).map(({ header, entries }) => [
      header.name,
      header.elements,
      entries,
    ]);
    expect(found).toEqual([
      ['a', 5, [...ENTRIES['hash:ip,port']].sort()],
      ['b', 3, [...ENTRIES6['hash:ip']].sort()],
      ['c', 0, []],
    ]);
    const some = await ipset.snapshot({ prefix: 'b' });
    expect(some.map(({ header, entries }) => [header.name, entries.length])).toEqual([['b', 3]]);
  });

  it('are opened by name: undefined when absent, refused when of another type', async () => {
    const { ipset } = await open();
    expect(await ipset.get('web')).toBeUndefined();
    await ipset.create('web', 'hash:ip');
    expect((await ipset.get('web'))?.type).toBe('hash:ip');
    expect(await rejection(ipset.get('web', 'hash:ip,port'))).toBeInstanceOf(SetTypeMismatchError);
  });

  it('are destroyed once', async () => {
    const { ipset } = await open();
    const set = await ipset.create('web', 'hash:ip');
    expect(await set.destroy()).toBe(true);
    expect(await ipset.destroy('web', { ifExists: true })).toBe(false);
    expect(await rejection(ipset.destroy('web'))).toBeInstanceOf(NotFoundError);
  });

  it('are renamed, unless the new name is taken or the old one is not there', async () => {
    const { ipset } = await open();
    await (await ipset.create('a', 'hash:ip')).add('10.0.0.1');
    await ipset.create('b', 'hash:ip');
    expect(await rejection(ipset.rename('a', 'b'))).toMatchObject({ code: 'IPSET_ERR_EXIST_SETNAME2' });
    expect(await rejection(ipset.rename('a', 'a'))).toBeInstanceOf(AlreadyExistsError);
    expect(await rejection(ipset.rename('x', 'y'))).toBeInstanceOf(NotFoundError);
    await ipset.rename('a', 'c');
    expect(await (await ipset.get('c'))?.texts()).toEqual(['10.0.0.1']);
    expect(await ipset.get('a')).toBeUndefined();
  });

  it('swap contents, sizes and all, when type and family allow', async () => {
    const { ipset } = await open();
    const a = await ipset.create('a', 'hash:ip', { maxElements: 7 });
    const b = await ipset.create('b', 'hash:ip');
    await ipset.create('c', 'hash:ip', { family: 'inet6' });
    await ipset.create('d', 'hash:ip,port');
    await a.add('10.0.0.1');
    await ipset.swap('a', 'b');
    expect([await a.texts(), await b.texts()]).toEqual([[], ['10.0.0.1']]);
    expect((await ipset.get('b'))?.header.maxElements).toBe(7);
    expect(await rejection(ipset.swap('x', 'a'))).toMatchObject({ code: 'ENOENT' });
    const second = await rejection(ipset.swap('a', 'x'));
    expect(second).toBeInstanceOf(NotFoundError);
    expect(second).toMatchObject({ code: 'IPSET_ERR_EXIST_SETNAME2' });
    expect(await rejection(ipset.swap('a', 'c'))).toBeInstanceOf(SetTypeMismatchError);
    expect(await rejection(ipset.swap('a', 'd'))).toMatchObject({ code: 'IPSET_ERR_TYPE_MISMATCH' });
  });

  it('answer many calls at the same time', async () => {
    const { ipset } = await open();
    const set: IPSet<'hash:ip'> = await ipset.create('web', 'hash:ip');
    const inputs: EntryInput<'hash:ip'>[] = Array.from({ length: 50 }, (_, i) =>
      `10.0.0.${String(i % 25)}`.replace('.0.0.0', '.0.9.9'),
    );
    const added = await Promise.all(inputs.map((entry) => set.add(entry)));
    expect(added.filter(Boolean)).toHaveLength(25);
  });

  it('count system calls', async () => {
    const { ipset } = await open();
    expect(ipset.counters()).toMatchObject({ sends: 0, messages: 0, sockets: 0 });
    await ipset.create('web', 'hash:ip');
    expect(ipset.counters().sends).toBeGreaterThan(0);
    expect(ipset.counters().dumps).toBeGreaterThan(0);
  });

  it('stop for an aborted signal', async () => {
    const { ipset } = await open();
    const signal = AbortSignal.abort(new Error('enough'));
    const set = await ipset.create('web', 'hash:ip');
    for (const call of [
      ipset.list({ signal }),
      ipset.get('web', undefined, { signal }),
      ipset.create('other', 'hash:ip', { signal }),
      set.add('10.0.0.1', { signal }),
      set.addAll(['10.0.0.1'], { signal }),
    ]) {
      expect(await rejection(call)).toMatchObject({ message: 'enough' });
    }
    expect(await set.size()).toBe(0);
    expect(await ipset.get('other')).toBeUndefined();
  });

  it('that are in use stay', async () => {
    const kernel = await open();
    const set = await kernel.ipset.create('web', 'hash:ip');
    if ('fake' in kernel) {
      (
        kernel as unknown as { fake: { ipset: { setReferences(name: string, n: number): void } } }
      ).fake.ipset.setReferences('web', 1);
    } else {
      const { run } = await import('../support/netns.js');
      await run(kernel.netns, ['ipset', 'create', 'all', 'list:set']);
      await run(kernel.netns, ['ipset', 'add', 'all', 'web']);
    }
    const err = await rejection(set.destroy());
    expect(err).toBeInstanceOf(BusyError);
    expect(err).toMatchObject({ code: 'IPSET_ERR_BUSY' });
    expect(await rejection(kernel.ipset.rename('web', 'web2'))).toMatchObject({
      code: 'IPSET_ERR_REFERENCED',
    });
    expect((await kernel.ipset.get('web'))?.header.references).toBe(1);
  });
});
