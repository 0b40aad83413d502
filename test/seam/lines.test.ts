import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { ValidationError } from '../../src/errors.js';
import { EntryArena } from '../../src/ipset/arena.js';
import { layoutOf, type EntryLayout } from '../../src/ipset/layout.js';
import { lineContent, lineGrammar } from '../../src/ipset/lines.js';
import { loadAddon } from '../../src/native/load.js';
import { SetEntry, SetLine } from '../../src/native/records.js';
import { canonicalEntry } from '../../src/ipset/entry.js';
import { FAMILIES, TYPES, entry } from '../unit/ipset/arbitraries.js';

const addon = loadAddon();
const layouts: readonly EntryLayout[] = TYPES.flatMap((type) =>
  FAMILIES.map((family) => layoutOf(type, family)),
);
const encoder = new TextEncoder();

/** The record that the whole grammar makes of a line; undefined when it refuses it. */
function packed(layout: EntryLayout, text: string): Uint8Array | undefined {
  const arena = new EntryArena(layout);
  try {
    arena.push(text);
  } catch (err) {
    if (err instanceof ValidationError) return undefined;
    throw err;
  }
  return arena.records().slice();
}

/** What the native reader makes of one line: a record, nothing, or undefined when it leaves the line alone. */
async function read(layout: EntryLayout, line: string): Promise<Uint8Array | undefined> {
  const text = encoder.encode(line);
  const reply = await addon.parse(text, lineGrammar(layout));
  expect([0, text.length]).toContain(reply.consumed);
  return reply.consumed === text.length ? reply.SetEntry : undefined;
}

/** Canonical lines of a type and lines that are nearly that. */
function lines(layout: EntryLayout): fc.Arbitrary<string> {
  const { spec, family } = layout;
  const canonical = entry(spec.name, family).map((object) => canonicalEntry(spec.name, object, family));
  const scraps = fc.constantFrom(
    ' ',
    '  ',
    '\t',
    '\r',
    '#',
    ' # x',
    ';',
    ',',
    ':',
    '::',
    '/',
    '/0',
    '/1',
    '/32',
    '/33',
    '/128',
    '-',
    '.',
    '0',
    '00',
    '1',
    '255',
    '256',
    '65535',
    '65536',
    '99999999999999999999',
    'tcp:',
    'TCP:',
    '6:',
    'udp:',
    'icmp:',
    'f',
    '0x',
    'nomatch',
    ' nomatch',
    ' timeout 5',
    ' timeout 0',
    ' timeout 2147484',
    ' comment "a b"',
    ' comment ""',
    ' comment "x" y',
    ' packets 1 bytes 2',
    ' packets 01',
    ' wildcard',
    '-10.0.0.9',
    '/24',
    '-90',
    ' skbmark 0x1/0xff',
    ' skbmark 1',
    ' skbprio 1:a',
    ' skbqueue 5',
    'physdev:',
    'é',
    '\0',
    '"',
    "'",
    '\u00a0',
  );
  const change = fc.record({ at: fc.nat(60), drop: fc.nat(3), put: fc.oneof(scraps, fc.constant('')) });
  const changed = fc
    .tuple(canonical, fc.array(change, { minLength: 1, maxLength: 3 }))
    .map(([text, changes]) =>
      changes.reduce(
        (t, { at, drop, put }) =>
          t.slice(0, at % (t.length + 1)) + put + t.slice((at % (t.length + 1)) + drop),
        text,
      ),
    );
  return fc.oneof(canonical, changed, changed, fc.string()).map((text) => text.replaceAll('\n', ''));
}

describe('the native reader of lines', () => {
  it.each(layouts.map((layout) => [`${layout.spec.name} ${layout.family}`, layout] as const))(
    'makes of a line of %s what the whole grammar makes of it, or leaves it alone',
    async (_, layout) => {
      await fc.assert(
        fc.asyncProperty(lines(layout), async (line) => {
          const native = await read(layout, line);
          if (native === undefined) return;
          const content = lineContent(line);
          const wanted = content === '' ? new Uint8Array() : packed(layout, content);
          expect(Buffer.from(native).toString('hex')).toBe(
            wanted === undefined ? 'refused' : Buffer.from(wanted).toString('hex'),
          );
        }),
        { numRuns: 400 },
      );
    },
  );

  it('reads what ipset save prints, but for names out of tables and a few rare words', async () => {
    for (const layout of layouts) {
      // A hardware address that may be left out is not plain.
      if (layout.spec.parts.includes('optionalMac')) continue;
      for (const sample of fc.sample(entry(layout.spec.name, layout.family), 50)) {
        const text = canonicalEntry(layout.spec.name, sample, layout.family);
        const name = 'iface' in sample ? sample.iface : 'set' in sample ? sample.set : 'eth0';
        const byNumber = 'protocol' in sample && typeof sample.protocol === 'number';
        const mapped = /:\d+\.\d+\.\d+\.\d+/.test(text); // an IPv4 address inside an IPv6 one
        const rare =
          byNumber || mapped || !/^\w[\w.-]*$/.test(name) || /wildcard|[^ -~]|\\|"[^"]*".*"/.test(text);
        if (!rare) expect([text, (await read(layout, text)) === undefined]).toEqual([text, false]);
      }
    }
  });

  it('says where each element stands, and stops before the first line that it leaves alone', async () => {
    const layout = layoutOf('hash:ip', 'inet');
    const text = '# list\n10.0.0.1\n\n  10.0.0.2 ; two\r\n10.0.0.3\nhost.example\n10.0.0.4\n';
    const reply = await addon.parse(encoder.encode(text), lineGrammar(layout));
    expect(reply).toMatchObject({ settled: 3, error: 0, consumed: text.indexOf('host'), lines: 5 });
    const places = reply.SetLine ?? new Uint8Array();
    const numbers = new Uint32Array(places.buffer, places.byteOffset, places.byteLength / 4);
    expect([...numbers]).toEqual([7, 1, 17, 3, 35, 4]);
    expect(places.length).toBe(3 * SetLine.size);
    expect(reply.SetEntry?.length).toBe(3 * SetEntry.size);
  });

  it('reads only lines that start with the prefix', async () => {
    const layout = layoutOf('hash:ip', 'inet');
    const grammar = lineGrammar(layout, 'add web ');
    const text = 'add web 10.0.0.1\nadd web2 10.0.0.2\n';
    expect(await addon.parse(encoder.encode(text), grammar)).toMatchObject({ settled: 1, lines: 1 });
  });

  it('refuses what is no grammar', () => {
    expect(() => addon.parse(new Uint8Array(), new Uint8Array(3))).toThrow(RangeError);
    expect(() => addon.parse('' as never, new Uint8Array(64))).toThrow(TypeError);
    expect(() =>
      addon.load({} as never, new Uint8Array(), new Uint8Array(64), { stopOnError: true }),
    ).toThrow(TypeError);
  });
});
