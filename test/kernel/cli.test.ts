import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { text } from 'node:stream/consumers';
import { fileURLToPath } from 'node:url';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { runCli } from '../../src/cli/run.js';
import { openKernel } from '../../src/kernel/open.js';
import type { RenderedState } from '../../src/proxy/index.js';
import { describeKernel } from '../support/backends.js';
import { makeNetns, run, type TestNetns } from '../support/netns.js';

const path = (relative: string): string => fileURLToPath(new URL(`../../${relative}`, import.meta.url));
const SAMPLE = [
  ...['-f', path('examples/cluster.yaml'), '--node-facts', path('examples/node-facts.json')],
  ...['--cluster-cidr', '10.244.0.0/16,fd00:10:244::/48'],
];

interface Run {
  readonly code: number;
  readonly out: string;
  readonly err: string;
}

/** Run the command in this process: a process of its own takes long to start in a virtual machine. */
async function ipvs(...argv: readonly string[]): Promise<Run> {
  let out = '';
  let err = '';
  const code = await runCli(
    argv,
    {
      out: (part) => (out += part),
      err: (part) => (err += part),
      readStdin: () => Promise.resolve(''),
    },
    { openKernel, hostname: () => 'node-a', interfaces: () => [] },
  );
  return { code, out, err };
}

/** Run the command as a user does. */
async function ipvsProcess(...argv: readonly string[]): Promise<Run> {
  const child = spawn(process.execPath, ['--import', 'tsx', path('src/cli/main.ts'), ...argv], {
    stdio: ['ignore', 'pipe', 'pipe'],
    cwd: path('.'),
  });
  const [out, err, [code]] = await Promise.all([
    text(child.stdout),
    text(child.stderr),
    once(child, 'close') as Promise<[number | null]>,
  ]);
  return { code: code ?? -1, out, err };
}

const sorted = (words: Iterable<string>): string[] => [...words].sort();

/** `iptables-save` without remarks, counters, and what exists only because somebody looked. */
function rulesOf(save: string): string[] {
  return save
    .split('\n')
    .filter((line) => /^(?:-A|:[^ ]+ -)/.test(line))
    .map((line) => line.replace(/ \[.*\]$/, ''));
}

describeKernel(['ipvs', 'ipset', 'link', 'rules', 'dummy'], 'the command line on a kernel', () => {
  let netns: TestNetns;
  beforeEach(async () => {
    netns = await makeNetns('cli');
  });
  afterEach(async () => {
    await netns.remove();
  });
  const tool = async (...argv: readonly string[]): Promise<string> => (await netns.run(argv)).stdout;

  /** Everything that this package could have changed, as the tools show it. */
  const everything = async () => ({
    servers: await tool('ipvsadm', '-Sn'),
    sets: sorted((await tool('ipset', 'save')).split('\n')),
    rules: rulesOf(await tool('iptables-save')),
    rules6: rulesOf(await tool('ip6tables-save')),
    addresses: await tool('ip', '-o', 'addr'),
  });

  it('apply does what render says, twice the same, and cleanup takes it away and leaves strangers', async () => {
    // Strangers: a server beside ours at the same address, one by mark, a set and a chain with names like ours.
    await tool('ipvsadm', '-A', '-t', '10.96.0.10:9999', '-s', 'wlc');
    await tool('ipvsadm', '-a', '-t', '10.96.0.10:9999', '-r', '192.0.2.9:9', '-m', '-w', '3');
    await tool('ipvsadm', '-A', '-f', '7', '-s', 'rr');
    await tool('ipset', 'create', 'KUBE-STRANGER', 'hash:ip');
    await tool('iptables', '-t', 'nat', '-N', 'KUBE-STRANGER');
    await tool(
      'iptables',
      '-t',
      'nat',
      '-A',
      'PREROUTING',
      '-p',
      'tcp',
      '--dport',
      '9',
      '-j',
      'KUBE-STRANGER',
    );
    const before = await everything();

    const { families } = JSON.parse((await ipvs('render', ...SAMPLE)).out) as RenderedState;
    const first = await ipvs('apply', ...SAMPLE, '--netns', netns.name);
    expect(first).toMatchObject({ code: 0, err: '' });

    const after = await everything();
    const servers = await ipvs('render', ...SAMPLE, '--format', 'ipvsadm');
    const ours = (line: string): boolean =>
      !line.includes(':9999') && !line.startsWith('-A -f') && line !== '';
    expect(sorted(after.servers.split('\n').filter(ours))).toEqual(
      sorted(servers.out.split('\n').filter(ours)),
    );
    for (const { sets } of families) {
      for (const { name, entries } of sets) {
        const lines = after.sets.filter((line) => line.startsWith(`add ${name} `));
        expect([name, lines]).toEqual([name, sorted(entries.map((entry) => `add ${name} ${entry}`))]);
      }
    }
    for (const [i, { rules, jumps }] of families.entries()) {
      const saved = i === 0 ? after.rules : after.rules6;
      for (const chains of [rules.nat, rules.filter])
        for (const [chain, lines] of Object.entries(chains))
          expect(saved.filter((line) => line.startsWith(`-A ${chain} `))).toEqual(lines);
      for (const { rule } of jumps) expect(saved).toContain(rule);
    }
    const bound = [
      ...(await tool('ip', '-o', 'addr', 'show', 'dev', 'kube-ipvs0')).matchAll(/inet6? (\S+)\/(?:32|128) /g),
    ];
    expect(sorted(bound.map(([, address]) => address ?? ''))).toEqual(
      sorted(families.flatMap(({ boundAddresses }) => boundAddresses)),
    );

    expect(await ipvs('apply', ...SAMPLE, '--netns', netns.name)).toEqual({
      code: 0,
      out: 'nothing was changed\n',
      err: '',
    });
    expect(await everything()).toEqual(after);

    expect(await ipvs('cleanup', '--netns', netns.path)).toMatchObject({ code: 0, err: '' });
    expect(await everything()).toEqual(before);
  });

  it('cleanup reports a set that a stranger’s rule names, and takes it the next time', async () => {
    await ipvs('apply', ...SAMPLE, '--netns', netns.name, '--family', 'ipv4');
    const rule = ['PREROUTING', '-m', 'set', '--match-set', 'KUBE-CLUSTER-IP', 'dst,dst', '-j', 'ACCEPT'];
    await tool('iptables', '-t', 'nat', '-A', ...rule);
    const { code, err } = await ipvs('cleanup', '--netns', netns.name);
    expect(code).toBe(1);
    expect(err).toContain('failed: - set KUBE-CLUSTER-IP');
    expect(await tool('ipset', 'list', '-n')).toBe('KUBE-CLUSTER-IP\n');
    await tool('iptables', '-t', 'nat', '-D', ...rule);
    expect((await ipvs('cleanup', '--netns', netns.name)).code).toBe(0);
    expect(await tool('ipset', 'list', '-n')).toBe('');
  });

  it('apply needs no other address: it works in a fresh namespace whose lo is down', async () => {
    const fresh = `ipvs-cli-down-${process.pid}`;
    await run(undefined, ['ip', 'netns', 'add', fresh]);
    try {
      expect(await ipvs('apply', ...SAMPLE, '--netns', fresh)).toMatchObject({ code: 0, err: '' });
      expect((await ipvs('apply', ...SAMPLE, '--netns', fresh)).out).toBe('nothing was changed\n');
    } finally {
      await run(undefined, ['ip', 'netns', 'delete', fresh]);
    }
  });

  it('names a namespace that does not exist', async () => {
    const { code, err } = await ipvs('list', '--netns', 'no-such-namespace');
    expect(code).toBe(1);
    expect(err).toContain('no-such-namespace');
    expect(err).not.toContain('    at ');
  });

  it('works as a program of its own', async () => {
    await tool('ipvsadm', '-A', '-t', '10.0.0.1:80', '-s', 'rr');
    expect(await ipvsProcess('list', '--netns', netns.name, '--format', 'ipvsadm')).toEqual({
      code: 0,
      out: '-A -t 10.0.0.1:80 -s rr\n',
      err: '',
    });
  });
});
