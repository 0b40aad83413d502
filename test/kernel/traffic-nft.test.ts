import { setTimeout as delay } from 'node:timers/promises';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { runCli } from '../../src/cli/run.js';
import { openKernel } from '../../src/kernel/open.js';
import type { Kernel } from '../../src/kernel/types.js';
import type { Explanation } from '../../src/proxy/index.js';
import { describeKernel } from '../support/backends.js';
import { programSample } from '../support/program-sample.js';
import { addressesOf, makeSampleCluster, NODE, NODE_ADDRESSES, SAMPLE } from '../support/sample-cluster.js';
import type { Topology } from '../support/topology.js';

/** A refused request is waited for that long; an answered one takes milliseconds, even emulated. */
const REFUSED = { count: 1, timeoutMs: 1500 };
/** A port of a program of the node. */
const HOST_PORT = 10_250;
const EVERYBODY = ['web-1', 'web-2', 'web-3'];

/** What `ipvs explain` says of a live node. */
async function explained(netns: string, from: string, url: string): Promise<Explanation> {
  const { hostname, port } = new URL(url);
  const sameFamily = (address: string): boolean => address.includes(':') === hostname.startsWith('[');
  const source = from === NODE ? 'node' : (addressesOf(from).find(sameFamily) ?? '');
  const destination = `tcp://${hostname}:${port === '' ? 80 : port}`;
  const argv = ['explain', destination, '--from', source, '--format', 'json', '--netns', netns];
  let [out, err] = ['', ''];
  const io = {
    out: (text: string) => (out += text),
    err: (text: string) => (err += text),
    readStdin: () => Promise.resolve(''),
  };
  const code = await runCli(argv, io, { openKernel, hostname: () => NODE, interfaces: () => [] });
  expect({ code, err }).toEqual({ code: 0, err: '' });
  return JSON.parse(out) as Explanation;
}

/** Who can answer, by an explanation, and what its client sees otherwise. */
function foretold({ outcome }: Explanation): { readonly by: readonly string[]; readonly error?: string } {
  switch (outcome.verdict) {
    case 'balanced': {
      const able = outcome.realServers.filter(({ eligible }) => eligible).map(({ address }) => address);
      const pods = SAMPLE.pods.filter(({ addresses }) => addresses.some((a) => able.includes(a)));
      return { by: pods.map(({ name }) => name).sort() };
    }
    case 'delivered':
      return { by: [NODE] };
    case 'dropped':
      return { by: [], error: 'ETIMEDOUT' };
    case 'rejected':
      return { by: [], error: 'ECONNREFUSED' };
    default:
      return { by: [], error: outcome.verdict };
  }
}

describeKernel(['ipvs', 'ipset', 'rules', 'nft', 'dummy'], 'real packets through a node with nft', () => {
  let topology: Topology;
  let kernel: Kernel;

  beforeAll(async () => {
    topology = await makeSampleCluster();
    kernel = await openKernel({ netns: topology.netns(NODE).path });
    await topology.host(NODE).agent.serveHttp(HOST_PORT);
    await program('iptables');
  });
  afterAll(async () => {
    await kernel.close();
    await topology.remove();
  });

  const program = async (rules: 'iptables' | 'nft'): Promise<void> => {
    const report = await programSample(kernel, { profile: 'current', rules });
    expect(report.results.filter(({ status }) => status !== 'done')).toEqual([]);
    expect(report.conflicts).toEqual([]);
  };

  /** Who answered, which senders they saw, and errors. */
  const ask = async (from: string, url: string, { count = 3, timeoutMs = 8000 } = {}) => {
    const answers = await topology.host(from).agent.request(url, { count, timeoutMs });
    return {
      by: [...new Set(answers.flatMap(({ pod }) => pod ?? []))].sort(),
      seen: [...new Set(answers.flatMap(({ clientAddress }) => clientAddress ?? []))],
      errors: answers.flatMap(({ error }) => error ?? []),
    };
  };
  const expectMasqueraded = async (from: string, url: string): Promise<void> => {
    const { by, seen, errors } = await ask(from, url);
    expect({ from, by, errors }).toEqual({ from, by: EVERYBODY, errors: [] });
    expect(seen.filter((address) => !NODE_ADDRESSES.includes(address))).toEqual([]);
  };

  it('while iptables hands over to nft, every request is answered and what is refused stays refused', async () => {
    const questions = [
      { from: 'toolbox', url: 'http://10.96.0.10:80/', answered: true },
      { from: 'office', url: 'http://198.51.100.20:80/', answered: true },
      { from: 'cafe', url: 'http://198.51.100.20:80/', answered: false },
      { from: 'web-1', url: `http://10.96.0.10:${HOST_PORT}/`, answered: false },
    ];
    let over = false;
    let rounds = 0;
    // Until the node is programmed, however slow or fast the machine is, and once more after it.
    const keepAsking = async (): Promise<void> => {
      for (let last = false; !last; rounds++) {
        last = over;
        for (const { from, url, answered } of questions) {
          const { by, errors } = await ask(from, url, { count: 1, timeoutMs: answered ? 8000 : 400 });
          expect({ from, url, answered: by.length > 0, errors }).toMatchObject({
            from,
            answered,
            ...(answered ? { errors: [] } : {}),
          });
        }
        // The machine may be an emulated one, and has a node to program.
        await delay(200);
      }
    };
    await Promise.all([program('nft').finally(() => (over = true)), keepAsking()]);
    expect(rounds).toBeGreaterThan(1);
    // Of ipset the record is left.
    const left = (await kernel.ipset.list()).map(({ name }) => name).sort();
    expect(left).toEqual(['IPVS-6-OWNED', 'IPVS-OWNED']);
  });

  it.each(['10.96.0.10', '[fd00:10:96::10]'])(
    'a pod reaches the cluster IP %s under its own address, the node and clients outside are masqueraded',
    async (address) => {
      const url = `http://${address}:80/`;
      const pod = address.startsWith('[') ? 'fd00:10:244:1::100' : '10.244.1.100';
      expect(await ask('toolbox', url)).toEqual({ by: EVERYBODY, seen: [pod], errors: [] });
      await expectMasqueraded(NODE, url);
      if (pod.startsWith('10.')) await expectMasqueraded('office', url);
    },
  );

  it('a node port with policy Local is answered by local pods, which see the client', async () => {
    expect(await ask('cafe', 'http://192.0.2.11:30081/')).toEqual({
      by: ['web-1', 'web-2'],
      seen: ['192.0.2.200'],
      errors: [],
    });
    await expectMasqueraded('cafe', 'http://192.0.2.11:30080/');
  });

  it('a load-balancer address is answered inside its source ranges and silent outside, also for the node', async () => {
    await expectMasqueraded('office', 'http://198.51.100.20:80/');
    const outside = ['cafe', 'toolbox', NODE];
    const answers = await Promise.all(outside.map((from) => ask(from, 'http://198.51.100.20:80/', REFUSED)));
    expect(answers).toEqual(outside.map(() => ({ by: [], seen: [], errors: ['ETIMEDOUT'] })));
  });

  it('a program of the node answers at the node’s address and is refused at a virtual one', async () => {
    expect(await ask('toolbox', `http://192.0.2.11:${HOST_PORT}/`, { count: 1 })).toMatchObject({
      by: [NODE],
    });
    expect(await ask('toolbox', `http://10.96.0.10:${HOST_PORT}/`, REFUSED)).toMatchObject({
      by: [],
      errors: ['ECONNREFUSED'],
    });
  });

  it.each([
    ['inside the source ranges', 'office', 'http://198.51.100.20:80/', 'balanced'],
    ['outside of them', 'cafe', 'http://198.51.100.20:80/', 'dropped'],
    ['outside of them, the node itself', NODE, 'http://198.51.100.20:80/', 'dropped'],
    ['a port of the node at a virtual address', 'web-1', `http://10.96.0.10:${HOST_PORT}/`, 'rejected'],
    ['a port of the node', 'toolbox', `http://192.0.2.11:${HOST_PORT}/`, 'delivered'],
    ['a node port with policy Local', 'cafe', 'http://192.0.2.11:30081/', 'balanced'],
    ['the IPv6 cluster IP, from a pod', 'toolbox', 'http://[fd00:10:96::10]:80/', 'balanced'],
  ])('is what explain says of the live node: %s', async (_, from, url, verdict) => {
    const explanation = await explained(topology.netns(NODE).path, from, url);
    const { outcome, packet } = explanation;
    expect(outcome.verdict).toBe(verdict);
    // By our table, and not by what iptables had before.
    expect(explanation.steps.filter(({ chain }) => !/^(nat|filter)-/.test(chain))).toEqual([]);
    const { by, error } = foretold(explanation);
    const seen = await ask(from, url, error === undefined ? {} : REFUSED);
    expect(seen).toMatchObject({ by, errors: error === undefined ? [] : [error] });
    if (outcome.verdict !== 'balanced') return;
    const senders = outcome.realServers.some(({ masquerade }) => masquerade !== undefined)
      ? NODE_ADDRESSES
      : [packet.source];
    expect(seen.seen.filter((address) => !senders.includes(address))).toEqual([]);
  });
});
