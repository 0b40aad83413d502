import { execFileSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { existsSync, mkdirSync, readFileSync, renameSync, writeFileSync } from 'node:fs';
import { basename, dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { type Entry, cpio } from './cpio.js';
import { type Kernel, busyboxFolder } from './kernel.js';

/** What the guest needs before it sees the host's files; everything else comes from there. */
const MODULES = ['virtio_pci', 'virtiofs', 'overlay', 'virtio_console'];

/**
 * Returns the initramfs for a kernel: busybox, the guest's scripts and the modules that reach the
 * shared file system. Made once per kernel and content of the scripts, then taken from the cache.
 */
export function initramfs(kernel: Kernel): Buffer {
  const busybox = busyboxFolder();
  const scripts = ['init', 'run'].map((name) => readFileSync(guestScript(name)));
  const key = createHash('sha256')
    .update(kernel.image)
    .update(readFileSync(fileURLToPath(import.meta.url)))
    .update(Buffer.concat(scripts))
    .digest('hex');
  const cached = join(dirname(busybox), 'initramfs', `${kernel.version}-${key.slice(0, 16)}`);
  if (existsSync(cached)) return readFileSync(cached);

  const content = cpio(members(kernel, busybox, scripts));
  mkdirSync(dirname(cached), { recursive: true });
  const unfinished = `${cached}.${process.pid}`;
  writeFileSync(unfinished, content);
  renameSync(unfinished, cached);
  return content;
}

function guestScript(name: string): string {
  return fileURLToPath(new URL(`../../guest/${name}`, import.meta.url));
}

function members(kernel: Kernel, busybox: string, [init, run]: readonly Buffer[]): Entry[] {
  const program = join(busybox, 'bin/busybox');
  const modules = moduleFiles(kernel).map((path) => ({
    name: basename(path).replace(/\.ko.*$/, '.ko'),
    content: unpackedModule(path),
  }));
  return [
    ...['bin', 'dev', 'etc', 'modules', 'proc', 'sys', 'vm'].map((path) => ({ path, folder: true as const })),
    { path: 'bin/busybox', content: readFileSync(program), mode: 0o755 },
    { path: 'init', content: init!, mode: 0o755 },
    { path: 'vm/run', content: run! },
    { path: 'etc/modules', content: Buffer.from(modules.map(({ name }) => `${name}\n`).join('')) },
    ...modules.map(({ name, content }) => ({ path: `modules/${name}`, content })),
  ];
}

/** The files to load, in order; what is built into the kernel is not among them. */
function moduleFiles(kernel: Kernel): string[] {
  const paths = execFileSync(
    'modprobe',
    ['-d', kernel.root, '-S', kernel.version, '--show-depends', '-a', ...MODULES],
    { encoding: 'utf8', env: { ...process.env, PATH: `${process.env['PATH'] ?? ''}:/usr/sbin:/sbin` } },
  )
    .split('\n')
    .filter((line) => line.startsWith('insmod '))
    .map((line) => line.slice('insmod '.length).trim());
  return [...new Set(paths)];
}

function unpackedModule(path: string): Buffer {
  const unpack = { '.xz': 'xz', '.zst': 'zstd', '.gz': 'gzip' }[/\.\w+$/.exec(path)?.[0] ?? ''];
  if (unpack === undefined) return readFileSync(path);
  return execFileSync(unpack, ['-dc', path], { maxBuffer: 64 * 1024 * 1024 });
}
