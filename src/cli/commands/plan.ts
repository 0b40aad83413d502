import type { Command } from 'commander';
import { kubeScope, observe, plan } from '../../proxy/index.js';
import type { CliContext } from '../io.js';
import { addKernelOptions, addStateOptions, type KernelFlags, type StateFlags } from '../options.js';
import { stateFromFlags } from '../state.js';
import { withKernel } from '../with-kernel.js';

interface PlanFlags extends StateFlags, KernelFlags {
  readonly adopt?: boolean;
  readonly json?: boolean;
}

/** `ipvs plan`: how the kernel differs from the manifests; changes nothing. */
export function planCommand(program: Command, context: CliContext): void {
  addKernelOptions(
    addStateOptions(
      program.command('plan').description('Print what apply would change, in order; nothing is changed.'),
    ),
  )
    .option('--adopt', 'take over wanted virtual servers that somebody else made')
    .option('--json', 'print JSON')
    .action(async (flags: PlanFlags) => {
      await withKernel(flags, context, async (kernel) => {
        const { config, state } = await stateFromFlags(flags, context, kernel);
        const scope = kubeScope(config);
        const steps = plan(state, await observe(kernel, scope, state), scope, {
          adopt: flags.adopt === true,
        });
        if (flags.json === true) context.io.out(`${JSON.stringify(steps, undefined, 2)}\n`);
        else context.io.out(steps.toString() === '' ? 'nothing to do\n' : `${steps.toString()}\n`);
      });
    });
}
