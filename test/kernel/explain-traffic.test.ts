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

describeKernel(['ipvs', 'ipset', 'rules', 'nft', 'dummy'], 'a node that is programmed by nft', () => {
  let topology: Topology;
  let kernel: Kernel;

  beforeAll(async () => {
    topology = await makeSampleCluster();
    kernel = await openKernel({ netns: topology.netns(NODE).path });
    await topology.host(NODE).agent.serveHttp(HOST_PORT);
    await program('iptables');
    await program('nft');
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
  it('has nothing of iptables left, once that has handed over', async () => {
    // Of ipset the record is left.
    const left = (await kernel.ipset.list()).map(({ name }) => name).sort();
    expect(left).toEqual(['IPVS-6-OWNED', 'IPVS-OWNED']);
  });

  it.each([
    ['inside the source ranges', 'office', 'http://198.51.100.20:80/', 'balanced'],
    ['outside of them', 'cafe', 'http://198.51.100.20:80/', 'dropped'],
    ['outside of them, the node itself', NODE, 'http://198.51.100.20:80/', 'dropped'],
    ['a port of the node at a virtual address', 'web-1', `http://10.96.0.10:${HOST_PORT}/`, 'rejected'],
    ['a port of the node', 'toolbox', `http://192.0.2.11:${HOST_PORT}/`, 'delivered'],
    ['a node port with policy Local', 'cafe', 'http://192.0.2.11:30081/', 'balanced'],
    ['the IPv6 cluster IP, from a pod', 'toolbox', 'http://[fd00:10:96::10]:80/', 'balanced'],
  ])('answers as explain says: %s', async (_, from, url, verdict) => {
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
