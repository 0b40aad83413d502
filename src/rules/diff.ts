import { ValidationError } from '../errors.js';
import type { Family } from '../net/address.js';
import { chainOf, isRaw, sameRule } from './iptables/rule.js';
import type { Chain, Jump, RuleSet, RulesDiff } from './types.js';

const sameChain = (a: Chain, b: Chain, family: Family): boolean =>
  a.rules.length === b.rules.length &&
  a.rules.every((rule, i) => {
    const other = b.rules[i];
    return other !== undefined && sameRule(rule, other, family);
  });

const sameJump = (a: Jump, b: Jump, family: Family): boolean =>
  a.table === b.table && a.from === b.from && sameRule(a.rule, b.rule, family);

const sameName = (a: Pick<Chain, 'table' | 'name'>, b: Pick<Chain, 'table' | 'name'>): boolean =>
  a.table === b.table && a.name === b.name;

function refuseDuplicates(wanted: RuleSet): void {
  for (const [i, chain] of wanted.chains.entries()) {
    if (wanted.chains.findIndex((other) => sameName(other, chain)) !== i) {
      throw new ValidationError(`chains[${i}]`, 'each chain once', `${chain.table} ${chain.name}`);
    }
    const raw = chain.rules.findIndex(isRaw);
    if (raw >= 0)
      throw new ValidationError(`chains[${i}].rules[${raw}]`, 'a rule without raw parts', chain.name);
  }
  for (const [i, jump] of wanted.jumps.entries()) {
    if (isRaw(jump.rule)) throw new ValidationError(`jumps[${i}]`, 'a rule without raw parts', jump.from);
    if (wanted.jumps.findIndex((other) => sameJump(other, jump, wanted.family)) !== i) {
      throw new ValidationError(
        `jumps[${i}]`,
        'each jump once',
        `${jump.from} to ${chainOf(jump.rule) ?? ''}`,
      );
    }
  }
}

/**
 * What has to change so that the kernel has what is wanted, and nothing else in the chains that were read.
 *
 * A chain is rewritten when any of its rules differs in meaning or order. A jump that exists is left where it stands, even
 * behind rules of others; a second copy of it and jumps of another form into our chains are removed. `actual` is what `Rules.read()`
 * answered: every chain in it is taken for ours.
 * @throws ValidationError when the families differ, or `wanted` names something twice or holds raw rules.
 */
export function diffRules(wanted: RuleSet, actual: RuleSet): RulesDiff {
  const { family } = wanted;
  if (actual.family !== family) throw new ValidationError('actual.family', family, actual.family);
  refuseDuplicates(wanted);

  const write = wanted.chains.filter((chain) => {
    const existing = actual.chains.find((other) => sameName(other, chain));
    return existing === undefined || !sameChain(chain, existing, family);
  });
  const removeChains = actual.chains
    .filter((chain) => !wanted.chains.some((other) => sameName(other, chain)))
    .map(({ table, name }) => ({ table, name }));

  const missing = [...wanted.jumps];
  const removeJumps = actual.jumps.filter((jump) => {
    const at = missing.findIndex((other) => sameJump(other, jump, family));
    if (at >= 0) missing.splice(at, 1);
    return at < 0;
  });
  return { family, write, addJumps: missing, removeJumps, removeChains };
}

/** True when there is nothing to do. */
export function isEmptyDiff(diff: RulesDiff): boolean {
  return diff.write.length + diff.addJumps.length + diff.removeJumps.length + diff.removeChains.length === 0;
}

/** No rules at all: what a fresh namespace has, and what cleanup wants. */
export function noRules(family: Family): RuleSet {
  return { family, chains: [], jumps: [] };
}
