import { existsSync, mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { type Child, startChild } from './child.js';

/** A folder of the host that the guest sees at the same path. */
export interface Share {
  /** Name of the virtiofs file system. */
  readonly tag: string;
  readonly folder: string;
  readonly socket: string;
}

const program = fileURLToPath(new URL('share-folder', import.meta.url));

/** The whole host, which the guest can read and not change. */
export function shareRoot(work: string): { share: Share; child: Child } {
  return start({ tag: 'root', folder: '/', socket: join(work, 'root.sock') }, 'ro', join(work, 'root'));
}

/** A folder that the guest may write to. */
export function shareWritable(work: string, folder: string, index: number): { share: Share; child: Child } {
  const tag = `writable${index}`;
  return start({ tag, folder, socket: join(work, `${tag}.sock`) }, 'rw', join(work, tag));
}

function start(share: Share, mode: 'ro' | 'rw', view: string): { share: Share; child: Child } {
  mkdirSync(view);
  const child = startChild(`virtiofsd for ${share.folder}`, program, [
    share.folder,
    share.socket,
    mode,
    view,
  ]);
  return { share, child };
}

/** Waits until the server of a share listens. @throws Error when it ends first */
export async function listening(share: Share, child: Child): Promise<void> {
  let ended: string | undefined;
  void child.gone.then((how) => (ended = how));
  while (!existsSync(share.socket)) {
    if (ended !== undefined) {
      throw new Error(`${child.name} ended (${ended}): ${child.complaints()}`);
    }
    await sleep(5);
  }
}
