import { once } from 'node:events';
import { cp, mkdtemp, readFile, rm, symlink, writeFile } from 'node:fs/promises';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { build } from 'esbuild';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { parse, parseAllDocuments } from 'yaml';
import { runCli } from '../../../src/cli/run.js';
import type { Kernel } from '../../../src/kernel/types.js';
import { type Json, listAt, objectAt, objectsAt, textAt } from '../../../src/proxy/fields.js';
import { readKubeProxyConfiguration } from '../../../src/proxy/index.js';
import { type FakeKernel, fakeKernel } from '../../../src/testing.js';
import { FakeApiServer } from '../../support/fake-api-server.js';
import { run } from '../../support/netns.js';
import { until } from '../../support/until.js';
import { endpoint, type Fields, service, slice } from '../proxy/objects.js';

const root = (name: string): string => fileURLToPath(new URL(`../../../${name}`, import.meta.url));

interface Line {
  readonly level: string;
  readonly message: string;
  readonly [field: string]: unknown;
}

let kernel: FakeKernel;
let folder: string;
let stop: AbortController;
let hangup: () => void;
let err: string;
let code: Promise<number> | undefined;
beforeEach(async () => {
  kernel = fakeKernel();
  folder = await mkdtemp(join(tmpdir(), 'ipvs-proxy-'));
  stop = new AbortController();
  err = '';
  code = undefined;
});
afterEach(async () => {
  stop.abort();
  await code;
  await rm(folder, { recursive: true });
});

/** Run the command on the fake until it ends. No fixed ports, unless a test names some. */
function proxy(...argv: readonly string[]): void {
  code = runCli(
    [
      ...['proxy', '--log-format', 'json', '--healthz-bind-address', '127.0.0.1:0'],
      ...['--metrics-bind-address', '127.0.0.1:0', ...argv],
    ],
    {
      out: () => undefined,
      err: (text) => (err += text),
      readStdin: () => Promise.resolve(''),
      signal: stop.signal,
      onHangup: (listener) => {
        hangup = listener;
        return () => (hangup = () => undefined);
      },
    },
    {
      openKernel: () =>
        Promise.resolve(Object.assign(Object.create(kernel) as Kernel, { close: () => Promise.resolve() })),
      hostname: () => 'Node-A',
      interfaces: () => [],
    },
  );
}
const log = (): Line[] =>
  err
    .split('\n')
    .filter((line) => line.startsWith('{'))
    .map((line) => JSON.parse(line) as Line);
const said = (message: string | RegExp): Line[] =>
  log().filter((line) =>
    typeof message === 'string' ? line.message === message : message.test(line.message),
  );
const logged = (message: string | RegExp, times = 1): Promise<void> =>
  until(
    () => `${String(message)} in\n${err}`,
    () => said(message).length >= times,
  );
const servers = async (): Promise<string[]> =>
  (await kernel.ipvs.list({ realServers: true })).map(({ url, realServers }) =>
    [url, ...realServers.map(({ address, weight }) => `${address}=${weight}`)].join(' '),
  );
const ask = async (
  what: string,
  path: string,
): Promise<{ status: number; text: string; type: string | null }> => {
  await logged(`${what} are answered`);
  const response = await fetch(`http://${String(said(`${what} are answered`)[0]?.['address'])}${path}`);
  return { status: response.status, text: await response.text(), type: response.headers.get('content-type') };
};

const manifest = (...items: readonly Fields[]): string =>
  JSON.stringify({ apiVersion: 'v1', kind: 'List', items });
const web = service('web');
const webSlice = (...addresses: readonly string[]): Fields =>
  slice(
    'web',
    addresses.map((address) => endpoint(address)),
    {
      metadata: { namespace: 'shop', name: 'web-1', labels: { 'kubernetes.io/service-name': 'web' } },
    },
  );
const write = async (...items: readonly Fields[]): Promise<string> => {
  const file = join(folder, 'cluster.json');
  await writeFile(file, manifest(...items));
  return file;
};

describe('ipvs proxy', () => {
  it('programs what files hold, follows them, says what it did, and leaves it when it ends', async () => {
    proxy('-f', await write(web, webSlice('10.244.1.1')), '--cluster-cidr', '10.244.0.0/16');
    await logged(/added: .*1 virtual server, .*1 real server/);
    expect(await servers()).toEqual(['tcp://10.96.0.10:80 10.244.1.1=1']);

    await write(web, webSlice('10.244.1.1', '10.244.2.1'));
    await logged('added: 1 real server');
    expect(said('added: 1 real server')).toMatchObject([
      { level: 'info', kind: 'incremental', services: 1, changes: 1 },
    ]);
    expect(await servers()).toEqual(['tcp://10.96.0.10:80 10.244.1.1=1 10.244.2.1=1']);

    stop.abort(new Error('interrupted by SIGTERM'));
    expect(await code).toBe(0);
    expect(log().at(-1)).toMatchObject({ message: 'ended; what is programmed stays' });
    expect(await servers()).toEqual(['tcp://10.96.0.10:80 10.244.1.1=1 10.244.2.1=1']);
  });

  it('is quiet while nothing changes, and repairs what others changed', async () => {
    proxy('-f', await write(web, webSlice('10.244.1.1')), '--ipvs-sync-period', '50ms');
    await logged(/virtual server/);
    const before = log().length;
    await new Promise((resolve) => setTimeout(resolve, 300));
    expect(
      log()
        .slice(before)
        .filter(({ message }) => !message.endsWith('are answered')),
    ).toEqual([]);
    await kernel.ipvs.remove('tcp://10.96.0.10:80');
    await logged('added: 1 virtual server, 1 real server');
  });

  it('watches an API server with the credentials of a kubeconfig, and takes up node changes', async () => {
    await using server = await FakeApiServer.start();
    server.token = 'secret';
    server.put('services', web);
    server.put('slices', webSlice('10.244.1.1'));
    const kubeconfig = join(folder, 'kubeconfig');
    await writeFile(kubeconfig, server.kubeconfig('secret'));
    proxy('--kubeconfig', kubeconfig, '--detect-local-mode', 'NodeCIDR');
    await logged('there is no Node node-a; is --hostname-override right?');
    // Without its networks pods would be masqueraded.
    await logged(/^sync failed/);
    expect(said(/^sync failed/)[0]?.['error']).toMatch(/podCIDRs of the node/);
    expect(await servers()).toEqual([]);

    server.put('nodes', { metadata: { name: 'node-a' }, spec: { podCIDRs: ['10.244.1.0/24'] } });
    await logged('everything is programmed again');
    expect(await servers()).toEqual(['tcp://10.96.0.10:80 10.244.1.1=1']);
    expect(kernel.dump()).toContain('10.244.1.0/24');
    server.put('nodes', { metadata: { name: 'node-a' }, spec: { podCIDRs: ['10.244.9.0/24'] } });
    await until('other networks', () => kernel.dump().includes('10.244.9.0/24'));

    await until('everything is watched', () => server.watching.length === 3);
    server.delete('slices', webSlice());
    await logged(/removed: 1 real server/);
    await server.down();
    await logged(/^cannot watch/);
    stop.abort();
    expect(await code).toBe(0);
    expect(await servers()).toEqual(['tcp://10.96.0.10:80']);
  });

  it('retries what the kernel refuses, and says so', async () => {
    kernel.fake.runner.fault = () => ({ exitCode: 1, stdout: '', stderr: 'no\n' });
    proxy('-f', await write(web, webSlice('10.244.1.1')));
    await logged(/^sync failed/);
    expect(said(/^sync failed/)[0]).toMatchObject({ level: 'error', failures: 1 });
    expect(said(/^sync failed/)[0]?.['error']).toContain('iptables-save failed');
    kernel.fake.runner.fault = undefined;
    await logged('everything is programmed again');
    expect(await servers()).toEqual(['tcp://10.96.0.10:80 10.244.1.1=1']);
  });

  it('says once what is not programmed, and why', async () => {
    await kernel.ipvs.add('tcp://10.96.0.10:80');
    proxy('-f', await write(web, service('other')), '--ipvs-sync-period', '50ms');
    await logged(/^conflict: virtual server tcp:\/\/10\.96\.0\.10:80/);
    await logged(/^Service shop\/web: /);
    await new Promise((resolve) => setTimeout(resolve, 300));
    expect(log().filter(({ level }) => level === 'warn')).toHaveLength(2);
  });

  it('takes over what others made with --adopt, and looks again at SIGHUP', async () => {
    await kernel.ipvs.add('tcp://10.96.0.10:80', { scheduler: 'wlc' });
    proxy('-f', await write(web, webSlice('10.244.1.1')), '--adopt');
    await logged(/virtual server/);
    expect(await servers()).toEqual(['tcp://10.96.0.10:80 10.244.1.1=1']);
    await kernel.ipvs.remove('tcp://10.96.0.10:80');
    hangup();
    await logged('added: 1 virtual server, 1 real server');
  });

  it('answers /healthz and /livez as kube-proxy does', async () => {
    await using server = await FakeApiServer.start();
    server.put('nodes', { metadata: { name: 'node-a' } });
    proxy('--master', server.url);
    const well = await ask('health checks', '/healthz');
    expect(well).toMatchObject({ status: 200, type: 'application/json' });
    expect(JSON.parse(well.text)).toEqual({
      lastUpdated: expect.any(String) as string,
      currentTime: expect.any(String) as string,
      nodeEligible: true,
    });
    expect((await ask('health checks', '/livez')).status).toBe(200);
    expect((await ask('health checks', '/')).status).toBe(404);

    await until('everything is watched', () => server.watching.length === 3);
    server.put('nodes', { metadata: { name: 'node-a', deletionTimestamp: '2026-11-29T15:00:00Z' } });
    await until('no new connections', async () => (await ask('health checks', '/healthz')).status === 503);
    expect((await ask('health checks', '/livez')).status).toBe(200);
  });

  it('is not healthy when changes are not programmed for twice the period', async () => {
    kernel.fake.runner.fault = () => ({ exitCode: 1, stdout: '', stderr: 'no\n' });
    proxy('-f', await write(web), '--ipvs-sync-period', '50ms');
    await until('unhealthy', async () => (await ask('health checks', '/livez')).status === 503);
    expect((await ask('health checks', '/healthz')).status).toBe(503);
  });

  it('serves metrics under the names of kube-proxy, and its own', async () => {
    await using server = await FakeApiServer.start();
    server.put('services', web);
    proxy('--master', server.url);
    await until('everything is watched', () => server.watching.length === 3);
    server.put(
      'slices',
      slice('web', [endpoint('10.244.1.1')], {
        metadata: {
          namespace: 'shop',
          name: 'web-1',
          labels: { 'kubernetes.io/service-name': 'web' },
          annotations: { 'endpoints.kubernetes.io/last-change-trigger-time': new Date().toISOString() },
        },
      }),
    );
    await logged('added: 1 real server');
    await ask('health checks', '/healthz');
    const { status, text, type } = await ask('metrics', '/metrics');
    expect({ status, type }).toMatchObject({
      status: 200,
      type: expect.stringMatching(/^text\/plain/) as string,
    });
    const value = (name: string): number =>
      Number(
        text
          .split('\n')
          .find((line) => line.startsWith(`${name} `))
          ?.slice(name.length),
      );
    expect(value('kubeproxy_sync_proxy_rules_duration_seconds_count')).toBeGreaterThan(1);
    expect(value('kubeproxy_sync_partial_proxy_rules_duration_seconds_count')).toBeGreaterThan(0);
    expect(value('kubeproxy_sync_full_proxy_rules_duration_seconds_count')).toBeGreaterThan(0);
    expect(value('kubeproxy_sync_proxy_rules_last_timestamp_seconds')).toBeGreaterThan(
      Date.now() / 1000 - 3600,
    );
    expect(value('kubeproxy_network_programming_duration_seconds_count')).toBe(1);
    expect(value('kubeproxy_proxy_healthz_total{code="200"}')).toBe(1);
    expect(value('ipvs_proxier_services')).toBe(1);
    expect(value('process_resident_memory_bytes')).toBeGreaterThan(0);
    expect((await ask('metrics', '/proxyMode')).text).toBe('ipvs');
  });

  it('goes on without a port that is taken, and takes it when it is free', async () => {
    const other = createServer();
    other.listen(0, '127.0.0.1');
    await once(other, 'listening');
    const { port } = other.address() as AddressInfo;
    proxy('-f', await write(web), '--healthz-bind-address', `127.0.0.1:${port}`);
    await logged(`health checks cannot be answered at 127.0.0.1:${port}; it is tried again`);
    await logged(/virtual server/);
    other.close();
    expect((await ask('health checks', '/livez')).status).toBe(200);
  });

  it.each([
    [['--ipvs-sync-period', '0s'], '--ipvs-sync-period: expected a duration above 0'],
    [['--ipvs-min-sync-period', '1m'], '--ipvs-min-sync-period: expected at most --ipvs-sync-period, 30s'],
    [['--healthz-bind-address', 'x'], '--healthz-bind-address: expected ADDRESS:PORT'],
    [['--drain-timeout', 'never'], '--drain-timeout: expected a duration'],
    [['--master', 'http://127.0.0.1:1'], '-f: expected files, or an API server; not both'],
  ])('refuses %j', async (argv, message) => {
    proxy('-f', await write(web), ...argv);
    expect(await code).toBe(1);
    expect(err).toContain(`ipvs: ${message}`);
  });

  it('ends with an error when its files cannot be read to begin with', async () => {
    proxy('-f', join(folder, 'absent'));
    expect(await code).toBe(1);
    expect(err).toContain('there is no such file or directory');
  });

  it('takes periods, addresses and the kubeconfig from the configuration file', async () => {
    const file = join(folder, 'config.yaml');
    await writeFile(
      file,
      `apiVersion: kubeproxy.config.k8s.io/v1alpha1
kind: KubeProxyConfiguration
healthzBindAddress: 127.0.0.1:0
clientConnection: { kubeconfig: ${join(folder, 'absent')} }
ipvs: { syncPeriod: 2m, minSyncPeriod: 1m }
`,
    );
    proxy('--config', file, '--ipvs-sync-period', '100ms');
    expect(await code).toBe(1);
    expect(err).toContain(
      '--ipvs-min-sync-period: expected at most --ipvs-sync-period, 0.1s, received "60s"',
    );
    proxy('--config', file);
    expect(await code).toBe(1);
    expect(err).toContain(`cannot read ${join(folder, 'absent')}`);
  });
});

describe('the optional packages', () => {
  it('are named with the way to get them when they are not there', async () => {
    const copy = join(folder, 'node_modules/ipvs');
    await build({
      entryPoints: [root('src/cli/main.ts')],
      outfile: join(copy, 'dist/cli/main.js'),
      bundle: true,
      packages: 'external',
      format: 'esm',
      platform: 'node',
      target: 'node20',
    });
    await cp(root('package.json'), join(copy, 'package.json'));
    const { dependencies } = parse(await readFile(root('package.json'), 'utf8')) as {
      dependencies: Record<string, string>;
    };
    for (const name of Object.keys(dependencies))
      await symlink(root(`node_modules/${name}`), join(folder, 'node_modules', name));
    const ipvs = (...argv: readonly string[]) =>
      run(undefined, ['node', join(copy, 'dist/cli/main.js'), ...argv], { check: false });
    const { stderr } = await ipvs('proxy', '--master', 'http://127.0.0.1:1');
    expect(stderr).toBe(
      'ipvs: an API server is watched with the package @kubernetes/client-node, which is not installed: npm install @kubernetes/client-node@1\n',
    );
  });
});

describe('examples/daemonset.yaml', () => {
  it('is read as YAML, and its configuration and options are those of the command', async () => {
    const objects = parseAllDocuments(await readFile(root('examples/daemonset.yaml'), 'utf8')).map(
      (document) => {
        expect(document.errors).toEqual([]);
        return document.toJS() as Json;
      },
    );
    expect(objects.map(({ kind }) => kind)).toEqual([
      'ServiceAccount',
      'ClusterRole',
      'ClusterRoleBinding',
      'ConfigMap',
      'DaemonSet',
    ]);
    const [configMap, daemonSet] = objects.slice(-2);
    const text = textAt(objectAt(configMap!, 'data', ''), 'config.conf', 'data');
    const config = readKubeProxyConfiguration({ file: 'config.conf', text });
    expect(config.config).toMatchObject({ clusterCIDR: ['10.244.0.0/16'], strictARP: true });

    const pod = objectAt(objectAt(objectAt(daemonSet!, 'spec', ''), 'template', ''), 'spec', '');
    const [container] = objectsAt(pod, 'containers', '');
    const args = listAt(container![0], 'args', '').map(String);
    await writeFile(join(folder, 'config.conf'), text);
    await using server = await FakeApiServer.start();
    server.put('nodes', { metadata: { name: 'node-a' } });
    // The same command line, but for where the file is and the name that Kubernetes fills in; the API server is ours.
    const mine = args.map((arg) => arg.replace('/etc/ipvs-proxy', folder).replace('$(NODE_NAME)', 'node-a'));
    proxy(...mine, '--master', server.url);
    await logged(/^changed: .*added: /);
    expect(said(/^sync failed/)).toEqual([]);
  });
});
