import { entryKey } from '../ipset/entry.js';
import type { ObservedSet } from './observe.js';
import type { Conflict, DesiredSet, FamilyScope, Operation, SetFacts } from './types.js';

/** Changes of sets, in the groups in which they are ordered. */
export interface SetChanges {
  readonly creations: Operation[];
  /** In the order of the sets. */
  readonly additions: Operation[];
  /** In the reverse order of the sets. */
  readonly deletions: Operation[];
  readonly destructions: Operation[];
  readonly conflicts: Conflict[];
}

/** The kernel's `maxelem` when nothing is said. */
const DEFAULT_MAX_ELEMENTS = 65_536;

/** Twice the room that is needed, so that a set seldom has to be made anew; never less than the kernel's default. */
function roomFor(entries: number): number {
  let room = DEFAULT_MAX_ELEMENTS;
  while (room < 2 * entries) room *= 2;
  return room;
}

function describe(set: { type: string; family?: string; range?: readonly (number | string)[] }): string {
  return [set.type, set.family, set.range === undefined ? undefined : set.range.join('-')]
    .filter((part) => part !== undefined)
    .join(' ');
}

/** A listed set as it would have to be created again. */
function factsOf({ header, entries }: ObservedSet): SetFacts {
  const { type, family, range, maxElements } = header;
  return {
    type,
    options: {
      ...(family === undefined ? {} : { family }),
      ...(range === undefined ? {} : { range }),
      ...(maxElements === undefined || maxElements === DEFAULT_MAX_ELEMENTS ? {} : { maxElements }),
    },
    entries,
  };
}

/** Compare the sets of one family. Sets of the scope that are not wanted are destroyed; sets outside are not looked at. */
export function diffSets(
  scope: FamilyScope,
  wanted: readonly DesiredSet[],
  observed: ReadonlyMap<string, ObservedSet>,
): SetChanges {
  const changes: SetChanges = {
    creations: [],
    additions: [],
    deletions: [],
    destructions: [],
    conflicts: [],
  };
  const deletionsBySet: Operation[][] = [];
  const { family } = scope;
  for (const set of wanted) {
    const existing = observed.get(set.name);
    const deletions: Operation[] = [];
    if (existing === undefined) {
      const maxElements = set.maxElements ?? roomFor(set.entries.length);
      changes.creations.push({
        op: 'createSet',
        family,
        set: set.name,
        type: set.type,
        options: {
          ...(set.family === undefined ? {} : { family: set.family }),
          ...(set.range === undefined ? {} : { range: set.range }),
          ...(maxElements === DEFAULT_MAX_ELEMENTS ? {} : { maxElements }),
        },
      });
    } else if (describe(existing.header) !== describe(set)) {
      changes.conflicts.push({
        object: `set ${set.name}`,
        reason: `it exists as ${describe(existing.header)}, and ${describe(set)} is wanted`,
        remedy: `destroy or rename it (ipset destroy ${set.name}); a set cannot change its type`,
      });
      continue;
    }
    const have = new Set(existing?.entries.map(entryKey));
    const want = new Set(set.entries);
    for (const entry of want)
      if (!have.has(entry)) changes.additions.push({ op: 'addEntry', family, set: set.name, entry });
    for (const entry of have)
      if (!want.has(entry)) deletions.push({ op: 'deleteEntry', family, set: set.name, entry });
    deletionsBySet.push(deletions);
  }
  for (const deletions of deletionsBySet.reverse())
    for (const operation of deletions) changes.deletions.push(operation);
  const names = new Set(wanted.map(({ name }) => name));
  for (const name of scope.sets) {
    const existing = observed.get(name);
    if (existing !== undefined && !names.has(name))
      changes.destructions.push({ op: 'destroySet', family, set: name, before: factsOf(existing) });
  }
  return changes;
}
