import { type Invocation, noOptions, parseInvocation } from '../../ipset/tool/commands.js';
import { ToolExecutor } from '../../ipset/tool/executor.js';
import type { Ipset } from '../../ipset/types.js';
import type { AdmIo } from '../adm/io.js';
import { execute } from './execute.js';
import { interactive } from './interactive.js';
import { IpsetNames, type IpsetNameService, systemIpsetNames } from './names.js';
import { complain, type Session } from './session.js';

/** Options of {@link runIpset}. */
export interface IpsetRunOptions {
  /** What answers names of hosts and services. Default: this machine. */
  readonly names?: IpsetNameService;
}

/**
 * Run a command line of ipset 7.17, and print what it prints; `docs/ipset-compat.md` has the differences.
 *
 * Runs may share a kernel, one after the other or at the same time: nothing is kept between them.
 *
 * @param argv The words behind the program's name.
 * @param io Standard output, error and input (which `restore` and the interactive mode read); `process` has them. `-file` opens files.
 * @param kernel Whose sets it is about.
 * @returns The exit code: 0 done, 1 refused by the kernel, a value that makes no sense, or not in the set, 2 no command.
 * @throws What is neither the fault of the command line nor an answer of the kernel: a closed kernel, a broken pipe.
 */
export async function runIpset(
  argv: readonly string[],
  io: AdmIo,
  kernel: { readonly ipset: Ipset },
  options: IpsetRunOptions = {},
): Promise<number> {
  const names = new IpsetNames(options.names ?? systemIpsetNames);
  const session: Session = {
    ipset: kernel.ipset,
    io,
    names,
    executor: new ToolExecutor(kernel.ipset, (read) => names.reading(read)),
    options: noOptions(),
  };
  try {
    const invocation: Invocation = parseInvocation(argv, session.options);
    if (invocation.command === 'interactive' || invocation.command === 'none')
      return await interactive(session);
    return await execute(session, invocation);
  } catch (err) {
    return complain(session, err);
  }
}
