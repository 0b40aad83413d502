import { spawn } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { text } from 'node:stream/consumers';

/** What a program printed and how it ended. */
export interface Ran {
  readonly code: number;
  readonly stdout: string;
  readonly stderr: string;
}

/** Options of {@link run}. */
export interface RunOptions {
  readonly stdin?: string;
  /** A non-zero exit code is an error unless this is false. */
  readonly check?: boolean;
  readonly env?: NodeJS.ProcessEnv;
}

/** Run a program by argument vector, in a network namespace when one is named (path or name). */
export async function run(
  netns: string | undefined,
  argv: readonly string[],
  options: RunOptions = {},
): Promise<Ran> {
  const path = netns === undefined ? undefined : netns.startsWith('/') ? netns : `/run/netns/${netns}`;
  const [program = '', ...args] = path === undefined ? argv : ['nsenter', `--net=${path}`, '--', ...argv];
  const child = spawn(program, args, {
    stdio: ['pipe', 'pipe', 'pipe'],
    env: { ...process.env, LC_ALL: 'C', ...options.env },
  });
  // A program that ends without reading its input is not an error of ours.
  child.stdin.on('error', () => undefined);
  child.stdin.end(options.stdin ?? '');
  const [stdout, stderr, [code]] = await Promise.all([
    text(child.stdout),
    text(child.stderr),
    once(child, 'close') as Promise<[number | null]>,
  ]);
  const ran = { code: code ?? -1, stdout, stderr };
  if (ran.code !== 0 && options.check !== false) {
    throw new Error(`${argv.join(' ')} ended with ${String(ran.code)}: ${stderr.trim()}`);
  }
  return ran;
}

/** A network namespace that a test made. */
export interface TestNetns extends AsyncDisposable {
  readonly name: string;
  readonly path: string;
  /** Run a program inside. */
  run(argv: readonly string[], options?: RunOptions): Promise<Ran>;
  remove(): Promise<void>;
}

/** Make a network namespace with `lo` up. The name is unique, so that concurrent runs never meet. */
export async function makeNetns(label = 't'): Promise<TestNetns> {
  const name = `ipvs-${label}-${randomBytes(4).toString('hex')}`;
  await run(undefined, ['ip', 'netns', 'add', name]);
  const path = `/run/netns/${name}`;
  let removed = false;
  const remove = async (): Promise<void> => {
    if (removed) return;
    removed = true;
    await run(undefined, ['ip', 'netns', 'delete', name]);
  };
  try {
    await run(path, ['ip', 'link', 'set', 'lo', 'up']);
  } catch (err) {
    await remove();
    throw err;
  }
  return {
    name,
    path,
    run: (argv, options) => run(path, argv, options),
    remove,
    [Symbol.asyncDispose]: remove,
  };
}

/**
 * Make several network namespaces in one go, hand over their paths, and remove them. `lo` is down, as the kernel makes it. One process
 * makes them all, since starting one per namespace takes most of the time in an emulated machine.
 */
export async function withManyNetns<T>(
  count: number,
  label: string,
  use: (paths: readonly string[]) => Promise<T>,
): Promise<T> {
  const id = randomBytes(4).toString('hex');
  const names = Array.from({ length: count }, (_, i) => `ipvs-${label}-${id}-${String(i)}`);
  const each = (verb: string): string => names.map((name) => `netns ${verb} ${name}\n`).join('');
  try {
    await run(undefined, ['ip', '-batch', '-'], { stdin: each('add') });
    return await use(names.map((name) => `/run/netns/${name}`));
  } finally {
    await run(undefined, ['ip', '-force', '-batch', '-'], { stdin: each('delete'), check: false });
  }
}
