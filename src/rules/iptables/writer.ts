import type { Family } from '../../net/address.js';
import type { Chain, Jump, RuleSet, RulesDiff, TableName } from '../types.js';
import { chainName } from './names.js';
import { formatRule } from './rule.js';

/** nat goes first: what filter rules look for (marks) is set there. */
export const TABLES: readonly TableName[] = ['nat', 'filter'];

/** Base chains by table, in the order of iptables-save. */
export const BASE_CHAINS: Readonly<Record<TableName, readonly string[]>> = {
  nat: ['PREROUTING', 'INPUT', 'OUTPUT', 'POSTROUTING'],
  filter: ['INPUT', 'FORWARD', 'OUTPUT'],
};

const inTable =
  (table: TableName) =>
  (item: { readonly table: TableName }): boolean =>
    item.table === table;

const appendChain = (chain: Chain, family: Family): string[] =>
  chain.rules.map((rule, i) =>
    `-A ${chainName(chain.name, 'chain')} ${formatRule(rule, family, `${chain.name}[${i}]`)}`.trimEnd(),
  );

const jumpText = (jump: Jump, family: Family): string =>
  `${chainName(jump.from, 'from')} ${formatRule(jump.rule, family, `${jump.from} jump`)}`;

/**
 * The input of `iptables-restore --noflush` that carries out a difference. A chain that is declared (`:NAME - [0:0]`) is made or
 * emptied; everything that is not named stays. Within a table: declarations, removal of jumps, rules, insertion of jumps, removal
 * of chains (by then empty and without jumps). Each table is one kernel transaction of its own.
 *
 * Jumps are inserted at the head of their base chain, the last one first, so that they come to stand in the given order.
 * @throws ValidationError when a rule cannot be written.
 */
export function restoreText(diff: RulesDiff): string {
  const { family } = diff;
  const lines: string[] = [];
  for (const table of TABLES) {
    const of = inTable(table);
    const write = diff.write.filter(of);
    const remove = diff.removeChains.filter(of);
    const body = [
      ...[...write, ...remove].map((chain) => `:${chainName(chain.name, 'chain')} - [0:0]`),
      ...diff.removeJumps.filter(of).map((jump) => `-D ${jumpText(jump, family)}`),
      ...write.flatMap((chain) => appendChain(chain, family)),
      ...diff.addJumps
        .filter(of)
        .reverse()
        .map((jump) => `-I ${jumpText(jump, family)}`),
      ...remove.map((chain) => `-X ${chain.name}`),
    ];
    if (body.length > 0) lines.push(`*${table}`, ...body, 'COMMIT');
  }
  return lines.length === 0 ? '' : `${lines.join('\n')}\n`;
}

const byName = (a: string, b: string): number => (a < b ? -1 : a > b ? 1 : 0);

/**
 * Rules as `iptables-save` would print them on a machine that has nothing else: base chains first, then chains by name, no remarks,
 * counters at zero. For people, golden files and comparison by eye; `restoreText` is what is fed to the kernel.
 * @throws ValidationError when a rule cannot be written.
 */
export function saveText(rules: RuleSet): string {
  const lines: string[] = [];
  for (const table of [...TABLES].reverse()) {
    const chains = rules.chains.filter(inTable(table)).sort((a, b) => byName(a.name, b.name));
    const jumps = rules.jumps.filter(inTable(table));
    if (chains.length === 0 && jumps.length === 0) continue;
    const base = BASE_CHAINS[table];
    lines.push(
      `*${table}`,
      ...base.map((name) => `:${name} ACCEPT [0:0]`),
      ...chains.map((chain) => `:${chain.name} - [0:0]`),
      ...base.flatMap((name) =>
        jumps.filter((jump) => jump.from === name).map((jump) => `-A ${jumpText(jump, rules.family)}`),
      ),
      ...chains.flatMap((chain) => appendChain(chain, rules.family)),
      'COMMIT',
    );
  }
  return lines.length === 0 ? '' : `${lines.join('\n')}\n`;
}
