import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type Child, endChild, startChild } from './child.js';
import { initramfs } from './initramfs.js';
import { jobArchive } from './job.js';
import { type Kernel } from './kernel.js';
import { type Options } from './options.js';
import { type Port, drained, onLine, openPort } from './port.js';
import { type Accelerator, qemuCommand } from './qemu.js';
import { type Share, listening, shareRoot, shareWritable } from './share.js';

/** How a run ended. */
export type Outcome =
  | { readonly kind: 'exit'; readonly status: number }
  | { readonly kind: 'timeout' }
  | { readonly kind: 'interrupted' }
  | { readonly kind: 'failed'; readonly booted: boolean; readonly reason: string; readonly console: string };

/** One run of one command in one virtual machine. */
export interface Run {
  readonly options: Options;
  readonly kernel: Kernel;
  readonly accelerator: Accelerator;
  readonly cwd: string;
  readonly stdin: NodeJS.ReadStream;
  /** Whether standard input is passed on. */
  readonly forwardStdin: boolean;
  readonly stdout: NodeJS.WriteStream;
  readonly stderr: NodeJS.WriteStream;
  /** Ends the run. */
  readonly signal: AbortSignal;
}

/** Boots, runs the command and leaves nothing behind: no process, no file. */
export async function runMachine(run: Run): Promise<Outcome> {
  const work = mkdtempSync(join(tmpdir(), 'ipvs-vm-'));
  const children: Child[] = [];
  const ports: Port[] = [];
  try {
    return await boot(run, work, children, ports);
  } finally {
    for (const port of ports) port.close();
    for (const child of children.reverse()) await endChild(child);
    rmSync(work, { recursive: true, force: true });
  }
}

async function boot(run: Run, work: string, children: Child[], ports: Port[]): Promise<Outcome> {
  const { options, kernel, accelerator } = run;
  const names = options.tty ? ['tty', 'ctl'] : ['out', 'err', 'in', 'ctl'];
  for (const name of names) ports.push(await openPort(work, name));
  const shares = await startShares(options, work, children);

  const initrd = join(work, 'initrd');
  const job = jobArchive({
    options,
    cwd: run.cwd,
    environment: process.env,
    stdin: run.forwardStdin,
    terminal: { rows: run.stdout.rows || 24, columns: run.stdout.columns || 80 },
    modules: join(kernel.root, 'lib/modules'),
    shares: shares.filter(({ tag }) => tag !== 'root'),
  });
  writeFileSync(initrd, Buffer.concat([initramfs(kernel), job]));

  const log = join(work, 'console');
  const { command, args } = qemuCommand({
    accelerator,
    memoryMegabytes: options.memoryMegabytes,
    cpus: options.cpus,
    append: options.append,
    image: kernel.image,
    initrd,
    console: log,
    shares,
    ports,
    verbose: options.verbose,
  });
  const qemu = startChild('qemu', command, args);
  children.push(qemu);
  const outcome = await follow(run, qemu, new Map(ports.map((port) => [port.name, port])));
  if (options.verbose) run.stderr.write(consoleText(log));
  return outcome.kind === 'failed' ? { ...outcome, console: consoleText(log) } : outcome;
}

async function startShares(options: Options, work: string, children: Child[]): Promise<Share[]> {
  const folders = [...options.writable, ...(options.out === undefined ? [] : [options.out])];
  const started = [shareRoot(work), ...folders.map((folder, index) => shareWritable(work, folder, index))];
  children.push(...started.map(({ child }) => child));
  await Promise.all(started.map(({ share, child }) => listening(share, child)));
  return started.map(({ share }) => share);
}

/** Passes data between us and the guest until one of the possible ends. */
function follow(run: Run, qemu: Child, ports: ReadonlyMap<string, Port>): Promise<Outcome> {
  const { options } = run;
  return new Promise<Outcome>((resolve) => {
    let booted = false;
    let ended = false;
    let watchdog: NodeJS.Timeout | undefined;
    const outputs: Promise<void>[] = [];
    const end = (outcome: Outcome): void => {
      if (ended) return;
      ended = true;
      clearTimeout(watchdog);
      // What the guest wrote is in our sockets: with QEMU gone they end once we have passed it on.
      void endChild(qemu)
        .then(() => (outcome.kind === 'interrupted' ? [] : Promise.all(outputs)))
        .then(() => resolve(outcome));
    };
    const fail = (reason: string): void => end({ kind: 'failed', booted, reason, console: '' });

    watchdog = setTimeout(
      () => fail(`the guest was not ready after ${options.bootTimeoutSeconds} s`),
      options.bootTimeoutSeconds * 1000,
    );
    void qemu.gone.then((how) => fail(`QEMU ended (${how}) ${qemu.complaints()}`));
    run.signal.addEventListener('abort', () => end({ kind: 'interrupted' }));

    const output = (name: string, stream: NodeJS.WriteStream): void => {
      void ports.get(name)?.connected.then((socket) => {
        outputs.push(drained(socket));
        socket.on('error', () => undefined);
        socket.pipe(stream, { end: false });
      });
    };
    output('out', run.stdout);
    output('err', run.stderr);
    output('tty', run.stdout);

    const input = ports.get(options.tty ? 'tty' : 'in');
    void ports.get('ctl')?.connected.then((socket) => {
      onLine(socket, (line) => {
        const [word, status] = line.split(' ');
        if (word === 'ready') {
          booted = true;
          clearTimeout(watchdog);
          if (options.timeoutSeconds > 0) {
            watchdog = setTimeout(() => end({ kind: 'timeout' }), options.timeoutSeconds * 1000);
          }
          if (run.forwardStdin) void input?.connected.then((guest) => run.stdin.pipe(guest));
        } else if (word === 'exit') {
          end({ kind: 'exit', status: Number(status) });
        }
      });
    });
  });
}

function consoleText(path: string): string {
  try {
    return readFileSync(path, 'utf8').replaceAll('\r', '');
  } catch {
    return '';
  }
}
