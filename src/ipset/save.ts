import type { SetHeader, SetType } from './types.js';

/** What a `create` line needs; every header has it. */
export type SaveHeader = Pick<SetHeader, 'name' | 'type'> & Partial<Omit<SetHeader, 'name' | 'type'>>;

/** A set to be written: its parameters and its entries as canonical text. */
export interface SaveSet {
  readonly header: SaveHeader;
  readonly entries: readonly string[];
}

/**
 * The `create` line of a set as `ipset save` (7.17) writes it: the options in its order, those that are not known left out. One
 * difference: `forceadd` is written, which the tool forgets.
 */
export function formatCreate(header: SaveHeader): string {
  const words: string[] = ['create', header.name, header.type];
  const option = (name: string, value: string | number | undefined): void => {
    if (value !== undefined) words.push(name, String(value));
  };
  const maskLast = MASK_BEHIND_HASH.has(header.type);
  const masks = (): void => {
    option('netmask', header.netmask);
    option('bitmask', header.bitmask);
  };
  if (header.type.startsWith('bitmap:')) {
    option('range', header.range?.join('-'));
  } else {
    option('family', header.family);
    option('hashsize', header.hashSize);
    option('maxelem', header.maxElements);
  }
  if (!maskLast) masks();
  option('timeout', header.timeoutSeconds);
  words.push(...(header.extensions ?? []));
  option('bucketsize', header.bucketSize);
  if (header.initialValue !== undefined) {
    option('initval', `0x${header.initialValue.toString(16).padStart(8, '0')}`);
  }
  if (maskLast) masks();
  return words.join(' ');
}

/** Types for which the tool prints netmask and bitmask behind the hash's own options (observed: 7.17). */
const MASK_BEHIND_HASH: ReadonlySet<SetType> = new Set<SetType>(['hash:ip,port']);

/**
 * Sets as text that `ipset restore` reads: for each set its `create` line and one `add` line per entry, in the order given. Empty text
 * for no sets. Pure; values that entries carry besides their key (timeouts, counters, comments) are not part of a snapshot.
 */
export function formatSave(sets: Iterable<SaveSet>): string {
  const lines: string[] = [];
  for (const { header, entries } of sets) {
    lines.push(formatCreate(header));
    for (const entry of entries) lines.push(`add ${header.name} ${entry}`);
  }
  return lines.length === 0 ? '' : `${lines.join('\n')}\n`;
}
