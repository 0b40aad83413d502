import type { SetTypeSpec } from '../set-types.js';
import { checkName } from './commands.js';
import { syntaxError, ToolError } from './error.js';
import { bigNumber, number } from './numbers.js';

/** Options of an element, as text where this package takes text. */
export interface ElementOptions {
  readonly nomatch: boolean;
  readonly wildcard: boolean;
  /** Options with a value, in the order of listings. */
  readonly values: ReadonlyMap<ValueName, string>;
  /** Where a member is put into a list. */
  readonly place: { readonly side: 'before' | 'after'; readonly set: string } | undefined;
}

type ValueName = 'timeout' | 'packets' | 'bytes' | 'comment' | 'skbmark' | 'skbprio' | 'skbqueue';
type OptionName = ValueName | 'nomatch' | 'wildcard' | 'before' | 'after';

const BEFORE_FLAGS: readonly ValueName[] = ['timeout'];
const BEHIND_FLAGS: readonly ValueName[] = ['packets', 'bytes', 'comment', 'skbmark', 'skbprio', 'skbqueue'];
const MOST = 2n ** 64n - 2n;

/** Options that a command takes for a type. */
function namesOf(command: 'add' | 'del' | 'test', spec: SetTypeSpec): readonly OptionName[] {
  const has = (flag: 'nomatch' | 'wildcard'): readonly OptionName[] =>
    spec.flags.includes(flag) ? [flag] : [];
  const places: readonly OptionName[] = spec.kind === 'list' ? ['before', 'after'] : [];
  switch (command) {
    case 'add':
      return [...BEFORE_FLAGS, ...has('nomatch'), ...has('wildcard'), ...places, ...BEHIND_FLAGS];
    case 'del':
      return places;
    case 'test':
      return [...has('nomatch'), ...places];
  }
}

/** @throws ToolError */
export function parseElementOptions(
  command: 'add' | 'del' | 'test',
  spec: SetTypeSpec,
  words: readonly string[],
  place: ElementOptions['place'],
): ElementOptions {
  const allowed = namesOf(command, spec);
  const seen = new Set<OptionName>(place === undefined ? [] : ['before', 'after']);
  const values = new Map<ValueName, string>();
  let where = place;
  for (let i = 0; i < words.length; i++) {
    const word = words[i] ?? '';
    const name = allowed.find((known) => known === word.replace(/^--/, ''));
    if (name === undefined) throw new ToolError('usage', `Unknown argument: \`${word}'`);
    if (name === 'nomatch' || name === 'wildcard') {
      seen.add(name);
      continue;
    }
    const argument = words[++i];
    if (argument === undefined)
      throw new ToolError('usage', `Missing mandatory argument of option \`${name}'`);
    once(seen, name);
    if (name === 'before' || name === 'after') {
      seen.add('before').add('after');
      where = { side: name, set: checkName(argument) };
    } else values.set(name, VALUES[name](argument));
  }
  return { nomatch: seen.has('nomatch'), wildcard: seen.has('wildcard'), values, place: where };
}

function once(seen: Set<OptionName>, name: OptionName): void {
  if (seen.has(name)) throw syntaxError(`${name} already specified`);
  seen.add(name);
}

/** What an option's argument is in the text of this package. */
const VALUES: Readonly<Record<ValueName, (text: string) => string>> = {
  timeout: (text) => String(number(text, 0, 2_147_483)),
  packets: (text) => String(bigNumber(text, 0n, MOST)),
  bytes: (text) => String(bigNumber(text, 0n, MOST)),
  comment: (text) => {
    if (text.includes('"')) throw syntaxError('" character is not permitted in comments');
    if (new TextEncoder().encode(text).length > 255) {
      throw syntaxError('Comment is longer than the maximum allowed 255 characters');
    }
    return text;
  },
  skbmark: (text) => {
    const match = /^0x([0-9a-fA-F]+)(?:\/0x([0-9a-fA-F]+))?/.exec(text);
    if (match === null) {
      throw syntaxError('Invalid skbmark format, it should be:  MARK/MASK or MARK (see manpage)');
    }
    const [, mark = '', mask = 'ffffffff'] = match;
    const low = (digits: string): number => Number(BigInt.asUintN(32, BigInt(`0x${digits}`)));
    return low(mask) === 0xffff_ffff
      ? `0x${low(mark).toString(16)}`
      : `0x${low(mark).toString(16)}/0x${low(mask).toString(16)}`;
  },
  skbprio: (text) => {
    const match = /^\s*(-?)(?:0x)?([0-9a-fA-F]+):(-?)(?:0x)?([0-9a-fA-F]+)/.exec(text);
    if (match === null) {
      throw syntaxError('Invalid skbprio format, it should be:MAJOR:MINOR (see manpage)');
    }
    const [, s1 = '', major = '', s2 = '', minor = ''] = match;
    const low = (sign: string, digits: string): string =>
      BigInt.asUintN(16, sign === '-' ? -BigInt(`0x${digits}`) : BigInt(`0x${digits}`)).toString(16);
    return `${low(s1, major)}:${low(s2, minor)}`;
  },
  skbqueue: (text) => String(number(text, 0, 65_535)),
};

/** Options as `ipset save` writes them, with a blank in front of each. */
export function optionText({ values, nomatch, wildcard }: ElementOptions): string {
  const write = (name: ValueName): string => {
    const value = values.get(name);
    if (value === undefined || (name === 'comment' && value === '')) return '';
    return name === 'comment' ? ` comment "${value}"` : ` ${name} ${value}`;
  };
  const flags = `${nomatch ? ' nomatch' : ''}${wildcard ? ' wildcard' : ''}`;
  return BEFORE_FLAGS.map(write).join('') + flags + BEHIND_FLAGS.map(write).join('');
}
