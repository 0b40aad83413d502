import { setTimeout as delay } from 'node:timers/promises';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { openKernel } from '../../src/kernel/open.js';
import type { Kernel } from '../../src/kernel/types.js';
import { describeKernel } from '../support/backends.js';
import { programSample } from '../support/program-sample.js';
import { makeSampleCluster, NODE, NODE_ADDRESSES } from '../support/sample-cluster.js';
import type { Topology } from '../support/topology.js';

/** A refused request is waited for that long; an answered one takes milliseconds, even emulated. */
const REFUSED = { count: 1, timeoutMs: 1500 };
/** A port of a program of the node. */
const HOST_PORT = 10_250;
const EVERYBODY = ['web-1', 'web-2', 'web-3'];

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
    const keepAsking = async (): Promise<void> => {
      for (; !over; rounds++) {
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
    expect(rounds).toBeGreaterThan(2);
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
});
