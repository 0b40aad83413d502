import type { Family } from '../net/address.js';
import { nftTable } from '../rules/nft/compile.js';
import { diffNft, isEmptyNftDiff } from '../rules/nft/diff.js';
import { joinElements } from '../rules/nft/elements.js';
import type { NftSet, NftTable } from '../rules/nft/types.js';
import type { FamilyState, Operation } from './types.js';

/** Changes of our nft table, in the groups in which they are ordered. Each has one transaction at most. */
export interface NftChanges {
  /** What has to be in force before a service is open. */
  readonly additions: readonly Operation[];
  /** What may go when services that needed it have changed. */
  readonly deletions: readonly Operation[];
  /** The whole table, when it is not wanted. */
  readonly leftovers: readonly Operation[];
}

const sameShape = (a: NftSet, b: NftSet): boolean =>
  a.interval === b.interval && a.key.join() === b.key.join();

/** The wanted table while what is not wanted any more is still in its sets. Rules are the wanted ones already. */
function between(wanted: NftTable, actual: NftTable): NftTable {
  const before = new Map(actual.sets.map((set) => [set.name, set]));
  const sets = wanted.sets.map((set) => {
    const old = before.get(set.name);
    return old === undefined || !sameShape(set, old)
      ? set
      : { ...set, elements: joinElements(set, set.elements, old.elements) };
  });
  const names = new Set(wanted.sets.map(({ name }) => name));
  // What somebody else made of types that we never use could not be written again.
  const rest = actual.sets.filter(({ name, key }) => !names.has(name) && !key.includes('unknown'));
  return { ...wanted, sets: [...sets, ...rest] };
}

function step(
  family: Family,
  from: NftTable | undefined,
  to: NftTable,
): Extract<Operation, { op: 'applyNft' }>[] {
  const diff = diffNft(to, from);
  const undo = diffNft(
    from ?? { family, sets: [], chains: [] },
    to.sets.length + to.chains.length === 0 ? undefined : to,
  );
  return isEmptyNftDiff(diff) ? [] : [{ op: 'applyNft', family, diff, undo }];
}

/**
 * Compare our table of one family with what the kernel has. Without `state` none is wanted.
 * @throws ValidationError naming what nft cannot say.
 */
export function diffNftTable(
  state: FamilyState | undefined,
  family: Family,
  actual: NftTable | undefined,
): NftChanges {
  const wanted: NftTable =
    state === undefined ? { family, sets: [], chains: [] } : nftTable(state.rules, state.sets);
  if (wanted.sets.length + wanted.chains.length === 0) {
    const leftovers = actual === undefined ? [] : step(family, actual, wanted);
    return {
      additions: [],
      deletions: [],
      leftovers: leftovers.map((operation) => ({ ...operation, leftover: true })),
    };
  }
  if (actual === undefined)
    return { additions: step(family, undefined, wanted), deletions: [], leftovers: [] };
  const middle = between(wanted, actual);
  return { additions: step(family, actual, middle), deletions: step(family, middle, wanted), leftovers: [] };
}
