import { mkdir, mkdtemp, rename, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { FilesSource } from '../../../src/watch/files.js';
import { Recorder } from '../../support/recorder.js';
import { until } from '../../support/until.js';
import { endpoint, type Fields, service, slice } from '../proxy/objects.js';

let folder: string;
let recorder: Recorder;
let stop: AbortController;
let running: Promise<void>;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'ipvs-files-'));
  recorder = new Recorder();
  stop = new AbortController();
  running = Promise.resolve();
});
afterEach(async () => {
  stop.abort();
  await running;
  await rm(folder, { recursive: true });
});

const file = (name: string): string => join(folder, name);
const manifest = (...items: readonly Fields[]): string =>
  JSON.stringify({ apiVersion: 'v1', kind: 'List', items });
const web = service('web');
const dns = service('dns', { clusterIP: '10.96.0.53' });

/** Nothing but events tells about changes, unless a period is given. */
function start(paths: readonly string[], options: { period?: number; strict?: boolean } = {}): FilesSource {
  const source = new FilesSource({ paths, period: 3_600_000, strict: false, ...options }, recorder.logger);
  running = source.run(recorder, stop.signal);
  return source;
}
const told = (line: string): Promise<void> => until(line, () => recorder.told.at(-1) === line);

describe('a source that watches files', () => {
  it('follows a file that is written in place, replaced by renaming, and read through the links of a ConfigMap', async () => {
    await mkdir(file('..v1'));
    await mkdir(file('..v2'));
    await writeFile(file('..v1/web.json'), manifest(web));
    await symlink('..v1', file('..data'));
    await symlink('..data/web.json', file('web.json'));
    start([file('web.json')]);
    await told('replace web | ');

    await writeFile(file('..v2/web.json'), manifest(web, dns));
    await symlink('..v2', file('..next'));
    await rename(file('..next'), file('..data'));
    await told('replace web dns | ');

    await writeFile(file('new.json'), manifest(dns));
    await rename(file('new.json'), file('web.json'));
    await told('replace dns | ');

    await writeFile(file('web.json'), manifest(web));
    await told('replace web | ');
    expect(recorder.log).toEqual([]);
  });

  it('follows the files of a directory as they come and go, and leaves objects that stay the same objects', async () => {
    await writeFile(file('a.json'), manifest(web));
    start([folder]);
    await told('replace web | ');
    const [before] = recorder.services;
    await writeFile(file('b.yaml'), JSON.stringify(dns));
    await told('replace web dns | ');
    expect(recorder.services[0]).toBe(before);
    await rm(file('b.yaml'));
    await told('replace web | ');
  });

  it('waits until nobody writes any more', async () => {
    await writeFile(file('a.yaml'), `${manifest()}\n`);
    start([file('a.yaml')]);
    await told('replace  | ');
    for (const one of [web, dns, service('late', { clusterIP: '10.96.0.54' })]) {
      await writeFile(file('a.yaml'), `---\n${JSON.stringify(one)}\n`, { flag: 'a' });
      await new Promise((resolve) => setTimeout(resolve, 20));
    }
    await told('replace web dns late | ');
    expect(recorder.take()).toEqual(['replace  | ', 'replace web dns late | ']);
  });

  it('keeps the last good version of a broken file, and goes on with the others', async () => {
    await writeFile(file('a.json'), manifest(web));
    await writeFile(file('b.json'), manifest(dns));
    start([folder]);
    await told('replace web dns | ');
    await writeFile(file('b.json'), '{"kind": "Li');
    await until('it is said', () => recorder.log.length === 1);
    expect(recorder.log[0]).toMatch(/^warn .*b\.json:1: .* \(the last good version of the file stays\)$/);
    await writeFile(file('a.json'), manifest(web, service('more', { clusterIP: '10.96.0.54' })));
    await told('replace web more dns | ');
    await writeFile(file('b.json'), manifest(dns));
    await until('it is said', () => recorder.log.length === 2);
    expect(recorder.log[1]).toBe('info the manifests are in order again');
  });

  it('takes an emptied file for a broken one, and a list without items for what it says', async () => {
    await writeFile(file('a.json'), manifest(web));
    start([file('a.json')]);
    await told('replace web | ');
    await writeFile(file('a.json'), '');
    await until('it is said', () => recorder.log.length === 1);
    expect(recorder.log[0]).toMatch(
      /a\.json: there is nothing in it \(the last good version of the file stays\)$/,
    );
    expect(new Set(recorder.told)).toEqual(new Set(['replace web | ']));
    await writeFile(file('a.json'), manifest());
    await told('replace  | ');
  });

  it('changes nothing while a file is missing or a new one is broken', async () => {
    await writeFile(file('a.json'), manifest(web));
    await writeFile(file('b.json'), manifest(dns));
    start([file('a.json'), file('b.json')]);
    await told('replace web dns | ');
    await rename(file('b.json'), file('c.json'));
    await until('it is said', () => recorder.log.length === 1);
    expect(recorder.log[0]).toMatch(/b\.json' \(nothing is changed before it is mended/);
    await rename(file('c.json'), file('b.json'));
    await until('it is said', () => recorder.log.length === 2);
    expect(new Set(recorder.told)).toEqual(new Set(['replace web dns | ']));
  });

  it('keeps the last good version of an invalid object', async () => {
    const slices = slice('web', [endpoint('10.244.1.1')], {
      metadata: { namespace: 'shop', name: 'web-1', labels: { 'kubernetes.io/service-name': 'web' } },
    });
    await writeFile(file('a.json'), manifest(web, slices));
    start([file('a.json')]);
    await told('replace web | web-1');
    await writeFile(file('a.json'), manifest(service('web', { type: 'Nodeport' }), dns));
    await told('replace dns web | ');
    expect(recorder.log).toHaveLength(1);
    expect(recorder.log[0]).toMatch(/Service shop\/web: spec\.type: .* \(its last good version stays\)$/);
  });

  it('looks again when it is told to, and by itself after a while', async () => {
    await mkdir(file('real'));
    await writeFile(file('real/a.json'), manifest(web));
    // Changes behind a link to another directory are not seen.
    await symlink('real/a.json', file('a.json'));
    const source = start([file('a.json')]);
    await told('replace web | ');
    await writeFile(file('real/a.json'), manifest(dns));
    source.reload();
    await told('replace dns | ');
    stop.abort();
    await running;

    stop = new AbortController();
    start([file('a.json')], { period: 50 });
    await until('it was read', () => recorder.told.length === 3);
    await writeFile(file('real/a.json'), manifest(web));
    await told('replace web | ');
  });

  it('ends when there is nothing to begin with, or nothing that it could keep', async () => {
    start([file('absent.json')]);
    await expect(running).rejects.toThrow(/ENOENT/);
    await writeFile(file('a.json'), '# nothing');
    start([folder]);
    await expect(running).rejects.toThrow(/a List without items, received ".*a\.json"/);
    await writeFile(file('a.json'), 'kind: [');
    start([folder]);
    await expect(running).rejects.toThrow(/a\.json:1/);
    await writeFile(file('a.json'), manifest(service('web', { type: 'Nodeport' })));
    start([folder], { strict: true });
    await expect(running).rejects.toThrow(/Service shop\/web: spec\.type/);
    running = Promise.resolve();
    expect(() => new FilesSource({ paths: ['-'], period: 1, strict: false }, recorder.logger)).toThrow(
      /^--filename: expected files and directories/,
    );
  });
});
