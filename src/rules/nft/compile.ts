import { ValidationError } from '../../errors.js';
import type { Jump, RuleSet } from '../types.js';
import { nftSets, type NftSetType, type RuleSetContent, setType } from './elements.js';
import { chainName, hookOf } from './names.js';
import { nftRules, type StatementContext } from './statement.js';
import type { NftChain, NftTable } from './types.js';

/** Paths by what is to be there once. */
function refuseTwice(names: Iterable<readonly [name: string, path: string]>): void {
  const seen = new Set<string>();
  for (const [name, path] of names) {
    if (seen.has(name)) throw new ValidationError(path, 'each name once', name);
    seen.add(name);
  }
}

/**
 * Rules and the sets that they name as one table of nft, with the same verdicts (docs/rules.md has what differs). Jumps become
 * base chains of our own, beside those of others. Sets keep their names (see `nftSets`); sets that no rule names are there, too. Pure.
 *
 * The sets are plain data in ipset's words; those of a `FamilyState` fit as they are.
 * @throws ValidationError naming what nft cannot say: a rule about a set that is not among the sets, a name with other characters
 *   than letters, digits and `/_.-`, a comment with double quotes, a mask of 0, a negated match of ports.
 */
export function nftTable(rules: RuleSet, sets: readonly RuleSetContent[]): NftTable {
  const { family } = rules;
  refuseTwice(rules.chains.map(({ table, name }, i) => [`${table} ${name}`, `chains[${i}]`]));
  const native = sets.map((set, i) => nftSets(set, family, `sets[${i}]`));
  refuseTwice(native.flatMap((list, i) => list.map(({ name }) => [name, `sets[${i}]`] as const)));
  const types = new Map<string, NftSetType>();
  for (const [i, { name, type }] of sets.entries()) types.set(name, setType(type, `sets[${i}].type`));
  const context = (table: StatementContext['table']): StatementContext => ({ family, table, sets: types });

  const chains = rules.chains.map(({ table, name, rules: list }, i): NftChain => {
    const path = `chains[${i}]`;
    return {
      name: chainName(table, name, `${path}.name`),
      rules: list.flatMap((rule, j) => nftRules(rule, context(table), `${path}.rules[${j}]`)),
    };
  });
  const bases = new Map<string, { first: Jump; at: number; rules: NftChain['rules'] }>();
  for (const [i, jump] of rules.jumps.entries()) {
    const compiled = nftRules(jump.rule, context(jump.table), `jumps[${i}].rule`);
    const key = `${jump.table} ${jump.from}`;
    const base = bases.get(key);
    if (base === undefined) bases.set(key, { first: jump, at: i, rules: compiled });
    else base.rules = [...base.rules, ...compiled];
  }
  return {
    family,
    sets: native.flat(),
    chains: [
      ...chains,
      ...[...bases.values()].map(({ first: { table, from }, at, rules: list }) => ({
        name: chainName(table, from, `jumps[${at}].from`),
        hook: hookOf(table, from, `jumps[${at}].from`),
        rules: list,
      })),
    ],
  };
}
