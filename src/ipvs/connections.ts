import { createReadStream, type ReadStream } from 'node:fs';
import { errnoName, NotFoundError } from '../errors.js';
import { openNamespaceFile } from '../netlink/file.js';
import type { CallOptions } from '../netlink/types.js';
import { parseConnectionFilter } from './connection-filter.js';
import { checkOptions, optionsAt } from './objects.js';
import { ConnectionTableReader } from './text/connection-table.js';
import type { Connection, ConnectionOptions } from './types.js';

/** Where the text of the connection table comes from, in pieces that may end anywhere. */
export type ConnectionSource = (options: CallOptions) => AsyncIterable<string>;

/** Bytes that are read at a time. */
const PIECE = 64 * 1024;

/** The connections of a source that fit the filter. Bad input throws at once. @throws ValidationError */
export function readConnections(
  source: ConnectionSource,
  options: ConnectionOptions = {},
): AsyncIterable<Connection> {
  optionsAt(options, ['signal', 'filter'], 'options', 'options');
  const { filter, ...call } = options;
  checkOptions(call);
  return matching(source, parseConnectionFilter(filter, 'options.filter'), call);
}

async function* matching(
  source: ConnectionSource,
  matches: ((connection: Connection) => boolean) | undefined,
  call: CallOptions,
): AsyncIterable<Connection> {
  call.signal?.throwIfAborted();
  const reader = new ConnectionTableReader();
  const fitting = (connections: readonly Connection[]): readonly Connection[] =>
    matches === undefined ? connections : connections.filter(matches);
  for await (const text of source(call)) {
    call.signal?.throwIfAborted();
    yield* fitting(reader.push(text));
  }
  yield* fitting(reader.end());
}

/**
 * The table of one network namespace: of this process, when no path is given, else of the namespace behind the path, which the native part
 * opens the file in.
 */
export function connectionSource(netnsPath: string | undefined): ConnectionSource {
  return async function* (options) {
    const stream = netnsPath === undefined ? openOwn(options) : await openOther(netnsPath, options);
    try {
      for await (const text of stream) yield String(text);
    } catch (err) {
      options.signal?.throwIfAborted();
      throw isMissing(err) ? absent(err) : err;
    } finally {
      stream.destroy();
    }
  };
}

function openOwn(options: CallOptions): ReadStream {
  return createReadStream('/proc/net/ip_vs_conn', { encoding: 'utf8', highWaterMark: PIECE, ...options });
}

async function openOther(netnsPath: string, { signal }: CallOptions): Promise<ReadStream> {
  const path = '/proc/thread-self/net/ip_vs_conn';
  const file = await openNamespaceFile('ipvs.connections', { netnsPath }, path, 'read');
  if ('errno' in file) throw absent(undefined, file.errno);
  const stream = file.stream(PIECE);
  signal?.addEventListener('abort', () => stream.destroy(), { once: true });
  return stream;
}

function isMissing(err: unknown): boolean {
  return typeof err === 'object' && err !== null && 'code' in err && err.code === 'ENOENT';
}

const ENOENT = -2;

function absent(cause: unknown, errno = ENOENT): NotFoundError {
  return new NotFoundError({
    code: errnoName(errno),
    errno,
    operation: 'ipvs.connections',
    target: '/proc/net/ip_vs_conn',
    meaning: 'the kernel has no connection table',
    hint: 'modprobe ip_vs',
    ...(cause === undefined ? {} : { cause }),
  });
}
