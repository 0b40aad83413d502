import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { runCli } from '../../../src/cli/run.js';
import { AddonUnavailableError, CommandError } from '../../../src/errors.js';
import type { Kernel, KernelOptions } from '../../../src/kernel/types.js';
import type { RenderedState } from '../../../src/proxy/index.js';
import { type FakeKernel, fakeKernel } from '../../../src/testing.js';

const example = (name: string): string =>
  fileURLToPath(new URL(`../../../examples/${name}`, import.meta.url));
const CLUSTER = ['-f', example('cluster.yaml')];
const NODE = ['--node-facts', example('node-facts.json')];
const SAMPLE = [...CLUSTER, ...NODE, '--cluster-cidr', '10.244.0.0/16'];

let kernel: FakeKernel;
let folder: string;
beforeEach(async () => {
  kernel = fakeKernel();
  folder = await mkdtemp(join(tmpdir(), 'ipvs-cli-'));
});
afterEach(async () => {
  await rm(folder, { recursive: true });
});

interface Run {
  readonly code: number;
  readonly out: string;
  readonly err: string;
}

/** Run the command against the fake, which survives the command's closing it. */
async function ipvs(
  argv: readonly string[],
  setting: { stdin?: string; kernel?: Kernel } = {},
): Promise<Run> {
  let out = '';
  let err = '';
  const code = await runCli(
    argv,
    {
      out: (text) => (out += text),
      err: (text) => (err += text),
      readStdin: () => Promise.resolve(setting.stdin ?? ''),
    },
    {
      openKernel: () =>
        Promise.resolve(
          Object.assign(Object.create(setting.kernel ?? kernel) as Kernel, {
            close: () => Promise.resolve(),
          }),
        ),
      hostname: () => 'node-a',
      interfaces: () => [{ name: 'eth0', addresses: ['192.0.2.11'] }],
    },
  );
  return { code, out, err };
}

/** A manifest in a file of its own. */
async function manifest(text: string, name = 'm.yaml'): Promise<string> {
  const file = join(folder, name);
  await writeFile(file, text);
  return file;
}

const service = (name: string, more = ''): string =>
  `apiVersion: v1\nkind: Service\nmetadata: { name: ${name} }\nspec: { clusterIP: 10.96.0.10, ports: [{ port: 80 ${more}}] }\n`;

describe('ipvs render', () => {
  it('prints the whole state as JSON and touches no kernel', async () => {
    const before = kernel.dump();
    const { code, out, err } = await ipvs(['render', ...SAMPLE]);
    const { families } = JSON.parse(out) as RenderedState;
    expect({ code, err, families: families.map(({ family }) => family) }).toEqual({
      code: 0,
      err: '',
      families: ['ipv4', 'ipv6'],
    });
    expect(kernel.dump()).toBe(before);
  });

  it.each([
    ['ipvsadm', '-A -t 10.96.0.50:80 -s rr -p 600'],
    ['ipset', 'add KUBE-CLUSTER-IP 10.96.0.10,tcp:80'],
    ['iptables-restore', '-A KUBE-MARK-MASQ -j MARK --set-xmark 0x4000/0x4000'],
    ['nft', 'add rule ip kube-ipvs nat-KUBE-MARK-MASQ meta mark set meta mark | 0x4000'],
    ['nft', 'add rule ip6 kube-ipvs nat-KUBE-MARK-MASQ meta mark set meta mark | 0x4000'],
  ])('prints what the tools read: %s', async (format, line) => {
    const { out } = await ipvs(['render', ...SAMPLE, '--format', format]);
    expect(out.split('\n')).toContain(line);
  });

  it('prints one family, fit for the tool of that family, or both with remarks', async () => {
    const one = await ipvs(['render', ...SAMPLE, '--format', 'iptables-restore', '--family', 'ipv6']);
    expect(one.out).toMatch(/^\*nat\n/);
    expect(one.out).toContain('KUBE-6-LOOP-BACK');
    const both = await ipvs(['render', ...SAMPLE, '--format', 'iptables-restore']);
    expect(both.out).toMatch(/^# iptables-restore --noflush\n\*nat/);
    expect(both.out).toContain('\n# ip6tables-restore --noflush\n*nat');
  });

  it('takes kube-proxy’s flags', async () => {
    const { out } = await ipvs([
      ...[
        'render',
        ...CLUSTER,
        ...NODE,
        '--family',
        'ipv4',
        '--masquerade-all',
        '--iptables-masquerade-bit',
        '5',
      ],
      ...['--ipvs-scheduler', 'sh', '--nodeport-addresses', 'primary', '--ipvs-strict-arp'],
    ]);
    const family = (JSON.parse(out) as RenderedState).families[0];
    expect(family?.rules.nat['KUBE-SERVICES']).toContain(
      '-A KUBE-SERVICES -m set --match-set KUBE-CLUSTER-IP dst,dst -j KUBE-MARK-MASQ',
    );
    expect(family?.rules.nat['KUBE-MARK-MASQ']).toEqual(['-A KUBE-MARK-MASQ -j MARK --set-xmark 0x20/0x20']);
    expect(family?.virtualServers.every(({ scheduler }) => scheduler === 'sh')).toBe(true);
    expect(family?.virtualServers.some(({ address }) => address === '10.244.1.1')).toBe(false);
    expect(family?.sysctls).toMatchObject({ 'net/ipv4/conf/all/arp_ignore': '1' });
  });

  it('decides what is local by --hostname-override, else by the node facts, else by the host name', async () => {
    const loopback = async (...argv: string[]) => {
      const { out } = await ipvs(['render', ...CLUSTER, '--format', 'ipset', ...argv]);
      return out.split('\n').filter((line) => line.startsWith('add KUBE-LOOP-BACK')).length;
    };
    expect(await loopback()).toBe(4);
    expect(await loopback(...NODE)).toBe(4);
    expect(await loopback(...NODE, '--hostname-override', 'node-b')).toBe(2);
    expect(await loopback('--hostname-override', 'node-x')).toBe(0);
  });
});

describe('-f', () => {
  it('takes files, directories and standard input, several of them', async () => {
    await mkdir(join(folder, 'd'));
    await writeFile(join(folder, 'd', 'a.yml'), service('a'));
    await writeFile(
      join(folder, 'd', 'b.json'),
      JSON.stringify({ apiVersion: 'v1', kind: 'List', items: [] }),
    );
    await writeFile(join(folder, 'd', 'notes.txt'), 'not a manifest: [');
    await mkdir(join(folder, 'd', 'folder.yaml'));
    const file = await manifest(service('c').replace('10.96.0.10', '10.96.0.12'));
    const stdin = service('d').replace('10.96.0.10', '10.96.0.13');
    const { code, out, err } = await ipvs(
      ['render', '-f', join(folder, 'd'), '-f', file, '-f', '-', '--format', 'ipvsadm'],
      { stdin },
    );
    expect({ code, err }).toEqual({ code: 0, err: '' });
    expect(out.match(/^-A .*/gm)).toEqual([
      '-A -t 10.96.0.10:80 -s rr',
      '-A -t 10.96.0.12:80 -s rr',
      '-A -t 10.96.0.13:80 -s rr',
    ]);
  });
});

describe('ipvs apply', () => {
  it('programs the kernel, says what it did, and the second time changes nothing', async () => {
    const first = await ipvs(['apply', ...SAMPLE]);
    expect(first).toMatchObject({ code: 0, err: '' });
    expect(first.out).toContain('14 virtual servers');
    expect(first.out).toContain('net/ipv4/vs/conntrack: 0 -> 1');
    expect(await ipvs(['apply', ...SAMPLE])).toEqual({ code: 0, out: 'nothing was changed\n', err: '' });
  });

  it('leaves the kernel as render says', async () => {
    await ipvs(['apply', ...SAMPLE]);
    const rendered = await ipvs(['render', ...SAMPLE, '--format', 'ipvsadm']);
    expect((await ipvs(['list', '--format', 'ipvsadm'])).out).toBe(rendered.out);
  });

  it('takes away what the manifests no longer hold', async () => {
    await ipvs(['apply', ...SAMPLE]);
    const file = await manifest(service('web'));
    await ipvs(['apply', '-f', file, ...NODE]);
    expect((await ipvs(['list', '--format', 'ipvsadm'])).out).toBe('-A -t 10.96.0.10:80 -s rr\n');
  });

  it('prints the report as JSON', async () => {
    const { out } = await ipvs(['apply', ...SAMPLE, '--json']);
    expect(JSON.parse(out)).toMatchObject({ ok: true, failed: 0 });
  });

  it('names a conflict, does the rest, and ends with 1', async () => {
    await kernel.ipvs.add('tcp://10.96.0.10:80', { scheduler: 'wlc' });
    const { code, err } = await ipvs(['apply', ...SAMPLE]);
    expect(code).toBe(1);
    expect(err).toContain('conflict: virtual server tcp://10.96.0.10:80: it exists');
    expect(err).toContain('--adopt');
    expect(await kernel.ipvs.list()).toHaveLength(14);
    expect((await ipvs(['apply', ...SAMPLE, '--adopt'])).code).toBe(0);
  });

  it('prints what failed, why, and what that kept from being done', async () => {
    const rules: Kernel['rules'] = {
      read: (...args) => kernel.rules.read(...args),
      check: (...args) => kernel.rules.check(...args),
      save: (...args) => kernel.rules.save(...args),
      features: (...args) => kernel.rules.features(...args),
      apply: () =>
        Promise.reject(
          new CommandError({
            argv: ['iptables-restore'],
            stderr: '',
            missing: true,
            hint: 'apt install iptables',
          }),
        ),
    };
    const broken = Object.assign(Object.create(kernel) as Kernel, { rules });
    const { code, err } = await ipvs(['apply', ...SAMPLE, '--family', 'ipv4'], { kernel: broken });
    expect(code).toBe(1);
    expect(err).toContain('failed: ~ rules inet');
    expect(err).toContain('apt install iptables');
    expect(err).toContain('skipped: + virtual server tcp://10.96.0.10:80');
    expect(err).toMatch(/ipvs: incomplete: \d+ done, 1 failed, \d+ skipped, 0 conflicts\n$/);
  });
});

describe('ipvs plan', () => {
  it('prints one line per operation and changes nothing', async () => {
    const before = await kernel.ipset.list();
    const { code, out } = await ipvs(['plan', ...SAMPLE]);
    expect(code).toBe(0);
    expect(out.split('\n')).toContain('+ virtual server tcp://10.96.0.10:80 rr');
    expect(await kernel.ipset.list()).toEqual(before);
    expect(await kernel.ipvs.list()).toEqual([]);
  });

  it('says so when there is nothing to do', async () => {
    await ipvs(['apply', ...SAMPLE]);
    expect((await ipvs(['plan', ...SAMPLE])).out).toBe('nothing to do\n');
    expect(JSON.parse((await ipvs(['plan', ...SAMPLE, '--json'])).out)).toEqual({
      operations: [],
      conflicts: [],
      draining: [],
    });
  });
});

describe('ipvs list', () => {
  beforeEach(async () => {
    const web = await kernel.ipvs.add('tcp://10.0.0.1:80', {
      scheduler: 'sh',
      persistence: { timeout: 300 },
    });
    await web.add({ address: '10.0.0.2', port: 8080, weight: 50 });
    await kernel.ipvs.add('tcp://[2001:db8::1]:80');
  });

  it('prints a table', async () => {
    expect((await ipvs(['list'])).out).toBe(
      [
        'SERVER                  SCHEDULER / FORWARDING  WEIGHT  ACTIVE  INACTIVE  CONNECTIONS',
        'tcp://10.0.0.1:80       sh persistent 300s                                          0',
        '  -> 10.0.0.2:8080      masq                        50       0         0            0',
        'tcp://[2001:db8::1]:80  wlc                                                         0',
        '',
      ].join('\n'),
    );
  });

  it('prints JSON, one family if wished', async () => {
    const servers: unknown = JSON.parse((await ipvs(['list', '--json', '--family', 'ipv4'])).out);
    expect(servers).toMatchObject([
      { url: 'tcp://10.0.0.1:80', persistence: { timeout: 300 }, realServers: [{ weight: 50 }] },
    ]);
  });
});

describe('ipvs cleanup', () => {
  it('removes what apply made and nothing else', async () => {
    await kernel.ipvs.add('tcp://192.0.2.200:80');
    await ipvs(['apply', ...SAMPLE]);
    const { code, out } = await ipvs(['cleanup']);
    expect({ code, out }).toMatchObject({
      code: 0,
      out: expect.stringContaining('14 virtual servers') as string,
    });
    expect((await kernel.ipvs.list()).map(({ url }) => url)).toEqual(['tcp://192.0.2.200:80']);
    expect(await kernel.ipset.list()).toEqual([]);
    expect(await ipvs(['cleanup'])).toMatchObject({ code: 0, out: 'nothing was changed\n' });
  });

  it('shows with --dry-run what it would remove', async () => {
    await ipvs(['apply', ...SAMPLE]);
    const { out } = await ipvs(['cleanup', '--dry-run']);
    expect(out).toContain('- virtual server tcp://10.96.0.10:80');
    expect(await kernel.ipvs.list()).toHaveLength(14);
  });

  it('takes one family only', async () => {
    await ipvs(['apply', ...SAMPLE]);
    await ipvs(['cleanup', '--family', 'ipv4']);
    expect((await kernel.ipvs.list()).map(({ family }) => family)).toEqual(['inet6']);
    expect(await kernel.link.get('kube-ipvs0')).toBeDefined();
    await ipvs(['cleanup', '--family', 'ipv6']);
    expect(await kernel.link.get('kube-ipvs0')).toBeUndefined();
  });
});

describe('bad input', () => {
  it('leaves a bad object out, says where it is, and goes on', async () => {
    const file = await manifest(
      `${service('good')}---\n${service('bad', ', protocol: ICMP').replace('10.96.0.10', '10.96.0.11')}`,
    );
    const { code, out, err } = await ipvs(['render', '-f', file, '--format', 'ipvsadm']);
    expect(code).toBe(0);
    expect(out).toBe('-A -t 10.96.0.10:80 -s rr\n');
    expect(err).toBe(
      `ipvs: ${file}:9: Service default/bad: spec.ports[0].protocol: expected one of TCP, UDP, SCTP, received "ICMP" (left out)\n`,
    );
  });

  it('is an error with --strict, before the kernel is touched', async () => {
    const file = await manifest(service('bad', ', nodePort: 70000'));
    const { code, err } = await ipvs(['apply', '-f', file, '--strict']);
    expect(code).toBe(1);
    expect(err).toBe(
      `ipvs: ${file}:4: Service default/bad: spec.ports[0].nodePort: expected an integer from 0 to 65535, received 70000\n`,
    );
    expect(await kernel.ipset.list()).toEqual([]);
  });

  it('that is no YAML stops even without --strict: services could be lost', async () => {
    await ipvs(['apply', ...SAMPLE]);
    const before = kernel.dump();
    const file = await manifest('kind: [');
    const { code, err } = await ipvs(['apply', ...CLUSTER, '-f', file, ...NODE]);
    expect(code).toBe(1);
    expect(err).toContain(`${file}:1: ${file} document 1: not YAML`);
    expect(err).not.toContain('    at ');
    expect(kernel.dump()).toBe(before);
  });

  it('notes objects of other kinds', async () => {
    const file = await manifest('apiVersion: apps/v1\nkind: Deployment\nmetadata: { name: web }');
    const { code, err } = await ipvs(['render', '-f', file]);
    expect(code).toBe(0);
    expect(err).toBe('ipvs: note: Deployment default/web is left out: kind Deployment is not used\n');
  });

  it.each([
    [
      'a missing file',
      ['render', '-f', '/nonexistent/x.yaml'],
      /^ipvs: cannot read \/nonexistent\/x\.yaml: there is no such file or directory\n$/,
    ],
    [
      'missing node facts',
      ['render', ...CLUSTER, '--node-facts', '/nonexistent'],
      /^ipvs: cannot read \/nonexistent: /,
    ],
    [
      'a malformed network',
      ['render', ...CLUSTER, '--cluster-cidr', '10.0.0.0/99'],
      /^ipvs: --cluster-cidr\[0\]: expected an? network/,
    ],
    [
      'a bit out of range',
      ['render', ...CLUSTER, '--iptables-masquerade-bit', '32'],
      /^ipvs: --iptables-masquerade-bit: expected an integer from 0 to 31, received 32\n$/,
    ],
  ])('ends with 1 and one message: %s', async (_, argv, message) => {
    const { code, out, err } = await ipvs(argv);
    expect({ code, out }).toEqual({ code: 1, out: '' });
    expect(err).toMatch(message);
  });

  it('in node facts is named with file and field', async () => {
    const facts = await manifest('{"name":"a","primaryIPs":["x"]}', 'node.json');
    expect((await ipvs(['render', ...CLUSTER, '--node-facts', facts])).err).toBe(
      `ipvs: ${facts}: primaryIPs[0]: expected an IPv4 or IPv6 address, received "x"\n`,
    );
    const broken = await manifest('{"name":', 'broken.json');
    expect((await ipvs(['render', ...CLUSTER, '--node-facts', broken])).err).toContain(
      `ipvs: ${broken}: expected JSON`,
    );
  });

  it('that is nothing at all, as a program that failed leaves it, takes no service away', async () => {
    await ipvs(['apply', ...SAMPLE]);
    const before = kernel.dump();
    const remarks = await manifest('# nothing yet\n');
    for (const [argv, stdin] of [
      [['-f', '-'], ''],
      [[...CLUSTER, '-f', '-'], '\n'],
      [['-f', remarks], ''],
    ] as const) {
      for (const command of ['apply', 'plan']) {
        const { code, out, err } = await ipvs([command, ...NODE, ...argv], { stdin });
        expect({ code, out }).toEqual({ code: 1, out: '' });
        expect(err).toMatch(/^ipvs: --filename: expected Kubernetes objects, or a List without items/);
      }
    }
    expect(kernel.dump()).toBe(before);
    // What touches no kernel may show it, and who means it says so.
    expect((await ipvs(['render', ...NODE, '-f', remarks])).code).toBe(0);
    expect((await ipvs(['apply', ...NODE, '-f', '-'], { stdin: '[]' })).code).toBe(0);
    expect(await kernel.ipvs.list()).toEqual([]);
    expect((await ipvs(['apply', ...SAMPLE, '-f', remarks])).code).toBe(0);
  });

  it('in an empty directory is not taken for "no services"', async () => {
    const { code, err } = await ipvs(['apply', '-f', folder]);
    expect(code).toBe(1);
    expect(err).toContain(folder);
  });
});

describe('wrong usage', () => {
  it.each([
    ['nothing', []],
    ['an unknown command', ['frobnicate']],
    ['an unknown option', ['list', '--frobnicate']],
    ['no manifests', ['apply']],
    ['an unknown format', ['render', ...CLUSTER, '--format', 'xml']],
    ['an unknown family', ['cleanup', '--family', 'ipx']],
    ['a bit that is no number', ['render', ...CLUSTER, '--iptables-masquerade-bit', 'x']],
    ['an argument too many', ['list', 'extra']],
  ])('ends with 2 and says how to get help: %s', async (_, argv) => {
    const { code, out, err } = await ipvs(argv);
    expect({ code, out }).toEqual({ code: 2, out: '' });
    expect(err).toMatch(/help|Usage/);
  });

  it('is not asking for help, which ends with 0', async () => {
    const { code, out } = await ipvs(['--help']);
    expect(code).toBe(0);
    expect(out).toContain('Usage: ipvs');
    expect((await ipvs(['apply', '--help'])).out).toContain('--cluster-cidr');
  });
});

describe('a kernel that cannot be opened', () => {
  it('ends with 1, the reason and the remedy, without a stack', async () => {
    let err = '';
    const code = await runCli(
      ['list', '--netns', 'blue'],
      { out: () => undefined, err: (text) => (err += text), readStdin: () => Promise.resolve('') },
      {
        openKernel: (options: KernelOptions) =>
          Promise.reject(
            new AddonUnavailableError(`no addon for ${JSON.stringify(options)}`, 'npm rebuild ipvs'),
          ),
        hostname: () => 'x',
        interfaces: () => [],
      },
    );
    expect(code).toBe(1);
    expect(err).toBe('ipvs: no addon for {"netns":"blue"}\n  hint: npm rebuild ipvs\n');
  });
});
