import { type Invocation, parseInvocation } from '../../ipset/tool/commands.js';
import { isBlank, splitWords } from '../../ipset/tool/words.js';
import { linesOf, write } from '../adm/io.js';
import { execute } from './execute.js';
import { complain, EXIT, type Session } from './session.js';

const PROMPT = 'ipset> ';

/** Commands from standard input, one by one; a fault ends nothing. @returns the exit code */
export async function interactive(session: Session): Promise<number> {
  const { io, options } = session;
  await write(io.stdout, PROMPT);
  for await (const line of linesOf(io.stdin)) {
    if (isBlank(line)) {
      // The tool asks twice then.
      await write(io.stdout, PROMPT + PROMPT);
      continue;
    }
    try {
      if (await runLine(session, parseInvocation(splitWords(line), options, 'interactive'))) return EXIT.done;
    } catch (err) {
      await complain(session, err, true);
    }
    await write(io.stdout, PROMPT);
  }
  return EXIT.done;
}

/** @returns true to end */
async function runLine(session: Session, invocation: Invocation): Promise<boolean> {
  switch (invocation.command) {
    case 'quit':
      return true;
    case 'none':
    case 'interactive':
      await write(session.io.stdout, 'No command specified\n');
      return false;
    case 'restore':
      await write(session.io.stdout, 'Restore command is not supported in interactive mode\n');
      return false;
    default:
      await execute(session, invocation);
      return false;
  }
}
