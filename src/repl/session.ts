import { createInterface, type Interface } from 'node:readline';
import { type REPLEval, type REPLServer, start } from 'node:repl';
import { PassThrough } from 'node:stream';
import { setImmediate } from 'node:timers/promises';
import type { Kernel } from '../kernel/types.js';

/** Where a session reads and prints. */
export interface ReplStreams {
  readonly stdin: NodeJS.ReadableStream;
  readonly stdout: NodeJS.WritableStream;
}

/** Options of {@link runRepl}. */
export interface ReplOptions {
  /** File that keeps the lines of earlier sessions; only terminals have one. */
  readonly history?: string;
  /** Names besides those of the kernel. */
  readonly names?: Readonly<Record<string, unknown>>;
}

/** What a session has under a name of its own besides `kernel`. */
const SUBSYSTEMS = ['ipvs', 'ipset', 'link', 'conntrack', 'rules', 'nft', 'sysctl'] as const;

const isTerminal = (stream: object): boolean => 'isTTY' in stream && stream.isTTY === true;

function isPromise(value: unknown): value is PromiseLike<unknown> {
  return typeof value === 'object' && value !== null && 'then' in value && typeof value.then === 'function';
}

/** An evaluation for which a promise counts as its result: `ipvs.list()` prints virtual servers. `idle` is when none is under way. */
function awaiting(evaluate: REPLEval, server: REPLServer): { eval: REPLEval; idle: () => Promise<void> } {
  let last: Promise<void> = Promise.resolve();
  return {
    eval: (code, context, file, done) => {
      last = new Promise((settle) => {
        const finish = (err: Error | null, value: unknown): void => {
          done.call(server, err, value);
          settle();
        };
        evaluate.call(server, code, context, file, (err, value: unknown) => {
          if (err !== null || !isPromise(value)) {
            finish(err, value);
            return;
          }
          value.then(
            (result) => finish(null, result),
            (cause: unknown) => finish(cause instanceof Error ? cause : new Error(String(cause)), undefined),
          );
        });
      });
    },
    idle: () => last,
  };
}

/** Lines of a file, each when the one before it is done: a person waits for the prompt, a pipe does not. */
async function feed(lines: Interface, input: PassThrough, idle: () => Promise<void>): Promise<void> {
  for await (const line of lines) {
    input.write(`${line}\n`);
    await setImmediate(); // for the session to see it
    await idle();
  }
  input.end();
}

/**
 * JavaScript line by line with an open kernel: `kernel` and its subsystems by name (`ipvs`, `ipset`, `link`, `conntrack`, `rules`, `nft`,
 * `sysctl`). What a line promises is waited for. Resolves when the input ends (Ctrl-D, `.exit`) and the last line is done; the
 * kernel stays open.
 */
export async function runRepl(
  kernel: Kernel,
  { stdin, stdout }: ReplStreams,
  { history, names = {} }: ReplOptions = {},
): Promise<void> {
  const terminal = isTerminal(stdout) && isTerminal(stdin);
  const pipe = new PassThrough();
  const server = start({
    prompt: terminal ? 'ipvs> ' : '',
    input: terminal ? stdin : pipe,
    output: stdout,
    terminal,
  });
  const { idle, ...lineByLine } = awaiting(server.eval, server);
  Object.assign(server, lineByLine);
  const ended = new Promise<void>((resolve) => server.once('exit', resolve));

  const define = (): void => {
    Object.assign(server.context, names, { kernel });
    // Asked for when they are used: opening nothing that nobody wants.
    for (const name of SUBSYSTEMS)
      Object.defineProperty(server.context, name, {
        configurable: true,
        enumerable: true,
        get: () => kernel[name],
      });
  };
  define();
  server.on('reset', define);

  if (terminal && history !== undefined)
    await new Promise<void>((resolve) => {
      // Without it a session works as well.
      server.setupHistory(history, () => resolve());
    });
  if (!terminal) {
    const lines = createInterface({ input: stdin, terminal: false });
    server.once('exit', () => lines.close());
    await feed(lines, pipe, idle);
  }
  await ended;
  await idle();
}
