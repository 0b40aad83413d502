import { close, createReadStream, read, type ReadStream, write } from 'node:fs';
import { promisify } from 'node:util';
import type { Addon, NativeOpenOptions } from '../native/addon.js';
import { loadAddon } from '../native/load.js';
import { enteringFailure } from './open-failure.js';

const readBytes = promisify(read);
const writeBytes = promisify(write);
const closeFile = promisify(close);

/** An open file below /proc, as one network namespace sees it. */
export interface NamespaceFile {
  /** The whole content as text. */
  text(): Promise<string>;
  /** One write, as the kernel wants it for settings. */
  write(text: string): Promise<void>;
  /** The content in pieces of up to `size` bytes; closes the file at its end, and when it is destroyed. */
  stream(size: number): ReadStream;
  close(): Promise<void>;
}

/**
 * Open a file of another network namespace: `/proc/thread-self/net/ip_vs_conn`, `/proc/sys/net/ipv4/ip_forward`. A thread that exists for nothing
 * else enters the namespace and opens it; reading needs no namespace any more. Needs CAP_SYS_ADMIN, as setns(2) does.
 *
 * @param operation What errors are to be about: `sysctl.get`.
 * @returns the file, or the (negative) errno for which it could not be opened.
 * @throws NotFoundError, PermissionError or InvalidArgumentError when the namespace cannot be entered.
 */
export async function openNamespaceFile(
  operation: string,
  place: NativeOpenOptions,
  path: string,
  mode: 'read' | 'write',
  addon: Addon = loadAddon(),
): Promise<NamespaceFile | { readonly errno: number }> {
  const reply = await addon.openFile(path, mode === 'write', place);
  if ('fd' in reply) return new OpenFile(reply.fd);
  if (reply.step === 'netns') throw enteringFailure(operation, place, reply.errno);
  return { errno: reply.errno };
}

/** Values of settings are short; this is read until nothing comes any more all the same. */
const PIECE = 64 * 1024;

class OpenFile implements NamespaceFile {
  readonly #fd: number;

  constructor(fd: number) {
    this.#fd = fd;
  }

  async text(): Promise<string> {
    const parts: Buffer[] = [];
    for (;;) {
      const buffer = Buffer.allocUnsafe(PIECE);
      const { bytesRead } = await readBytes(this.#fd, buffer, 0, PIECE, null);
      if (bytesRead === 0) return Buffer.concat(parts).toString('utf8');
      parts.push(buffer.subarray(0, bytesRead));
    }
  }

  async write(text: string): Promise<void> {
    await writeBytes(this.#fd, Buffer.from(text));
  }

  stream(size: number): ReadStream {
    return createReadStream('', { fd: this.#fd, highWaterMark: size, encoding: 'utf8' });
  }

  close(): Promise<void> {
    return closeFile(this.#fd);
  }
}
