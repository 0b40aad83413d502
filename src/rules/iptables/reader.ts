import type { Family } from '../../net/address.js';
import type { Chain, Jump, Rule, RuleSet, TableName } from '../types.js';
import { parseRule } from './parse.js';
import { chainOf } from './rule.js';
import { splitWords } from './words.js';

/** A chain as iptables-save prints it. */
export interface SavedChain {
  readonly name: string;
  /** Base chains have one (`ACCEPT`, `DROP`); chains that someone made have none. */
  readonly policy?: string;
  readonly rules: readonly Rule[];
}

/** A table as iptables-save prints it, chains in the order of the text. */
export interface SavedTable {
  /** `nat`, `filter`, `mangle`, … */
  readonly name: string;
  readonly chains: readonly SavedChain[];
}

/**
 * Read the text of iptables-save. Nothing is refused: rules keep the parts that the model has no word for as raw text, and lines
 * that are no rules, chains or tables are passed over.
 */
export function readSave(text: string, family: Family): SavedTable[] {
  const tables: { name: string; chains: { name: string; policy?: string; rules: Rule[] }[] }[] = [];
  let chains: Map<string, { name: string; policy?: string; rules: Rule[] }> | undefined;
  for (const line of text.split('\n')) {
    if (line.startsWith('*')) {
      const table = { name: line.slice(1).trim(), chains: [] };
      tables.push(table);
      chains = new Map();
    } else if (line.startsWith(':')) {
      const [name = '', policy = '-'] = line.slice(1).split(' ');
      const chain = { name, rules: [], ...(policy === '-' ? {} : { policy }) };
      chains?.set(name, chain);
      tables.at(-1)?.chains.push(chain);
    } else if (line === 'COMMIT') {
      chains = undefined;
    } else {
      // With -c, counters stand before the rule.
      const words = splitWords(line.replace(/^\[\d+:\d+\] /, ''));
      const chain = words?.[0]?.value === '-A' ? chains?.get(words[1]?.value ?? '') : undefined;
      if (words !== undefined) chain?.rules.push(parseRule(words.slice(2), family));
    }
  }
  return tables;
}

/**
 * The part of what was read that belongs to the given chains: those of them that exist, with their rules, and the rules of base
 * chains that lead into them. Jumps from other people's chains are not looked at, since only base chains are ours to change.
 */
export function pickRuleSet(
  tables: readonly SavedTable[],
  family: Family,
  wanted: readonly { readonly table: TableName; readonly name: string }[],
): RuleSet {
  const chains: Chain[] = [];
  const jumps: Jump[] = [];
  const names = new Set<TableName>(wanted.map((chain) => chain.table));
  for (const table of names) {
    const saved = tables.find((t) => t.name === table);
    if (saved === undefined) continue;
    const ours = new Set(wanted.filter((chain) => chain.table === table).map((chain) => chain.name));
    for (const chain of saved.chains) {
      if (chain.policy === undefined) {
        if (ours.has(chain.name)) chains.push({ table, name: chain.name, rules: chain.rules });
        continue;
      }
      for (const rule of chain.rules) {
        if (ours.has(chainOf(rule) ?? '')) jumps.push({ table, from: chain.name, rule });
      }
    }
  }
  return { family, chains, jumps };
}

/** Remarks of iptables-nft-save about tables that it cannot show, e.g. because nft put chains of its own into them. */
export function unreadableTables(text: string): string[] {
  return text.split('\n').filter((line) => /^# Table `[^']*' (?:is|contains) incompatible/.test(line));
}
