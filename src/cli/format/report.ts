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
  applyNft: ['nft transaction', 'done'],
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
export function summary(results: readonly OperationResult[]): string {
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

/** Why an operation was not done. */
function whyNot({ error, reason }: OperationResult): string {
  return error?.message ?? reason ?? 'the kernel dropped its answer';
}

/** Operations of one kind that were not done for one reason. */
interface Undone {
  readonly first: OperationResult;
  readonly others: OperationResult[];
}

/** Failures before what they kept from being done; each reason once. */
function grouped(results: readonly OperationResult[]): Undone[] {
  const groups = new Map<string, Undone>();
  for (const result of results) {
    const { operation, status } = result;
    if (status === 'done') continue;
    const server = 'virtualServer' in operation ? operation.virtualServer : '';
    const why = server === '' ? whyNot(result) : whyNot(result).replaceAll(server, '');
    const key = `${status} ${operation.op} ${why}`;
    const group = groups.get(key);
    if (group === undefined) groups.set(key, { first: result, others: [] });
    else group.others.push(result);
  }
  const all = [...groups.values()];
  return [
    ...all.filter(({ first }) => first.status !== 'skipped'),
    ...all.filter(({ first }) => first.status === 'skipped'),
  ];
}

function undoneText({ first, others }: Undone, verbose: boolean): string {
  const lines = [
    `${first.status}: ${formatOperation(first.operation)}`,
    `  ${whyNot(first).replaceAll('\n', '\n  ')}`,
  ];
  const [noun] = NOUN[first.operation.op];
  if (verbose)
    lines.splice(1, 0, ...others.map((other) => `${other.status}: ${formatOperation(other.operation)}`));
  else if (others.length > 0)
    lines.push(`  (and ${plural(others.length, `more ${noun}`)} for the same reason)`);
  return lines.map((line) => `${line}\n`).join('');
}

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

  for (const group of grouped(report.results)) io.err(undoneText(group, verbose));
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
