import { LineFault, Refusal, type ToolExecutor } from '../../ipset/tool/executor.js';
import type { ToolOptions } from '../../ipset/tool/commands.js';
import { ToolError } from '../../ipset/tool/error.js';
import type { Ipset } from '../../ipset/types.js';
import { type AdmIo, write } from '../adm/io.js';
import type { IpsetNames } from './names.js';

/** What every part of a run needs. */
export interface Session {
  readonly ipset: Ipset;
  readonly io: AdmIo;
  readonly names: IpsetNames;
  readonly executor: ToolExecutor;
  /** Of the words; lines of a restore add to them. */
  readonly options: ToolOptions;
}

/** Exit codes of ipset 7.17. */
export const EXIT = {
  done: 0,
  /** A value makes no sense, the kernel refuses, or what was tested is not there. */
  failed: 1,
  /** The words make no command. */
  usage: 2,
} as const;

/** What messages begin with. */
export const PROGRAM = 'ipset v7.17';

/**
 * Say what went wrong, in the words of the tool, unless it is to be quiet.
 * @returns the exit code
 * @throws errors of other kinds
 */
export async function complain(
  { io, options }: Pick<Session, 'io' | 'options'>,
  err: unknown,
  interactive = false,
): Promise<number> {
  const cause = err instanceof LineFault ? err.cause : err;
  const usage = cause instanceof ToolError && cause.fault === 'usage';
  if (!(cause instanceof ToolError) && !(cause instanceof Refusal)) throw cause;
  if (!options.quiet || interactive) {
    // A command line of its own is line 0.
    const numbered =
      err instanceof LineFault && err.line > 0 && !(cause instanceof ToolError && cause.fault !== 'syntax');
    const where = numbered ? `Error in line ${err.line}: ` : '';
    const hint = usage ? "Try `ipset help' for more information.\n" : '';
    await write(io.stderr, `${PROGRAM}: ${where}${cause.message}\n${hint}`);
  }
  return usage ? EXIT.usage : EXIT.failed;
}
