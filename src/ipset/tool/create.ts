import { type Family, parseAddress as bytesOf } from '../../net/address.js';
import { isSetType, SET_TYPES, type SetTypeSpec } from '../set-types.js';
import type { CreateOptions, SetType } from '../types.js';
import { parseAddress, type ToolAddress } from './address.js';
import { andThen, syntaxError, ToolError } from './error.js';
import type { ToolNames } from './names.js';
import { number, prefixLength } from './numbers.js';
import { parseNeutralPort, parsePort } from './ports.js';

/** A `create` of a command line, for {@link import('../types.js').Ipset.create}. */
export interface ToolCreate {
  readonly type: SetType;
  readonly options: CreateOptions;
  /** Options of old versions that do nothing any more, as the tool warns about them. */
  readonly warnings: readonly string[];
}

/** Names of old versions. */
const ALIASES: Readonly<Record<string, SetType>> = {
  ipmap: 'bitmap:ip',
  macipmap: 'bitmap:ip,mac',
  portmap: 'bitmap:port',
  iphash: 'hash:ip',
  ipmachash: 'hash:ip,mac',
  ipmarkhash: 'hash:ip,mark',
  ipporthash: 'hash:ip,port',
  ipportiphash: 'hash:ip,port,ip',
  ipportnethash: 'hash:ip,port,net',
  machash: 'hash:mac',
  nethash: 'hash:net',
  netifacehash: 'hash:net,iface',
  netnethash: 'hash:net,net',
  netporthash: 'hash:net,port',
  netportnethash: 'hash:net,port,net',
  setlist: 'list:set',
};

/** The type that a name means, undefined for unknown ones. */
export function typeOfName(name: string): SetType | undefined {
  if (isSetType(name)) return name;
  return Object.hasOwn(ALIASES, name) ? ALIASES[name] : undefined;
}

/** Words with an argument; the others are flags. */
const WITH_ARGUMENT = new Set([
  ...[
    'family',
    'hashsize',
    'maxelem',
    'netmask',
    'bitmask',
    'markmask',
    'range',
    'size',
    'timeout',
    'bucketsize',
  ],
  ...['initval', 'probes', 'resize', 'gc', 'from', 'to', 'network'],
]);
const IGNORED = new Set(['probes', 'resize', 'gc']);
/** Words that say the same thing, so that they exclude each other. */
const SLOT: Readonly<Record<string, string>> = {
  '-4': 'family',
  '-6': 'family',
  from: 'range',
  network: 'range',
};

/** Words by the names of the options of `create`. */
const WORD_OF = {
  hashSize: 'hashsize',
  maxElements: 'maxelem',
  bucketSize: 'bucketsize',
  initialValue: 'initval',
  markMask: 'markmask',
} as const;

function wordsOf(spec: SetTypeSpec): ReadonlySet<string> {
  const words = new Set(
    spec.options.map((name) => (name in WORD_OF ? WORD_OF[name as keyof typeof WORD_OF] : name)),
  ) as Set<string>;
  if (words.has('family')) words.add('-4').add('-6');
  if (spec.kind === 'hash') for (const word of IGNORED) words.add(word);
  if (words.has('range')) {
    words.add('from').add('to');
    if (spec.name !== 'bitmap:port') words.add('network');
  }
  return words;
}

interface Given {
  readonly word: string;
  readonly argument: string;
}

/**
 * Read the type and the options of a `create`.
 * @throws ToolError
 */
export function parseCreate(typeName: string, words: readonly string[], names: ToolNames): ToolCreate {
  if (new TextEncoder().encode(typeName).length > 31) {
    throw syntaxError(`typename '${typeName}' is longer than 31 characters`);
  }
  const type = typeOfName(typeName);
  if (type === undefined) throw syntaxError(`typename '${typeName}' is unknown`);
  const spec = SET_TYPES[type];
  const given = scan(spec, words);
  const family = parseFamily(given);
  const builder = new Builder(spec, family, names);
  for (const option of given) builder.take(option);
  return { type, options: builder.finish(), warnings: builder.warnings };
}

/** Pairs of words and arguments. Faults of this kind come before all others. */
function scan(spec: SetTypeSpec, words: readonly string[]): Given[] {
  const known = wordsOf(spec);
  const given: Given[] = [];
  for (let i = 0; i < words.length; i++) {
    const typed = words[i] ?? '';
    const word = typed.replace(/^--/, '');
    if (!known.has(word)) throw new ToolError('usage', `Unknown argument: \`${typed}'`);
    if (!WITH_ARGUMENT.has(word)) given.push({ word, argument: typed });
    else {
      const argument = words[++i];
      if (argument === undefined)
        throw new ToolError('usage', `Missing mandatory argument of option \`${word}'`);
      given.push({ word, argument });
    }
  }
  return given;
}

function parseFamily(given: readonly Given[]): Family | 'any' | undefined {
  let family: Family | 'any' | undefined;
  for (const { word, argument } of given) {
    if ((SLOT[word] ?? word) !== 'family') continue;
    if (family !== undefined) throw syntaxError(`${word} already specified`);
    if (argument === 'inet' || argument === 'ipv4' || word === '-4') family = 'inet';
    else if (argument === 'inet6' || argument === 'ipv6' || word === '-6') family = 'inet6';
    else if (argument === 'any' || argument === 'unspec') family = 'any';
    else throw syntaxError(`unknown inet family ${argument}`);
  }
  return family;
}

const U32 = 0xffff_ffff;

class Builder {
  readonly warnings: string[] = [];
  readonly #spec: SetTypeSpec;
  readonly #family: Family | 'any' | undefined;
  readonly #names: ToolNames;
  readonly #seen = new Set<string>();
  readonly #options: Record<string, unknown> = {};
  #mask = 'none';
  #first: ToolAddress | number | undefined;
  #last: string | number | undefined;

  constructor(spec: SetTypeSpec, family: Family | 'any' | undefined, names: ToolNames) {
    this.#spec = spec;
    this.#family = family;
    this.#names = names;
    if (family !== undefined && family !== 'any') this.#options['family'] = family;
  }

  take({ word, argument }: Given): void {
    const slot = SLOT[word] ?? word;
    if (slot === 'family') return;
    if (IGNORED.has(word)) {
      if (!this.#seen.has(word)) {
        this.warnings.push(`Option '--${word} ${argument}' is ignored. Please upgrade your syntax.`);
      }
      this.#seen.add(word);
      return;
    }
    if (this.#seen.has(slot) && WITH_ARGUMENT.has(word)) throw syntaxError(`${word} already specified`);
    this.#seen.add(slot);
    switch (word) {
      case 'hashsize':
        // The kernel rounds up, from 64 on.
        this.#options['hashSize'] = Math.max(1, number(argument, 0, U32));
        return;
      case 'maxelem':
        this.#options['maxElements'] = number(argument, 0, U32);
        return;
      case 'markmask':
        this.#options['markMask'] = number(argument, 0, U32);
        return;
      case 'initval':
        this.#options['initialValue'] = number(argument, 0, U32);
        return;
      case 'bucketsize':
        // The kernel takes what it can.
        this.#options['bucketSize'] = Math.min(12, Math.max(2, number(argument, 0, 255)));
        return;
      case 'size':
        this.#options['size'] = Math.max(4, number(argument, 0, U32));
        return;
      case 'timeout':
        this.#options['timeout'] = number(argument, 0, 2_147_483);
        return;
      case 'netmask':
        this.#options['netmask'] = this.#netmask(argument);
        return;
      case 'bitmask':
        this.#mask = this.#bitmask(argument);
        this.#options['bitmask'] = this.#mask;
        return;
      case 'range':
      case 'from':
      case 'to':
      case 'network':
        this.#takeRange(word, argument);
        return;
      default:
        this.#options[word] = true;
    }
  }

  finish(): Record<string, unknown> {
    if (this.#spec.options.includes('range')) this.#options['range'] = this.#range();
    if (this.#family === 'any')
      throw new ToolError('syntax', 'Protocol family not supported by the set type');
    if (this.#options['markMask'] === 0) {
      throw new ToolError('syntax', 'The value of the markmask parameter is invalid');
    }
    if (/^[0.:]*$/.test(this.#mask)) {
      throw new ToolError('syntax', 'The value of the netmask parameter is invalid');
    }
    return this.#options;
  }

  get #af(): Family {
    return this.#family === 'inet6' ? 'inet6' : 'inet';
  }

  #netmask(argument: string): number {
    const most = this.#af === 'inet' ? 32 : 128;
    this.#oneMask();
    try {
      return prefixLength(argument, 1, most);
    } catch (err) {
      throw andThen(err, `Syntax error: netmask is out of the inclusive range of 1-${most}`);
    }
  }

  #bitmask(argument: string): string {
    this.#oneMask();
    try {
      return parseAddress(argument, this.#af, 'plain', this.#names).ip;
    } catch (err) {
      throw andThen(err, `Syntax error: bitmask is not valid for family = ${this.#af}`);
    }
  }

  #oneMask(): void {
    if (this.#seen.has('netmask') && this.#seen.has('bitmask')) {
      throw syntaxError('bitmask and netmask are mutually exclusive, provide only one');
    }
  }

  #takeRange(word: 'range' | 'from' | 'to' | 'network', argument: string): void {
    if (this.#spec.name === 'bitmap:port') {
      if (word === 'range') {
        const { port, portTo } = parseNeutralPort(argument, this.#names);
        this.#first = port;
        this.#last = portTo ?? this.#last;
      } else if (word === 'from') this.#first = parsePort(argument, 'tcp', this.#names);
      else this.#last = parsePort(argument, 'tcp', this.#names);
      return;
    }
    const form = word === 'range' ? 'onlyMany' : word === 'network' ? 'onlyNetwork' : 'plain';
    const address = parseAddress(argument, 'inet', form, this.#names);
    if (word === 'to') this.#last = address.ip;
    else {
      this.#first = address;
      this.#last = address.to ?? this.#last;
    }
  }

  #range(): readonly [number, number] | readonly [string, string] {
    const missing = (word: string): Error => new ToolError('usage', `Mandatory option \`${word}' is missing`);
    const first = this.#first;
    const last = this.#last;
    if (first === undefined) throw missing('range');
    if (typeof first === 'number') {
      if (typeof last !== 'number') throw missing('to');
      return first <= last ? [first, last] : [last, first];
    }
    if (first.prefix !== undefined && typeof last !== 'string') {
      if (first.prefix === 32) throw new ToolError('syntax', INVALID_PREFIX);
      return networkRange(first.ip, first.prefix);
    }
    if (typeof last !== 'string') throw missing('to');
    const ordered = Buffer.compare(bytesOf(first.ip, 'from').bytes, bytesOf(last, 'to').bytes) <= 0;
    return ordered ? [first.ip, last] : [last, first.ip];
  }
}

/** The ends of an IPv4 network. */
function networkRange(ip: string, prefix: number): readonly [string, string] {
  const size = 2 ** (32 - prefix);
  const number = bytesOf(ip, 'range').bytes.reduce((sum, byte) => sum * 256 + byte, 0);
  const start = Math.floor(number / size) * size;
  const dotted = (value: number): string => [24, 16, 8, 0].map((shift) => (value >>> shift) & 255).join('.');
  return [dotted(start), dotted(start + size - 1)];
}

const INVALID_PREFIX = 'The value of the CIDR parameter of the IP address is invalid';
