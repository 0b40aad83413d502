import type { Command } from 'commander';
import { apply, kubeScope, observe, plan } from '../../proxy/index.js';
import { printReport, reportJson } from '../format/report.js';
import { type CliContext, ExitError } from '../io.js';
import { addKernelOptions, addStateOptions, type KernelFlags, type StateFlags } from '../options.js';
import { stateFromFlags } from '../state.js';
import { withKernel } from '../with-kernel.js';

interface ApplyFlags extends StateFlags, KernelFlags {
  readonly adopt?: boolean;
  readonly json?: boolean;
  readonly verbose?: boolean;
}

/** `ipvs apply`: make the kernel so. */
export function applyCommand(program: Command, context: CliContext): void {
  addKernelOptions(
    addStateOptions(
      program
        .command('apply')
        .description(
          'Program the kernel as the manifests ask for; what an earlier apply made and they no longer want goes.',
        ),
    ),
  )
    .option('--adopt', 'take over wanted virtual servers that somebody else made')
    .option('--json', 'print the report as JSON')
    .option('-v, --verbose', 'print every operation')
    .action(async (flags: ApplyFlags) => {
      await withKernel(flags, context, async (kernel) => {
        const { config, state } = await stateFromFlags(flags, context, kernel);
        const scope = kubeScope(config);
        const { io } = context;
        const call = io.signal === undefined ? {} : { signal: io.signal };
        const steps = plan(state, await observe(kernel, scope, state, call), scope, {
          adopt: flags.adopt === true,
        });
        const report = await apply(kernel, steps, call);
        if (flags.json === true) io.out(`${JSON.stringify(reportJson(report), undefined, 2)}\n`);
        else printReport(report, flags.verbose === true, io);
        if (!report.ok) throw new ExitError(1);
      });
    });
}
