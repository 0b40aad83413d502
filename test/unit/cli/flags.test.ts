import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { runCli } from '../../../src/cli/run.js';
import type { RenderedState } from '../../../src/proxy/index.js';
import { fakeKernel } from '../../../src/testing.js';

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

async function ipvs(...argv: readonly string[]): Promise<{ code: number; out: string; err: string }> {
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
      openKernel: () => Promise.resolve(fakeKernel()),
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

  it('that is missing ends with 1 and its name', async () => {
    const { code, err } = await ipvs('render', ...SAMPLE, '--config', join(folder, 'no.yaml'));
    expect({ code, err }).toEqual({
      code: 1,
      err: `ipvs: cannot read ${join(folder, 'no.yaml')}: there is no such file or directory\n`,
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
    expect((await ipvs('render', '-f', manifest)).code).toBe(0);
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
