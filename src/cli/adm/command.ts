import type { Command } from 'commander';
import { type CliContext, ExitError } from '../io.js';
import { addKernelOptions, type KernelFlags } from '../options.js';
import { streamsOf } from '../streams.js';
import { withKernel } from '../with-kernel.js';
import { runAdm } from './run.js';

/** `ipvs adm`: the command line of ipvsadm. Only `--netns`, before its words, is ours. */
export function admCommand(program: Command, context: CliContext): void {
  // What follows the command's own options belongs to ipvsadm, `-h` and `--version` included.
  program.enablePositionalOptions();
  addKernelOptions(program.command('adm'))
    .summary("ipvsadm's own command line: ipvs adm -Ln")
    .description('Take the words of ipvsadm 1.31 and print what it prints (ipvs adm -h).')
    .argument('[words...]', 'the command line of ipvsadm')
    .helpOption(false)
    .allowUnknownOption()
    .passThroughOptions()
    .action(async (words: readonly string[], flags: KernelFlags) => {
      const code = await withKernel(flags, context, (kernel) => runAdm(words, streamsOf(context), kernel));
      if (code !== 0) throw new ExitError(code);
    });
}
