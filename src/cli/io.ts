import type { Kernel, KernelOptions } from '../kernel/types.js';
import type { ReplStreams } from '../repl/session.js';
import type { AdmIo } from './adm/io.js';

/** How the command talks to the world; tests put their own in. */
export interface CliIo {
  /** Results. */
  out(text: string): void;
  /** Everything else: warnings, errors. */
  err(text: string): void;
  /** All of standard input. */
  readStdin(): Promise<string>;
  /** The same as streams, for commands that print or read very much; without them the whole text is held. */
  readonly streams?: AdmIo;
  /** Where a session of `repl` reads and prints. */
  readonly session?: ReplStreams;
  /** Ends what is under way: an interrupted `apply` reports what it did. */
  readonly signal?: AbortSignal;
  /** Call a listener whenever the process gets SIGHUP, until what is returned is called. */
  readonly onHangup?: (listener: () => void) => () => void;
}

/** What the command depends on besides its input and output. */
export interface CliDependencies {
  openKernel(options: KernelOptions): Promise<Kernel>;
  /** Name of this machine. */
  hostname(): string;
  /** Addresses of this machine's interfaces, for commands that touch no kernel. */
  interfaces(): readonly { readonly name: string; readonly addresses: readonly string[] }[];
}

/** Everything a command gets. */
export interface CliContext {
  readonly io: CliIo;
  readonly dependencies: CliDependencies;
}

/** Ends the command with an exit code, after it has said what there is to say. */
export class ExitError extends Error {
  readonly exitCode: number;

  constructor(exitCode: number) {
    super(`exit code ${exitCode}`);
    this.exitCode = exitCode;
  }
}
