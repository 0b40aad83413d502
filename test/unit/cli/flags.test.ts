import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { runCli } from '../../../src/cli/run.js';
import type { RenderedState } from '../../../src/proxy/index.js';
import type { Kernel } from '../../../src/kernel/types.js';
import { type FakeKernel, fakeKernel } from '../../../src/testing.js';

const example = (name: string): string =>
  fileURLToPath(new URL(`../../../examples/${name}`, import.meta.url));
const SAMPLE = ['-f', example('cluster.yaml'), '--node-facts', example('node-facts.json')];

let folder: string;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'ipvs-flags-'));
});
afterEach(async () => {
  await rm(folder, { recursive: true });
});

interface Run {
  readonly code: number;
  readonly out: string;
  readonly err: string;
}

const ipvs = (...argv: readonly string[]): Promise<Run> => ipvsOn(fakeKernel(), ...argv);

/** Run the command on a fake kernel, which survives the command's closing it. */
async function ipvsOn(kernel: FakeKernel, ...argv: readonly string[]): Promise<Run> {
  let out = '';
  let err = '';
  const code = await runCli(
    argv,
    {
      out: (text) => (out += text),
      err: (text) => (err += text),
      readStdin: () => Promise.resolve(''),
    },
    {
      openKernel: () =>
        Promise.resolve(Object.assign(Object.create(kernel) as Kernel, { close: () => Promise.resolve() })),
      hostname: () => 'node-a',
      interfaces: () => [{ name: 'eth0', addresses: ['192.0.2.11'] }],
    },
  );
  return { code, out, err };
}

const file = async (text: string, name = 'kp.yaml'): Promise<string> => {
  await writeFile(join(folder, name), text);
  return join(folder, name);
};
const configFile = (text: string): Promise<string> =>
  file(`apiVersion: kubeproxy.config.k8s.io/v1alpha1\nkind: KubeProxyConfiguration\n${text}`);

/** IPv4 part of what `render` prints for the sample with these flags. */
async function rendered(...flags: readonly string[]): Promise<RenderedState['families'][number]> {
  const { code, out, err } = await ipvs('render', ...SAMPLE, ...flags);
  expect({ code, err }).toEqual({ code: 0, err: '' });
  const [family] = (JSON.parse(out) as RenderedState).families;
  if (family === undefined) throw new Error('no family');
  return family;
}
/** The rule that marks what goes to cluster IPs. */
const marking = (family: RenderedState['families'][number]): string | undefined =>
  family.rules.nat['KUBE-SERVICES']?.find(
    (rule) => rule.includes('KUBE-CLUSTER-IP') && rule.endsWith('KUBE-MARK-MASQ'),
  );

describe('--version', () => {
  it('prints the version of the package', async () => {
    expect(await ipvs('--version')).toEqual({
      code: 0,
      out: expect.stringMatching(/^\d+\.\d+\.\d+\n$/) as string,
      err: '',
    });
  });
});

describe('--config', () => {
  it('says everything that flags say', async () => {
    const config = await configFile(
      'clusterCIDR: 10.244.0.0/16\nipvs: { scheduler: sh, strictARP: true }\niptables: { masqueradeBit: 5 }\n',
    );
    const byFile = await rendered('--config', config);
    const byFlags = await rendered(
      ...['--cluster-cidr', '10.244.0.0/16', '--ipvs-scheduler', 'sh', '--ipvs-strict-arp'],
      ...['--iptables-masquerade-bit', '5'],
    );
    expect(byFile).toEqual(byFlags);
    expect(byFile.virtualServers[0]?.scheduler).toBe('sh');
  });

  it('gives way to flags, also to switches that are turned off', async () => {
    const config = await configFile(
      'clusterCIDR: 10.0.0.0/8\niptables: { masqueradeAll: true }\nipvs: { scheduler: sh, strictARP: true }\n',
    );
    const family = await rendered(
      ...['--config', config, '--cluster-cidr=10.244.0.0/16', '--masquerade-all=false'],
      ...['--ipvs-scheduler=wlc', '--ipvs-strict-arp=false'],
    );
    expect(marking(family)).toContain('! -s 10.244.0.0/16');
    expect(family.virtualServers[0]?.scheduler).toBe('wlc');
    expect(Object.keys(family.sysctls)).not.toContain('net/ipv4/conf/all/arp_ignore');
  });

  it('names the node, unless a flag does', async () => {
    const config = await configFile('hostnameOverride: NODE-B \n');
    const loopback = async (...flags: string[]) =>
      (await rendered(...flags)).sets.find(({ name }) => name === 'KUBE-LOOP-BACK')?.entries;
    expect(await loopback('--config', config)).toContain('10.244.2.13,tcp:8080,10.244.2.13');
    expect(await loopback('--config', config, '--hostname-override', 'node-a')).not.toContain(
      '10.244.2.13,tcp:8080,10.244.2.13',
    );
  });

  it('says which address is the node’s own, unless a flag does: source ranges and primary go by it', async () => {
    const manifest = await file(
      JSON.stringify({
        apiVersion: 'v1',
        kind: 'Service',
        metadata: { name: 'lb' },
        spec: {
          type: 'LoadBalancer',
          clusterIP: '10.96.0.9',
          loadBalancerSourceRanges: ['192.0.2.64/26'],
          ports: [{ port: 80, nodePort: 30080 }],
        },
        status: { loadBalancer: { ingress: [{ ip: '198.51.100.9' }] } },
      }),
      'lb.json',
    );
    const facts = ['--node-facts', example('node-facts.json'), '--nodeport-addresses', 'primary'];
    const seen = async (...flags: string[]) => {
      const { out } = await ipvs('render', '-f', manifest, ...facts, ...flags);
      const [four] = (JSON.parse(out) as RenderedState).families;
      const own = four?.sets.find(({ name }) => name === 'KUBE-LOAD-BALANCER-SOURCE-IP')?.entries.length;
      return [four?.virtualServers.find(({ port }) => port === 30080)?.address, own];
    };
    const config = await configFile('bindAddress: 192.0.2.99\n');
    expect(await seen()).toEqual(['192.0.2.11', 0]);
    expect(await seen('--config', config)).toEqual(['192.0.2.99', 1]);
    expect(await seen('--config', config, '--bind-address', '192.0.2.98')).toEqual(['192.0.2.98', 1]);
    expect(await seen('--config', config, '--bind-address=0.0.0.0')).toEqual(['192.0.2.11', 0]);
    expect((await ipvs('render', '-f', manifest, '--bind-address', 'here')).err).toMatch(
      /^ipvs: --bind-address: expected an IPv4 or IPv6 address/,
    );
  });

  it.each([
    ['a bad value', 'ipvs: { scheduler: "round robin" }\n', /kp\.yaml: ipvs\.scheduler: expected the name/],
    ['a bad number', 'iptables: { masqueradeBit: 32 }\n', /kp\.yaml: iptables\.masqueradeBit: expected/],
    ['two networks of a family', 'clusterCIDR: 10.0.0.0/8,11.0.0.0/8\n', /kp\.yaml: clusterCIDR: expected/],
    ['a missing bridge', 'detectLocalMode: BridgeInterface\n', /detectLocal\.bridgeInterface: expected/],
    ['a typo', 'ipvs: { sheduler: rr }\n', /kp\.yaml:3: ipvs\.sheduler: expected no such field/],
    ['another mode', 'mode: nftables\n', /kp\.yaml:3: mode: expected ipvs/],
  ])('that is broken ends with 1, file and field: %s', async (_, text, message) => {
    const { code, out, err } = await ipvs('apply', ...SAMPLE, '--config', await configFile(text));
    expect({ code, out }).toEqual({ code: 1, out: '' });
    expect(err).toMatch(message);
  });

  it('that is a directory ends with 1 and its name, as node facts do', async () => {
    for (const flag of ['--config', '--node-facts'])
      expect(await ipvs('render', '-f', example('cluster.yaml'), flag, folder)).toMatchObject({
        code: 1,
        err: `ipvs: cannot read ${folder}: it is a directory\n`,
      });
  });

  it('that is missing ends with 1 and its name', async () => {
    const { code, err } = await ipvs('render', ...SAMPLE, '--config', join(folder, 'no.yaml'));
    expect({ code, err }).toEqual({
      code: 1,
      err: `ipvs: cannot read ${join(folder, 'no.yaml')}: there is no such file or directory\n`,
    });
  });
});

describe('--hostname-override', () => {
  it('that is empty, as an unset variable leaves it, keeps the name that is known', async () => {
    expect(await rendered('--hostname-override', '')).toEqual(await rendered());
  });

  it('that is blank is refused', async () => {
    const { code, err } = await ipvs('render', ...SAMPLE, '--hostname-override', ' ');
    expect({ code, err }).toMatchObject({
      code: 1,
      err: expect.stringMatching(/^ipvs: --hostname-override: expected the name of a node/) as string,
    });
  });
});

describe('how pods are told from others', () => {
  it.each([
    [['--cluster-cidr', '10.244.0.0/16'], '! -s 10.244.0.0/16 '],
    [['--detect-local-mode', 'NodeCIDR'], '! -s 10.244.1.0/24 '],
    [['--detect-local-mode', 'BridgeInterface', '--pod-bridge-interface', 'cni0'], '! -i cni0 '],
    [['--detect-local-mode', 'InterfaceNamePrefix', '--pod-interface-name-prefix', 'veth'], '! -i veth+ '],
  ])('is chosen by flags: %o', async (flags, words) => {
    expect(marking(await rendered(...flags))).toContain(words);
  });

  it('needs the name that goes with the mode', async () => {
    const { code, err } = await ipvs('render', ...SAMPLE, '--detect-local-mode', 'BridgeInterface');
    expect({ code, err }).toMatchObject({
      code: 1,
      err: expect.stringMatching(
        /^ipvs: --pod-bridge-interface: expected the name of an interface/,
      ) as string,
    });
  });

  it('needs the networks of the node for NodeCIDR', async () => {
    const facts = await file('{"name":"node-a"}', 'node.json');
    const { code, err } = await ipvs(
      ...['render', '-f', example('cluster.yaml'), '--node-facts', facts, '--detect-local-mode', 'NodeCIDR'],
    );
    expect({ code, err }).toMatchObject({
      code: 1,
      err: expect.stringContaining('podCIDRs') as string,
    });
  });
});

describe('timeouts', () => {
  it('are durations, and need not all be given', async () => {
    const { code, out } = await ipvs(
      'plan',
      ...SAMPLE,
      '--ipvs-tcp-timeout',
      '20m',
      '--ipvs-udp-timeout=2m30s',
    );
    expect(code).toBe(0);
    expect(out).toMatch(/timeouts .*tcp 1200s.*udp 150s/);
  });

  it('are refused when they are none, by the name of the flag', async () => {
    for (const flag of [
      '--ipvs-tcp-timeout',
      '--ipvs-tcpfin-timeout',
      '--ipvs-udp-timeout',
      '--ipvs-sync-period',
    ]) {
      const { code, err } = await ipvs('render', ...SAMPLE, `${flag}=900`);
      expect({ code, err }).toMatchObject({
        code: 1,
        err: expect.stringContaining(`${flag}: expected`) as string,
      });
    }
  });
});

describe('--family', () => {
  it.each([
    ['ipv4', ['ipv4']],
    ['ipv6', ['ipv6']],
    ['dual', ['ipv4', 'ipv6']],
  ])('%s', async (family, families) => {
    const { out } = await ipvs('render', ...SAMPLE, '--family', family);
    expect((JSON.parse(out) as RenderedState).families.map((f) => f.family)).toEqual(families);
  });
});

describe('--strict', () => {
  const clash =
    'apiVersion: v1\nkind: Service\nmetadata: { name: NAME }\nspec: { clusterIP: 10.96.0.9, ports: [{ port: 80 }] }\n';
  const both = `${clash.replace('NAME', 'a')}---\n${clash.replace('NAME', 'b')}`;

  it('makes an error of what is left out for a reason that somebody should know', async () => {
    const manifest = await file(both, 'm.yaml');
    const lenient = await ipvs('render', '-f', manifest);
    expect({ code: lenient.code, err: lenient.err }).toEqual({
      code: 0,
      err: 'ipvs: note: Service default/b: spec.ports[0]: tcp://10.96.0.9:80 is taken by Service default/a\n',
    });
    const { code, out, err } = await ipvs('render', '-f', manifest, '--strict');
    expect({ code, out }).toEqual({ code: 1, out: '' });
    expect(err).toBe(
      'ipvs: Service default/b: spec.ports[0]: tcp://10.96.0.9:80 is taken by Service default/a\n',
    );
  });

  it('lets pass what by its nature has nothing to program: a headless Service', async () => {
    expect((await ipvs('render', ...SAMPLE, '--strict')).code).toBe(0);
  });
});

describe('plan --exit-code', () => {
  it('ends with 2 when there is something to do, and with 0 when there is not', async () => {
    const kernel = fakeKernel();
    expect((await ipvsOn(kernel, 'plan', ...SAMPLE)).code).toBe(0);
    expect((await ipvsOn(kernel, 'plan', ...SAMPLE, '--exit-code')).code).toBe(2);
    expect((await ipvsOn(kernel, 'apply', ...SAMPLE)).code).toBe(0);
    expect(await ipvsOn(kernel, 'plan', ...SAMPLE, '--exit-code')).toEqual({
      code: 0,
      out: 'nothing to do\n',
      err: expect.any(String) as string,
    });
    expect((await ipvsOn(kernel, 'plan', '-f', 'no-such-file', '--exit-code')).code).toBe(1);
  });
});

describe('--profile current', () => {
  it('is applied whole, is all there afterwards, and goes with cleanup', async () => {
    const kernel = fakeKernel();
    expect((await ipvsOn(kernel, 'apply', ...SAMPLE, '--profile', 'current')).code).toBe(0);
    expect(kernel.dump()).toContain('-A KUBE-IPVS-FILTER ');
    expect((await ipvsOn(kernel, 'plan', ...SAMPLE, '--profile', 'current')).out).toBe('nothing to do\n');
    // The other profile replaces it.
    expect((await ipvsOn(kernel, 'apply', ...SAMPLE)).code).toBe(0);
    expect((await ipvsOn(kernel, 'plan', ...SAMPLE)).out).toBe('nothing to do\n');
    expect((await ipvsOn(kernel, 'cleanup')).code).toBe(0);
    expect(kernel.dump()).not.toMatch(/KUBE|IPVS-|kube-ipvs0|10\.96\./);
  });
});

describe('--rules nft', () => {
  const NFT = [...SAMPLE, '--rules', 'nft', '--profile', 'current'];

  it('is applied whole, is all there afterwards, changes places with iptables, and goes with cleanup', async () => {
    const kernel = fakeKernel();
    const first = await ipvsOn(kernel, 'apply', ...NFT);
    expect(first.code).toBe(0);
    expect(first.out).toContain('2 nft transactions');
    expect(first.err).not.toContain('source ranges'); // xt_ipvs is not asked for
    expect(kernel.dump()).not.toContain('-A KUBE-');
    expect((await ipvsOn(kernel, 'plan', ...NFT)).out).toBe('nothing to do\n');

    expect((await ipvsOn(kernel, 'apply', ...SAMPLE)).code).toBe(0);
    expect(kernel.dump()).not.toContain('nft table');
    expect((await ipvsOn(kernel, 'apply', ...NFT)).code).toBe(0);
    expect(kernel.dump()).not.toContain('-A KUBE-');

    expect((await ipvsOn(kernel, 'cleanup')).code).toBe(0);
    expect(kernel.dump()).not.toMatch(/KUBE|IPVS-|kube-ipvs|10\.96\./);
  });

  it('prints what fits it, and refuses what does not', async () => {
    expect((await ipvs('render', ...NFT, '--format', 'nft')).out).toContain('add table ip kube-ipvs\n');
    expect((await ipvs('render', ...NFT)).code).toBe(0);
    for (const format of ['ipset', 'iptables-restore']) {
      const { code, err, out } = await ipvs('render', ...NFT, '--format', format);
      expect({ code, out }).toEqual({ code: 1, out: '' });
      expect(err).toContain('--format: expected nft');
    }
    expect((await ipvs('render', ...SAMPLE, '--rules', 'iptables', '--format', 'nft')).code).toBe(1);
    expect((await ipvs('render', ...SAMPLE, '--rules', 'ipfw')).code).not.toBe(0);
  });

  it('is explained from a node as from manifests', async () => {
    const kernel = fakeKernel();
    await ipvsOn(kernel, 'apply', ...NFT);
    const from = ['--from', '192.0.2.200', '--in-interface', 'eth0'];
    const question = ['explain', 'tcp://198.51.100.20:80', ...from];
    const live = await ipvsOn(kernel, ...question);
    expect(live).toEqual(await ipvsOn(kernel, ...question, ...NFT));
    await kernel.rules.apply({
      family: 'inet',
      write: [{ table: 'nat', name: 'KUBE-SERVICES', rules: [] }],
      addJumps: [],
      removeJumps: [],
      removeChains: [],
    });
    expect((await ipvsOn(kernel, ...question)).out).toBe(
      `${live.out}note: our chains are in iptables as well, and were not looked at\n`,
    );
    expect(live.out).toMatch(/-> drop\ndropped by filter-[A-Z-]+: .*drop.*\n$/);
  });
});

describe('what is left out of a Service', () => {
  it('is said once when both families say it', async () => {
    const text =
      'apiVersion: v1\nkind: Service\nmetadata: { name: web, annotations: { ipvs.proxy/scheduler-flags: port } }\nspec: { clusterIP: 10.96.0.9, clusterIPs: [10.96.0.9, "fd00::9"], ports: [{ port: 80 }] }\n';
    const { code, err } = await ipvs('render', '-f', await file(text, 'm.yaml'));
    expect({ code, err }).toEqual({
      code: 0,
      err: 'ipvs: note: Service default/web: metadata.annotations.ipvs.proxy/scheduler-flags: the flags are left out: the scheduler rr has none\n',
    });
  });
});

describe('a bad object', () => {
  const good =
    'apiVersion: v1\nkind: Service\nmetadata: { name: good }\nspec: { clusterIP: 10.96.0.9, ports: [{ port: 80 }] }\n';
  const bad =
    'apiVersion: v1\nkind: Service\nmetadata: { name: bad, namespace: shop }\nspec: { clusterIP: 10.96.0.8, ports: [{ port: 99999 }] }\n';

  it('is in `skipped` of every family, with its field and the reason, and hurts no other', async () => {
    const { code, out, err } = await ipvs('render', '-f', await file(`${bad}---\n${good}`, 'm.yaml'));
    const { families } = JSON.parse(out) as RenderedState;
    expect(code).toBe(0);
    expect(err).toContain('m.yaml:4: Service shop/bad: spec.ports[0].port: expected');
    expect(families[0]?.virtualServers.map(({ address }) => address)).toEqual(['10.96.0.9']);
    for (const { skipped } of families)
      expect(skipped).toContainEqual({
        object: 'Service shop/bad',
        path: 'spec.ports[0].port',
        reason: 'expected an integer from 1 to 65535, received 99999',
      });
  });
});

describe('a kind that does not exist', () => {
  const wrong = (kind: string, version = 'v1'): string =>
    `apiVersion: ${version}\nkind: ${kind}\nmetadata: { name: web }\nspec: { clusterIP: 10.96.0.9, ports: [{ port: 80 }] }\n`;

  it.each([
    ['Servcie', 'v1'],
    ['Endpointslice', 'discovery.k8s.io/v1'],
    ['ServiceLists', 'v1'],
  ])('stops everything: %s', async (kind, version) => {
    const manifest = await file(wrong(kind, version), 'm.yaml');
    const kernel = fakeKernel();
    const before = kernel.dump();
    const { code, err } = await ipvsOn(kernel, 'apply', '-f', manifest);
    expect({ code, err }).toMatchObject({
      code: 1,
      err: expect.stringContaining(
        `${manifest}:2: ${kind} default/web: kind: expected a kind of ${version}`,
      ) as string,
    });
    expect(kernel.dump()).toBe(before);
  });

  it('of another group is noted, and an error with --strict', async () => {
    const manifest = await file(wrong('Gadget', 'example.com/v1'), 'm.yaml');
    expect(await ipvs('render', '-f', manifest)).toMatchObject({
      code: 0,
      err: 'ipvs: note: Gadget default/web is left out: kind Gadget is not used\n',
    });
    expect(await ipvs('render', '-f', manifest, '--strict')).toEqual({
      code: 1,
      out: '',
      err: 'ipvs: Gadget default/web: kind Gadget is not used\n',
    });
  });
});

describe('ipvs explain', () => {
  const QUESTION = ['explain', 'tcp://198.51.100.20:80', '--from', '192.0.2.200:40000'];
  const PROGRAM = [...SAMPLE, '--cluster-cidr', '10.244.0.0/16', '--profile', 'current'];

  it('answers for manifests, without a kernel', async () => {
    const { code, out } = await ipvs(...QUESTION, ...PROGRAM);
    expect(code).toBe(0);
    expect(out).toMatch(/^tcp 192\.0\.2\.200:40000 -> 198\.51\.100\.20:80, from outside through eth0\n/);
    expect(out).toMatch(
      /dropped by filter KUBE-SOURCE-RANGES-FIREWALL: -j DROP \(not in KUBE-LOAD-BALANCER-SOURCE-CIDR\)\n$/,
    );
  });

  it('answers the same for the kernel that was programmed with them', async () => {
    const kernel = fakeKernel();
    await ipvsOn(kernel, 'apply', ...PROGRAM);
    for (const from of ['192.0.2.200', '192.0.2.100', '10.244.1.100:5']) {
      for (const to of ['tcp://198.51.100.20:80', 'tcp://10.96.0.10:80', 'udp://10.96.0.53:53']) {
        const json = async (...argv: string[]): Promise<unknown> =>
          JSON.parse((await ipvsOn(kernel, 'explain', to, '--from', from, '--format', 'json', ...argv)).out);
        const live = await json('--in-interface', 'eth0');
        // The fake kernel has no interfaces of its own, by which the address of the node would be known.
        const rendered = await json(...PROGRAM, '--in-interface', 'eth0');
        expect(withoutOwnAddress(live)).toEqual(withoutOwnAddress(rendered));
      }
    }
  });

  it.each([
    ['no port', ['explain', 'tcp://10.96.0.10', '--from', '10.244.1.2', ...SAMPLE], 'destination: expected'],
    [
      'another protocol',
      ['explain', 'http://10.96.0.10:80', '--from', '10.244.1.2', ...SAMPLE],
      'destination: expected',
    ],
    [
      'a firewall mark',
      ['explain', 'fwmark://7', '--from', '10.244.1.2', ...SAMPLE],
      'destination: expected PROTOCOL://ADDRESS:PORT (tcp, udp, sctp; an IPv6 address in brackets), received',
    ],
    [
      'a name for an address',
      ['explain', 'tcp://10.96.0.10:80', '--from', 'cafe', ...SAMPLE],
      '--from: expected',
    ],
    ['two families', ['explain', 'tcp://10.96.0.10:80', '--from', 'fd00::1', ...SAMPLE], '--from: expected'],
  ])('refuses with 1: %s', async (_, argv, message) => {
    const { code, out, err } = await ipvs(...argv);
    expect({ code, out }).toEqual({ code: 1, out: '' });
    expect(err).toContain(message);
  });

  it('needs to know where the packet comes from', async () => {
    expect((await ipvs('explain', 'tcp://10.96.0.10:80', ...SAMPLE)).code).toBe(2);
  });
});

/** Answers without the address of masquerading. */
const withoutOwnAddress = (value: unknown): unknown =>
  JSON.parse(
    JSON.stringify(value, (key, part: unknown) => (key === 'seenAs' || key === 'address' ? undefined : part)),
  );
