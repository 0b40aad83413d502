import { spawn, spawnSync } from 'node:child_process';
import { constants } from 'node:os';

/**
 * Whether this machine can do without a virtual machine: root in the first user namespace, IPVS
 * answering, and the dummy interface. Tried in a network namespace that is gone afterwards.
 */
export function hostHasIpvs(): boolean {
  if (process.getuid?.() !== 0) return false;
  const path = `${process.env['PATH'] ?? ''}:/usr/sbin:/sbin`;
  const script = 'modprobe -q ip_vs 2>/dev/null; ip link add ipvs-probe type dummy && ipvsadm -Ln';
  const { status } = spawnSync('unshare', ['--net', 'sh', '-c', script], {
    stdio: 'ignore',
    env: { ...process.env, PATH: path },
  });
  return status === 0;
}

/** Runs the command on this kernel and returns its exit status. */
export function runDirectly(
  command: readonly string[],
  out: string | undefined,
  timeoutSeconds: number,
): Promise<number> {
  const [program = 'bash', ...args] = command;
  const environment = out === undefined ? process.env : { ...process.env, IPVS_VM_OUT: out };
  const child = spawn(program, args, { stdio: 'inherit', env: environment });
  let late = false;
  const timer =
    timeoutSeconds > 0
      ? setTimeout(() => {
          late = true;
          child.kill('SIGKILL');
        }, timeoutSeconds * 1000)
      : undefined;
  for (const signal of ['SIGTERM', 'SIGHUP'] as const) process.on(signal, () => child.kill(signal));
  process.on('SIGINT', () => undefined); // the terminal sends it to the command as well
  return new Promise((resolve) => {
    child.on('error', (error) => {
      process.stderr.write(`vm: ${error.message}\n`);
      resolve(127);
    });
    child.on('close', (code, signal) => {
      clearTimeout(timer);
      resolve(late ? 124 : signal === null ? (code ?? 125) : 128 + constants.signals[signal]);
    });
  });
}
