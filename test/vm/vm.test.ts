import { spawn } from 'node:child_process';
import { once } from 'node:events';
import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  readdirSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';

/** A folder that only one test knows: helpers of its virtual machine have it in their command lines. */
let folder: string;

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'vm-test-'));
});

afterEach(() => {
  rmSync(folder, { recursive: true, force: true });
});

function start(args: readonly string[], cwd?: string) {
  const child = spawn(resolve('scripts/vm'), args, {
    cwd,
    env: { ...process.env, TMPDIR: folder },
    stdio: ['pipe', 'pipe', 'pipe'],
  });
  const output = { stdout: '', stderr: '' };
  child.stdout.on('data', (data: Buffer) => (output.stdout += data.toString()));
  child.stderr.on('data', (data: Buffer) => (output.stderr += data.toString()));
  return { child, output, closed: once(child, 'close') as Promise<[number | null, NodeJS.Signals | null]> };
}

async function run(args: readonly string[], { input = '', cwd }: { input?: string; cwd?: string } = {}) {
  const { child, output, closed } = start(args, cwd);
  child.stdin.end(input);
  const [status] = await closed;
  return { status, ...output };
}

/** Names of the programs that still run for this test. */
function helpers(): string[] {
  return readdirSync('/proc')
    .filter((name) => /^\d+$/.test(name) && Number(name) !== process.pid)
    .map((pid) => {
      try {
        return readFileSync(`/proc/${pid}/cmdline`, 'utf8');
      } catch {
        return ''; // gone meanwhile
      }
    })
    .filter((command) => command.includes(folder))
    .map((command) => command.split('\0')[0] ?? '');
}

async function until(condition: () => boolean): Promise<void> {
  while (!condition()) await sleep(20);
}

describe('scripts/vm', () => {
  it('passes arguments, input, both outputs and the exit status', async () => {
    const script = 'cat; printf "[%s]" "$@"; echo complaint >&2; exit 7';

    const result = await run(['--', 'sh', '-c', script, 'sh', "it's", 'a  b', '$HOME'], {
      input: 'input\n',
    });

    expect(result).toEqual({ status: 7, stdout: "input\n[it's][a  b][$HOME]", stderr: 'complaint\n' });
  });

  it('is root over the same folder, with IPVS, sets and links loaded on demand', async () => {
    const script = `set -e; pwd; id -u; ipvsadm -Ln | head -n 1; ip link add d0 type dummy
      ipset create s hash:ip,port; nft list ruleset; iptables-save >/dev/null; ip netns add blue; ip netns`;

    const { status, stdout, stderr } = await run(['sh', '-c', script]);

    expect(stderr).toBe('');
    expect(status).toBe(0);
    expect(stdout).toMatch(/^(.*)\n0\nIP Virtual Server version .*\nblue\n$/);
    expect(stdout.split('\n')[0]).toBe(process.cwd());
  });

  it('lets nothing but the folder for results reach the host', async () => {
    const out = join(folder, 'out');
    const victim = join(folder, 'victim');
    const tree = join(folder, 'tree');
    mkdirSync(tree);
    writeFileSync(join(tree, 'precious'), '');
    const script = `echo kept >$IPVS_VM_OUT/result; echo lost >${victim}; echo lost >lost; rm precious; ls`;

    const result = await run(['--out', out, 'sh', '-c', script], { cwd: tree });

    expect(result).toMatchObject({ status: 0, stdout: 'lost\n' });
    expect(readFileSync(join(out, 'result'), 'utf8')).toBe('kept\n');
    expect(existsSync(victim)).toBe(false);
    expect(readdirSync(tree)).toEqual(['precious']);
  });

  it('passes more output than any pipe holds', async () => {
    const { stdout } = await run(['seq', '1', '200000']);

    expect(stdout.length).toBe(1288895);
    expect(stdout.endsWith('\n199999\n200000\n')).toBe(true);
  });

  it('ends a command at its time limit', async () => {
    const { status, stdout, stderr } = await run(['--timeout', '2', 'sh', '-c', 'echo begun; sleep 600']);

    expect({ status, stdout }).toEqual({ status: 124, stdout: 'begun\n' });
    expect(stderr).toContain('longer than 2 s');
    expect(helpers()).toEqual([]);
  });

  it('ends without waiting for what the command left running', async () => {
    const { status, stdout } = await run(['sh', '-c', 'sleep 600 & echo done']);

    expect({ status, stdout }).toEqual({ status: 0, stdout: 'done\n' });
  });

  it('shows the console when the guest does not come up', async () => {
    const { status, stderr } = await run(['--emulate', '--boot-timeout', '1', 'true']);

    expect(status).toBe(125);
    expect(stderr).toContain('not ready after 1 s');
  });

  it.each(['SIGTERM', 'SIGINT', 'SIGKILL'] as const)('leaves no process behind after %s', async (signal) => {
    const { child, output, closed } = start(['sh', '-c', 'echo begun; sleep 600']);
    await until(() => output.stdout === 'begun\n');
    expect(helpers().join()).toMatch(/virtiofsd.*qemu|qemu.*virtiofsd/);

    child.kill(signal);
    const ended = await closed;
    await until(() => helpers().length === 0);

    const status = { SIGTERM: 143, SIGINT: 130, SIGKILL: null }[signal];
    expect(ended).toEqual([status, signal === 'SIGKILL' ? signal : null]);
  });

  it('refuses unknown options and kernels', async () => {
    const [option, kernel] = await Promise.all([
      run(['--bogus']),
      run(['--kernel', '/nowhere/vmlinuz', 'true']),
    ]);

    expect(option).toMatchObject({ status: 2, stderr: expect.stringContaining('--bogus') as string });
    expect(kernel).toMatchObject({
      status: 125,
      stderr: expect.stringContaining('/nowhere/vmlinuz') as string,
    });
  });
});
