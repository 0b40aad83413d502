import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { deserialize, serialize } from 'node:v8';
import type { PoolOptions, PoolRunnerInitializer, PoolWorker, WorkerRequest } from 'vitest/node';

const vm = fileURLToPath(new URL('../../vm', import.meta.url));
const worker = fileURLToPath(new URL('worker.mjs', import.meta.url));

/** How the guest is started. */
export interface GuestOptions {
  /** Options of scripts/vm, before the command. */
  readonly vm: readonly string[];
}

/**
 * A Vitest pool whose worker runs inside scripts/vm. Vitest itself, Vite and the compilation of
 * TypeScript stay outside, where they are an order of magnitude faster than under emulation; the guest
 * loads the runtime of a worker and runs the tests. Wants `isolate: false`, else every file boots a
 * machine of its own.
 */
export function guestPool(options: GuestOptions): PoolRunnerInitializer {
  return { name: 'guest', createPoolWorker: (pool) => new GuestWorker(pool, options) };
}

type Listener = (argument: unknown) => void;

/** Messages are lines of base64: the guest's standard input and output carry them. */
class GuestWorker implements PoolWorker {
  readonly name = 'guest';
  readonly #options: GuestOptions;
  readonly #errors: NodeJS.WritableStream;
  readonly #listeners = new Map<string, Set<Listener>>();
  #child: ChildProcess | undefined;

  constructor(pool: PoolOptions, options: GuestOptions) {
    this.#options = options;
    this.#errors = pool.project.vitest.logger.errorStream;
  }

  on(event: string, callback: Listener): void {
    const listeners = this.#listeners.get(event) ?? new Set();
    this.#listeners.set(event, listeners.add(callback));
  }

  off(event: string, callback: Listener): void {
    this.#listeners.get(event)?.delete(callback);
  }

  send(message: WorkerRequest): void {
    this.#child?.stdin?.write(`${serialize(message).toString('base64')}\n`);
  }

  deserialize(data: unknown): unknown {
    return data;
  }

  /** Settles when the guest is up and its worker listens. */
  async start(): Promise<void> {
    // Whatever the tests themselves print goes to standard error, out of the way of the messages.
    const command = ['sh', '-c', `exec node '${worker}' 3<&0 4>&1 </dev/null >&2`];
    const child = spawn(vm, [...this.#options.vm, '--', ...command], { stdio: 'pipe' });
    this.#child = child;
    child.stderr.pipe(this.#errors, { end: false });
    child.stdin.on('error', () => undefined); // the exit tells
    const ended = once(child, 'close').then(([status]) => Number(status));
    const lines = createInterface({ input: child.stdout });
    const ready = once(lines, 'line');
    const first = await Promise.race([ready, ended]);
    if (typeof first === 'number') throw new Error(`the guest ended with exit status ${first}`);
    lines.on('line', (line) => this.#emit('message', deserialize(Buffer.from(line, 'base64'))));
    void ended.then((status) => this.#emit('exit', status));
  }

  async stop(): Promise<void> {
    const child = this.#child;
    this.#child = undefined;
    if (child?.exitCode !== null || child.signalCode !== null) return;
    child.kill('SIGTERM');
    await once(child, 'exit');
  }

  #emit(event: string, argument: unknown): void {
    for (const listener of this.#listeners.get(event) ?? []) listener(argument);
  }
}
