import type { Command } from 'commander';
import { type CliContext, ExitError } from '../io.js';
import { addKernelOptions, type KernelFlags } from '../options.js';
import { streamsOf } from '../streams.js';
import { withKernel } from '../with-kernel.js';
import { runIpset } from './run.js';

/** `ipvs ipset`: the command line of ipset. Only `--netns`, before its words, is ours. */
export function ipsetCommand(program: Command, context: CliContext): void {
  program.enablePositionalOptions();
  addKernelOptions(program.command('ipset'))
    .summary("ipset's own command line: ipvs ipset list")
    .description('Take the words of ipset 7.17 and print what it prints (ipvs ipset help).')
    .argument('[words...]', 'the command line of ipset')
    .helpOption(false)
    .allowUnknownOption()
    .passThroughOptions()
    .action(async (words: readonly string[], flags: KernelFlags) => {
      const code = await withKernel(flags, context, (kernel) => runIpset(words, streamsOf(context), kernel));
      if (code !== 0) throw new ExitError(code);
    });
}
