import { formatOperation, type Operation, type Plan } from '../../src/proxy/index.js';
import { bold, dim, say, wrap } from './output.js';

interface Group {
  readonly title: string;
  readonly holds: (operation: Operation) => boolean;
  /** Lines to print before the rest is only counted. */
  readonly shown: number;
}

const group = (title: string, shown: number, ...ops: readonly Operation['op'][]): Group => ({
  title,
  shown,
  holds: ({ op }) => ops.includes(op),
});
const isRecord = (operation: Operation): boolean => 'records' in operation;

/** Kinds of operations in the order of a plan, with what they are for. */
const GROUPS: readonly Group[] = [
  group('Kernel settings, so that packets are forwarded and masqueraded', 9, 'setSysctl', 'setTimeouts'),
  group('The interface that is to own the addresses of the Services', 9, 'addInterface'),
  group('Sets', 6, 'createSet'),
  {
    title: 'On record as ours, so that nothing of anybody else is ever taken away',
    shown: 4,
    holds: isRecord,
  },
  {
    title: 'Entries of the sets',
    shown: 30,
    holds: (operation) => operation.op === 'addEntry' && !isRecord(operation),
  },
  group('Firewall rules that ask the sets, one write per address family', 9, 'applyRules', 'applyNft'),
  group('Virtual servers', 30, 'addVirtualServer', 'setVirtualServer'),
  group('Real servers behind them', 8, 'addRealServer', 'setRealServer', 'removeRealServer'),
  group('Addresses: from here on the Services are open', 30, 'addAddress'),
  {
    title: 'What is no longer wanted',
    shown: 9,
    holds: (operation) =>
      (operation.op === 'deleteEntry' && !isRecord(operation)) ||
      ['removeAddress', 'removeVirtualServer', 'destroySet', 'removeInterface'].includes(operation.op),
  },
];

/** Print a plan, grouped. The lines are those of `plan.toString()`. */
export function printPlan(plan: Plan): void {
  for (const { title, shown, holds } of GROUPS) {
    const lines = plan.operations.filter(holds).map(formatOperation);
    if (lines.length === 0) continue;
    say(`${bold(title)} ${dim(`(${lines.length})`)}`);
    const printed = lines.length > shown + 1 ? lines.slice(0, shown) : lines;
    for (const line of printed) say(wrap(line, '  ', '      '));
    if (printed.length < lines.length) say(dim(`  … and ${lines.length - printed.length} more`));
  }
  for (const { object, reason } of plan.conflicts) say(`  ! ${object}: ${reason}`);
}
