import { Readable } from 'node:stream';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { runAdm } from '../../../src/cli/adm/run.js';
import { formatSave } from '../../../src/ipvs/save.js';
import { parseSave } from '../../../src/ipvs/text/parse-save.js';
import type { VirtualServerSpec } from '../../../src/ipvs/types.js';
import { fakeKernel } from '../../../src/testing.js';
import { adm } from '../../support/adm.js';
import { rejection } from '../../support/rejection.js';
import { restorableTable } from './arbitraries.js';

const LOSSLESS = { thresholds: true } as const;

function thrown(text: string): unknown {
  try {
    parseSave(text);
  } catch (err) {
    return err;
  }
  return undefined;
}

describe('the save text of ipvsadm', () => {
  it('is read with the defaults of ipvsadm for what a line leaves out', () => {
    const text =
      '-A -t 10.0.0.1:80\n\n  ipvsadm -a -t 10.0.0.1:80 -r 10.1.0.1\t-x 10\n-A -u [2001:DB8::1]:53 -p -o\n';
    expect(parseSave(text)).toEqual([
      {
        url: 'tcp://10.0.0.1:80',
        scheduler: 'wlc',
        schedulerFlags: {},
        persistence: false,
        onePacket: false,
        realServers: [
          {
            address: '10.1.0.1',
            port: 80,
            forwarding: 'dr',
            weight: 1,
            upperThreshold: 10,
            lowerThreshold: 0,
          },
        ],
      },
      {
        url: 'udp://[2001:db8::1]:53',
        scheduler: 'wlc',
        schedulerFlags: {},
        persistence: { timeout: 360, netmask: 128 },
        onePacket: true,
        realServers: [],
      },
    ]);
  });

  it('loses nothing on the way out and in again', () => {
    fc.assert(
      fc.property(restorableTable, (table) => {
        const text = formatSave(table, LOSSLESS);
        expect(formatSave(parseSave(text), LOSSLESS)).toBe(text);
      }),
      { numRuns: 300 },
    );
  });

  it('says the same to parseSave as to a restore', async () => {
    await fc.assert(
      fc.asyncProperty(restorableTable, async (table) => {
        const text = formatSave(table, LOSSLESS);
        const restored = fakeKernel();
        expect(await adm(restored.ipvs, ['-R'], text)).toEqual({ stdout: '', stderr: '', code: 0 });
        const ensured = fakeKernel();
        for (const spec of parseSave(text)) await ensured.ipvs.ensure(spec);
        expect(formatSave(await restored.ipvs.list(), LOSSLESS)).toBe(text);
        expect(formatSave(await ensured.ipvs.list(), LOSSLESS)).toBe(text);
      }),
      { numRuns: 60 },
    );
  });

  it('is written with names of hosts and ports, which are read where they are known', () => {
    const table: readonly VirtualServerSpec[] = [
      { url: 'tcp://10.0.0.1:80', realServers: [{ address: '10.1.0.1', port: 8080 }] },
    ];
    const text = formatSave(table, {
      names: {
        host: (address) => (address === '10.1.0.1' ? 'web1.example' : undefined),
        port: (port) => (port === 80 ? 'http' : undefined),
      },
    });
    expect(text).toBe('-A -t 10.0.0.1:http -s wlc\n-a -t 10.0.0.1:http -r web1.example:8080 -m -w 1\n');
    const names = {
      host: (name: string) => (name === 'web1.example' ? '10.1.0.1' : undefined),
      port: (name: string) => (name === 'http' ? 80 : undefined),
    };
    expect(formatSave(parseSave(text, { names }))).toBe(formatSave(table));
  });

  it.each([
    ['-A -t 10.0.0.1:http', 'illegal virtual server address[:port] specified'],
    ['-A -t 10.0.0.1:80 -w 1', "Illegal 'weight' option with the 'add-service' command"],
    ['-A -t 10.0.0.1:80 extra', 'unexpected argument extra'],
    ['-A -t', '-t: missing argument'],
    ['hello', 'Try `ipvsadm -h'],
    ['-D -t 10.0.0.1:80', '-A or -a'],
    ['-a -t 10.0.0.1:80 -r 10.1.0.1', 'a virtual server that an earlier line adds'],
    ['-A -t 10.9.0.1:80', 'each virtual server once'],
    ['-a -t 10.9.0.1:80 -r 10.1.0.1:80', 'each real server once'],
  ])('is refused with the line’s number: %s', (line, reason) => {
    const before = '-A -t 10.9.0.1:80 -s rr\n-a -t 10.9.0.1:80 -r 10.1.0.1\n';
    expect(thrown(`${before}${line}\n`)).toMatchObject({
      name: 'ValidationError',
      path: 'line 3',
      expected: expect.stringContaining(reason) as string,
      received: line,
    });
  });

  it('never fails in another way, whatever the text', async () => {
    const word = fc.oneof(
      fc.constantFrom(
        '-A',
        '-a',
        '-t',
        '-f',
        '-r',
        '-p',
        '-6',
        '--',
        '-M',
        '-s',
        '-b',
        'ipvsadm',
        '-S',
        '-w',
        '-i',
      ),
      fc.constantFrom(
        '10.0.0.1:80',
        '[::1]:80',
        '7',
        '-1',
        '',
        '[',
        ']:',
        '::',
        'rr',
        '255.0.0.0',
        '--tun-type=gue',
      ),
      fc.string({ maxLength: 6 }),
    );
    const line = fc.array(word, { maxLength: 8 }).map((words) => words.join(' '));
    await fc.assert(
      fc.asyncProperty(fc.array(line, { maxLength: 4 }), async (lines) => {
        const err = thrown(lines.join('\n'));
        if (err !== undefined) expect(err).toMatchObject({ name: 'ValidationError' });
        const { code } = await adm(fakeKernel().ipvs, ['-R'], lines.join('\n'));
        expect([0, 1, 2, 255]).toContain(code);
      }),
      { numRuns: 300 },
    );
  });
});

describe('a restore', () => {
  it('pipelines what changes servers: many lines, few sends', async () => {
    const kernel = fakeKernel();
    const lines = Array.from(
      { length: 2000 },
      (_, i) => `-A -t 10.0.${String(i >> 8)}.${String(i & 255)}:80`,
    );
    await adm(kernel.ipvs, ['-R'], lines.join('\n'));
    expect(await kernel.ipvs.list({ realServers: false })).toHaveLength(2000);
    expect(kernel.ipvs.counters().sends).toBeLessThan(20);
  });

  it('takes input in pieces that end anywhere, bytes of a character included', async () => {
    const kernel = fakeKernel();
    const text = '-A -t 10.0.0.1:80\n-A -t 10.0.0.2:80 -s ünknown\n-A -t 10.0.0.3:80';
    const bytes = Buffer.from(text);
    const pieces = Array.from(bytes, (_, i) => bytes.subarray(i, i + 1));
    const whole = await adm(fakeKernel().ipvs, ['-R'], text);
    const texts: string[] = [];
    const output = { write: (part: string) => texts.push(part) > 0, once: () => undefined };
    await runAdm(['-R'], { stdout: output, stderr: output, stdin: Readable.from(pieces) }, kernel);
    expect(texts.join('')).toBe(whole.stderr);
    expect(whole.stderr).toBe('Scheduler or persistence engine not found\n');
    expect((await kernel.ipvs.list()).map(({ address }) => address)).toEqual(['10.0.0.1', '10.0.0.3']);
  });

  it('runs what came before a line that ends it, and says things in the order of the lines', async () => {
    const kernel = fakeKernel();
    const text =
      '-A -t 10.0.0.1:80\n-A -t 10.0.0.1:80\n-A -q\n-D -t 10.0.0.9:80\n-A -t nowhere:80\n-A -t 10.0.0.3:80';
    expect(await adm(kernel.ipvs, ['-R'], text)).toEqual({
      stdout: '',
      stderr:
        'Service already exists\n-q: unknown option\nNo such service\nillegal virtual server address[:port] specified\n',
      code: 2,
    });
    expect((await kernel.ipvs.list()).map(({ address }) => address)).toEqual(['10.0.0.1']);
  });

  it('says that the service is not defined where adding it failed before', async () => {
    const kernel = fakeKernel();
    const text = '-A -t 10.0.0.1:80 -s nosuch\n-a -t 10.0.0.1:80 -r 10.1.0.1\n';
    expect((await adm(kernel.ipvs, ['-R'], text)).stderr).toBe(
      'Scheduler or persistence engine not found\nService not defined\n',
    );
  });

  it('rejects with what a closed kernel says', async () => {
    const kernel = fakeKernel();
    await kernel.close();
    expect(await rejection(adm(kernel.ipvs, ['-Ln']))).toMatchObject({ name: 'ClosedError' });
  });
});
