import { ValidationError } from '../../errors.js';
import { checkOptions, setType } from '../options.js';
import { parseUint32 } from '../scan.js';
import type { CreateOptionName, CreateOptions, SetHeader, SetType } from '../types.js';

/** What a `create` line needs; every header has it. */
export type SaveHeader = Pick<SetHeader, 'name' | 'type'> & Partial<Omit<SetHeader, 'name' | 'type'>>;

/** Types for which the tool prints netmask and bitmask behind the hash's own options (observed: 7.17). */
const MASK_BEHIND_HASH: ReadonlySet<SetType> = new Set<SetType>(['hash:ip,port', 'hash:net,net']);

/**
 * The `create` line of a set as `ipset save` (7.17) writes it: the options in its order, those that are not known left out. One
 * difference: `forceadd` is written, which the tool forgets. Pure.
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
  if (header.type.startsWith('hash:')) {
    if (header.type !== 'hash:mac') option('family', header.family);
    if (header.markMask !== undefined) option('markmask', hex32(header.markMask));
    option('hashsize', header.hashSize);
    option('maxelem', header.maxElements);
  }
  option('range', header.range?.join('-'));
  option('size', header.size);
  if (!maskLast) masks();
  option('timeout', header.timeout);
  for (const flag of ['counters', 'comment', 'forceadd', 'skbinfo'] as const) {
    if (header[flag] === true) words.push(flag);
  }
  option('bucketsize', header.bucketSize);
  if (header.initialValue !== undefined) option('initval', hex32(header.initialValue));
  if (maskLast) masks();
  return words.join(' ');
}

function hex32(value: number): string {
  return `0x${value.toString(16).padStart(8, '0')}`;
}

/** Which option a word of the text form stands for, and what its value is. */
const WORDS: Readonly<
  Record<string, { readonly key: CreateOptionName; readonly read: ((word: string) => unknown) | undefined }>
> = {
  family: { key: 'family', read: (word) => FAMILY_WORDS[word] ?? word },
  range: { key: 'range', read: (word) => word },
  hashsize: { key: 'hashSize', read: number },
  maxelem: { key: 'maxElements', read: number },
  netmask: { key: 'netmask', read: number },
  bitmask: { key: 'bitmask', read: (word) => word },
  markmask: { key: 'markMask', read: number },
  size: { key: 'size', read: number },
  timeout: { key: 'timeout', read: number },
  bucketsize: { key: 'bucketSize', read: number },
  initval: { key: 'initialValue', read: number },
  counters: { key: 'counters', read: undefined },
  comment: { key: 'comment', read: undefined },
  forceadd: { key: 'forceadd', read: undefined },
  skbinfo: { key: 'skbinfo', read: undefined },
};
const FAMILY_WORDS: Readonly<Record<string, string>> = {
  ipv4: 'inet',
  ipv6: 'inet6',
  '-4': 'inet',
  '-6': 'inet6',
};

function number(word: string): unknown {
  return parseUint32(word) ?? word;
}

/** `1-9` as the pair that `range` is for ports. */
function portRange(word: string): unknown {
  const pair = /^(\d{1,5})(?:-(\d{1,5}))?$/.exec(word);
  return pair === null ? word : [Number(pair[1]), Number(pair[2] ?? pair[1])];
}

/**
 * The words behind the type in a `create` line as options of `create`, checked. `nomatch` and what else the tool takes for the sake of old
 * versions is refused. Pure.
 * @throws ValidationError at `path` followed by the name of the option
 */
export function parseCreateOptions<T extends SetType>(
  type: T,
  words: readonly string[],
  path = 'options',
): CreateOptions<T> {
  const spec = setType(type, 'type');
  const options: Record<string, unknown> = {};
  for (let i = 0; i < words.length; i++) {
    const word = words[i] ?? '';
    const option = Object.hasOwn(WORDS, word) ? WORDS[word] : undefined;
    if (option === undefined || !spec.options.includes(option.key)) {
      const known = Object.keys(WORDS).filter((name) => spec.options.includes(WORDS[name]?.key ?? 'family'));
      throw new ValidationError(path, `options of ${type}: ${known.join(', ')}`, word);
    }
    if (option.read === undefined) {
      options[option.key] = true;
      continue;
    }
    const value = words[++i];
    if (value === undefined) throw new ValidationError(path, `a value behind ${word}`, words.join(' '));
    options[option.key] = type === 'bitmap:port' && word === 'range' ? portRange(value) : option.read(value);
  }
  checkOptions(spec, options, path);
  return options;
}
