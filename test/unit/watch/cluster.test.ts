import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { ClusterSource } from '../../../src/watch/cluster/source.js';
import { FakeApiServer } from '../../support/fake-api-server.js';
import { Recorder } from '../../support/recorder.js';
import { until } from '../../support/until.js';
import { endpoint, type Fields, service, slice } from '../proxy/objects.js';

const labels = (name: string): Fields => ({ 'kubernetes.io/service-name': name });
const webSlice = (addresses: readonly string[], metadata: Fields = {}): Fields =>
  slice(
    'web',
    addresses.map((address) => endpoint(address)),
    {
      metadata: { namespace: 'shop', name: 'web-1', labels: labels('web'), ...metadata },
    },
  );
const node = (more: Fields = {}): Fields => ({
  apiVersion: 'v1',
  kind: 'Node',
  metadata: { name: 'node-a', labels: { 'topology.kubernetes.io/zone': 'zone-1' } },
  spec: { podCIDRs: ['10.244.1.0/24'] },
  status: {
    addresses: [
      { type: 'Hostname', address: 'node-a' },
      { type: 'InternalIP', address: '192.0.2.11' },
      { type: 'InternalIP', address: '192.0.2.12' },
      { type: 'InternalIP', address: '2001:db8::11' },
    ],
  },
  ...more,
});

let server: FakeApiServer;
let folder: string;
let recorder: Recorder;
let stop: AbortController;
let running: Promise<void>;

beforeEach(async () => {
  server = await FakeApiServer.start();
  folder = await mkdtemp(join(tmpdir(), 'ipvs-watch-'));
  recorder = new Recorder();
  stop = new AbortController();
  running = Promise.resolve();
  server.put('services', service('web'));
  server.put('slices', webSlice(['10.244.1.1']));
  server.put('nodes', node(), { metadata: { name: 'node-b' } });
});
afterEach(async () => {
  stop.abort();
  await running;
  await server.down();
  await rm(folder, { recursive: true });
});

async function start(token?: string): Promise<void> {
  const kubeconfig = join(folder, 'kubeconfig');
  await writeFile(kubeconfig, server.kubeconfig(token));
  const source = await ClusterSource.open({ kubeconfig }, 'node-a', recorder.logger);
  running = source.run(recorder, stop.signal);
}
/** Start, and wait until everything is followed. What was told by then is taken. */
async function followed(): Promise<string[]> {
  await start();
  await until('everything is watched', () => server.watching.length === 3);
  return recorder.take();
}

describe('a source that watches an API server', () => {
  it('tells everything at once, when every kind was listed', async () => {
    server.forbidden.add('slices');
    await start();
    await until('the slices were asked for', () => recorder.log.length > 0);
    await until('the others are watched', () => server.watching.length === 2);
    expect(recorder.take()).toEqual(['node node-a']);
    server.forbidden.clear();
    await until('everything is watched', () => server.watching.length === 3);
    expect(recorder.take()).toEqual(['replace web | web-1']);
  });

  it('leaves out what kube-proxy does, and reads its own node', async () => {
    server.put(
      'services',
      service('other', {}, {}, { labels: { 'service.kubernetes.io/service-proxy-name': 'other' } }),
      service('headless', {}, {}, { labels: { 'service.kubernetes.io/headless': '' } }),
    );
    expect((await followed()).filter((line) => line.startsWith('replace'))).toEqual(['replace web | web-1']);
    expect(recorder.node).toEqual({
      name: 'node-a',
      labels: { 'topology.kubernetes.io/zone': 'zone-1' },
      podCIDRs: ['10.244.1.0/24'],
      primaryIPs: ['192.0.2.11', '2001:db8::11'],
      eligible: true,
    });
    server.put('nodes', node({ spec: { taints: [{ key: 'ToBeDeletedByClusterAutoscaler' }] } }));
    await until('the node is not eligible', () => recorder.node?.eligible === false);
    server.delete('nodes', node());
    await until('the node is gone', () => recorder.node === undefined);
  });

  it('tells what is added, changed and removed, and since when endpoints are others', async () => {
    await followed();
    server.put('services', service('dns', { clusterIP: '10.96.0.53' }));
    server.put('services', service('web', { externalIPs: ['198.51.100.9'] }));
    await until('two', () => recorder.told.length === 2);
    server.put(
      'slices',
      webSlice(['10.244.1.1', '10.244.2.1'], {
        annotations: { 'endpoints.kubernetes.io/last-change-trigger-time': '2026-11-29T15:00:00Z' },
      }),
    );
    await until('three', () => recorder.told.length === 3);
    server.delete('services', service('web'));
    await until('four', () => recorder.told.length === 4);
    server.delete('slices', webSlice([]));
    await until('five', () => recorder.told.length === 5);
    expect(recorder.take()).toEqual([
      'upsert Service dns',
      'upsert Service web',
      'upsert slice web-1 10.244.1.1 10.244.2.1',
      'remove Service web',
      'remove slice web-1',
    ]);
    expect(recorder.times).toEqual([Date.parse('2026-11-29T15:00:00Z')]);
    expect(recorder.log).toEqual([]);
  });

  it('removes a slice that is nobody’s any more, and keeps the last good version of what makes no sense', async () => {
    await followed();
    server.put('services', service('web', { ports: [{ port: 99999 }] }));
    await until('it is said', () => recorder.log.length === 1);
    expect(recorder.log[0]).toMatch(
      /^warn Service shop\/web: spec\.ports\[0\]\.port: expected .* \(its last good version stays\)$/,
    );
    server.put('slices', webSlice(['10.244.1.1'], { labels: {} }));
    await until('it is told', () => recorder.told.length === 1);
    expect(recorder.take()).toEqual(['remove slice web-1']);
  });

  it('goes on from the last bookmark when a connection breaks, and misses nothing', async () => {
    await followed();
    const version = server.bookmark('services');
    server.put('slices', webSlice(['10.244.3.1']));
    await until('the change', () => recorder.told.length === 1);
    server.asked.length = 0;
    server.disconnect();
    server.put('services', service('late', { clusterIP: '10.96.0.54' }));
    await until('what came meanwhile', () => recorder.told.length === 2);
    expect(recorder.take()).toEqual(['upsert slice web-1 10.244.3.1', 'upsert Service late']);
    await until('everything is watched', () => server.watching.length === 3);
    const asked = server.asked.map(({ what, version: from }) => `${what} ${from ?? ''}`);
    expect(asked).toContain(`watch services ${version}`);
    expect(asked.filter((what) => what.startsWith('list'))).toEqual([]);
  });

  it('lists everything again when its place is forgotten, and keeps objects that are as they were', async () => {
    await followed();
    const [web] = recorder.services;
    server.disconnect();
    server.delete('slices', webSlice([]));
    server.put('services', service('late', { clusterIP: '10.96.0.54' }));
    server.forget();
    await until('everything was told again', () => recorder.told.at(-1) === 'replace web late | ');
    expect(recorder.services[0]).toBe(web);
    await until('everything is watched', () => server.watching.length === 3);
    // Any state that the server has at hand would do at first; now only one that is not older.
    expect(server.asked.filter(({ what }) => what === 'list services').map(({ version }) => version)).toEqual(
      ['0', null],
    );
  });

  it('removes nothing while the server is away, says so once, and goes on when it is back', async () => {
    await followed();
    await server.down();
    await until('it is said', () => recorder.log.length >= 3);
    server.put('services', service('late', { clusterIP: '10.96.0.54' }));
    await server.up();
    await until('the change', () => recorder.told.length === 1);
    expect(recorder.take()).toEqual(['upsert Service late']);
    await until('everything is watched', () => server.watching.length === 3);
    await until('all are back', () => recorder.log.filter((line) => line.startsWith('info')).length >= 1);
    const warnings = recorder.log.filter((line) =>
      line.startsWith('warn cannot watch services; what is known stays'),
    );
    expect(new Set(warnings).size).toBe(warnings.length);
  });

  it('is patient with a server that ends the stream in the usual way', async () => {
    await followed();
    server.put('services', service('web', { externalIPs: ['198.51.100.9'] }));
    await until('the change', () => recorder.told.length === 1);
    server.endStreams();
    await until('everything is watched', () => server.watching.length === 3);
    server.put('services', service('web', { externalIPs: ['198.51.100.8'] }));
    await until('the next change', () => recorder.told.length === 2);
    expect(recorder.take()).toEqual(['upsert Service web', 'upsert Service web']);
  });

  it('says which credentials are wrong, and uses the right ones', async () => {
    server.token = 'right';
    await start('wrong');
    await until('it is said', () => recorder.log.length === 3);
    expect(recorder.log[0]).toMatch(/error=401 Unauthorized: Unauthorized: the credentials are not valid/);
    expect(recorder.told).toEqual([]);
    server.token = 'wrong';
    await until('everything is watched', () => server.watching.length === 3);
    expect(recorder.take()).toContain('replace web | web-1');
    expect(server.asked.every(({ token }) => token === 'wrong')).toBe(true);
  });

  it('says what the user has to be allowed to do', async () => {
    server.forbidden.add('nodes');
    await start();
    await until('it is said', () => recorder.log.length === 1);
    expect(recorder.log[0]).toMatch(
      /^warn cannot watch nodes; .* error=403 Forbidden: nodes is forbidden: User "proxy" cannot list it: allow get, list and watch of services, nodes and endpointslices/,
    );
  });

  it('says that there is no Node of the name', async () => {
    server.delete('nodes', node());
    await followed();
    expect(recorder.log).toEqual(['warn there is no Node node-a; is --hostname-override right?']);
  });
});

describe('what says where the API server is', () => {
  const open = (options: Parameters<typeof ClusterSource.open>[0]) =>
    ClusterSource.open(options, 'node-a', recorder.logger);
  it('can be a URL alone, or win over the one of the file', async () => {
    expect((await open({ master: `${server.url}/` })).description).toBe(`the API server ${server.url}`);
    const kubeconfig = join(folder, 'kubeconfig');
    await writeFile(kubeconfig, server.kubeconfig('t').replace(server.url, 'https://192.0.2.1:6443'));
    expect((await open({ kubeconfig })).description).toBe('the API server https://192.0.2.1:6443');
    expect((await open({ kubeconfig, master: server.url })).description).toBe(`the API server ${server.url}`);
  });

  it.each([
    ['no YAML', '{', /kubeconfig: expected a kubeconfig, received/],
    ['no context', '{"clusters":[]}', /kubeconfig: expected a kubeconfig/],
    [
      'a context without a cluster',
      '{"clusters":[],"users":[],"contexts":[],"current-context":"x"}',
      /expected a kubeconfig whose current-context has a cluster, received "x"/,
    ],
    [
      'a server that is no URL',
      '{"clusters":[{"name":"a","cluster":{"server":"192.0.2.1"}}],"users":[],"contexts":[{"name":"a","context":{"cluster":"a","user":"b"}}],"current-context":"a"}',
      /expected the URL of an API server/,
    ],
  ])('is refused by name when the file has %s', async (_, text, message) => {
    const kubeconfig = join(folder, 'kubeconfig');
    await writeFile(kubeconfig, text);
    await expect(open({ kubeconfig })).rejects.toThrow(message);
  });

  it('has to be somewhere', async () => {
    await expect(open({})).rejects.toThrow(/^there is nothing to watch: give files/);
    await expect(open({ master: '192.0.2.1' })).rejects.toThrow(
      /^--master: expected the URL of an API server/,
    );
    await expect(open({ kubeconfig: join(folder, 'absent') })).rejects.toThrow(/ENOENT/);
  });
});
