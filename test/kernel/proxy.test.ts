import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rename, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, afterEach, beforeAll, expect, it } from 'vitest';
import { describeKernel } from '../support/backends.js';
import { run } from '../support/netns.js';
import { makeTopology, type Topology } from '../support/topology.js';
import { until } from '../support/until.js';
import { endpoint, type Fields, service, slice } from '../unit/proxy/objects.js';

const COMMAND = fileURLToPath(new URL('../../dist/cli/main.js', import.meta.url));
const NODE = 'node-a';
const CLUSTER = 'http://10.96.0.10:80/';
const NODE_PORT = 'http://192.0.2.11:30080/';

const manifest = (addresses: readonly string[]): string => {
  const items: readonly Fields[] = [
    service('web', { type: 'NodePort', ports: [{ name: 'http', port: 80, nodePort: 30080 }] }),
    slice(
      'web',
      addresses.map((address) => endpoint(address, NODE)),
      { metadata: { namespace: 'shop', name: 'web-1', labels: { 'kubernetes.io/service-name': 'web' } } },
    ),
  ];
  return JSON.stringify({ apiVersion: 'v1', kind: 'List', items });
};

/** `ipvs proxy` as it is installed, in the network namespace of the node. */
class Running {
  readonly #child: ChildProcess;
  log = '';

  constructor(netns: string, file: string) {
    const options = [
      '-f',
      file,
      '--hostname-override',
      NODE,
      '--cluster-cidr',
      '10.244.0.0/16',
      '--family',
      'ipv4',
    ];
    this.#child = spawn('nsenter', [`--net=${netns}`, '--', process.execPath, COMMAND, 'proxy', ...options], {
      stdio: ['ignore', 'inherit', 'pipe'],
    });
    this.#child.stderr?.setEncoding('utf8').on('data', (text: string) => (this.log += text));
  }

  /** Wait for a line with these words among those that it says from now on, or has said since the last call. */
  async says(words: RegExp): Promise<string> {
    const line = new RegExp(`${words.source}.*\n`);
    await until(
      () => `${String(words)} in\n${this.log}`,
      () => {
        if (this.#child.exitCode !== null) throw new Error(`it ended:\n${this.log}`);
        return line.test(this.log);
      },
      150_000,
    );
    const [found = ''] = line.exec(this.log) ?? [];
    this.log = this.log.slice(this.log.indexOf(found) + found.length);
    return found;
  }

  signal(name: NodeJS.Signals): void {
    this.#child.kill(name);
  }

  async end(name: NodeJS.Signals): Promise<number | null> {
    if (this.#child.exitCode === null) {
      const closed = once(this.#child, 'close');
      this.signal(name);
      await closed;
    }
    return this.#child.exitCode;
  }
}

describeKernel(['ipvs', 'ipset', 'link', 'rules', 'dummy'], 'ipvs proxy on a kernel', () => {
  let topology: Topology;
  let folder: string;
  let running: Running | undefined;
  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), 'ipvs-proxy-'));
    const serving = { node: NODE, http: [8080] };
    topology = await makeTopology({
      nodes: [{ name: NODE, addresses: ['192.0.2.11/24'], podCidrs: ['10.244.1.0/24'] }],
      pods: [
        { name: 'web-1', addresses: ['10.244.1.11'], ...serving },
        { name: 'web-2', addresses: ['10.244.1.12'], ...serving },
      ],
      clients: [{ name: 'office', addresses: ['192.0.2.100/24'] }],
      throughFirstNode: ['10.96.0.0/16'],
    });
  });
  afterEach(async () => {
    await running?.end('SIGKILL');
  });
  afterAll(async () => {
    await topology.remove();
    await rm(folder, { recursive: true });
  });

  const start = (): Running => (running = new Running(topology.netns(NODE).path, join(folder, 'web.json')));
  const inNode = async (...argv: readonly string[]): Promise<string> =>
    (await run(topology.netns(NODE).path, argv)).stdout;
  /** Who answers. */
  const ask = async (url: string): Promise<string[]> => {
    const answers = await topology.host('office').agent.request(url, { count: 2, timeoutMs: 8000 });
    return [...new Set(answers.map(({ pod, error }) => pod ?? error))];
  };

  it(
    'serves real traffic, follows files and addresses, and leaves all of it when it ends',
    { timeout: 900_000 },
    async () => {
      await writeFile(join(folder, 'web.json'), manifest(['10.244.1.11']));
      const first = start();
      await first.says(/added: .*virtual server/);
      expect(await ask(CLUSTER)).toEqual(['web-1']);
      expect(await ask(NODE_PORT)).toEqual(['web-1']);
      const health =
        'exec 3<>/dev/tcp/127.0.0.1/10256; printf "GET /healthz HTTP/1.0\\r\\n\\r\\n" >&3; head -1 <&3';
      expect(await inNode('bash', '-c', health)).toContain('200 OK');

      await writeFile(join(folder, 'next'), manifest(['10.244.1.12']));
      await rename(join(folder, 'next'), join(folder, 'web.json'));
      await first.says(/added: .*real server/);
      expect(await ask(CLUSTER)).toEqual(['web-2']);

      // A broken file changes nothing.
      await writeFile(join(folder, 'web.json'), '{"kind": "Li');
      await first.says(/the last good version of the file stays/);
      expect(await ask(CLUSTER)).toEqual(['web-2']);
      await writeFile(join(folder, 'web.json'), manifest(['10.244.1.12']));
      await first.says(/the manifests are in order again/);

      // The node gets another address: node ports are served there too.
      await inNode('ip', 'addr', 'add', '192.0.2.13/24', 'dev', 'eth0');
      first.signal('SIGHUP');
      await first.says(/added: .*virtual server/);
      expect(await ask('http://192.0.2.13:30080/')).toEqual(['web-2']);

      const before = await inNode('ipvsadm', '-Sn');
      expect(await first.end('SIGTERM')).toBe(0);
      expect(first.log).toContain('ended; what is programmed stays');
      expect(await inNode('ipvsadm', '-Sn')).toBe(before);
      expect(await ask(CLUSTER)).toEqual(['web-2']);

      const second = start();
      // At most real servers that have been drained since are removed.
      expect(await second.says(/INFO .*kind=full/)).not.toMatch(/added|changed/);
      expect(await ask(CLUSTER)).toEqual(['web-2']);
      expect(await second.end('SIGTERM')).toBe(0);
    },
  );
});
