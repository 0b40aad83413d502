import { type ApplyReport, formatOperation, type OperationResult } from '../../proxy/index.js';
import type { CliIo } from '../io.js';

/** What operations are counted as. */
const NOUN: Readonly<Record<OperationResult['operation']['op'], readonly [string, string]>> = {
  setSysctl: ['setting', 'changed'],
  setTimeouts: ['setting', 'changed'],
  addInterface: ['interface', 'added'],
  removeInterface: ['interface', 'removed'],
  addAddress: ['address', 'added'],
  removeAddress: ['address', 'removed'],
  createSet: ['set', 'added'],
  destroySet: ['set', 'removed'],
  addEntry: ['entry', 'added'],
  deleteEntry: ['entry', 'removed'],
  applyRules: ['rule set', 'written'],
  addVirtualServer: ['virtual server', 'added'],
  setVirtualServer: ['virtual server', 'changed'],
  removeVirtualServer: ['virtual server', 'removed'],
  addRealServer: ['real server', 'added'],
  setRealServer: ['real server', 'changed'],
  removeRealServer: ['real server', 'removed'],
};

const plural = (count: number, noun: string): string =>
  `${count} ${count === 1 ? noun : noun.replace(/y$/, 'ie').replace(/ss$/, 'sse')}${count === 1 ? '' : 's'}`;

/** `added: 9 virtual servers, 27 real servers; removed: 1 address` */
function summary(results: readonly OperationResult[]): string {
  const counts = new Map<string, Map<string, number>>();
  for (const { operation, status } of results) {
    if (status !== 'done') continue;
    const [noun, verb] = NOUN[operation.op];
    const nouns = counts.get(verb) ?? new Map<string, number>();
    nouns.set(noun, (nouns.get(noun) ?? 0) + 1);
    counts.set(verb, nouns);
  }
  return [...counts]
    .map(([verb, nouns]) => `${verb}: ${[...nouns].map(([noun, count]) => plural(count, noun)).join(', ')}`)
    .join('; ');
}

/** Why an operation was not done, on one line. */
function outcomeText({ operation, status, error, reason }: OperationResult): string {
  const why = error?.message ?? reason ?? 'the kernel dropped its answer';
  return `${status}: ${formatOperation(operation)}\n  ${why.replaceAll('\n', '\n  ')}`;
}

/** Failures that are shown by name; more of them seldom say more. */
const SHOWN = 20;

/** Print what was done, and on standard error everything that was not. */
export function printReport(report: ApplyReport, verbose: boolean, io: CliIo): void {
  if (verbose) {
    for (const result of report.results)
      if (result.status === 'done') io.out(`${formatOperation(result.operation)}\n`);
  }
  for (const { name, before, after, changed } of report.sysctls) {
    if (changed) io.out(`${name}: ${before} -> ${after} (cleanup does not restore it)\n`);
  }
  const done = summary(report.results);
  io.out(done === '' ? 'nothing was changed\n' : `${done}\n`);

  const undone = report.results.filter(({ status }) => status !== 'done');
  // Causes before consequences.
  const ordered = [
    ...undone.filter(({ status }) => status !== 'skipped'),
    ...undone.filter(({ status }) => status === 'skipped'),
  ];
  for (const result of verbose ? ordered : ordered.slice(0, SHOWN)) io.err(`${outcomeText(result)}\n`);
  if (!verbose && ordered.length > SHOWN)
    io.err(`… and ${ordered.length - SHOWN} more; --verbose shows them all\n`);
  for (const { object, reason, remedy } of report.conflicts)
    io.err(`conflict: ${object}: ${reason}\n  ${remedy}\n`);
  if (!report.ok) {
    io.err(
      `ipvs: incomplete: ${report.done} done, ${report.failed} failed, ${report.skipped} skipped, ${plural(report.conflicts.length, 'conflict')}\n`,
    );
  }
}

/** A report as plain JSON: errors become their name, message and code. */
export function reportJson(report: ApplyReport): unknown {
  return {
    ...report,
    results: report.results.map(({ error, ...rest }) => ({
      ...rest,
      ...(error === undefined
        ? {}
        : {
            error: {
              name: error.name,
              message: error.message,
              ...('code' in error && typeof error.code === 'string' ? { code: error.code } : {}),
            },
          }),
    })),
  };
}
