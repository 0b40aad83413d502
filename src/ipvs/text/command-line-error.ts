import { IpvsError } from '../../errors.js';

/** What follows from a command line that makes no sense. */
export type CommandLineFault =
  /** `popt` found no option where one was needed: the tool says where help is. Ends a restore. */
  | 'usage'
  /** An unknown option, a missing argument: this command line is not run; a restore goes on with the next one. */
  | 'syntax'
  /** A value or a combination that is refused. Ends a restore. */
  | 'refused';

/** Exit codes of ipvsadm 1.31: -1 (255) where its parser returns, 2 where it gives up. */
const EXIT_CODE: Readonly<Record<CommandLineFault, number>> = { usage: 255, syntax: 255, refused: 2 };

/** A command line that ipvsadm refuses before it asks the kernel. The message is ipvsadm's. */
export class CommandLineError extends IpvsError {
  readonly code = 'ERR_COMMAND_LINE';
  readonly fault: CommandLineFault;
  readonly exitCode: number;

  constructor(fault: CommandLineFault, message: string) {
    super(message);
    this.fault = fault;
    this.exitCode = EXIT_CODE[fault];
  }
}

/** Refuse a value or a combination. */
export function refuse(message: string): never {
  throw new CommandLineError('refused', message);
}
