import { stat } from 'node:fs/promises';
import { NotFoundError, ValidationError } from '../errors.js';
import { integerIn } from '../net/number.js';
import type { NetnsRef } from './types.js';

/** A namespace reference made concrete. */
export interface ResolvedNetns {
  /** As shown to people, and as `Kernel.netns`. */
  readonly label: string;
  /** A file that refers to the namespace, valid from child processes too; undefined for the caller's own. */
  readonly path?: string;
}

/**
 * Find the file of a network namespace: a name is a file under /run/netns (ip-netns(8)), a path is taken as it is, a process or a
 * descriptor is reached through /proc.
 * @throws NotFoundError when the file does not exist, ValidationError for a malformed reference.
 */
export async function resolveNetns(ref: NetnsRef | undefined): Promise<ResolvedNetns> {
  if (ref === undefined) return { label: 'self' };
  const resolved = locate(ref);
  try {
    await stat(resolved.path);
  } catch (cause) {
    throw new NotFoundError({
      code: 'ENOENT',
      errno: -2,
      operation: 'kernel.open',
      target: `network namespace ${resolved.label}`,
      meaning: `there is no namespace file ${resolved.path}`,
      hint: 'ip netns list shows the named ones; /proc/PID/ns/net is that of a process',
      cause,
    });
  }
  return resolved;
}

function locate(ref: NetnsRef): { readonly label: string; readonly path: string } {
  if (typeof ref === 'string') {
    if (ref.startsWith('/')) return { label: ref, path: ref };
    if (ref === '' || ref === '.' || ref === '..' || ref.includes('/') || ref.includes('\0')) {
      throw new ValidationError('netns', 'a namespace name or an absolute path', ref);
    }
    return { label: ref, path: `/run/netns/${ref}` };
  }
  if ('pid' in ref) {
    const pid = integerIn(ref.pid, 1, 2 ** 22, 'netns.pid');
    return { label: `pid ${String(pid)}`, path: `/proc/${String(pid)}/ns/net` };
  }
  const fd = integerIn(ref.fd, 0, 2 ** 31 - 1, 'netns.fd');
  return { label: `fd ${String(fd)}`, path: `/proc/${String(process.pid)}/fd/${String(fd)}` };
}
