import type { Ipvs, IpvsInfo } from '../../ipvs/types.js';
import { type AdmIo, write } from './io.js';
import { type Attempt, messageOf } from './messages.js';
import type { Names } from './names.js';

/** What every part of a run needs. */
export interface Session {
  readonly ipvs: Ipvs;
  readonly info: IpvsInfo;
  readonly io: AdmIo;
  readonly names: Names;
}

/** Exit codes of ipvsadm 1.31. */
export const EXIT = {
  done: 0,
  /** Something to be listed is not there. */
  absent: 1,
  /** A command line was refused, or IPVS cannot be reached. */
  refused: 2,
  /** The kernel refused. */
  failed: 255,
} as const;

/** Say something on standard error. */
export async function complain({ io }: Pick<Session, 'io'>, text: string): Promise<void> {
  await write(io.stderr, `${text}\n`);
}

/** Do something that the kernel may refuse, and say so if it does. @returns the exit code */
export async function attempt(session: Session, what: Attempt, run: () => Promise<unknown>): Promise<number> {
  try {
    await run();
    return EXIT.done;
  } catch (err) {
    await complain(session, messageOf(what, err));
    return EXIT.failed;
  }
}
