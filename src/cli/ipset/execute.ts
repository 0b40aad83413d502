import { createReadStream } from 'node:fs';
import { open } from 'node:fs/promises';
import type { Invocation } from '../../ipset/tool/commands.js';
import { typeOfName } from '../../ipset/tool/create.js';
import { ToolError } from '../../ipset/tool/error.js';
import type { ToolAnswer } from '../../ipset/tool/executor.js';
import { runLines } from '../../ipset/tool/stream.js';
import { write } from '../adm/io.js';
import { helpText, typeHelp, VERSION } from './help.js';
import { complain, EXIT, type Session } from './session.js';
import { reason, show } from './show.js';

/** Commands besides the interactive mode. */
export type ExecutableCommand = Exclude<Invocation, { readonly command: 'interactive' | 'none' }>;

/** Run one command. @returns the exit code @throws ToolError, Refusal, LineFault */
export async function execute(session: Session, command: ExecutableCommand): Promise<number> {
  switch (command.command) {
    case 'version':
      await write(session.io.stdout, VERSION);
      return EXIT.done;
    case 'help':
      return help(session, command.type);
    case 'quit':
      return EXIT.done;
    case 'list':
    case 'save':
      await show(session, command.command, command.set);
      return EXIT.done;
    case 'restore':
      return restore(session);
    default: {
      const answer = await session.executor.run(command, session.options.exist, 0);
      await session.executor.settle();
      return say(session, answer);
    }
  }
}

/** What a command has to say. @returns the exit code */
async function say({ io, options }: Session, { warnings = [], test }: ToolAnswer): Promise<number> {
  if (warnings.length > 0 && !options.quiet) {
    await write(io.stderr, `Warning: ${warnings.join('\n')}\n`);
  }
  if (test === undefined) return EXIT.done;
  const { display, set, matched } = test;
  if (!options.quiet) {
    await write(
      io.stderr,
      `${matched ? 'Warning: ' : ''}${display} is ${matched ? '' : 'NOT '}in set ${set}.\n`,
    );
  }
  return matched ? EXIT.done : EXIT.failed;
}

async function help(session: Session, type: string | undefined): Promise<number> {
  const known = type === undefined ? undefined : typeOfName(type);
  await write(
    session.io.stdout,
    helpText(known === undefined && type === undefined && !session.options.quiet),
  );
  if (type === undefined || session.options.quiet) return EXIT.done;
  if (known === undefined) return complain(session, new ToolError('usage', `Unknown settype: \`${type}'`));
  await write(session.io.stdout, typeHelp(known));
  return EXIT.done;
}

/** Run the commands of a file or of standard input. @returns the exit code */
async function restore(session: Session): Promise<number> {
  const { options, io, executor } = session;
  const input = options.file === undefined ? io.stdin : await openInput(options.file);
  options.file = undefined;
  let code: number = EXIT.done;
  await runLines(input, executor, options, {
    other: async (invocation) => {
      if (invocation.command === 'interactive' || invocation.command === 'none') return true;
      code = await execute(session, invocation);
      options.file = undefined;
      return invocation.command === 'quit';
    },
    answer: async (answer) => {
      code = await say(session, answer);
      return code !== EXIT.done;
    },
  });
  return code;
}

async function openInput(path: string): Promise<AsyncIterable<string | Uint8Array>> {
  try {
    const handle = await open(path, 'r');
    return createReadStream(path, { fd: handle });
  } catch (err) {
    throw new ToolError('syntax', `Cannot open ${path} for reading: ${reason(err)}`);
  }
}
