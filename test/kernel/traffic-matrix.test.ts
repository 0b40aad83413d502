import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { Answer } from '../support/agent.js';
import { describeKernel } from '../support/backends.js';
import { run } from '../support/netns.js';
import {
  clusterIP,
  HOST_PORT,
  type LabConfig,
  makeProxierLab,
  outsideIP,
  type Places,
  PLACES,
  POD_PORTS,
  portOf,
  type ProxierLab,
  type Sample,
  sample,
  urlOf,
} from '../support/proxier-lab.js';
import { askSctp, type SctpServer, serveSctp } from '../support/sctp.js';

/** Ports of node ports: policy Cluster, and one more for policy Local. */
const NODE_PORTS = { tcp: 30080, udp: 30053, sctp: 30009 } as const;
const HEALTH_PORT = 30_099;
const SERVICE_PORTS = { tcp: 80, udp: 53, sctp: 9 } as const;
type Protocol = keyof typeof SERVICE_PORTS;
const PROTOCOLS = ['tcp', 'udp', 'sctp'] as const;

/** A machine that is emulated on a busy computer needs ten times as long as on an idle one. */
const LONG = 900_000;

const ofBoth = (text: (at: Places) => string): readonly string[] => PLACES.map(text);
const nodePorts = (more: number) => PROTOCOLS.map((p) => portOf(p, SERVICE_PORTS[p], NODE_PORTS[p] + more));
const balancer = (n: number) => ofBoth(({ family }) => outsideIP(family, n));

const SAMPLES: readonly Sample[] = [
  sample('web', 10, { ports: PROTOCOLS.map((p) => portOf(p, SERVICE_PORTS[p])) }),
  sample('sticky', 11, { affinitySeconds: 600 }),
  sample(
    'nobody',
    12,
    { ports: PROTOCOLS.map((p) => portOf(p, SERVICE_PORTS[p])) },
    { web: undefined, away: undefined },
  ),
  sample('ports', 20, { type: 'NodePort', ports: nodePorts(0) }),
  sample('ports-local', 21, { type: 'NodePort', ports: nodePorts(1), externalTrafficPolicy: 'Local' }),
  sample('external', 30, { externalIPs: balancer(30) }),
  sample('external-local', 31, { externalIPs: balancer(31), externalTrafficPolicy: 'Local' }),
  sample('strict', 40, {
    type: 'LoadBalancer',
    loadBalancerIPs: balancer(40),
    loadBalancerSourceRanges: ofBoth((at) => at.nearOnly),
  }),
  sample('open', 41, {
    type: 'LoadBalancer',
    loadBalancerIPs: balancer(41),
    loadBalancerSourceRanges: ofBoth((at) => at.nearAndNode),
    externalTrafficPolicy: 'Local',
    healthCheckNodePort: HEALTH_PORT,
  }),
];

const REFUSED = 'ECONNREFUSED';
const DROPPED = 'ETIMEDOUT';

/** What a client sees of a refusal: SCTP sockets take ICMP errors for passing ones and go on trying. */
const refused = (protocol: Protocol): string => (protocol === 'sctp' ? DROPPED : REFUSED);

/** Who asks: a place of the topology, and for the client which of its addresses. */
type From = 'box' | 'web' | 'node' | 'near' | 'far';

/** `POD saw ADDRESS` of each answer, sorted; an error code in place of it. */
type Outcome = readonly string[];

interface Case {
  readonly title: string;
  readonly from: From;
  readonly protocol: Protocol | 'ping';
  readonly address: string;
  readonly port: number;
  /** Default 2: one for each of the two backends. */
  readonly count?: number;
  readonly expected: Outcome;
}

/** What answers look like: the source as it was, or an address of the node. */
function outcomes(at: Places) {
  const sources: Readonly<Record<From, string>> = at;
  const kept = (from: From): Outcome => [`away saw ${sources[from]}`, `web saw ${sources[from]}`];
  const local = (from: From): Outcome => [`web saw ${sources[from]}`, `web saw ${sources[from]}`];
  /** The address that the node has towards each backend. */
  const masqueraded = [`away saw ${at.node}`, `web saw ${at.gateway}`];
  const masqueradedLocal = [`web saw ${at.gateway}`, `web saw ${at.gateway}`];
  return { kept, local, masqueraded, masqueradedLocal };
}

/** Every kind of packet of one family, and what is to become of it. */
function cases(at: Places, { profile = 'current', masqueradeAll = false }: LabConfig): readonly Case[] {
  const { family } = at;
  const { kept, local, masqueraded, masqueradedLocal } = outcomes(at);
  const classic = profile === 'classic';
  const ip = (n: number): string => clusterIP(family, n);
  const out = (n: number): string => outsideIP(family, n);
  const of = (
    title: string,
    from: From,
    protocol: Case['protocol'],
    address: string,
    port: number,
    expected: Outcome | string,
  ): Case => ({
    title: `${family}, ${protocol}: ${title}, from ${from}`,
    from,
    protocol,
    address,
    port,
    ...(typeof expected === 'string' ? { count: 1, expected: [expected] } : { expected }),
  });
  const tcp = (title: string, from: From, address: string, port: number, expected: Outcome | string): Case =>
    of(title, from, 'tcp', address, port, expected);
  const fromPod = masqueradeAll ? masqueraded : kept('box');

  return [
    ...PROTOCOLS.flatMap((protocol) => [
      of('cluster IP', 'box', protocol, ip(10), SERVICE_PORTS[protocol], fromPod),
      of('cluster IP', 'near', protocol, ip(10), SERVICE_PORTS[protocol], masqueraded),
      of('other port of a cluster IP', 'box', protocol, ip(10), 999, classic ? REFUSED : refused(protocol)),
      of('Service without endpoints', 'box', protocol, ip(12), SERVICE_PORTS[protocol], refused(protocol)),
      of('node port', 'near', protocol, at.node, NODE_PORTS[protocol], masqueraded),
      of('node port with policy Local', 'near', protocol, at.node, NODE_PORTS[protocol] + 1, local('near')),
    ]),
    tcp('cluster IP', 'node', ip(10), 80, masqueraded),
    // The pod that reaches itself is masqueraded, or it would take the answer for its own.
    tcp('cluster IP', 'web', ip(10), 80, [
      masqueradeAll ? `away saw ${at.node}` : `away saw ${at.web}`,
      `web saw ${at.gateway}`,
    ]),
    tcp('node port', 'box', at.node, NODE_PORTS.tcp, masqueraded),
    tcp('node port', 'node', at.node, NODE_PORTS.tcp, masqueraded),
    of('node port of TCP', 'near', 'udp', at.node, NODE_PORTS.tcp, REFUSED),
    tcp('external IP', 'near', out(30), 80, masqueraded),
    tcp('external IP', 'box', out(30), 80, masqueraded),
    tcp('other port of an external IP', 'near', out(30), 999, REFUSED),
    tcp('external IP with policy Local', 'near', out(31), 80, classic ? masqueradedLocal : local('near')),
    tcp('source ranges', 'near', out(40), 80, masqueraded),
    tcp('source ranges', 'far', out(40), 80, DROPPED),
    tcp('source ranges', 'box', out(40), 80, DROPPED),
    tcp('source ranges without the node', 'node', out(40), 80, DROPPED),
    tcp('source ranges with policy Local', 'near', out(41), 80, local('near')),
    tcp('source ranges with policy Local', 'far', out(41), 80, DROPPED),
    tcp('source ranges with the node', 'node', out(41), 80, [`web saw ${out(41)}`, `web saw ${out(41)}`]),
    tcp('host port at a cluster IP', 'box', ip(10), HOST_PORT, classic ? `node saw ${at.box}` : REFUSED),
    tcp(
      'host port at a load balancer',
      'near',
      out(40),
      HOST_PORT,
      classic ? `node saw ${at.near}` : REFUSED,
    ),
    tcp('host port at the node', 'near', at.node, HOST_PORT, `node saw ${at.near}`),
    of('cluster IP', 'near', 'ping', ip(10), 0, classic ? 'echo' : REFUSED),
    of('node', 'near', 'ping', at.node, 0, 'echo'),
  ];
}

describeKernel(['ipvs', 'ipset', 'rules', 'nft', 'dummy'], 'every kind of packet through a proxier', () => {
  let lab: ProxierLab;
  const servers: SctpServer[] = [];
  beforeAll(async () => {
    lab = await makeProxierLab();
    for (const pod of ['web', 'away'] as const) {
      const addresses = PLACES.map((at) => at[pod]);
      servers.push(await serveSctp(lab.topology.netns(pod).path, pod, POD_PORTS.sctp, addresses));
    }
  }, LONG);
  afterAll(async () => {
    await Promise.all(servers.map((server) => server.stop()));
    await lab.remove();
  });

  const hostOf = (from: From): string => (from === 'near' || from === 'far' ? 'client' : from);
  const textOf = ({ pod, clientAddress, error }: Answer): string => error ?? `${pod} saw ${clientAddress}`;

  /** One address and port: one question after the other, so that backends answer in turn. */
  const ask = async (questions: readonly Case[]): Promise<(readonly [string, Outcome])[]> => {
    const answered: (readonly [string, Outcome])[] = [];
    for (const { title, from, protocol, address, port, count = 2, expected } of questions) {
      const { agent, netns } = lab.topology.host(hostOf(from));
      if (protocol === 'ping') {
        const argv = ['ping', '-c', '1', '-W', '6', address];
        const { stdout, code } = await run(netns.path, argv, { check: false });
        answered.push([title, [code === 0 ? 'echo' : /unreachable/i.test(stdout) ? REFUSED : DROPPED]]);
        continue;
      }
      const at = PLACES.find(({ family }) => (family === 'inet6') === address.includes(':'));
      const localAddress = from === 'near' || from === 'far' ? at?.[from] : undefined;
      const answers = await agent.request(urlOf(protocol === 'udp' ? 'udp' : 'http', address, port), {
        count,
        // An answer may take its time in an emulated machine; what is dropped costs the whole of it.
        timeoutMs: expected.includes(DROPPED) ? 4000 : 60_000,
        ...(localAddress === undefined ? {} : { localAddress }),
      });
      answered.push([title, answers.map(textOf).sort()]);
    }
    return answered;
  };
  /** The same for SCTP: one process for each place, and one after the other. */
  const askAllSctp = async (questions: readonly Case[]): Promise<(readonly [string, Outcome])[]> => {
    const answered: (readonly [string, Outcome])[] = [];
    for (const from of new Set(questions.map((question) => question.from))) {
      const here = questions.filter((question) => question.from === from);
      const targets = here.flatMap(({ address, port, count = 2, expected }) => {
        const at = PLACES.find(({ family }) => (family === 'inet6') === address.includes(':'));
        const seconds = expected.includes(DROPPED) ? 4 : 60;
        return Array.from({ length: count }, () => ({ from: at?.[from] ?? '', address, port, seconds }));
      });
      const texts = (await askSctp(lab.topology.netns(hostOf(from)).path, targets)).values();
      for (const { title, count = 2 } of here) {
        const of = Array.from({ length: count }, () => texts.next().value ?? 'nothing');
        answered.push([title, of.map((text) => text.replace(' ', ' saw ')).sort()]);
      }
    }
    return answered;
  };

  const expectVerdicts = async (all: readonly Case[]): Promise<void> => {
    const byTarget = new Map<string, Case[]>();
    for (const question of all) {
      const { protocol, address, port } = question;
      const key = protocol === 'sctp' ? protocol : `${protocol} ${address} ${port}`;
      byTarget.set(key, [...(byTarget.get(key) ?? []), question]);
    }
    const seen = await Promise.all(
      [...byTarget].map(([key, questions]) => (key === 'sctp' ? askAllSctp(questions) : ask(questions))),
    );
    expect(Object.fromEntries(seen.flat())).toEqual(
      Object.fromEntries(all.map(({ title, expected }) => [title, expected])),
    );
  };

  describe.each([
    { rules: 'iptables', profile: 'current', masqueradeAll: false },
    { rules: 'nft', profile: 'current', masqueradeAll: false },
    { rules: 'nft', profile: 'classic', masqueradeAll: true },
    { rules: 'iptables', profile: 'classic', masqueradeAll: true },
    { rules: 'iptables', profile: 'classic', masqueradeAll: false },
  ] as const)('$rules, $profile profile, masqueradeAll $masqueradeAll', (config) => {
    beforeAll(async () => {
      const report = await lab.proxier(config, SAMPLES).sync();
      expect(report).not.toHaveProperty('error');
      expect(report.apply).toMatchObject({ ok: true, conflicts: [] });
    }, LONG);

    it('passes what is to pass under the right source address, and nothing else', async () => {
      await expectVerdicts(PLACES.flatMap((at) => cases(at, config)));
    });

    it('keeps a client with session affinity with its pod, and another one is not bound by it', async () => {
      const { agent } = lab.topology.host('client');
      for (const at of PLACES) {
        const url = urlOf('http', clusterIP(at.family, 11), 80);
        const [first, ...more] = await agent.request(url, { count: 3, localAddress: at.near });
        expect(['web', 'away']).toContain(first?.pod);
        expect(more.map(({ pod }) => pod)).toEqual([first?.pod, first?.pod]);
        const [other] = await agent.request(url, { localAddress: at.far });
        expect(other?.pod).toBe(first?.pod === 'web' ? 'away' : 'web');
      }
    });
  });

  it('nothing answers when it was taken away', async () => {
    expect(await lab.proxier({ rules: 'iptables' }, SAMPLES).cleanup()).toMatchObject({ ok: true });
    const gone = PLACES.flatMap((at) => cases(at, { rules: 'iptables' }))
      .filter(({ title }) => /tcp: (cluster IP|node port|external IP), from (box|near)/.test(title))
      // The node has a port that nobody listens on, and no way to the other addresses.
      .map((each) => ({
        ...each,
        count: 1,
        expected: [each.title.includes('node port') ? REFUSED : 'ENETUNREACH'],
      }));
    expect(gone).toHaveLength(12);
    await expectVerdicts(gone);
  });
});
