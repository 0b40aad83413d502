import type { Command } from 'commander';
import { type CliContext, ExitError } from '../io.js';
import { addKernelOptions, type KernelFlags } from '../options.js';
import { withKernel } from '../with-kernel.js';
import type { AdmOutput } from './io.js';
import { runAdm } from './run.js';

/** `ipvs adm`: the command line of ipvsadm. Only `--netns`, before its words, is ours. */
export function admCommand(program: Command, context: CliContext): void {
  const { io } = context;
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
      const code = await withKernel(flags, context, (kernel) =>
        runAdm(
          words,
          {
            stdout: output((text) => io.out(text)),
            stderr: output((text) => io.err(text)),
            stdin: standardInput(context),
          },
          kernel,
        ),
      );
      if (code !== 0) throw new ExitError(code);
    });
}

function output(print: (text: string) => void): AdmOutput {
  return {
    write: (text) => {
      print(text);
      return true;
    },
    once: () => undefined,
  };
}

/** Read when it is asked for: most commands leave it alone. */
async function* standardInput({ io }: CliContext): AsyncIterable<string> {
  yield await io.readStdin();
}
