import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { Kernel } from '../../src/kernel/types.js';
import { openKernel } from '../../src/kernel/open.js';
import type { Family } from '../../src/net/address.js';
import {
  deriveNodeFacts,
  explain,
  KUBE_INTERFACE,
  type NodeView,
  observe,
  observedView,
} from '../../src/proxy/index.js';
import { describeKernel } from '../support/backends.js';
import { programSample, type SampleConfig, sampleScope } from '../support/program-sample.js';
import { run } from '../support/netns.js';
import { addressesOf, makeSampleCluster, NODE, NODE_ADDRESSES } from '../support/sample-cluster.js';
import type { Topology } from '../support/topology.js';

/** A refused request is waited for that long; an answered one takes milliseconds, even emulated. */
const REFUSED = { count: 1, timeoutMs: 1500 };
/** Requests per question: every one of three backends answers two. */
const TRIES = 6;
/** The load-balancer address of the sample cluster. */
const BALANCER = 'tcp://198.51.100.20:80';

/** What decides about packets of the node now. */
async function viewsOf(kernel: Kernel): Promise<ReadonlyMap<Family, NodeView>> {
  const observed = await observe(kernel, sampleScope());
  const node = await deriveNodeFacts(kernel, NODE);
  return new Map(
    (['inet', 'inet6'] as const).map((family): [Family, NodeView] => {
      const primaryIP = node.primaryIPs.find((address) => address.includes(':') === (family === 'inet6'));
      const facts = { interface: KUBE_INTERFACE, interfaces: node.interfaces };
      return [
        family,
        observedView(observed, family, primaryIP === undefined ? facts : { ...facts, primaryIP }),
      ];
    }),
  );
}

/** Whatever real packets did has to be what `explain` says of them. */
function expectExplained(
  views: ReadonlyMap<Family, NodeView>,
  from: string,
  url: string,
  answers: readonly { readonly pod?: string; readonly clientAddress?: string }[],
): void {
  const { protocol, hostname, port } = new URL(url);
  const destination = hostname.replace(/^\[|\]$/g, '');
  const family = destination.includes(':') ? 'inet6' : 'inet';
  const view = views.get(family);
  if (view === undefined) return; // Nothing is programmed yet.
  const source =
    from === NODE ? 'node' : addressesOf(from).find((a) => a.includes(':') === (family === 'inet6'));
  const { packet, outcome } = explain(view, {
    protocol: protocol === 'udp:' ? 'udp' : 'tcp',
    source: source ?? '',
    destination,
    destinationPort: port === '' ? 80 : Number(port),
  });
  const answered = answers.filter(({ pod }) => pod !== undefined);
  if (outcome.verdict !== 'balanced') {
    expect({ url, from, answered }).toEqual({ url, from, answered: [] });
    return;
  }
  expect(answered.length).toBe(answers.length);
  for (const { pod = '', clientAddress = '' } of answered) {
    const real = outcome.realServers.find(({ address }) => addressesOf(pod).includes(address));
    expect(real?.eligible).toBe(true);
    const seen = real?.masquerade === undefined ? [packet.source] : NODE_ADDRESSES;
    expect(seen).toContain(clientAddress);
  }
}

describeKernel(['ipvs', 'ipset', 'rules', 'dummy'], 'real packets through a programmed node', () => {
  let topology: Topology;
  let kernel: Kernel;

  beforeAll(async () => {
    topology = await makeSampleCluster();
    kernel = await openKernel({ netns: topology.netns(NODE).path });
  });
  afterAll(async () => {
    await kernel.close();
    await topology.remove();
  });

  /** The node as the kernel has it after the last change: what `explain` is asked about. */
  let views: ReadonlyMap<Family, NodeView> = new Map();
  const program = async (config: SampleConfig = {}): Promise<void> => {
    const report = await programSample(kernel, config);
    expect(report.results.filter(({ status }) => status !== 'done')).toEqual([]);
    expect(report.conflicts).toEqual([]);
    views = await viewsOf(kernel);
  };

  /** Who answered how often, which senders they saw, and errors. */
  const ask = async (from: string, url: string, { count = TRIES, timeoutMs = 8000 } = {}) => {
    const answers = await topology.host(from).agent.request(url, { count, timeoutMs });
    expectExplained(views, from, url, answers);
    const by: Record<string, number> = {};
    for (const { pod } of answers) if (pod !== undefined) by[pod] = (by[pod] ?? 0) + 1;
    return {
      by,
      seen: [...new Set(answers.flatMap(({ clientAddress }) => clientAddress ?? []))],
      errors: answers.flatMap(({ error }) => error ?? []),
      answers,
    };
  };
  /** Connections that IPVS holds now. Not `stats.connections`, which the kernel brings up to date every two seconds only. */
  const connectionsAt = async (url: string): Promise<number> => {
    const server = await kernel.ipvs.get(url);
    const counts = server?.realServers.map((real) => real.activeConnections + real.inactiveConnections);
    return counts?.reduce((sum, count) => sum + count, 0) ?? -1;
  };
  const EVERYBODY = { 'web-1': 2, 'web-2': 2, 'web-3': 2 };
  const of = (name: string): readonly string[] => addressesOf(name);
  const expectSeen = (seen: readonly string[], allowed: readonly string[]): void => {
    expect(seen.filter((address) => !allowed.includes(address))).toEqual([]);
  };

  describe('without rules of ours', () => {
    it('nobody answers at a cluster IP', async () => {
      const { by } = await ask('toolbox', 'http://10.96.0.10:80/', REFUSED);
      expect(by).toEqual({});
    });
  });

  describe.each(['classic', 'current'] as const)('%s profile, cluster CIDR known', (profile) => {
    beforeAll(() => program({ profile }));

    it('a pod reaches a cluster IP, evenly, under its own address', async () => {
      const { by, seen, errors } = await ask('toolbox', 'http://10.96.0.10:80/');
      expect({ by, errors }).toEqual({ by: EVERYBODY, errors: [] });
      expect(seen).toEqual(['10.244.1.100']);
    });

    it('the node reaches a cluster IP, masqueraded', async () => {
      const { by, seen } = await ask(NODE, 'http://10.96.0.10:80/');
      expect(by).toEqual(EVERYBODY);
      expectSeen(seen, NODE_ADDRESSES);
    });

    it('a client outside the cluster CIDR reaches a cluster IP, masqueraded', async () => {
      const { by, seen } = await ask('office', 'http://10.96.0.10:80/');
      expect(by).toEqual(EVERYBODY);
      expectSeen(seen, NODE_ADDRESSES);
    });

    it('a pod reaches itself through its own service', async () => {
      const { by, answers } = await ask('web-1', 'http://10.96.0.10:80/');
      expect(by).toEqual(EVERYBODY);
      const itself = answers.filter(({ pod }) => pod === 'web-1').flatMap((a) => a.clientAddress ?? []);
      const others = answers.filter(({ pod }) => pod !== 'web-1').flatMap((a) => a.clientAddress ?? []);
      expectSeen(itself, NODE_ADDRESSES);
      expectSeen(others, of('web-1'));
    });

    it('IPv6: pod and node reach the cluster IP', async () => {
      const pod = await ask('toolbox', 'http://[fd00:10:96::10]:80/');
      expect(pod).toMatchObject({ by: EVERYBODY, seen: ['fd00:10:244:1::100'] });
      const node = await ask(NODE, 'http://[fd00:10:96::10]:80/');
      expect(node.by).toEqual(EVERYBODY);
      expectSeen(node.seen, NODE_ADDRESSES);
    });

    it('UDP is balanced by source port', async () => {
      const { by, seen, errors } = await ask('toolbox', 'udp://10.96.0.53:53');
      expect({ by, errors }).toEqual({ by: EVERYBODY, errors: [] });
      expect(seen).toEqual(['10.244.1.100']);
    });

    it('session affinity keeps a client with one pod', async () => {
      const { by, errors } = await ask('toolbox', 'http://10.96.0.50:80/');
      expect(errors).toEqual([]);
      expect(Object.values(by)).toEqual([TRIES]);
    });

    it('a node port with policy Cluster is answered by any pod, masqueraded, outside and inside', async () => {
      for (const from of ['cafe', 'toolbox', NODE]) {
        const { by, seen } = await ask(from, 'http://192.0.2.11:30080/');
        expect(by).toEqual(EVERYBODY);
        expectSeen(seen, NODE_ADDRESSES);
      }
    });

    it('a node port with policy Local is answered by local pods, which see the client', async () => {
      const { by, seen } = await ask('cafe', 'http://192.0.2.11:30081/');
      expect(by).toEqual({ 'web-1': 3, 'web-2': 3 });
      expect(seen).toEqual(['192.0.2.200']);
    });

    it('an external IP is answered outside and inside, masqueraded', async () => {
      for (const from of ['cafe', 'toolbox']) {
        const { by, seen } = await ask(from, 'http://198.51.100.10:80/');
        expect(by).toEqual(EVERYBODY);
        expectSeen(seen, NODE_ADDRESSES);
      }
    });

    it('a load-balancer address is answered for an allowed source range', async () => {
      const { by, seen } = await ask('office', 'http://198.51.100.20:80/');
      expect(by).toEqual(EVERYBODY);
      expectSeen(seen, NODE_ADDRESSES);
      expect(await connectionsAt(BALANCER)).toBeGreaterThan(0);
    });

    it.each(['cafe', 'toolbox', NODE])(
      'a load-balancer address is silent for a source outside: %s',
      async (from) => {
        const before = await connectionsAt(BALANCER);
        const { by, errors } = await ask(from, 'http://198.51.100.20:80/', REFUSED);
        expect({ by, errors }).toEqual({ by: {}, errors: ['ETIMEDOUT'] });
        // Earlier connections may expire meanwhile. Packets of the node itself meet IPVS before the filter table drops them.
        if (from !== NODE) expect(await connectionsAt(BALANCER)).toBeLessThanOrEqual(before);
      },
    );
  });

  describe('the current profile', () => {
    beforeAll(() => program({ profile: 'current' }));

    it('refuses ports of a cluster IP that no Service has, by its filter and not for want of a listener', async () => {
      const { by, errors } = await ask('toolbox', 'http://10.96.0.10:81/', REFUSED);
      expect({ by, errors }).toEqual({ by: {}, errors: ['ECONNREFUSED'] });
      const { stdout } = await run(topology.netns(NODE).path, ['iptables', '-vxnL', 'KUBE-IPVS-FILTER']);
      expect(Number(/^\s*(\d+)\s+\d+\s+REJECT/m.exec(stdout)?.[1])).toBeGreaterThan(0);
    });
  });
});
