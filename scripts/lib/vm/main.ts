import { fstatSync, mkdirSync } from 'node:fs';
import { availableParallelism, constants } from 'node:os';
import { resolve } from 'node:path';
import { hostHasIpvs, runDirectly } from './direct.js';
import { findKernel } from './kernel.js';
import { type Outcome, runMachine } from './machine.js';
import { type Options, UsageError, parseOptions, usage } from './options.js';
import { kvmWorks } from './qemu.js';

const TIMED_OUT = 124;
const FAILED = 125;

function say(text: string): void {
  process.stderr.write(`vm: ${text}\n`);
}

/** Whether standard input has something for the command: a pipe or a file, not a terminal or /dev/null. */
function hasInput(): boolean {
  try {
    const stat = fstatSync(0);
    return stat.isFIFO() || stat.isFile() || stat.isSocket();
  } catch {
    return false;
  }
}

async function runInMachine(options: Options): Promise<number> {
  const kernel = findKernel(options.kernel);
  const abort = new AbortController();
  let received: NodeJS.Signals | undefined;
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) {
    process.on(signal, () => {
      received = signal;
      abort.abort();
    });
  }
  process.stdout.on('error', () => {
    received = 'SIGPIPE';
    abort.abort();
  });

  const terminal = options.tty && process.stdin.isTTY;
  if (terminal) process.stdin.setRawMode(true);
  const start = (accelerator: 'kvm' | 'tcg'): Promise<Outcome> =>
    runMachine({
      options,
      kernel,
      accelerator,
      cwd: process.cwd(),
      stdin: process.stdin,
      forwardStdin: terminal || hasInput(),
      stdout: process.stdout,
      stderr: process.stderr,
      signal: abort.signal,
    });
  try {
    const kvm = !options.emulate && kvmWorks();
    let outcome = await start(kvm ? 'kvm' : 'tcg');
    if (kvm && outcome.kind === 'failed' && !outcome.booted) {
      say(`no guest comes up with KVM (${outcome.reason}), emulating`);
      outcome = await start('tcg');
    }
    return report(outcome, options, received);
  } finally {
    if (terminal) process.stdin.setRawMode(false);
  }
}

function report(outcome: Outcome, options: Options, received: NodeJS.Signals | undefined): number {
  switch (outcome.kind) {
    case 'exit':
      return outcome.status;
    case 'timeout':
      say(`the command ran longer than ${options.timeoutSeconds} s and was ended`);
      return TIMED_OUT;
    case 'interrupted':
      return 128 + constants.signals[received ?? 'SIGTERM'];
    case 'failed':
      say(`${outcome.reason}${outcome.console === '' ? '' : '\nEnd of the kernel console:'}`);
      process.stderr.write(`${outcome.console.split('\n').slice(-60).join('\n')}\n`);
      return FAILED;
  }
}

async function main(): Promise<number> {
  const parsed = parseOptions(process.argv.slice(2), process.cwd(), availableParallelism());
  if (parsed === 'help') {
    process.stdout.write(usage);
    return 0;
  }
  const options = parsed.out === undefined ? parsed : { ...parsed, out: resolve(parsed.out) };
  if (options.out !== undefined) mkdirSync(options.out, { recursive: true });
  if (options.ifNeeded && hostHasIpvs()) {
    return runDirectly(options.command, options.out, options.timeoutSeconds);
  }
  if (process.arch !== 'x64') throw new Error(`virtual machines are for x64 hosts, this is ${process.arch}`);
  if (process.getuid?.() !== 0) {
    throw new Error('the guest reads the whole file system of the host, which takes root: use sudo');
  }
  return runInMachine(options);
}

try {
  process.exit(await main());
} catch (error) {
  say(error instanceof Error ? error.message : String(error));
  process.exit(error instanceof UsageError ? 2 : FAILED);
}
