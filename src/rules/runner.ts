import { spawn } from 'node:child_process';
import { CommandError } from '../errors.js';

/** What goes into a program, besides its arguments. */
export interface RunnerOptions {
  /** Default: nothing, closed at once. */
  readonly stdin?: string;
  /** Ends the program and rejects with the signal's reason. */
  readonly signal?: AbortSignal;
}

/** What came out of a program that ended by itself. */
export interface RunnerResult {
  /** Not 0 means that it refused; that is for the caller to judge. */
  readonly exitCode: number;
  readonly stdout: string;
  readonly stderr: string;
}

/** Runs helper programs. The real one starts processes, the fake answers from memory. */
export interface Runner {
  /**
   * Run a program by argument vector; no shell ever sees it.
   * @throws CommandError when the program is missing, cannot be started or dies of a signal.
   */
  run(argv: readonly string[], options?: RunnerOptions): Promise<RunnerResult>;
}

/** Where programs run. */
export interface CreateRunnerOptions {
  /** File of a network namespace. Default: the namespace of this process. */
  readonly netnsPath?: string | undefined;
}

/** What to install for a program that is missing, by its Debian package. */
function remedy(program: string): string | undefined {
  if (/^ip6?tables/.test(program)) return 'apt install iptables';
  if (program === 'nft') return 'apt install nftables';
  if (program === 'nsenter') return 'apt install util-linux';
  return undefined;
}

function missing(argv: readonly string[], program: string, stderr: string, cause?: unknown): CommandError {
  const hint = remedy(program);
  return new CommandError({
    argv,
    stderr,
    missing: true,
    ...(hint === undefined ? {} : { hint }),
    ...(cause === undefined ? {} : { cause }),
  });
}

const isNoEntry = (err: unknown): boolean =>
  typeof err === 'object' && err !== null && 'code' in err && err.code === 'ENOENT';

/** The tools live in sbin, which is not on everybody's PATH; messages are read, so they come in English. */
function environment(): NodeJS.ProcessEnv {
  return { ...process.env, PATH: `${process.env['PATH'] ?? '/usr/bin:/bin'}:/usr/sbin:/sbin`, LC_ALL: 'C' };
}

/**
 * A runner that starts processes, in another network namespace through `nsenter --net=PATH -- …` (setns(2) needs CAP_SYS_ADMIN).
 * nsenter enters only the network namespace: programs see the same files, and the same /run/xtables.lock, as this process.
 */
export function createRunner(options: CreateRunnerOptions = {}): Runner {
  const { netnsPath } = options;
  return {
    run: (argv, { stdin = '', signal } = {}) =>
      new Promise((resolve, reject) => {
        signal?.throwIfAborted();
        const executed = netnsPath === undefined ? argv : ['nsenter', `--net=${netnsPath}`, '--', ...argv];
        const [program = '', ...args] = executed;
        const child = spawn(program, args, { stdio: 'pipe', env: environment() });
        const out: Buffer[] = [];
        const err: Buffer[] = [];
        child.stdout.on('data', (chunk: Buffer) => out.push(chunk));
        child.stderr.on('data', (chunk: Buffer) => err.push(chunk));
        // A program that ends before it has read its input says why on stderr; EPIPE adds nothing.
        child.stdin.on('error', () => undefined);
        child.stdin.end(stdin);
        const abort = (): void => void child.kill('SIGTERM');
        signal?.addEventListener('abort', abort, { once: true });

        child.once('error', (cause) => {
          signal?.removeEventListener('abort', abort);
          if (isNoEntry(cause)) reject(missing(executed, program, '', cause));
          else reject(new CommandError({ argv: executed, stderr: cause.message, cause }));
        });
        child.once('close', (code, killedBy) => {
          signal?.removeEventListener('abort', abort);
          const stdout = Buffer.concat(out).toString();
          const stderr = Buffer.concat(err).toString();
          if (code === null) {
            if (signal?.aborted) reject(signal.reason as Error);
            else
              reject(new CommandError({ argv: executed, stderr: `${stderr}ended by ${String(killedBy)}` }));
          } else if (netnsPath !== undefined && stderr.startsWith('nsenter: ')) {
            // 127: nsenter went in and found no such program. Otherwise it could not go in.
            if (code === 127) reject(missing(executed, argv[0] ?? '', stderr));
            else reject(new CommandError({ argv: executed, exitCode: code, stderr }));
          } else {
            resolve({ exitCode: code, stdout, stderr });
          }
        });
      }),
  };
}

/**
 * The error for a program that refused, with the line of its input that it complained about: `line 3 failed`, `line 3: CHAIN_DEL
 * failed` (iptables-restore while committing), `Error occurred at line: 3` (while reading) and `/dev/stdin:3:5-9: Error` (nft).
 */
export function commandError(
  argv: readonly string[],
  result: RunnerResult,
  stdin = '',
  /** What was changed for good before a line of the input. */
  committedBefore?: (line: number | undefined) => readonly string[] | undefined,
): CommandError {
  const { exitCode, stderr } = result;
  const found = /(?:\bline:? |^\/dev\/stdin:)(\d+)\b/m.exec(stderr)?.[1];
  const line = found === undefined ? undefined : Number(found);
  const lineText = line === undefined ? undefined : stdin.split('\n')[line - 1];
  const [, from, to] = /^\/dev\/stdin:\d+:(\d+)-(\d+):/m.exec(stderr) ?? [];
  const refused =
    from === undefined || to === undefined ? '' : (lineText?.slice(Number(from) - 1, Number(to)) ?? '');
  const hint = hintFor(stderr);
  const committed = committedBefore?.(line);
  return new CommandError({
    argv,
    exitCode,
    stderr,
    ...(committed === undefined ? {} : { committed }),
    ...(line === undefined || lineText === undefined ? {} : { line, lineText }),
    ...(refused === '' ? {} : { refused }),
    ...(hint === undefined ? {} : { hint }),
  });
}

function hintFor(stderr: string): string | undefined {
  const set = /Set (\S+) doesn't exist/.exec(stderr)?.[1];
  if (set !== undefined) return `create the set ${set} before the rules that name it`;
  if (/Permission denied|you must be root|Operation not permitted/.test(stderr)) {
    return 'needs CAP_NET_ADMIN and CAP_NET_RAW in the user namespace that owns the network namespace';
  }
  const extension = /Extension (\S+) revision \d+ not supported/.exec(stderr)?.[1];
  if (extension !== undefined) return `the kernel module is missing: modprobe xt_${extension}`;
  return nftHintFor(stderr);
}

function nftHintFor(stderr: string): string | undefined {
  if (/^\/dev\/stdin:.*Error: syntax error/m.test(stderr))
    return 'this nft may be too old for these words; 1.0.6 and 1.1.3 are known to take them (nft --version)';
  if (stderr.includes('JSON support not compiled'))
    return 'an nft that was built with JSON support is needed';
  if (
    /Unable to initialize Netlink socket|(cache initialization failed|generation id): Invalid argument/.test(
      stderr,
    )
  )
    return 'the kernel has no nf_tables: modprobe nf_tables, or use iptables';
  return undefined;
}
