import type { Command } from 'commander';
import { kubeScope, observe, plan } from '../../proxy/index.js';
import { type CliContext, ExitError } from '../io.js';
import { addKernelOptions, addStateOptions, type KernelFlags, type StateFlags } from '../options.js';
import { stateFromFlags } from '../state.js';
import { withKernel } from '../with-kernel.js';

interface PlanFlags extends StateFlags, KernelFlags {
  readonly adopt?: boolean;
  readonly json?: boolean;
  readonly exitCode?: boolean;
}

/** With `--exit-code`: something differs. */
const CHANGES = 2;

/** `ipvs plan`: how the kernel differs from the manifests; changes nothing. */
export function planCommand(program: Command, context: CliContext): void {
  addKernelOptions(
    addStateOptions(
      program.command('plan').description('Print what apply would change, in order; nothing is changed.'),
    ),
  )
    .option('--adopt', 'take over wanted virtual servers that somebody else made')
    .option('--json', 'print JSON')
    .option(
      '--exit-code',
      'end with 2 when there is something to do (0: nothing; 1: it could not be found out)',
    )
    .action(async (flags: PlanFlags) => {
      await withKernel(flags, context, async (kernel) => {
        const { config, state } = await stateFromFlags(flags, context, kernel);
        const scope = kubeScope(config);
        const steps = plan(state, await observe(kernel, scope, state), scope, {
          adopt: flags.adopt === true,
        });
        if (flags.json === true) context.io.out(`${JSON.stringify(steps, undefined, 2)}\n`);
        else context.io.out(steps.toString() === '' ? 'nothing to do\n' : `${steps.toString()}\n`);
        if (flags.exitCode === true && steps.operations.length + steps.conflicts.length > 0)
          throw new ExitError(CHANGES);
      });
    });
}
