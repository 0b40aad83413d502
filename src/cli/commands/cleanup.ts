import type { Command } from 'commander';
import { apply, kubeScope, nothing, observe, plan } from '../../proxy/index.js';
import { printReport, reportJson } from '../format/report.js';
import { type CliContext, ExitError } from '../io.js';
import { addKernelOptions, addScopeOptions, type KernelFlags, type ScopeFlags } from '../options.js';
import { configFromFlags } from '../config-flags.js';
import { withKernel } from '../with-kernel.js';

interface CleanupFlags extends ScopeFlags, KernelFlags {
  readonly dryRun?: boolean;
  readonly json?: boolean;
  readonly verbose?: boolean;
}

/** `ipvs cleanup`: take away what apply made, and nothing else. */
export function cleanupCommand(program: Command, context: CliContext): void {
  addKernelOptions(
    addScopeOptions(
      program
        .command('cleanup')
        .description('Remove what apply made and nothing else. Kernel settings stay as they are.'),
    ),
  )
    .option('--dry-run', 'print what would be removed')
    .option('--json', 'print JSON')
    .option('-v, --verbose', 'print every operation')
    .action(async (flags: CleanupFlags) => {
      await withKernel(flags, context, async (kernel) => {
        const { io } = context;
        const scope = kubeScope((await configFromFlags(flags)).config);
        const steps = plan(nothing(), await observe(kernel, scope), scope);
        if (flags.dryRun === true) {
          if (flags.json === true) io.out(`${JSON.stringify(steps, undefined, 2)}\n`);
          else io.out(steps.isEmpty ? 'nothing to do\n' : `${steps.toString()}\n`);
          return;
        }
        const report = await apply(kernel, steps, io.signal === undefined ? {} : { signal: io.signal });
        if (flags.json === true) io.out(`${JSON.stringify(reportJson(report), undefined, 2)}\n`);
        else printReport(report, flags.verbose === true, io);
        if (!report.ok) throw new ExitError(1);
      });
    });
}
