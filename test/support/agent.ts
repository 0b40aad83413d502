import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';

/** What a backend answered: who it is and which source address it saw. */
export interface Answered {
  readonly pod: string;
  readonly clientAddress: string;
  /** The address that the request came to; HTTP only. */
  readonly serverAddress?: string;
  /** `GET` …, or `UDP`. */
  readonly method: string;
  readonly path: string;
  readonly error?: never;
}

/** No answer: the error code (`ETIMEDOUT`, `ECONNREFUSED` …). */
export interface Unanswered {
  readonly error: string;
  readonly pod?: never;
  readonly clientAddress?: never;
  readonly serverAddress?: never;
}

/** The outcome of one request. */
export type Answer = Answered | Unanswered;

/** What to ask and how often. */
export interface RequestOptions {
  /** Default 1. Each request has a connection of its own. */
  readonly count?: number;
  /** Source address to bind to; default: the kernel's choice. */
  readonly localAddress?: string;
  /** Source port to bind to; UDP only. Default: another one for each datagram. */
  readonly localPort?: number;
  /** Milliseconds until a request counts as unanswered. Default 8000, since an emulated machine is slow. */
  readonly timeoutMs?: number;
}

/** An HTTP connection that stays open. */
export interface HeldConnection {
  /** What the request that opened it was answered. */
  readonly answer: Answer;
  /** Ask again over the same connection. An answer over another one is reported as the error `NEW_CONNECTION`. */
  ask(): Promise<Answer>;
  /** `reset`: break it off (RST), as in {@link LoadOptions}. */
  close(options?: { readonly reset?: boolean }): Promise<void>;
}

/** What came of the requests of a load to one target: how many each backend answered, and the error codes of the others. */
export interface LoadTally {
  readonly by: Readonly<Record<string, number>>;
  readonly errors: readonly string[];
}

/** Options of a load. */
export interface LoadOptions {
  /** Milliseconds between an answer and the next request. Default 50: the machine may be an emulated one, and has other things to do. */
  readonly pause?: number;
  /** Break HTTP connections off (RST) when they have their answer: IPVS forgets those after ten seconds, not after two minutes. Default false. */
  readonly reset?: boolean;
  /** As in {@link RequestOptions}. */
  readonly localAddress?: string;
  /** As in {@link RequestOptions}; default 30 000, since the machine is busy with other things. */
  readonly timeoutMs?: number;
}

/** Requests that go on until they are stopped, to each target one after the other. Tallies are in the order of the targets. */
export interface Load {
  soFar(): Promise<readonly LoadTally[]>;
  /** Resolves when the last requests are answered. */
  stop(): Promise<readonly LoadTally[]>;
}

/** A process inside a network namespace that serves and asks on demand. */
export interface Agent {
  readonly pid: number;
  /** Serve HTTP on a port of all addresses of the namespace. */
  serveHttp(port: number): Promise<void>;
  /** Answer UDP datagrams on a port of all addresses of the namespace, or of one, which the answers then come from. */
  serveUdp(port: number, address?: string): Promise<void>;
  /**
   * Send requests, one after the other. `url` is `http://ADDRESS:PORT/PATH` or `udp://ADDRESS:PORT`, IPv6 in brackets. Resolves with
   * one outcome per request; never rejects because of the network.
   */
  request(url: string, options?: RequestOptions): Promise<Answer[]>;
  /** Open an HTTP connection and keep it. It ends with the agent at the latest. */
  hold(url: string, options?: Omit<RequestOptions, 'count' | 'localPort'>): Promise<HeldConnection>;
  /** Begin to send requests to all these targets, until the load is stopped. */
  load(urls: readonly string[], options?: LoadOptions): Promise<Load>;
  /** End the process. Stopping twice is fine. */
  stop(): Promise<void>;
}

interface Reply {
  readonly id: number;
  readonly result?: unknown;
  readonly error?: string;
}

/** Beside this file; the demo's bundle puts it beside itself. */
const PROGRAM = fileURLToPath(new URL('./agent.mjs', import.meta.url));

/** Start an agent in the namespace with this path. `name` is what it calls itself in its answers. */
export async function startAgent(netnsPath: string, name: string): Promise<Agent> {
  // nsenter replaces itself by node, so the child's pid is that of the agent and the IPC channel is inherited.
  const child = spawn('nsenter', [`--net=${netnsPath}`, '--', process.execPath, PROGRAM, name], {
    stdio: ['ignore', 'inherit', 'inherit', 'ipc'],
    // The parent's own flags (loaders of test runners) would only slow the agent down.
    env: { ...process.env, NODE_OPTIONS: '' },
  });
  const exited = once(child, 'exit');
  const pending = new Map<number, { resolve: (value: unknown) => void; reject: (err: Error) => void }>();
  let next = 1;

  const wait = (id: number): Promise<unknown> =>
    new Promise((resolve, reject) => {
      pending.set(id, { resolve, reject });
    });
  child.on('message', (message) => {
    const reply = message as Reply;
    const waiting = pending.get(reply.id);
    pending.delete(reply.id);
    if (reply.error === undefined) waiting?.resolve(reply.result);
    else waiting?.reject(new Error(`${name}: ${reply.error}`));
  });
  const fail = (reason: string): void => {
    for (const { reject } of pending.values()) reject(new Error(`${name}: ${reason}`));
    pending.clear();
  };
  child.once('error', (err) => fail(err.message));
  child.once('exit', (code, signal) => fail(`the agent ended (${signal ?? String(code)})`));

  await wait(0);
  const call = (command: string, rest: object): Promise<unknown> => {
    if (!child.connected) return Promise.reject(new Error(`${name}: the agent has ended`));
    const id = next++;
    const reply = wait(id);
    child.send({ id, command, ...rest });
    return reply;
  };

  return {
    pid: pidOf(child),
    serveHttp: async (port) => {
      await call('serveHttp', { port });
    },
    serveUdp: async (port, address) => {
      await call('serveUdp', { port, address });
    },
    request: async (url, { count = 1, localAddress, localPort, timeoutMs = 8000 } = {}) => {
      const asked = { ...parseTarget(url), count, localAddress, localPort, timeout: timeoutMs };
      return (await call('request', asked)) as Answer[];
    },
    hold: async (url, { localAddress, timeoutMs = 8000 } = {}) => {
      const asked = { ...parseTarget(url), localAddress, timeout: timeoutMs };
      const { held, answer } = (await call('hold', asked)) as { held: number; answer: Answer };
      return {
        answer,
        ask: async () => {
          const again = (await call('askHeld', { held })) as Answer & { readonly reused?: boolean };
          if (again.error !== undefined) return again;
          return again.reused === true ? again : { error: 'NEW_CONNECTION' };
        },
        close: async ({ reset = false } = {}) => {
          await call('release', { held, reset });
        },
      };
    },
    load: async (urls, { pause = 50, reset = false, localAddress, timeoutMs = 30_000 } = {}) => {
      const targets = urls.map((url) => ({ ...parseTarget(url), reset, localAddress, timeout: timeoutMs }));
      const load = await call('load', { targets, pause });
      return {
        soFar: async () => (await call('loadSoFar', { load })) as LoadTally[],
        stop: async () => (await call('stopLoad', { load })) as LoadTally[],
      };
    },
    stop: async () => {
      if (child.exitCode === null && child.signalCode === null) child.kill('SIGKILL');
      await exited;
    },
  };
}

function pidOf(child: ChildProcess): number {
  if (child.pid === undefined) throw new Error('the agent did not start');
  return child.pid;
}

function parseTarget(url: string): { protocol: string; address: string; port: number; path: string } {
  const match = /^(http|udp):\/\/(\[[^\]]+\]|[^:/]+):(\d+)(\/.*)?$/.exec(url);
  if (match === null) throw new Error(`not a target: ${url}`);
  const [, protocol = '', host = '', port = '', path = '/'] = match;
  return { protocol, address: host.replace(/^\[|\]$/g, ''), port: Number(port), path };
}
