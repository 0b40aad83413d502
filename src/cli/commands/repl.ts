import type { Command } from 'commander';
import { homedir } from 'node:os';
import { join } from 'node:path';
import { type ReplOptions, runRepl } from '../../repl/session.js';
import type { CliContext } from '../io.js';
import { addKernelOptions, type KernelFlags } from '../options.js';
import { withKernel } from '../with-kernel.js';

interface ReplFlags extends KernelFlags {
  readonly fake?: boolean;
}

/** `ipvs repl`: JavaScript line by line with an open kernel. */
export function replCommand(program: Command, context: CliContext): void {
  addKernelOptions(
    program
      .command('repl')
      .description('JavaScript line by line with an open kernel: ipvs, ipset and the others by name.'),
  )
    .option('--fake', 'a kernel in memory, empty at first: needs no Linux and no privilege')
    .action(async (flags: ReplFlags) => {
      const { session } = context.io;
      if (session === undefined) throw new Error('there is nothing to read lines from');
      const options: ReplOptions = {
        history: process.env['IPVS_REPL_HISTORY'] ?? join(homedir(), '.ipvs_repl_history'),
        names: await import('../../index.js'),
      };
      if (flags.fake === true) {
        const { fakeKernel } = await import('../../testing.js');
        await using kernel = fakeKernel();
        await runRepl(kernel, session, options);
      } else {
        await withKernel(flags, context, (kernel) => runRepl(kernel, session, options));
      }
    });
}
