import { once } from 'node:events';
import { createServer } from 'node:http';
import { joinHostPort, splitHostPort } from '../../net/address.js';
import type { Log } from '../../watch/types.js';
import { isAborted, pause } from '../../watch/pause.js';

/** Where to listen. */
export interface BindAddress {
  readonly address: string;
  readonly port: number;
}

/** An address, with or without a port; undefined for the empty text. @throws ValidationError naming `path` */
export function bindAddress(text: string, path: string, port: number): BindAddress | undefined {
  if (text === '') return undefined;
  return { port, ...splitHostPort(text, path) };
}

export interface Answer {
  readonly status: number;
  readonly type: string;
  readonly body: string;
}

/** By path. */
export type Routes = Readonly<Record<string, () => Answer | Promise<Answer>>>;

/** Milliseconds until an address that is taken is tried again: the process that had it before may be about to go. */
const AGAIN = 5000;

function serverOf(routes: Routes, log: Log): ReturnType<typeof createServer> {
  return createServer((request, response) => {
    const [path = ''] = (request.url ?? '').split('?');
    const route = Object.hasOwn(routes, path) ? routes[path] : undefined;
    const answering = async (): Promise<void> => {
      const { status, type, body } = (await route?.()) ?? {
        status: 404,
        type: 'text/plain',
        body: 'not found\n',
      };
      response.writeHead(status, { 'Content-Type': type, 'X-Content-Type-Options': 'nosniff' }).end(body);
    };
    answering().catch((err: unknown) => {
      log.error(`${path} cannot be answered`, { error: String(err) });
      response.writeHead(500).end();
    });
  });
}

/**
 * Answer over HTTP until the signal is aborted. An address that cannot be had is said in the log, and tried again.
 * @param what For messages: `health checks`.
 */
export async function serve(
  what: string,
  { address, port }: BindAddress,
  routes: Routes,
  log: Log,
  signal: AbortSignal,
): Promise<void> {
  const where = joinHostPort(address, port);
  let said = '';
  while (!signal.aborted) {
    const server = serverOf(routes, log);
    try {
      server.listen({ host: address, port });
      await once(server, 'listening');
    } catch (err) {
      const error = err instanceof Error ? err.message : String(err);
      if (said !== error) log.warn(`${what} cannot be answered at ${where}; it is tried again`, { error });
      said = error;
      await pause(AGAIN, signal);
      continue;
    }
    const bound = server.address();
    log.info(`${what} are answered`, {
      address: typeof bound === 'object' && bound !== null ? joinHostPort(bound.address, bound.port) : where,
    });
    if (!isAborted(signal)) await once(signal, 'abort');
    const closed = once(server, 'close');
    server.close();
    server.closeAllConnections();
    await closed;
  }
}
