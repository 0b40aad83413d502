import { isValidation } from '../../errors.js';
import { type Family, formatAddress, tryParseAddress } from '../../net/address.js';
import { formatCidr, tryParseCidr } from '../../net/cidr.js';
import { type Protocol, protocolName } from '../../net/protocol.js';
import type { Match, Rule, SetDirection, Target } from '../types.js';
import { formatRule, REJECT_WITH, STATE_ORDER } from './rule.js';
import type { Word } from './words.js';

const PROTOCOLS: readonly Protocol[] = ['tcp', 'udp', 'sctp'];

/** By name or number. */
const protocolOf = (text: string): Protocol | undefined =>
  protocolName(Number(text)) ?? PROTOCOLS.find((name) => name === text);

const U32 = /^(?:0[xX][0-9a-fA-F]{1,8}|0|[1-9]\d{0,9})$/;

function u32(text: string | undefined): number | undefined {
  if (text === undefined || !U32.test(text)) return undefined;
  const value = Number(text);
  return value <= 0xffffffff ? value : undefined;
}

/** `0x4000/0x8000`, or `0x4000` with the mask left out. */
function valueAndMask(text: string | undefined): { value: number; mask: number } | undefined {
  const [left, right, ...more] = (text ?? '').split('/');
  const value = u32(left);
  const mask = right === undefined ? 0xffffffff : u32(right);
  return value === undefined || mask === undefined || more.length > 0 ? undefined : { value, mask };
}

/** The network of `-s` and `-d`, canonical; undefined for other forms (host names, masks with holes) and the other family. */
function network(text: string, family: Family): string | undefined {
  const [address = '', length] = text.split('/');
  const bytes = length === undefined ? undefined : tryParseAddress(length)?.bytes;
  // Old iptables versions and hand-written rules have dotted masks.
  const prefix = bytes?.length === 4 ? maskLength(bytes) : undefined;
  const cidr = tryParseCidr(prefix === undefined ? text : `${address}/${String(prefix)}`);
  return cidr?.family === family ? formatCidr(cidr) : undefined;
}

function maskLength(bytes: Uint8Array): number | undefined {
  const bits = [...bytes].map((byte) => byte.toString(2).padStart(8, '0')).join('');
  return /^1*0*$/.test(bits) ? bits.lastIndexOf('1') + 1 : undefined;
}

function directions(text: string | undefined): SetDirection[] | undefined {
  const out: SetDirection[] = [];
  for (const word of (text ?? '').split(',')) {
    if (word !== 'src' && word !== 'dst') return undefined;
    out.push(word);
  }
  return out;
}

/** The options of one `-m NAME`, as words; `not` is the `!` before the only option that the model knows. */
type MatchReader = (args: readonly string[], not: { readonly not?: true }) => Match | undefined;

const MATCHES: ReadonlyMap<string, MatchReader> = new Map<string, MatchReader>([
  [
    'comment',
    ([option, text, ...more], { not }) =>
      option === '--comment' && text !== undefined && text !== '' && more.length === 0 && not === undefined
        ? { match: 'comment', text }
        : undefined,
  ],
  [
    'set',
    ([option, set, dirs, ...more], not) => {
      const parsed = directions(dirs);
      if (option !== '--match-set' || set === undefined || parsed === undefined || more.length > 0)
        return undefined;
      return { match: 'set', set, directions: parsed, ...not };
    },
  ],
  [
    'mark',
    ([option, text, ...more], not) => {
      const parsed = valueAndMask(text);
      if (option !== '--mark' || parsed === undefined || more.length > 0) return undefined;
      return { match: 'mark', ...parsed, ...not };
    },
  ],
  [
    'physdev',
    ([option, ...more], not) =>
      option === '--physdev-is-in' && more.length === 0 ? { match: 'physdevIsIn', ...not } : undefined,
  ],
  [
    'addrtype',
    ([option, type, ...more], not) => {
      const side = option === '--src-type' ? 'src' : option === '--dst-type' ? 'dst' : undefined;
      if (side === undefined || type !== 'LOCAL' || more.length > 0) return undefined;
      return { match: 'addrtype', side, type, ...not };
    },
  ],
  [
    'conntrack',
    ([option, text, ...more], { not }) => {
      const given = (text ?? '').split(',');
      const states = STATE_ORDER.filter((state) => given.includes(state));
      if (option !== '--ctstate' || states.length !== new Set(given).size || more.length > 0 || not)
        return undefined;
      return { match: 'conntrack', states };
    },
  ],
  [
    'ipvs',
    (args, { not }) => {
      const options = new Map<string, string>();
      for (let i = 0; i < args.length; i += 2) options.set(args[i] ?? '', args[i + 1] ?? '');
      const protocol = protocolOf(options.get('--vproto') ?? '');
      const virtual = tryParseAddress(options.get('--vaddr') ?? '');
      const port = options.get('--vport') ?? '';
      if (protocol === undefined || virtual === undefined || !/^\d{1,5}$/.test(port)) return undefined;
      if (options.size !== 3 || args.length !== 6 || not) return undefined;
      const address = formatAddress(virtual.bytes, virtual.family);
      return { match: 'ipvs', address, protocol, port: Number(port) };
    },
  ],
]);

function readTarget(words: readonly string[], source: string, family: Family): Target {
  const [flag, name, ...args] = words;
  const raw: Target = { target: 'raw', text: source };
  if (flag !== '-j' || name === undefined) return raw;
  switch (name) {
    case 'ACCEPT':
    case 'DROP':
    case 'RETURN': {
      const target = ({ ACCEPT: 'accept', DROP: 'drop', RETURN: 'return' } as const)[name];
      return args.length === 0 ? { target } : raw;
    }
    case 'REJECT':
      return args.length === 0 ||
        (args.length === 2 && args[0] === '--reject-with' && args[1] === REJECT_WITH[family])
        ? { target: 'reject' }
        : raw;
    case 'MASQUERADE':
      if (args.length === 0) return { target: 'masquerade' };
      return args.length === 1 && args[0] === '--random-fully'
        ? { target: 'masquerade', randomFully: true }
        : raw;
    case 'MARK':
      return readMarkTarget(args) ?? raw;
    default:
      return args.length === 0 ? { target: 'jump', chain: name } : raw;
  }
}

/** All spellings of `-j MARK`: they are one operation, mark = (mark & ~mask) ^ value. */
function readMarkTarget(args: readonly string[]): Target | undefined {
  const [option, text, ...more] = args;
  const parsed = valueAndMask(text);
  if (parsed === undefined || more.length > 0) return undefined;
  const { value, mask } = parsed;
  const or = (a: number, b: number): number => (a | b) >>> 0;
  switch (option) {
    case '--set-xmark':
      return { target: 'mark', value, mask };
    case '--set-mark':
      return { target: 'mark', value, mask: or(value, mask) };
    case '--or-mark':
      return text?.includes('/') ? undefined : { target: 'mark', value, mask: value };
    case '--and-mark':
      return text?.includes('/') ? undefined : { target: 'mark', value: 0, mask: ~value >>> 0 };
    case '--xor-mark':
      return text?.includes('/') ? undefined : { target: 'mark', value, mask: 0 };
    default:
      return undefined;
  }
}

const text = (words: readonly Word[]): string => words.map((word) => word.source).join(' ');

/** `-p NAME -m NAME` without options of the second adds nothing; iptables-save prints it for some hand-written rules. */
function isBare(words: readonly Word[]): boolean {
  return words.length === 2 && PROTOCOLS.some((name) => name === words[1]?.value);
}

/**
 * A rule from its words behind `-A CHAIN`, as iptables-save prints it or as people write it (`--or-mark`, dotted masks, a host
 * without /32). Parts that the model has no word for are kept as raw text; nothing is refused.
 */
export function parseRule(words: readonly Word[], family: Family): Rule {
  const matches: Match[] = [];
  let at = 0;
  for (;;) {
    const not: { not?: true } = words[at]?.value === '!' ? { not: true } : {};
    const start = at;
    const flagAt = not.not ? at + 1 : at;
    const flag = words[flagAt];
    const argument = words[flagAt + 1]?.value;
    if (flag === undefined || flag.value === '-j' || flag.value === '-g' || flag.value === '--jump') break;
    if (flag.value === '-m' && not.not === undefined) {
      // Its options reach to the next option that is known to be none of its own.
      at = flagAt + 2;
      while (at < words.length && !isBoundary(words, at)) at++;
      const inner = words.slice(flagAt + 2, at);
      const innerNot: { not?: true } = inner[0]?.value === '!' ? { not: true } : {};
      const read = MATCHES.get(argument ?? '');
      const match = read?.(
        inner.slice(innerNot.not ? 1 : 0).map((word) => word.value),
        innerNot,
      );
      if (match !== undefined) matches.push(match);
      else if (!isBare(words.slice(start, at)))
        matches.push({ match: 'raw', text: text(words.slice(start, at)) });
      continue;
    }
    at = Math.min(flagAt + 2, words.length);
    const field = argument === undefined ? undefined : readField(flag.value, argument, not, family);
    matches.push(field ?? { match: 'raw', text: text(words.slice(start, at)) });
  }
  const rest = words.slice(at);
  const target = readTarget(
    rest.map((word) => word.value),
    text(rest),
    family,
  );
  const rule: Rule = { matches, target };
  if (isWritable(rule, family)) return rule;
  // Somebody found a way to make what this package would not write. It is kept, to be removed or rewritten.
  const before = text(words.slice(0, at));
  return {
    matches: before === '' ? [] : [{ match: 'raw', text: before }],
    target: { target: 'raw', text: text(rest) },
  };
}

function isWritable(rule: Rule, family: Family): boolean {
  try {
    formatRule(rule, family);
    return true;
  } catch (err) {
    if (isValidation(err)) return false;
    throw err;
  }
}

/** Is this word (or the `!` before it) an option of the rule rather than of the match that is being read? */
function isBoundary(words: readonly Word[], at: number): boolean {
  const word = words[at];
  const flag = word?.source === '!' ? words[at + 1] : word;
  // A quoted word is an argument. Short options belong to the rule itself; matches have long ones only.
  return flag !== undefined && /^-[sdiopfmjg]$/.test(flag.source) && words[at - 1]?.value !== '--comment';
}

function readField(
  flag: string,
  argument: string,
  not: { readonly not?: true },
  family: Family,
): Match | undefined {
  switch (flag) {
    case '-s':
    case '-d': {
      const cidr = network(argument, family);
      if (cidr === undefined) return undefined;
      return { match: flag === '-s' ? 'source' : 'destination', cidr, ...not };
    }
    case '-i':
      return { match: 'inInterface', name: argument, ...not };
    case '-p': {
      const protocol = protocolOf(argument);
      return protocol === undefined || not.not ? undefined : { match: 'protocol', protocol };
    }
    default:
      return undefined;
  }
}
