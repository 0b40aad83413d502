import { isPermission, isUnsupported } from '../../errors.js';
import { CommandLineError } from '../../ipvs/text/command-line-error.js';
import { type AdmCommand, parseCommand } from '../../ipvs/text/command.js';
import type { Ipvs, IpvsInfo } from '../../ipvs/types.js';
import { execute } from './execute.js';
import { helpText, VERSION } from './help.js';
import { type AdmIo, write } from './io.js';
import { type NameService, Names, systemNames } from './names.js';
import { restore } from './restore.js';
import { complain, EXIT } from './session.js';

/** Options of {@link runAdm}. */
export interface AdmOptions {
  /** What answers names of hosts and ports. Default: this machine. */
  readonly names?: NameService;
}

/**
 * Run a command line of ipvsadm 1.31, and print what it prints; `docs/ipvsadm-compat.md` has the differences.
 *
 * Runs may share a kernel, one after the other or at the same time: nothing is kept between them.
 *
 * @param argv The words behind the program's name; none of them lists the table.
 * @param io Standard output, error and input; `process` has them.
 * @param kernel Whose table it is about.
 * @returns The exit code: 0 done, 1 what was to be listed is not there, 2 refused before the kernel was asked (or IPVS cannot be
 *   reached), 255 refused by the kernel or unreadable.
 * @throws What is neither the fault of the command line nor an answer of the kernel: a closed kernel, a broken pipe.
 */
export async function runAdm(
  argv: readonly string[],
  io: AdmIo,
  kernel: { readonly ipvs: Ipvs },
  options: AdmOptions = {},
): Promise<number> {
  const names = new Names(options.names ?? systemNames);
  let command: AdmCommand;
  try {
    command = await names.reading((known) => parseCommand(argv.length === 0 ? ['-L'] : argv, known));
  } catch (err) {
    if (!(err instanceof CommandLineError)) throw err;
    await complain({ io }, err.message);
    return err.exitCode;
  }
  if (command.command === 'help' || command.command === 'version') {
    await write(io.stdout, command.command === 'help' ? helpText() : VERSION);
    return EXIT.done;
  }
  const info = await reach(kernel.ipvs, io);
  if (info === undefined) return EXIT.refused;
  const session = { ipvs: kernel.ipvs, info, io, names };
  return command.command === 'restore' ? restore(session) : execute(session, command);
}

/** The tool asks this first, so what keeps it from IPVS is said in the same words whatever the command. */
async function reach(ipvs: Ipvs, io: AdmIo): Promise<IpvsInfo | undefined> {
  try {
    return await ipvs.info();
  } catch (err) {
    const reason = isPermission(err)
      ? 'Permission denied (you must be root)'
      : isUnsupported(err)
        ? 'Protocol not available'
        : undefined;
    if (reason === undefined) throw err;
    await complain(
      { io },
      `Can't initialize ipvs: ${reason}\nAre you sure that IP Virtual Server is built in the kernel or as module?`,
    );
    return undefined;
  }
}
