import { expect, it } from 'vitest';
import { openKernel } from '../../src/kernel/open.js';
import { AlreadyExistsError, PermissionError } from '../../src/errors.js';
import type { Kernel } from '../../src/kernel/types.js';
import { formatSave } from '../../src/ipset/save.js';
import type { SetType } from '../../src/ipset/types.js';
import { describeKernel } from '../support/backends.js';
import { makeNetns, run, type TestNetns } from '../support/netns.js';
import { rejection } from '../support/rejection.js';

/** Run in a namespace of its own. */
async function inNetns(body: (kernel: Kernel, netns: TestNetns) => Promise<void>): Promise<void> {
  await using netns = await makeNetns('ipset');
  await using kernel = await openKernel({ netns: netns.path });
  await body(kernel, netns);
}

/** The lines of `ipset save`: creates and adds apart, sorted. */
async function saved(netns: TestNetns, name?: string): Promise<{ creates: string[]; adds: string[] }> {
  const { stdout } = await netns.run(['ipset', 'save', ...(name === undefined ? [] : [name])]);
  const lines = stdout.split('\n').filter((line) => line !== '');
  return {
    creates: lines.filter((line) => line.startsWith('create ')).sort(),
    adds: lines.filter((line) => line.startsWith('add ')).sort(),
  };
}

function* endpoints(count: number): Generator<string> {
  for (let i = 0; i < count; i++) {
    yield `10.${String((i >> 16) & 255)}.${String((i >> 8) & 255)}.${String(i & 255)},tcp:${String(i & 65535)}`;
  }
}

const SAMPLES: readonly {
  type: SetType;
  family?: 'inet' | 'inet6';
  args: readonly string[];
  entries: readonly string[];
}[] = [
  { type: 'hash:ip', family: 'inet', args: [], entries: ['10.0.0.1', '192.0.2.255', '255.255.255.255'] },
  {
    type: 'hash:ip',
    family: 'inet6',
    args: ['family', 'inet6'],
    entries: ['2001:db8::1', '::1', '::ffff:10.0.0.1', '1:0:0:2::', '1:0:2:3:4:5:6:7', 'fe80::1:0:0:1'],
  },
  {
    type: 'hash:ip,port',
    family: 'inet',
    args: [],
    entries: [
      '10.0.0.1,tcp:80',
      '10.0.0.1,udp:53',
      '10.0.0.1,sctp:132',
      '10.0.0.1,udplite:7',
      '10.0.0.1,gre:0',
      '10.0.0.1,253:0',
      '10.0.0.1,icmp:echo-request',
      '10.0.0.1,icmp:99/3',
    ],
  },
  {
    type: 'hash:ip,port',
    family: 'inet6',
    args: ['family', 'inet6'],
    entries: ['2001:db8::1,tcp:80', '2001:db8::1,ipv6-icmp:echo-reply', '::1,udp:53'],
  },
  {
    type: 'hash:ip,port,ip',
    family: 'inet',
    args: [],
    entries: ['10.0.0.1,tcp:80,10.1.0.1', '10.0.0.1,udp:80,10.1.0.1', '0.0.0.0,tcp:1,0.0.0.0'],
  },
  {
    type: 'hash:ip,port,ip',
    family: 'inet6',
    args: ['family', 'inet6'],
    entries: ['2001:db8::1,tcp:80,2001:db8::2'],
  },
  {
    type: 'hash:ip,port,net',
    family: 'inet',
    args: [],
    entries: [
      '10.0.0.1,tcp:80,10.1.0.0/16',
      '10.0.0.1,tcp:80,10.1.2.3',
      '10.0.0.1,tcp:80,128.0.0.0/1',
      '10.0.0.1,tcp:80,10.1.2.0/24 nomatch',
    ],
  },
  {
    type: 'hash:ip,port,net',
    family: 'inet6',
    args: ['family', 'inet6'],
    entries: ['2001:db8::1,tcp:80,2001:db8:1::/48', '2001:db8::1,tcp:80,8000::/1', '2001:db8::1,tcp:80,::1'],
  },
  { type: 'bitmap:port', args: ['range', '0-65535'], entries: ['0', '80', '443', '65535'] },
];

describeKernel(['ipset'], 'ipset beside the ipset tool', () => {
  it.each(SAMPLES)('what we add to $type $family is what it saves', ({ type, family, entries }) =>
    inNetns(async ({ ipset }, netns) => {
      const options = type === 'bitmap:port' ? { range: [0, 65535] as const } : { family: family ?? 'inet' };
      const set = await ipset.create<SetType>('web', type, options);
      expect(await set.addAll(entries)).toMatchObject({ applied: entries.length });
      const { creates, adds } = await saved(netns);
      expect(adds).toEqual(entries.map((entry) => `add web ${entry}`).sort());
      const ours = formatSave(await ipset.snapshot())
        .trimEnd()
        .split('\n');
      expect(ours[0]).toBe(creates[0]);
      expect(ours.slice(1).sort()).toEqual(adds);
    }),
  );

  it.each(SAMPLES)('what it adds to $type $family is what we list and delete', ({ type, args, entries }) =>
    inNetns(async ({ ipset }, netns) => {
      const lines = [`create web ${type} ${args.join(' ')}`, ...entries.map((entry) => `add web ${entry}`)];
      await netns.run(['ipset', 'restore'], { stdin: `${lines.join('\n')}\n` });
      const set = await ipset.get('web', type);
      expect(await set?.texts()).toEqual([...entries].sort());
      // Created by the tool with its newest revision, the header has every option there is.
      const ours = formatSave(await ipset.snapshot()).split('\n')[0];
      expect(ours).toBe((await saved(netns)).creates[0]);
      expect(await set?.deleteAll(entries, { exist: false })).toMatchObject({ applied: entries.length });
      expect((await saved(netns)).adds).toEqual([]);
    }),
  );

  it('agrees on the names of ICMP types and codes', () =>
    inNetns(async ({ ipset }, netns) => {
      const four = await ipset.create('four', 'hash:ip,port');
      const six = await ipset.create('six', 'hash:ip,port', { family: 'inet6' });
      // All that have names, with neighbours that have none.
      const types = Array.from({ length: 256 }, (_, i) => i).filter(
        (i) => i < 20 || (i > 126 && i < 139) || i === 255,
      );
      const codes = types.flatMap((type) => Array.from({ length: 17 }, (_, code) => type * 256 + code));
      await four.addAll(codes.map((port) => ({ ip: '10.0.0.1', protocol: 1, port })));
      await six.addAll(codes.map((port) => ({ ip: '2001:db8::1', protocol: 58, port })));
      expect((await saved(netns, 'four')).adds).toEqual(
        (await four.texts()).map((text) => `add four ${text}`).sort(),
      );
      expect((await saved(netns, 'six')).adds).toEqual(
        (await six.texts()).map((text) => `add six ${text}`).sort(),
      );
    }));

  it('agrees on the names of protocols that the machine knows by the usual names', () =>
    inNetns(async ({ ipset }, netns) => {
      const set = await ipset.create('web', 'hash:ip,port');
      const numbers = [2, 4, 6, 17, 33, 41, 47, 50, 51, 88, 89, 103, 108, 112, 115, 132, 136, 253, 255];
      await set.addAll(numbers.map((protocol) => ({ ip: '10.0.0.1', protocol, port: 0 })));
      expect((await saved(netns)).adds).toEqual((await set.texts()).map((text) => `add web ${text}`).sort());
    }));

  it('shows the options of sets that others made, and writes them back so that they can be restored', () =>
    inNetns(async ({ ipset }, netns) => {
      const stdin = [
        'create a hash:ip timeout 300 counters comment skbinfo netmask 24',
        'create b hash:ip,port hashsize 64 maxelem 9 counters',
        'create c bitmap:port range 5-9 timeout 0 comment',
        'create d hash:ip forceadd',
      ].join('\n');
      await netns.run(['ipset', 'restore'], { stdin: `${stdin}\n` });
      const headers = new Map((await ipset.list()).map(({ name, header }) => [name, header]));
      expect(headers.get('a')).toMatchObject({
        timeout: 300,
        netmask: 24,
        ...{ counters: true, comment: true, skbinfo: true },
      });
      expect(headers.get('c')).toMatchObject({ range: [5, 9], timeout: 0, comment: true });
      expect(headers.get('d')?.forceadd).toBe(true);
      const ours = formatSave(await ipset.snapshot())
        .trimEnd()
        .split('\n');
      // The tool forgets forceadd.
      expect(ours.map((line) => line.replace(' forceadd', '')).sort()).toEqual((await saved(netns)).creates);
      await netns.run(['ipset', 'destroy']);
      await netns.run(['ipset', 'restore'], { stdin: `${ours.join('\n')}\n` });
      expect(
        formatSave(await ipset.snapshot())
          .trimEnd()
          .split('\n'),
      ).toEqual(ours);
    }));

  it('keeps the bytes of comments through a replacement, whatever they are', () =>
    inNetns(async ({ ipset }, netns) => {
      const set = await ipset.create('web', 'hash:ip', { comment: true });
      const restore = String.raw`printf 'add web 10.0.0.1 comment "\377\376x"\n' | ipset restore`;
      await netns.run(['sh', '-c', restore]);
      await set.replace(['10.0.0.1', '10.0.0.2'], { strategy: 'swap' });
      const hex = await netns.run(['sh', '-c', 'ipset save web | od -An -v -tx1 | tr -d " \n"']);
      expect(hex.stdout).toContain('22fffe7822');
    }));

  it('takes a name of 31 bytes that the tool can read', () =>
    inNetns(async ({ ipset }, netns) => {
      const name = 'KUBE-6-LOAD-BALANCER-SOURCE-IPX';
      expect(name).toHaveLength(31);
      await ipset.create(name, 'hash:ip,port,ip', { family: 'inet6' });
      expect((await netns.run(['ipset', 'list', '-n'])).stdout).toBe(`${name}\n`);
      await ipset.rename(name, 'short');
      expect((await netns.run(['ipset', 'list', '-n'])).stdout).toBe('short\n');
    }));

  it('creates with a revision that keeps older tools able to read the set', () =>
    inNetns(async ({ ipset }) => {
      const types = await ipset.types();
      for (const type of ['hash:ip', 'hash:ip,port', 'hash:ip,port,ip', 'hash:ip,port,net'] as const) {
        const { header } = await ipset.create(type.replaceAll(/[:,]/g, '-'), type);
        expect(header.revision).toBeLessThanOrEqual(types[type]?.max ?? -1);
        expect(header.revision).toBeLessThanOrEqual(3);
      }
    }));
});

/** Emulated machines take minutes for what takes a second on a real one. */
const LONG = 900_000;

describeKernel(['ipset'], 'ipset with many elements', () => {
  it(
    'lists 100,000 completely, as the tool does',
    () =>
      inNetns(async ({ ipset }, netns) => {
        // Without protocols, whose names the tool looks up in a file for every line.
        const set = await ipset.create('web', 'hash:ip', { maxElements: 100_000, hashSize: 65_536 });
        const addresses = [...endpoints(100_000)].map((text) => text.slice(0, text.indexOf(',')));
        expect(await set.addAll(addresses)).toMatchObject({ applied: 100_000 });
        const texts = await set.texts();
        expect(texts).toEqual(addresses.sort());
        const { adds } = await saved(netns);
        expect(adds).toEqual(texts.map((text) => `add web ${text}`));
      }),
    LONG,
  );

  it(
    'adds and lists 1,000,000 completely',
    () =>
      inNetns(async ({ ipset }) => {
        const count = 1_000_000;
        const set = await ipset.create('web', 'hash:ip,port', { maxElements: count, hashSize: 524_288 });
        expect(await set.addAll(endpoints(count))).toEqual({ applied: count, failures: [] });
        expect(await set.size()).toBe(count);
        // The low 20 bits of the address are the element's number: each must come exactly once.
        const seen = new Uint8Array(count);
        let listed = 0;
        for await (const { ip, port } of set) {
          const [, b = 0, c = 0, d = 0] = ip.split('.').map(Number);
          const number = (b << 16) | (c << 8) | d;
          if (port === (number & 65535)) seen[number] = 1;
          listed++;
        }
        expect(listed).toBe(count);
        expect(seen.indexOf(0)).toBe(-1);
      }),
    LONG,
  );

  it(
    'names the refused elements of a load of 100,000 wherever they are',
    () =>
      inNetns(async ({ ipset }) => {
        const set = await ipset.create('web', 'hash:ip,port', { maxElements: 200_000 });
        const entries = [...endpoints(100_000)];
        const there = [0, 127, 128, 9_999, 16_383, 16_384, 50_000, 99_999];
        await set.addAll(there.map((i) => entries[i] ?? ''));
        const { applied, failures } = await set.addAll(entries, { exist: false, onError: 'continue' });
        expect(applied).toBe(100_000 - there.length);
        expect(failures.map(({ index, entry }) => [index, entry])).toEqual(there.map((i) => [i, entries[i]]));
        const err = await rejection(set.addAll(entries.slice(60_000), { exist: false }));
        expect(err).toBeInstanceOf(AlreadyExistsError);
        expect(err).toMatchObject({ position: 0, applied: 0 });
      }),
    LONG,
  );

  it(
    'finds each refusal when everything is refused',
    () =>
      inNetns(async ({ ipset }) => {
        const set = await ipset.create('web', 'hash:ip,port');
        const entries = [...endpoints(20_000)];
        await set.addAll(entries);
        const { applied, failures } = await set.addAll(entries, { exist: false, onError: 'continue' });
        expect(applied).toBe(0);
        expect(failures.map(({ index }) => index)).toEqual(entries.map((_, i) => i));
      }),
    LONG,
  );

  it(
    'loads while another process changes the same set',
    () =>
      inNetns(async ({ ipset }, netns) => {
        const set = await ipset.create('web', 'hash:ip,port', { maxElements: 300_000 });
        const other = Array.from(
          { length: 20_000 },
          (_, i) => `add web 192.168.${String(i >> 8)}.${String(i & 255)},17:${String(i)}`,
        );
        const [ours] = await Promise.all([
          set.addAll(endpoints(100_000)),
          netns.run(['ipset', 'restore'], { stdin: `${other.join('\n')}\n` }),
        ]);
        expect(ours.applied).toBe(100_000);
        expect(await set.size()).toBe(120_000);
        expect(await set.texts()).toHaveLength(120_000);
      }),
    LONG,
  );
});

describeKernel(['ipset'], 'ipset without privilege', () => {
  it('says which capability is missing', async () => {
    await using netns = await makeNetns('ipset');
    const script = `
      import { openKernel } from './src/kernel/open.ts';
      const kernel = await openKernel();
      for (const call of [kernel.ipset.list(), kernel.ipset.create('web', 'hash:ip')]) {
        await call.then(() => console.log('accepted'), (err) => console.log(err.name, err.code, err.hint));
      }
      await kernel.close();`;
    const { stdout } = await run(netns.path, [
      ...['setpriv', '--bounding-set=-net_admin', '--inh-caps=-net_admin', '--'],
      ...[process.execPath, '--import', 'tsx', '--input-type=module', '-e', script],
    ]);
    const lines = stdout.trim().split('\n');
    expect(lines).toHaveLength(2);
    for (const line of lines) expect(line).toMatch(/^PermissionError EPERM .*CAP_NET_ADMIN/);
    expect(PermissionError.name).toBe('PermissionError');
  });
});
