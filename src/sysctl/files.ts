import { readFile, writeFile } from 'node:fs/promises';
import { type NamespaceFile, openNamespaceFile } from '../netlink/file.js';

/** What reading or writing one file below /proc/sys came to. */
export type FileOutcome =
  | { readonly text: string }
  | {
      /** Positive. */
      readonly errno: number;
      readonly cause: unknown;
    };

/** Reads and writes files below /proc/sys as some network namespace sees them. */
export interface SysctlFiles {
  read(path: string, signal: AbortSignal | undefined): Promise<FileOutcome>;
  write(path: string, text: string, signal: AbortSignal | undefined): Promise<FileOutcome>;
}

const ROOT = '/proc/sys';

function outcome(err: unknown): FileOutcome {
  if (typeof err === 'object' && err !== null && 'errno' in err && typeof err.errno === 'number')
    return { errno: Math.abs(err.errno), cause: err };
  throw err;
}

/** Files of the namespace of this process. */
export const ownFiles: SysctlFiles = {
  read: async (path, signal) => {
    try {
      return { text: await readFile(`${ROOT}/${path}`, { encoding: 'utf8', ...(signal && { signal }) }) };
    } catch (err) {
      signal?.throwIfAborted();
      return outcome(err);
    }
  },
  write: async (path, text, signal) => {
    try {
      // r+: an entry that does not exist is not to be created, and there is nothing to truncate.
      await writeFile(`${ROOT}/${path}`, text, { flag: 'r+', ...(signal && { signal }) });
      return { text };
    } catch (err) {
      signal?.throwIfAborted();
      return outcome(err);
    }
  },
};

/**
 * Files of another namespace. /proc/sys/net shows the namespace of the thread that looks a name up (net/sysctl_net.c), so the native part
 * opens them on a thread of its own inside of it. Needs CAP_SYS_ADMIN, as setns(2) does.
 */
export function netnsFiles(netnsPath: string): SysctlFiles {
  const access = async (
    operation: 'sysctl.get' | 'sysctl.set',
    path: string,
    signal: AbortSignal | undefined,
    work: (file: NamespaceFile) => Promise<string>,
  ): Promise<FileOutcome> => {
    signal?.throwIfAborted();
    const mode = operation === 'sysctl.get' ? 'read' : 'write';
    const file = await openNamespaceFile(operation, { netnsPath }, `${ROOT}/${path}`, mode);
    if ('errno' in file) return { errno: -file.errno, cause: undefined };
    try {
      signal?.throwIfAborted();
      return { text: await work(file) };
    } catch (err) {
      signal?.throwIfAborted();
      return outcome(err);
    } finally {
      await file.close();
    }
  };
  return {
    read: (path, signal) => access('sysctl.get', path, signal, (file) => file.text()),
    write: (path, text, signal) =>
      access('sysctl.set', path, signal, async (file) => {
        await file.write(text);
        return text;
      }),
  };
}
