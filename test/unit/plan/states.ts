import type { VirtualServerSpec, VirtualServerUrl } from '../../../src/ipvs/types.js';
import { plan as planOf, type PlanOptions, type Plan } from '../../../src/plan/index.js';
import { observe } from '../../../src/plan/observe.js';
import type { DesiredSet, DesiredState, OwnershipScope, RulesBackend } from '../../../src/plan/types.js';
import type { Kernel } from '../../../src/kernel/types.js';
import type { FakeKernel } from '../../../src/testing.js';
import type { RuleSet } from '../../../src/rules/types.js';

/** A scope of its own, to show that nothing here is about Kubernetes. */
export const SCOPE: OwnershipScope = {
  families: [
    {
      family: 'inet',
      sets: ['OURS-A', 'OURS-B'],
      chains: [{ table: 'nat', name: 'OURS' }],
      nft: true,
      record: 'OURS-RECORD',
    },
    {
      family: 'inet6',
      sets: ['OURS-6-A'],
      chains: [{ table: 'nat', name: 'OURS' }],
      nft: true,
      record: 'OURS-6-RECORD',
    },
  ],
  interface: 'ours0',
};

/** Rules that return what is in a set, and the jump to them. */
export function rulesFor(set: string | undefined): RuleSet {
  if (set === undefined) return { family: 'inet', chains: [], jumps: [] };
  return {
    family: 'inet',
    chains: [
      {
        table: 'nat',
        name: 'OURS',
        rules: [
          { matches: [{ match: 'set', set, directions: ['dst', 'dst'] }], target: { target: 'return' } },
        ],
      },
    ],
    jumps: [
      { table: 'nat', from: 'PREROUTING', rule: { matches: [], target: { target: 'jump', chain: 'OURS' } } },
    ],
  };
}

/** What {@link state} is to hold. */
export interface Contents {
  /** Real servers by virtual server. */
  readonly servers?: Readonly<Record<string, readonly string[]>>;
  readonly attributes?: Omit<VirtualServerSpec, 'url' | 'realServers'>;
  /** Entries of OURS-A; the set is there when this is. */
  readonly entries?: readonly string[];
  readonly sets?: readonly DesiredSet[];
  readonly bound?: readonly string[];
  /** Set that the rules name; no rules without. */
  readonly rules?: string;
  /** What holds rules and sets; default iptables. */
  readonly backend?: RulesBackend;
}

/** Desired state of IPv4. */
export function state(contents: Contents = {}): DesiredState {
  const sets: DesiredSet[] = [...(contents.sets ?? [])];
  if (contents.entries !== undefined)
    sets.unshift({ name: 'OURS-A', type: 'hash:ip,port', family: 'inet', entries: contents.entries });
  return {
    families: [
      {
        family: 'inet',
        virtualServers: Object.entries(contents.servers ?? {}).map(([url, realServers]) => ({
          url: url as VirtualServerUrl,
          scheduler: 'rr',
          ...contents.attributes,
          realServers,
        })),
        sets,
        rules: rulesFor(contents.rules),
        boundAddresses: contents.bound ?? [],
      },
    ],
    ...(contents.backend === undefined ? {} : { rules: contents.backend }),
    interface: true,
    sysctls: [],
  };
}

/** Observe and plan. */
export async function planFor(kernel: Kernel, desired: DesiredState, options?: PlanOptions): Promise<Plan> {
  return planOf(desired, await observe(kernel, SCOPE, desired), SCOPE, options);
}

/** The plan as lines. */
export const lines = (plan: Plan): string[] => (plan.toString() === '' ? [] : plan.toString().split('\n'));

/** Frame of a save file, and base chains without rules: there or not, they mean nothing. */
const FRAME = /^(#.*|\*\w+|COMMIT|:\w+ ACCEPT.*|)$/;

/**
 * Everything that a fake kernel holds, as lines that compare equal whatever way led there: without interface numbers, and sorted but
 * for rules, whose order means something.
 */
export function contentsOf(kernel: FakeKernel): readonly string[] {
  const lines = kernel
    .dump()
    .split('\n')
    .filter((line) => !FRAME.test(line))
    .map((line) => line.replace(/ \[\d+:\d+\]$/, ''))
    .map((line) => (/^\d+: /.test(line) ? line.split(' ').slice(1).sort().join(' ') : line));
  const isRule = (line: string): boolean => /^-A [A-Z]/.test(line);
  return [...lines.filter((line) => !isRule(line)).sort(), ...lines.filter(isRule)];
}
