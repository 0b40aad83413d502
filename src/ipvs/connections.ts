import { spawn } from 'node:child_process';
import { createReadStream } from 'node:fs';
import { once } from 'node:events';
import { CommandError, NotFoundError } from '../errors.js';
import type { CallOptions } from '../netlink/types.js';
import { checkOptions } from './objects.js';
import { ConnectionTableReader } from './text/connection-table.js';
import type { Connection } from './types.js';

/** Where the text of the connection table comes from, in pieces that may end anywhere. */
export type ConnectionSource = (options: CallOptions) => AsyncIterable<string>;

const FILE = '/proc/net/ip_vs_conn';

/** The connections of a source. */
export async function* readConnections(
  source: ConnectionSource,
  options: CallOptions = {},
): AsyncIterable<Connection> {
  checkOptions(options);
  options.signal?.throwIfAborted();
  const reader = new ConnectionTableReader();
  for await (const text of source(options)) {
    options.signal?.throwIfAborted();
    yield* reader.push(text);
  }
  yield* reader.end();
}

/** The table of one network namespace: of this process, when no path is given, else of the namespace behind the path. */
export function connectionSource(netnsPath: string | undefined): ConnectionSource {
  return netnsPath === undefined ? readOwn : (options) => readOther(netnsPath, options);
}

function absent(cause: unknown): NotFoundError {
  return new NotFoundError({
    code: 'ENOENT',
    errno: -2,
    operation: 'ipvs.connections',
    target: FILE,
    meaning: 'the kernel has no connection table',
    hint: 'modprobe ip_vs',
    cause,
  });
}

async function* readOwn(options: CallOptions): AsyncIterable<string> {
  const stream = createReadStream(FILE, { encoding: 'utf8', ...options });
  try {
    for await (const text of stream) yield String(text);
  } catch (err) {
    options.signal?.throwIfAborted();
    throw typeof err === 'object' && err !== null && 'code' in err && err.code === 'ENOENT'
      ? absent(err)
      : err;
  }
}

/**
 * /proc/net is that of the reading process, and JavaScript cannot move a thread of this one into another namespace; so a
 * short-lived helper reads, by argument vector and without a shell.
 */
async function* readOther(netnsPath: string, { signal }: CallOptions): AsyncIterable<string> {
  const argv = ['nsenter', `--net=${netnsPath}`, '--', 'cat', FILE];
  const [program = '', ...args] = argv;
  const child = spawn(program, args, {
    stdio: ['ignore', 'pipe', 'pipe'],
    env: { ...process.env, LC_ALL: 'C' },
  });
  const abort = (): void => void child.kill('SIGTERM');
  signal?.addEventListener('abort', abort, { once: true });
  let stderr = '';
  child.stderr.setEncoding('utf8').on('data', (text: string) => (stderr += text));
  const ended = once(child, 'close') as Promise<[number | null]>;
  // Waited for below; until then a failure to start must not count as unhandled.
  ended.catch(() => undefined);
  try {
    for await (const text of child.stdout.setEncoding('utf8')) yield String(text);
    const [code] = await ended.catch((cause: unknown) => {
      throw new CommandError({
        argv,
        stderr: String(cause),
        missing: true,
        hint: 'apt install util-linux coreutils',
        cause,
      });
    });
    if (code === 0) return;
    signal?.throwIfAborted();
    const failure = new CommandError({ argv, stderr, ...(code === null ? {} : { exitCode: code }) });
    throw stderr.startsWith('cat: ') && stderr.includes('No such file or directory')
      ? absent(failure)
      : failure;
  } finally {
    signal?.removeEventListener('abort', abort);
    // Where the iteration was ended early; the helper reads nothing that matters to anyone else.
    child.kill('SIGTERM');
  }
}
