import { CommandError } from '../../errors.js';
import type { Family } from '../../net/address.js';
import { cidrContains, type Cidr, tryParseCidr } from '../../net/cidr.js';
import { isEmptyNftDiff } from './diff.js';
import { tableOf } from './names.js';
import type { Nft, NftChain, NftDiff, NftSet, NftTable } from './types.js';
import { nftText } from './writer.js';

/** Our table from memory. */
export interface FakeNft extends Nft {
  /** Asked before every call; an error that it answers is thrown. Settable at any time. */
  fault: ((call: 'read' | 'check' | 'apply' | 'save' | 'version') => Error | undefined) | undefined;
  /** All tables, one line per set and per chain, in an order that does not depend on how they came to be; empty without tables. */
  dump(): string;
}

/** What the kernel refuses, and the words that stand in the refused line. */
class Refusal extends Error {
  readonly words: readonly string[];

  constructor(reason: string, words: readonly string[]) {
    super(reason);
    this.words = words;
  }
}

interface State {
  readonly sets: Map<string, NftSet>;
  readonly chains: Map<string, NftChain>;
}

const MISSING = 'No such file or directory';
const BUSY = 'Device or resource busy';

const networkOf = (element: string): Cidr | undefined => tryParseCidr(element.split(' . ').at(-1) ?? '');

/** Do two elements of an interval set have a packet in common? */
function overlap(a: string, b: string): boolean {
  const head = (element: string): string => element.slice(0, element.lastIndexOf(' . '));
  const [left, right] = [networkOf(a), networkOf(b)];
  if (left === undefined || right === undefined || head(a) !== head(b)) return a === b;
  return cidrContains(left, right.bytes) || cidrContains(right, left.bytes);
}

function addElements(state: State, name: string, elements: readonly string[]): void {
  const set = state.sets.get(name);
  if (set === undefined) throw new Refusal(MISSING, ['add element', name]);
  const now = [...set.elements];
  for (const element of elements) {
    // The kernel takes an element that is there already, unless its network is another.
    if (now.includes(element)) continue;
    if (set.interval && now.some((other) => overlap(other, element)))
      throw new Refusal('File exists', ['add element', name, element]);
    now.push(element);
  }
  state.sets.set(name, { ...set, elements: now });
}

function deleteElements(state: State, name: string, elements: readonly string[]): void {
  const set = state.sets.get(name);
  if (set === undefined) throw new Refusal(MISSING, ['delete element', name]);
  const now = new Set(set.elements);
  for (const element of elements)
    if (!now.delete(element)) throw new Refusal(MISSING, ['delete element', name, element]);
  state.sets.set(name, { ...set, elements: [...now] });
}

/** What the rules of a chain refer to. */
const references = (chain: NftChain): { text: string; jump?: string; set?: string }[] =>
  chain.rules.map(({ text }) => {
    const jump = /\bjump (\S+)$/.exec(text)?.[1];
    const set = /(?<= )@(\S+)/.exec(text)?.[1];
    return { text, ...(jump === undefined ? {} : { jump }), ...(set === undefined ? {} : { set }) };
  });

/** The state behind a difference, in the order in which nft carries it out. @throws Refusal */
function changed(before: State | undefined, diff: NftDiff): State | undefined {
  const old = diff.replace ? undefined : before;
  if (diff.replace && diff.addSets.length + diff.writeChains.length === 0) return undefined;
  const state: State = { sets: new Map(old?.sets), chains: new Map(old?.chains) };
  for (const set of diff.addSets) {
    const existing = state.sets.get(set.name);
    if (
      existing !== undefined &&
      (existing.key.join() !== set.key.join() || existing.interval !== set.interval)
    )
      throw new Refusal('File exists', ['add set', set.name]);
    if (existing === undefined) state.sets.set(set.name, { ...set, elements: [] });
  }
  for (const name of diff.removeChains)
    if (!state.chains.has(name)) throw new Refusal(MISSING, ['flush chain', name]);
  for (const { set, elements } of diff.deleteElements) deleteElements(state, set, elements);
  for (const { name, elements } of diff.addSets) addElements(state, name, elements);
  for (const { set, elements } of diff.addElements) addElements(state, set, elements);
  for (const chain of diff.writeChains) {
    const hook = state.chains.get(chain.name)?.hook ?? chain.hook;
    state.chains.set(chain.name, {
      name: chain.name,
      ...(hook === undefined ? {} : { hook }),
      rules: chain.rules,
    });
  }
  for (const name of diff.removeChains) state.chains.set(name, { name, rules: [] });
  const used = [...state.chains.values()].flatMap(references);
  for (const { text, jump, set } of used) {
    if (jump !== undefined && !state.chains.has(jump)) throw new Refusal(MISSING, ['add rule', text]);
    if (set !== undefined && !state.sets.has(set)) throw new Refusal(MISSING, ['add rule', text]);
  }
  for (const name of diff.removeChains) {
    if (used.some(({ jump }) => jump === name)) throw new Refusal(BUSY, ['delete chain', name]);
    state.chains.delete(name);
  }
  for (const name of diff.removeSets) {
    if (used.some(({ set }) => set === name)) throw new Refusal(BUSY, ['delete set', name]);
    if (!state.sets.delete(name)) throw new Refusal(MISSING, ['delete set', name]);
  }
  return state;
}

function refused(argv: readonly string[], { message: reason, words }: Refusal, text: string): CommandError {
  const lines = text.split('\n');
  const at = lines.findIndex((line) => words.every((word) => line.includes(word)));
  const found = at < 0 ? {} : { line: at + 1, lineText: lines[at] ?? '' };
  const stderr = `/dev/stdin:${at + 1}:1-1: Error: Could not process rule: ${reason}\n`;
  return new CommandError({ argv, exitCode: 1, stderr, ...found });
}

const blockText = (table: NftTable): string =>
  [
    `table ${tableOf(table.family)} {`,
    ...table.sets.map(({ name, key, elements }) => {
      const list = elements.length === 0 ? '' : ` elements = { ${elements.join(', ')} }`;
      return `\tset ${name} { type ${key.join(' . ')};${list} }`;
    }),
    ...table.chains.flatMap(({ name, rules }) => [
      `\tchain ${name} {`,
      ...rules.map(({ text }) => `\t\t${text}`),
      '\t}',
    ]),
    '}',
    '',
  ].join('\n');

function dumpLines(
  table: string,
  sets: ReadonlyMap<string, NftSet>,
  chains: ReadonlyMap<string, NftChain>,
): string[] {
  const ruleText = ({ text, comment }: NftChain['rules'][number]): string =>
    comment === undefined ? text : `${text} comment "${comment}"`;
  return [
    `nft table ${table}`,
    ...[...sets.values()].map(
      ({ name, key, elements }) =>
        `nft set ${table} ${name} ${key.join('.')} { ${[...elements].sort().join(', ')} }`,
    ),
    ...[...chains.values()].map(({ name, hook, rules }) => {
      const at = hook === undefined ? '' : ` ${hook.type} ${hook.hook} ${hook.priority}`;
      return `nft chain ${table} ${name}${at} { ${rules.map(ruleText).join('; ')} }`;
    }),
  ].sort();
}

/**
 * An {@link Nft} from memory, for tests of whatever uses one: a difference is carried out as a whole or refused as a whole, for what the
 * kernel refuses: elements to delete that are gone, networks that overlap, rules about sets and chains that are not there, removal of
 * what rules still name.
 */
export function fakeNft(): FakeNft {
  const states = new Map<Family, State>();

  const tableIn = (family: Family): NftTable | undefined => {
    const state = states.get(family);
    if (state === undefined) return undefined;
    return { family, sets: [...state.sets.values()], chains: [...state.chains.values()] };
  };
  const attempt = (flags: readonly string[], diff: NftDiff): State | undefined => {
    try {
      return changed(states.get(diff.family), diff);
    } catch (err) {
      if (err instanceof Refusal) throw refused(['nft', ...flags, '-f', '-'], err, nftText(diff));
      throw err;
    }
  };
  const begin = async (
    call: Parameters<NonNullable<FakeNft['fault']>>[0],
    signal: AbortSignal | undefined,
  ): Promise<void> => {
    // As a process would: the answer never comes at once.
    await Promise.resolve();
    signal?.throwIfAborted();
    const fault = fake.fault?.(call);
    if (fault !== undefined) throw fault;
  };

  const fake: FakeNft = {
    fault: undefined,
    read: async (family, options) => {
      await begin('read', options?.signal);
      return tableIn(family);
    },
    check: async (diff, options) => {
      await begin('check', options?.signal);
      if (!isEmptyNftDiff(diff)) attempt(['--check'], diff);
    },
    apply: async (diff, options) => {
      await begin('apply', options?.signal);
      if (isEmptyNftDiff(diff)) return;
      const state = attempt([], diff);
      if (state === undefined) states.delete(diff.family);
      else states.set(diff.family, state);
    },
    save: async (family, options) => {
      await begin('save', options?.signal);
      const table = tableIn(family);
      return table === undefined ? '' : blockText(table);
    },
    version: async (options) => {
      await begin('version', options?.signal);
      return '1.0.6';
    },
    dump: () =>
      [...states]
        .flatMap(([family, { sets, chains }]) => dumpLines(tableOf(family), sets, chains))
        .join('\n'),
  };
  return fake;
}
