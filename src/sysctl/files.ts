import { spawn } from 'node:child_process';
import { readFile, writeFile } from 'node:fs/promises';
import { constants } from 'node:os';
import { CommandError } from '../errors.js';

/** What reading or writing one file below /proc/sys came to. */
export type FileOutcome =
  | { readonly text: string }
  | {
      /** Positive. */
      readonly errno: number;
      readonly cause: unknown;
    };

/** Reads and writes files below /proc/sys as some network namespace sees them. */
export interface SysctlFiles {
  read(path: string, signal: AbortSignal | undefined): Promise<FileOutcome>;
  write(path: string, text: string, signal: AbortSignal | undefined): Promise<FileOutcome>;
}

const ROOT = '/proc/sys';

function outcome(err: unknown): FileOutcome {
  if (typeof err === 'object' && err !== null && 'errno' in err && typeof err.errno === 'number')
    return { errno: Math.abs(err.errno), cause: err };
  throw err;
}

/** Files of the namespace of this process. */
export const ownFiles: SysctlFiles = {
  read: async (path, signal) => {
    try {
      return { text: await readFile(`${ROOT}/${path}`, { encoding: 'utf8', ...(signal && { signal }) }) };
    } catch (err) {
      signal?.throwIfAborted();
      return outcome(err);
    }
  },
  write: async (path, text, signal) => {
    try {
      // r+: an entry that does not exist is not to be created, and there is nothing to truncate.
      await writeFile(`${ROOT}/${path}`, text, { flag: 'r+', ...(signal && { signal }) });
      return { text };
    } catch (err) {
      signal?.throwIfAborted();
      return outcome(err);
    }
  },
};

/** The texts of strerror(3) in the C locale for what these files answer; the helper programs print nothing else. */
const MESSAGES: readonly (readonly [text: string, errno: number])[] = [
  ['No such file or directory', constants.errno.ENOENT],
  ['Permission denied', constants.errno.EACCES],
  ['Operation not permitted', constants.errno.EPERM],
  ['Read-only file system', constants.errno.EROFS],
  ['Invalid argument', constants.errno.EINVAL],
  ['Numerical result out of range', constants.errno.ERANGE],
  ['Device or resource busy', constants.errno.EBUSY],
  ['Input/output error', constants.errno.EIO],
];

interface Ended {
  readonly code: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

function start(argv: readonly string[], stdin: string, signal: AbortSignal | undefined): Promise<Ended> {
  return new Promise((resolve, reject) => {
    signal?.throwIfAborted();
    const [program = '', ...args] = argv;
    const child = spawn(program, args, { stdio: 'pipe', env: { ...process.env, LC_ALL: 'C' } });
    let stdout = '';
    let stderr = '';
    child.stdout.setEncoding('utf8').on('data', (chunk: string) => (stdout += chunk));
    child.stderr.setEncoding('utf8').on('data', (chunk: string) => (stderr += chunk));
    child.stdin.on('error', () => undefined);
    child.stdin.end(stdin);
    const abort = (): void => void child.kill('SIGTERM');
    signal?.addEventListener('abort', abort, { once: true });
    child.once('error', (cause) => {
      signal?.removeEventListener('abort', abort);
      reject(
        new CommandError({
          argv,
          stderr: cause.message,
          missing: true,
          hint: 'apt install util-linux coreutils',
          cause,
        }),
      );
    });
    child.once('close', (code) => {
      signal?.removeEventListener('abort', abort);
      if (code === null && signal?.aborted) reject(signal.reason as Error);
      else resolve({ code, stdout, stderr });
    });
  });
}

/**
 * Files of another namespace. /proc/sys/net shows the namespace of the task that looks a name up (net/sysctl_net.c), and JavaScript
 * cannot move a thread of this process into another one; so a short-lived helper does the look-up: `nsenter --net=PATH -- cat FILE`,
 * and `tee FILE` with the value on stdin. No shell is involved. setns(2) needs CAP_SYS_ADMIN.
 */
export function netnsFiles(netnsPath: string): SysctlFiles {
  const helper = async (
    program: 'cat' | 'tee',
    path: string,
    stdin: string,
    signal: AbortSignal | undefined,
  ): Promise<FileOutcome> => {
    const argv = ['nsenter', `--net=${netnsPath}`, '--', program, `${ROOT}/${path}`];
    const { code, stdout, stderr } = await start(argv, stdin, signal);
    if (code === 0) return { text: stdout };
    const failure = new CommandError({ argv, stderr, ...(code === null ? {} : { exitCode: code }) });
    const errno = MESSAGES.find(([text]) => stderr.includes(text))?.[1];
    // What nsenter itself could not do says nothing about the entry.
    if (errno === undefined || !stderr.startsWith(`${program}: `)) throw failure;
    return { errno, cause: failure };
  };
  return {
    read: (path, signal) => helper('cat', path, '', signal),
    write: (path, text, signal) => helper('tee', path, text, signal),
  };
}
