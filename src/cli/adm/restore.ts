import { CommandLineError } from '../../ipvs/text/command-line-error.js';
import { type AdmCommand, parseCommand, USAGE } from '../../ipvs/text/command.js';
import { splitWords } from '../../ipvs/text/words.js';
import { runChanges } from './changes.js';
import { execute } from './execute.js';
import { helpText, VERSION } from './help.js';
import { linesOf, write } from './io.js';
import { type Change, changeOf, isChange } from './operations.js';
import { complain, EXIT, type Session } from './session.js';

/** Changes that go to the kernel together. */
const PIPELINE = 1024;

/**
 * Run the commands on standard input, a line each. What the kernel refuses is said and the next line run; a command line that makes
 * no sense ends everything, as with the tool.
 *
 * @returns the exit code: that of the last command that was run, or that of the one which ended everything.
 */
export async function restore(session: Session): Promise<number> {
  const pending = new Pending(session);
  for await (const line of linesOf(session.io.stdin)) {
    const words = splitWords(line);
    if (words.length === 0) continue;
    const end = await runLine(session, pending, words);
    if (end !== undefined) return end;
  }
  await pending.run();
  return pending.code;
}

/** Changes that were read and not run yet. */
class Pending {
  /** Exit code of the last command. */
  code: number = EXIT.done;
  readonly #session: Session;
  #changes: Change[] = [];

  constructor(session: Session) {
    this.#session = session;
  }

  async add(change: Change): Promise<void> {
    this.#changes.push(change);
    if (this.#changes.length === PIPELINE) await this.run();
  }

  async run(): Promise<void> {
    const changes = this.#changes;
    this.#changes = [];
    if (changes.length === 0) return;
    const refusals = await runChanges(this.#session.ipvs, changes);
    for (const refusal of refusals) if (refusal !== undefined) await complain(this.#session, refusal);
    this.code = refusals.at(-1) === undefined ? EXIT.done : EXIT.failed;
  }
}

/** @returns the exit code where this line ends everything */
async function runLine(
  session: Session,
  pending: Pending,
  words: readonly string[],
): Promise<number | undefined> {
  let command: Exclude<AdmCommand, { readonly command: 'restore' }>;
  try {
    const parsed = await session.names.reading((names) => parseCommand(words, names));
    if (parsed.command === 'restore') throw new CommandLineError('usage', USAGE);
    command = parsed;
  } catch (err) {
    if (!(err instanceof CommandLineError)) throw err;
    await pending.run();
    await complain(session, err.message);
    if (err.fault !== 'syntax') return err.exitCode;
    pending.code = err.exitCode;
    return undefined;
  }
  if (isChange(command)) {
    await pending.add(changeOf(command));
    return undefined;
  }
  await pending.run();
  if (command.command === 'help' || command.command === 'version') {
    await write(session.io.stdout, command.command === 'help' ? helpText() : VERSION);
    return EXIT.done;
  }
  pending.code = await execute(session, command);
  return undefined;
}
