import { formatCreate, type SaveHeader } from './text/create.js';

export { formatCreate, type SaveHeader } from './text/create.js';

/** A set to be written: its parameters and its entries as canonical text. */
export interface SaveSet {
  readonly header: SaveHeader;
  readonly entries: readonly string[];
}

/**
 * Sets as text that `ipset restore` reads: for each set its `create` line and one `add` line per entry, in the order given. Empty text
 * for no sets. Pure.
 */
export function formatSave(sets: Iterable<SaveSet>): string {
  const lines: string[] = [];
  for (const { header, entries } of sets) {
    lines.push(formatCreate(header));
    for (const entry of entries) lines.push(`add ${header.name} ${entry}`);
  }
  return lines.length === 0 ? '' : `${lines.join('\n')}\n`;
}
