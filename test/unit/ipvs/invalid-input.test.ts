import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { tryParseAddress } from '../../../src/net/address.js';
import { fakeIpvsChannel } from '../../../src/ipvs/fake.js';
import { createIpvs } from '../../../src/ipvs/ipvs.js';
import type { Ipvs } from '../../../src/ipvs/types.js';
import { rejection } from '../../support/rejection.js';

/** What is no number at all, or none that the kernel's fields take. */
const noNumber: fc.Arbitrary<unknown> = fc.oneof(
  fc.constantFrom<unknown>(NaN, Infinity, -Infinity, -0.5, null, true, '1', '', [], {}, [1], 1n),
  fc.string(),
  fc.double({ noInteger: true, noNaN: true }),
);
const notWithin = (min: number, max: number): fc.Arbitrary<unknown> =>
  fc.oneof(
    noNumber,
    fc.integer({ max: min - 1 }),
    fc.integer({ min: max + 1, max: Number.MAX_SAFE_INTEGER }),
  );
const noBoolean: fc.Arbitrary<unknown> = fc.oneof(
  fc.constantFrom<unknown>(0, 1, 'true', null, {}, []),
  fc.string(),
);
const noAddress: fc.Arbitrary<unknown> = fc.oneof(
  fc.constantFrom<unknown>(
    undefined,
    null,
    7,
    {},
    '10.0.0',
    '10.0.0.256',
    '010.0.0.1',
    '::g',
    '10.0.0.1/8',
    'fe80::1%eth0',
  ),
  fc.string().filter((text) => tryParseAddress(text) === undefined),
);
const noWord = (...words: readonly string[]): fc.Arbitrary<unknown> =>
  fc.oneof(
    fc.constantFrom<unknown>(null, 7, true, {}, []),
    fc.string().filter((text) => !words.includes(text.toLowerCase())),
  );
const unknownKey: fc.Arbitrary<object> = fc
  .string({ minLength: 1 })
  .filter((key) => !(key in BASE_REAL) && key !== '__proto__' && key !== 'tunnel')
  .map((key) => ({ [key]: 1 }));

const BASE_REAL = {
  address: '10.1.0.1',
  port: 80,
  weight: 1,
  forwarding: 'masq',
  upperThreshold: 9,
  lowerThreshold: 3,
} as const;

const tunnel = (more: object) => ({ ...BASE_REAL, forwarding: 'tunnel', tunnel: more });
const field = (name: keyof typeof BASE_REAL, values: fc.Arbitrary<unknown>): fc.Arbitrary<unknown> =>
  values.map((value) => ({ ...BASE_REAL, [name]: value }));

/** Real servers of an IPv4 virtual server, each with one thing wrong. */
const badReal: fc.Arbitrary<unknown> = fc.oneof(
  field('address', noAddress),
  field('port', notWithin(0, 65_535)),
  field('weight', notWithin(0, 0x7fffffff)),
  field('upperThreshold', notWithin(3, 0x7fffffff)),
  field('lowerThreshold', notWithin(0, 9)),
  field(
    'forwarding',
    noWord(
      'masq',
      'nat',
      'masquerade',
      'dr',
      'direct',
      'gate',
      'gatewaying',
      'route',
      'tunnel',
      'ipip',
      'local',
      'bypass',
    ),
  ),
  unknownKey.map((more) => ({ ...BASE_REAL, ...more })),
  noWord('ipip', 'gue', 'gre').map((type) => tunnel({ type })),
  notWithin(1, 65_535).map((port) => tunnel({ type: 'gue', port })),
  fc.integer({ min: 1, max: 65_535 }).map((port) => tunnel({ type: 'gre', port })),
  noWord('none', 'csum', 'remcsum').map((checksum) => tunnel({ type: 'gue', port: 6080, checksum })),
  fc.constantFrom<unknown>(undefined, null, 7, '', '10.1.0.1:99999', '[10.1.0.1]:80', '2001:db8::1', [
    BASE_REAL,
  ]),
);

/** Attributes of an IPv4 virtual server of TCP, each with one thing wrong. */
const badAttributes: fc.Arbitrary<unknown> = fc.oneof(
  fc.constantFrom<unknown>(null, 7, 'rr', []),
  fc
    .oneof(noNumber, fc.string({ minLength: 16 }), fc.constant('r r'))
    .filter((value) => typeof value !== 'string' || !/^[A-Za-z0-9_.-]{1,15}$/.test(value))
    .map((scheduler) => ({ scheduler })),
  noBoolean.map((onePacket) => ({ onePacket })),
  fc.constant({ onePacket: true }),
  noBoolean.map((port) => ({ scheduler: 'sh', schedulerFlags: { port } })),
  fc
    .integer()
    .filter((raw) => (raw & 0x38) !== raw)
    .map((raw) => ({ schedulerFlags: { raw } })),
  notWithin(1, 2_678_400).map((timeout) => ({ persistence: { timeout } })),
  noAddress
    .filter((value) => value !== undefined)
    .map((netmask) => ({ persistence: { timeout: 60, netmask } })),
  noNumber
    .filter((value) => typeof value !== 'string' || !/^[A-Za-z0-9_.-]{1,16}$/.test(value))
    .map((engine) => ({ persistence: { timeout: 60, engine } })),
);

/** Names of virtual servers, none of which is one. */
const badServer: fc.Arbitrary<unknown> = fc.oneof(
  fc.constantFrom<unknown>(
    undefined,
    null,
    7,
    'tcp://10.0.0.1',
    'icmp://10.0.0.1:1',
    'fwmark://0',
    'fwmark://4294967296',
    'tcp://[10.0.0.1]:80',
    'tcp://10.0.0.1:65536',
    { fwmark: 7, family: 'inet4' },
  ),
  noWord('tcp', 'udp', 'sctp').map((protocol) => ({ protocol, address: '10.0.0.1', port: 80 })),
  noAddress.map((address) => ({ protocol: 'tcp', address, port: 80 })),
  notWithin(0, 65_535).map((port) => ({ protocol: 'tcp', address: '10.0.0.1', port })),
  notWithin(1, 0xffffffff).map((fwmark) => ({ fwmark })),
  fc.string().filter((text) => !text.includes('://')),
);

const WEB = 'tcp://10.0.0.1:80';

async function refused(call: (ipvs: Ipvs) => Promise<unknown>, path: RegExp): Promise<void> {
  const channel = fakeIpvsChannel();
  const ipvs = createIpvs(() => Promise.resolve(channel));
  const err = await rejection(call(ipvs));
  expect(err).toMatchObject({ name: 'ValidationError', path: expect.stringMatching(path) as string });
  // Nothing was sent.
  expect(channel.counters()).toMatchObject({ messages: 0, dumps: 0 });
}

describe('bad input never reaches the kernel', () => {
  it('as a real server, whatever is wrong with it', async () => {
    await fc.assert(
      fc.asyncProperty(badReal, fc.constantFrom('addReal', 'setReal'), async (realServer, op) => {
        const bad = { op, virtualServer: WEB, realServer };
        // A name alone is no change of the family: the kernel may have it, tunnelled.
        if (op === 'setReal' && realServer === '2001:db8::1') return;
        const good = { op: 'add', virtualServer: WEB } as const;
        await refused((ipvs) => ipvs.batch([good, bad as never]), /^operations\[1\]\.realServer/);
      }),
      { numRuns: 400 },
    );
  });

  it('as a real server of a spec', async () => {
    await fc.assert(
      fc.asyncProperty(badReal, async (realServer) => {
        const spec = { url: WEB, realServers: ['10.9.0.9:80', realServer] } as never;
        await refused((ipvs) => ipvs.sync([spec], { owner: {} }), /^desired\[0\]\.realServers\[1\]/);
        await refused((ipvs) => ipvs.ensure(spec), /^realServers\[1\]/);
      }),
      { numRuns: 200 },
    );
  });

  it('as attributes of a virtual server', async () => {
    await fc.assert(
      fc.asyncProperty(badAttributes, async (attributes) => {
        const bad = { op: 'add', virtualServer: WEB, attributes } as never;
        await refused((ipvs) => ipvs.batch([bad]), /^operations\[0\]\.attributes/);
        await refused((ipvs) => ipvs.add(WEB, attributes as never), /./);
      }),
      { numRuns: 300 },
    );
  });

  it('as the name of a virtual server, in any call', async () => {
    await fc.assert(
      fc.asyncProperty(badServer, async (server) => {
        const given = server as never;
        await refused((ipvs) => ipvs.get(given), /^virtualServer/);
        await refused((ipvs) => ipvs.add(given), /^virtualServer/);
        await refused((ipvs) => ipvs.set(given, {}), /^virtualServer/);
        await refused((ipvs) => ipvs.remove(given), /^virtualServer/);
        if (server !== undefined) await refused((ipvs) => ipvs.zero(given), /^virtualServer/);
        await refused(
          (ipvs) => ipvs.batch([{ op: 'remove', virtualServer: given }]),
          /^operations\[0\]\.virtualServer/,
        );
        await refused(async (ipvs) => {
          await ipvs.drain(given);
        }, /^virtualServer/);
      }),
      { numRuns: 200 },
    );
  });
});
