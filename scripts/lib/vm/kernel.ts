import { execFileSync } from 'node:child_process';
import { existsSync, readdirSync, statSync } from 'node:fs';
import { basename, dirname, join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';

/** A kernel on disk. */
export interface Kernel {
  readonly version: string;
  /** The bzImage. */
  readonly image: string;
  /** The folder that has `lib/modules/VERSION`, as modprobe's -d wants it. */
  readonly root: string;
}

const fetcher = fileURLToPath(new URL('../kernel', import.meta.url));

/**
 * Finds the kernel of that name, fetching it where it is not in the cache.
 *
 * @param name `default`, a version, `newest`, a vmlinuz file (modules in /lib/modules) or a folder
 *   unpacked from a kernel package.
 */
export function findKernel(name: string): Kernel {
  if (!name.includes('/')) return inFolder(fetched(name));
  const path = resolve(name);
  if (!existsSync(path)) throw new Error(`no such kernel: ${path}`);
  if (statSync(path).isDirectory()) return inFolder(path);
  const version = basename(path).replace(/^vmlinuz-/, '');
  const above = resolve(dirname(path), '..');
  const root = [above, '/'].find((folder) => existsSync(join(folder, 'lib/modules', version)));
  if (root === undefined) throw new Error(`no modules for ${path} in ${above}/lib/modules or /lib/modules`);
  return { version, image: path, root };
}

/** The folder with a static busybox at bin/busybox, fetched where needed. */
export function busyboxFolder(): string {
  return fetched('--busybox');
}

function fetched(name: string): string {
  try {
    return execFileSync(fetcher, [name], { stdio: ['ignore', 'pipe', 'inherit'], encoding: 'utf8' }).trim();
  } catch {
    throw new Error(`could not get ${name === '--busybox' ? 'busybox' : `the kernel ${name}`}, see above`);
  }
}

function inFolder(folder: string): Kernel {
  const [version] = readdirSync(join(folder, 'lib/modules'));
  if (version === undefined) throw new Error(`no modules in ${folder}`);
  const image = [
    join(folder, 'boot', `vmlinuz-${version}`),
    join(folder, 'lib/modules', version, 'vmlinuz'),
  ].find((path) => existsSync(path));
  if (image === undefined) throw new Error(`no vmlinuz in ${folder}`);
  return { version, image, root: folder };
}
