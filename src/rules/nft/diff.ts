import { ValidationError } from '../../errors.js';
import type { NftChain, NftDiff, NftElements, NftHook, NftSet, NftTable } from './types.js';

const sameHook = (a: NftHook | undefined, b: NftHook | undefined): boolean =>
  a?.type === b?.type && a?.hook === b?.hook && a?.priority === b?.priority;

const sameShape = (a: NftSet, b: NftSet): boolean =>
  a.interval === b.interval && a.key.join() === b.key.join();

const sameRules = (a: NftChain, b: NftChain): boolean =>
  a.rules.length === b.rules.length &&
  a.rules.every(({ text, comment }, i) => text === b.rules[i]?.text && comment === b.rules[i].comment);

const byName = <T extends { readonly name: string }>(items: readonly T[]): Map<string, T> =>
  new Map(items.map((item) => [item.name, item]));

/** A set cannot change its key nor a base chain its hook, and nobody else has any business in our table. */
function mustReplace(wanted: NftTable, actual: NftTable): boolean {
  const sets = byName(actual.sets);
  const chains = byName(actual.chains);
  return (
    (actual.other ?? []).length > 0 ||
    wanted.sets.some((set) => {
      const existing = sets.get(set.name);
      return existing !== undefined && !sameShape(set, existing);
    }) ||
    wanted.chains.some((chain) => {
      const existing = chains.get(chain.name);
      return existing !== undefined && !sameHook(chain.hook, existing.hook);
    })
  );
}

/**
 * What has to change so that our table is as wanted: elements one by one, chains as a whole. Without `actual`, when there is
 * no table or when it cannot be changed into the wanted one, the table is replaced as a whole; without `wanted` it is removed.
 *
 * @throws ValidationError when the families differ.
 */
export function diffNft(wanted: NftTable, actual: NftTable | undefined): NftDiff {
  const { family } = wanted;
  const none: NftDiff = {
    family,
    replace: false,
    addSets: [],
    deleteElements: [],
    addElements: [],
    writeChains: [],
    removeChains: [],
    removeSets: [],
  };
  const empty = wanted.sets.length + wanted.chains.length === 0;
  if (actual === undefined)
    return empty ? none : { ...none, replace: true, addSets: wanted.sets, writeChains: wanted.chains };
  if (actual.family !== family) throw new ValidationError('actual.family', family, actual.family);
  if (empty) return { ...none, replace: true };
  if (mustReplace(wanted, actual))
    return { ...none, replace: true, addSets: wanted.sets, writeChains: wanted.chains };

  const oldSets = byName(actual.sets);
  const oldChains = byName(actual.chains);
  const deleteElements: NftElements[] = [];
  const addElements: NftElements[] = [];
  for (const { name, elements } of wanted.sets) {
    const existing = oldSets.get(name);
    if (existing === undefined) continue;
    const have = new Set(existing.elements);
    const want = new Set(elements);
    const gone = [...have].filter((element) => !want.has(element));
    const missing = [...want].filter((element) => !have.has(element));
    if (gone.length > 0) deleteElements.push({ set: name, elements: gone });
    if (missing.length > 0) addElements.push({ set: name, elements: missing });
  }
  const sets = byName(wanted.sets);
  const chains = byName(wanted.chains);
  return {
    family,
    replace: false,
    addSets: wanted.sets.filter(({ name }) => !oldSets.has(name)),
    deleteElements,
    addElements,
    writeChains: wanted.chains.filter((chain) => {
      const existing = oldChains.get(chain.name);
      return existing === undefined || !sameRules(chain, existing);
    }),
    removeChains: actual.chains.filter(({ name }) => !chains.has(name)).map(({ name }) => name),
    removeSets: actual.sets.filter(({ name }) => !sets.has(name)).map(({ name }) => name),
  };
}

/** True when there is nothing to do. */
export function isEmptyNftDiff(diff: NftDiff): boolean {
  const { addSets, deleteElements, addElements, writeChains, removeChains, removeSets } = diff;
  const lists = [addSets, deleteElements, addElements, writeChains, removeChains, removeSets];
  return !diff.replace && lists.every((list) => list.length === 0);
}
