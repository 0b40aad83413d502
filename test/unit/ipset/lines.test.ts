import { Readable } from 'node:stream';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { NotFoundError, SetFullError, ValidationError } from '../../../src/errors.js';
import { lineContent } from '../../../src/ipset/lines.js';
import type { BulkInput } from '../../../src/ipset/types.js';
import { rejection } from '../../support/rejection.js';
import { endpoints, open } from './support.js';

async function set(maxElements = 100_000) {
  const { ipset, fake } = open();
  const web = await ipset.create('web', 'hash:ip,port', { maxElements });
  return { ipset, fake, web };
}

const bytes = (text: string): Uint8Array => new TextEncoder().encode(text);

/** A text in pieces that are cut anywhere. */
function cut(text: string, size: number): Uint8Array[] {
  const whole = bytes(text);
  return Array.from({ length: Math.ceil(whole.length / size) }, (_, i) =>
    whole.subarray(i * size, (i + 1) * size),
  );
}

const LIST = `\ufeff# a block list

10.0.0.1,tcp:80
  10.0.0.2,tcp:80\t; trailing
10.0.0.3,udp:53 # trailing\r
;10.0.0.4,tcp:80\r
\r
10.0.0.5,icmp:echo-request`;
const LISTED = ['10.0.0.1,tcp:80', '10.0.0.2,tcp:80', '10.0.0.3,udp:53', '10.0.0.5,icmp:echo-request'];

describe('what a line says', () => {
  it.each([
    ['', ''],
    ['  \t\r', ''],
    ['# all of it', ''],
    ['10.0.0.1', '10.0.0.1'],
    ['\t10.0.0.1 \r', '10.0.0.1'],
    ['10.0.0.1 # why', '10.0.0.1'],
    ['10.0.0.1\t;why', '10.0.0.1'],
    ['10.0.0.1#why', '10.0.0.1#why'],
    ['10.0.0.1 comment "a # b" # c', '10.0.0.1 comment "a # b"'],
    ['name;x', 'name;x'],
  ])('of %j is %j', (line, content) => {
    expect(lineContent(line)).toBe(content);
  });
});

describe('a bulk load of text', () => {
  const forms: readonly (readonly [string, (text: string) => BulkInput<'hash:ip,port'>])[] = [
    ['a string', (text) => text],
    ['bytes', bytes],
    ['a Buffer', (text) => Buffer.from(text)],
    ['an iterable of bytes', (text) => cut(text, 7)],
    [
      'a stream of bytes',
      (text) => Readable.from(cut(text, 5), { objectMode: false }) as AsyncIterable<Uint8Array>,
    ],
    [
      'a stream with an encoding',
      (text) =>
        Readable.from(cut(text, 5), { objectMode: false }).setEncoding('utf8') as AsyncIterable<Uint8Array>,
    ],
  ];

  it.each(forms)('takes %s', async (_, form) => {
    const { web } = await set();
    expect(await web.addAll(form(LIST))).toEqual({ applied: 4, failures: [] });
    expect(await web.texts()).toEqual(LISTED);
    expect(await web.deleteAll(form(LIST))).toEqual({ applied: 4, failures: [] });
    expect(await web.size()).toBe(0);
  });

  it('takes strings inside an iterable as entries, also of a stream of objects', async () => {
    const { web } = await set();
    expect(await web.addAll(Readable.from(LISTED))).toMatchObject({ applied: 4 });
    expect(await rejection(web.addAll(['10.0.0.1,tcp:1\n10.0.0.2,tcp:1']))).toMatchObject({ path: '[0]' });
  });

  it('finds lines wherever the pieces are cut', async () => {
    const { web } = await set();
    const text = [...endpoints(300)].join('\n');
    await fc.assert(
      fc.asyncProperty(fc.integer({ min: 1, max: 400 }), async (size) => {
        await web.flush();
        expect(await web.addAll(cut(text, size))).toEqual({ applied: 300, failures: [] });
        expect(await web.size()).toBe(300);
      }),
      { numRuns: 20 },
    );
  });

  it('takes a text of many chunks and of nothing', async () => {
    const { web } = await set();
    const text = [...endpoints(60_000)].join('\n');
    expect(await web.addAll(text)).toEqual({ applied: 60_000, failures: [] });
    expect(await web.addAll('')).toEqual({ applied: 0, failures: [] });
    expect(await web.addAll('# nothing\n\n')).toEqual({ applied: 0, failures: [] });
    expect(await web.addAll([new Uint8Array()])).toEqual({ applied: 0, failures: [] });
  });

  it('names the line of a malformed entry; what was before it stays and is counted', async () => {
    const { web } = await set();
    const err = await rejection(web.addAll(`${LIST}\n10.0.0.300,tcp:80\n10.0.0.9,tcp:9\n`));
    expect(err).toBeInstanceOf(ValidationError);
    expect(err).toMatchObject({ path: 'line 9', received: '10.0.0.300,tcp:80', applied: 4 });
    expect((err as Error).message).toContain('10.0.0.300');
    expect(await web.texts()).toEqual(LISTED);
  });

  it('names the line of a refused entry', async () => {
    const { web } = await set(2);
    const err = await rejection(web.addAll(LIST));
    expect(err).toBeInstanceOf(SetFullError);
    expect(err).toMatchObject({ position: 4, applied: 2, target: 'set web line 5 entry 10.0.0.3,udp:53' });
  });

  it('goes on when told to, and reports every bad line with number, text and reason', async () => {
    const { web } = await set(3);
    const text = `nonsense\n10.0.0.1,tcp:1\n2001:db8::1,tcp:1 # family\n${LIST}`;
    const { applied, failures } = await web.addAll(text, { onError: 'continue' });
    expect(applied).toBe(3);
    expect(failures.map(({ line, entry }) => [line, entry])).toEqual([
      [1, 'nonsense'],
      [3, '2001:db8::1,tcp:1'],
      [4, '\ufeff# a block list'],
      [8, '10.0.0.3,udp:53'],
      [11, '10.0.0.5,icmp:echo-request'],
    ]);
    expect(failures[1]?.error.message).toContain('the set is inet');
    expect(failures[3]?.error).toBeInstanceOf(SetFullError);
    expect(failures.map(({ index }) => index)).toEqual([0, 2, 3, 7, 10]);
  });

  it('refuses a line without an end', async () => {
    const { web } = await set();
    const err = await rejection(web.addAll(['10.0.0.1,tcp:1\n', 'x'.repeat(300_000)].map(bytes)));
    expect(err).toMatchObject({ path: 'line 2' });
    const short = await rejection(web.addAll(`10.0.0.1,tcp:1 ${'x'.repeat(40_000)}`));
    expect(short).toMatchObject({ path: 'line 1' });
    expect(String(short).length).toBeLessThan(1000);
  });

  it('refuses text that turns into something else', async () => {
    const { web } = await set();
    // @ts-expect-error pieces of text and entries do not mix
    const err = await rejection(web.addAll([bytes('10.0.0.1,tcp:1\n'), { ip: '10.0.0.2', port: 1 }]));
    expect(err).toMatchObject({ path: 'entries' });
  });

  it('stops for a signal, and ends when the set is gone', async () => {
    const { ipset, web } = await set();
    const controller = new AbortController();
    async function* source(): AsyncGenerator<Uint8Array> {
      yield bytes([...endpoints(30_000)].join('\n'));
      await Promise.resolve();
      controller.abort(new Error('enough'));
      yield bytes('\n10.9.9.9,tcp:1\n');
    }
    await expect(web.addAll(source(), { signal: controller.signal })).rejects.toThrow('enough');
    expect(await web.has('10.9.9.9,tcp:1')).toBe(false);
    await ipset.destroy('web');
    expect(await rejection(web.addAll(LIST, { onError: 'continue' }))).toBeInstanceOf(NotFoundError);
  });

  it('reports progress, and sends the rest again when replies are lost', async () => {
    const { fake, web } = await set();
    fake.inject({ code: 'overrun', command: 'add', index: 5 });
    const seen: number[] = [];
    const text = [...endpoints(30_000)].join('\n');
    expect(await web.addAll(text, { onProgress: (n) => seen.push(n) })).toMatchObject({ applied: 30_000 });
    expect(seen.at(-1)).toBe(30_000);
    expect(await web.size()).toBe(30_000);
  });
});
