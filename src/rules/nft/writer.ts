import { isEmptyNftDiff } from './diff.js';
import { tableOf } from './names.js';
import type { NftChain, NftDiff, NftElements, NftRule, NftSet } from './types.js';

/** Elements of one command: many, since each command costs, and not all, since a refusal names the line. */
const ELEMENTS_PER_LINE = 1000;

const ruleText = ({ text, comment }: NftRule): string =>
  comment === undefined ? text : `${text} comment "${comment}"`;

function setText(set: NftSet, table: string): string {
  const flags = set.interval ? ' flags interval;' : '';
  return `add set ${table} ${set.name} { type ${set.key.join(' . ')};${flags} }`;
}

function chainText({ name, hook }: NftChain, table: string): string {
  if (hook === undefined) return `add chain ${table} ${name}`;
  return `add chain ${table} ${name} { type ${hook.type} hook ${hook.hook} priority ${hook.priority}; policy accept; }`;
}

function* elementText(
  verb: 'add' | 'delete',
  { set, elements }: NftElements,
  table: string,
): Generator<string> {
  for (let i = 0; i < elements.length; i += ELEMENTS_PER_LINE)
    yield `${verb} element ${table} ${set} { ${elements.slice(i, i + ELEMENTS_PER_LINE).join(', ')} }`;
}

/**
 * The input of `nft -f -` that carries out a difference, one command a line and one transaction as a whole. The cost is that of
 * what differs. Empty when nothing does.
 */
export function nftText(diff: NftDiff): string {
  if (isEmptyNftDiff(diff)) return '';
  const table = tableOf(diff.family);
  const { replace, addSets, deleteElements, addElements, writeChains, removeChains, removeSets } = diff;
  const lines: string[] = [];
  // Added first, so that deleting it is never refused.
  if (replace) lines.push(`add table ${table}`, `delete table ${table}`);
  if (!replace || addSets.length + writeChains.length > 0) lines.push(`add table ${table}`);
  for (const set of addSets) lines.push(setText(set, table));
  for (const chain of writeChains) lines.push(chainText(chain, table));
  if (!replace)
    for (const name of [...writeChains.map((chain) => chain.name), ...removeChains])
      lines.push(`flush chain ${table} ${name}`);
  // Deleted first: what takes the place of an element may overlap with it.
  for (const elements of deleteElements) lines.push(...elementText('delete', elements, table));
  for (const { name: set, elements } of addSets) lines.push(...elementText('add', { set, elements }, table));
  for (const elements of addElements) lines.push(...elementText('add', elements, table));
  for (const { name, rules } of writeChains)
    for (const rule of rules) lines.push(`add rule ${table} ${name} ${ruleText(rule)}`);
  for (const name of removeChains) lines.push(`delete chain ${table} ${name}`);
  for (const name of removeSets) lines.push(`delete set ${table} ${name}`);
  return `${lines.join('\n')}\n`;
}
