import { hostPrefix } from '../net/cidr.js';
import { checkOptions, createOptionsOf } from './options.js';
import { SET_TYPES } from './set-types.js';
import type { CreateOptionName, CreateOptions, SetHeader, SetType } from './types.js';

/** What does not make a set another one: the size of a hash changes by itself. */
const NOT_COMPARED: ReadonlySet<string> = new Set(['hashSize', 'revision', 'signal']);
/** What older revisions of a type do not report. */
const MAY_BE_UNKNOWN: ReadonlySet<string> = new Set(['bucketSize', 'initialValue']);

/**
 * Names of the parameters in which a set is not what was asked for. Only what was given is compared; not the size of the hash, nor what
 * the kernel does not report.
 * @throws ValidationError with paths such as `options.netmask`
 */
export function differingParameters(
  header: SetHeader,
  given: CreateOptions,
  path = 'options',
): CreateOptionName[] {
  const spec = SET_TYPES[header.type];
  const asked = checkOptions(spec, changedOptions(header, given), path);
  const names = spec.options.filter((name) => given[name] !== undefined && !NOT_COMPARED.has(name));
  return names.filter((name) => {
    const wanted = asked[name];
    const has = header[name];
    if (has === undefined && MAY_BE_UNKNOWN.has(name)) return false;
    return canonical(name, wanted, header) !== canonical(name, has, header);
  });
}

function canonical(name: CreateOptionName, value: unknown, { family }: SetHeader): unknown {
  if (Array.isArray(value)) return value.join('-');
  if (value === false) return undefined;
  // The kernel rounds up.
  if (name === 'bucketSize' && typeof value === 'number') return value + (value % 2);
  // A mask of all bits is none.
  if (name === 'netmask' && value === hostPrefix(family ?? 'inet')) return undefined;
  return value;
}

/** The options of a set that is like another one but for some parameters. */
export function changedOptions<T extends SetType>(
  header: SetHeader<T>,
  changes: CreateOptions<T>,
): CreateOptions<T> {
  const options: Record<string, unknown> = { ...createOptionsOf(header) };
  for (const [name, value] of Object.entries(changes)) {
    if (name === 'netmask' || name === 'bitmask') {
      // Two spellings of one parameter.
      delete options['netmask'];
      delete options['bitmask'];
    }
    if (value !== undefined) options[name] = value;
  }
  return options;
}

const SMALLEST_HASH = 64;
const DEFAULT_HASH = 1024;
const LARGEST_HASH = 2 ** 28;

/**
 * The size to create a hash with for a known number of entries: half of it, as a power of two, since a bucket holds several. Growing
 * from the default is most of the cost of a large load: each doubling enters everything anew and waits for a grace period.
 */
export function hashSizeFor(entries: number): number {
  const wanted = 2 ** Math.ceil(Math.log2(Math.max(SMALLEST_HASH, entries / 2)));
  return Math.min(LARGEST_HASH, Math.max(DEFAULT_HASH, wanted));
}
