import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';

/** A helper process whose life is tied to ours. */
export interface Child {
  readonly name: string;
  readonly process: ChildProcess;
  /** What it wrote to standard error so far. */
  readonly complaints: () => string;
  /** Settles when it is gone, with how it went. */
  readonly gone: Promise<string>;
}

/**
 * Starts a helper that cannot outlive us: the kernel kills it when this process ends, however that
 * happens (setpriv --pdeathsig). It has a session of its own, so that Ctrl-C reaches only us.
 */
export function startChild(name: string, command: string, args: readonly string[]): Child {
  const child = spawn('setpriv', ['--pdeathsig', 'KILL', command, ...args], {
    stdio: ['ignore', 'pipe', 'pipe'],
    detached: true,
  });
  let complaints = '';
  const note = (data: Buffer): void => {
    complaints = `${complaints}${data.toString()}`.slice(-8192);
  };
  child.stdout.on('data', note);
  child.stderr.on('data', note);
  const gone = new Promise<string>((resolve) => {
    child.on('error', (error) => resolve(error.message));
    child.on('close', (code, signal) => resolve(signal ?? `exit status ${code}`));
  });
  return { name, process: child, complaints: () => complaints.trim(), gone };
}

/** Ends a helper and waits until it is gone. */
export async function endChild(child: Child): Promise<void> {
  if (
    child.process.exitCode === null &&
    child.process.signalCode === null &&
    child.process.pid !== undefined
  ) {
    child.process.kill('SIGKILL');
    await once(child.process, 'exit');
  }
}
