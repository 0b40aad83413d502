import { Command, CommanderError } from 'commander';
import { admCommand } from './adm/command.js';
import { applyCommand } from './commands/apply.js';
import { cleanupCommand } from './commands/cleanup.js';
import { explainCommand } from './commands/explain.js';
import { listCommand } from './commands/list.js';
import { planCommand } from './commands/plan.js';
import { proxyCommand } from './commands/proxy.js';
import { renderCommand } from './commands/render.js';
import { replCommand } from './commands/repl.js';
import { ipsetCommand } from './ipset/command.js';
import { type CliContext, type CliDependencies, type CliIo, ExitError } from './io.js';
import { plainSwitches } from './options.js';
import { errorText } from './report-error.js';
import { version } from './version.js';

const USAGE = 2;
/** Commands that are followed by words of another tool. */
const OTHER_TOOLS = ['adm', 'ipset'] as const;

function build(context: CliContext): Command {
  const { io } = context;
  const program = new Command('ipvs')
    .description('Program Kubernetes Services into the Linux load balancer (IPVS), and look at it.')
    .version(version(), '-V, --version', 'print the version of this package')
    .showHelpAfterError('(ipvs --help, or ipvs COMMAND --help)')
    .configureOutput({
      writeOut: (text) => io.out(text),
      writeErr: (text) => io.err(text),
    })
    .exitOverride();
  renderCommand(program, context);
  planCommand(program, context);
  applyCommand(program, context);
  proxyCommand(program, context);
  listCommand(program, context);
  cleanupCommand(program, context);
  explainCommand(program, context);
  replCommand(program, context);
  admCommand(program, context);
  ipsetCommand(program, context);
  return program;
}

/**
 * Run the command line.
 *
 * @param argv Arguments behind the program's name.
 * @returns The exit code: 0 when everything was done, 1 when something was not (said on standard error), 2 for wrong usage. Never
 * rejects.
 */
export async function runCli(
  argv: readonly string[],
  io: CliIo,
  dependencies: CliDependencies,
): Promise<number> {
  const program = build({ io, dependencies });
  if (argv.length === 0) {
    io.err(program.helpInformation());
    return USAGE;
  }
  try {
    const words = OTHER_TOOLS.some((name) => name === argv[0]) ? argv : plainSwitches(argv);
    await program.parseAsync(words, { from: 'user' });
    return 0;
  } catch (err) {
    if (err instanceof ExitError) return err.exitCode;
    if (err instanceof CommanderError) return err.exitCode === 0 ? 0 : USAGE;
    io.err(`${errorText(err)}\n`);
    return 1;
  }
}
