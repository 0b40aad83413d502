import { isNetlinkError, RestoreError, ValidationError } from '../errors.js';
import type { CallOptions } from '../netlink/types.js';
import { noOptions } from './tool/commands.js';
import { LineFault, Refusal, ToolExecutor } from './tool/executor.js';
import { NO_TOOL_NAMES, type ToolNames } from './tool/names.js';
import { runLines, type StreamResult, type TextInput } from './tool/stream.js';
import type { Ipset } from './types.js';

/** Options of {@link restoreIpset}. */
export interface IpsetRestoreOptions extends CallOptions {
  /** Sets and entries that are there already, and deleting what is not there, are fine. Default false, as for the tool. */
  readonly exist?: boolean;
  /** Answers to names of hosts and services. Default: none, so that names are refused. */
  readonly names?: ToolNames;
}

/** How far a restore came. */
export type IpsetRestoreResult = StreamResult;

/**
 * Run the commands of a text in the form of `ipset save`, a line each, as `ipset restore` does: create, add, del, flush, destroy,
 * rename, swap in any spelling of ipset(8), `test`, whose answer is not asked for, comments, empty lines and COMMIT. Takes text in pieces
 * of any size and reads no more than it works on. Consecutive entries of a set go to the kernel in batches of 8192 while the next are
 * read.
 *
 * Not atomic: what is before a faulty line is done, nothing behind it is.
 *
 * @throws RestoreError with the number of the line, and as cause the ValidationError or NetlinkError
 */
export async function restoreIpset(
  { ipset }: { readonly ipset: Ipset },
  input: TextInput,
  options: IpsetRestoreOptions = {},
): Promise<IpsetRestoreResult> {
  const { exist = false, names = NO_TOOL_NAMES, signal } = options;
  const executor = new ToolExecutor(ipset, (read) => Promise.resolve(read(names)));
  const toolOptions = { ...noOptions(), exist };
  try {
    return await runLines(
      input,
      executor,
      toolOptions,
      {
        other: ({ command }) => {
          throw new ValidationError('', 'a command that changes sets', command);
        },
        answer: () => Promise.resolve(false),
      },
      signal,
    );
  } catch (err) {
    throw err instanceof LineFault ? restoreError(err) : err;
  }
}

function restoreError({ line, cause }: LineFault): unknown {
  if (cause instanceof Refusal) return new RestoreError(line, cause.error);
  if (cause instanceof ValidationError) return new RestoreError(line, cause.under(`line ${line}`));
  if (isNetlinkError(cause)) return new RestoreError(line, cause);
  if (cause instanceof Error && cause.name === 'ToolError') {
    return new RestoreError(
      line,
      new ValidationError(`line ${line}`, 'a command of ipset', cause.message, { cause }),
    );
  }
  return cause;
}
