import type { Family } from '../../net/address.js';
import { tryParseCidr } from '../../net/cidr.js';
import { protocolName } from '../../net/protocol.js';
import { networkText } from './elements.js';
import { NFT_FAMILY, NFT_TABLE } from './names.js';
import { interfaceMatch, joinParts, markMatch, markTarget, stateMatch } from './statement.js';
import type { NftChain, NftHook, NftKey, NftRule, NftSet, NftTable } from './types.js';

type Json = Readonly<Record<string, unknown>>;

const isObject = (value: unknown): value is Json =>
  typeof value === 'object' && value !== null && !Array.isArray(value);

/** The value, when an object has this key and nothing else. */
const only = (value: unknown, key: string): unknown =>
  isObject(value) && Object.keys(value).length === 1 ? value[key] : undefined;

const FULL = 0xffffffff;
const u32 = (value: number): number => value >>> 0;

/** What the model has no word for, as nft printed it. Never equal to anything that we write. */
const raw = (value: unknown): string => `? ${JSON.stringify(value)}`;

/** `tcp` for 6; older versions and machines without /etc/protocols print numbers. */
function protocolText(value: unknown): string | undefined {
  if (typeof value === 'number') return protocolName(value) ?? String(value);
  return typeof value === 'string' ? value : undefined;
}

/** An address or network as we write it. */
function networkOf(value: unknown): string | undefined {
  const prefix = only(value, 'prefix');
  const text = isObject(prefix) ? `${String(prefix['addr'])}/${String(prefix['len'])}` : value;
  if (typeof text !== 'string') return undefined;
  const cidr = tryParseCidr(text);
  return cidr === undefined ? undefined : networkText(cidr);
}

/** One component of an element. */
function componentText(value: unknown, key: NftSet['key'][number]): string | undefined {
  switch (key) {
    case 'inet_proto':
      return protocolText(value);
    case 'inet_service':
      return typeof value === 'number' ? String(value) : undefined;
    case 'ipv4_addr':
    case 'ipv6_addr':
      return networkOf(value);
    case 'unknown':
      return undefined;
  }
}

function elementText(value: unknown, key: NftSet['key']): string {
  const parts: unknown = key.length > 1 ? only(value, 'concat') : [value];
  if (!Array.isArray(parts) || parts.length !== key.length) return raw(value);
  const texts = key.map((part, i) => componentText(parts[i], part));
  return texts.includes(undefined) ? raw(value) : texts.join(' . ');
}

const KEYS: readonly NftKey[] = ['ipv4_addr', 'ipv6_addr', 'inet_proto', 'inet_service'];
/** What makes it another kind of set than any of ours. What newer versions may tell besides does not. */
const FOREIGN_FIELDS = ['map', 'policy', 'timeout', 'gc-interval', 'size', 'auto-merge', 'stmt', 'comment'];

/** A list, which nft prints as its element when there is only one (set flags from 1.1.4 on). */
const listed = (value: unknown): readonly unknown[] =>
  value === undefined ? [] : Array.isArray(value) ? value : [value];

function readSet(set: Json): NftSet {
  const flags = listed(set['flags']);
  const plain = !FOREIGN_FIELDS.some((field) => field in set) && flags.every((flag) => flag === 'interval');
  const key = listed(set['type']).map(
    (type) => (plain ? KEYS.find((known) => known === type) : undefined) ?? 'unknown',
  );
  const elements = listed(set['elem']);
  return {
    name: String(set['name']),
    key,
    interval: flags.includes('interval'),
    elements: elements.map((element) => elementText(element, key)),
  };
}

/** An expression of the packet mark as (mark & and) ^ xor. */
function markFunction(value: unknown): { and: number; xor: number } | undefined {
  if (typeof value === 'number') return { and: 0, xor: u32(value) };
  const meta = only(value, 'meta');
  if (isObject(meta) && meta['key'] === 'mark') return { and: FULL, xor: 0 };
  for (const op of ['&', '|', '^'] as const) {
    const operands = only(value, op);
    if (!Array.isArray(operands) || operands.length !== 2) continue;
    const inner = markFunction(operands[0]);
    const constant: unknown = operands[1];
    if (inner === undefined || typeof constant !== 'number') return undefined;
    switch (op) {
      case '&':
        return { and: u32(inner.and & constant), xor: u32(inner.xor & constant) };
      case '|':
        return { and: u32(inner.and & ~constant), xor: u32(inner.xor | constant) };
      case '^':
        return { and: inner.and, xor: u32(inner.xor ^ constant) };
    }
  }
  return undefined;
}

const field = (protocol: string, name: string): string => `${protocol} ${name}`;

/** What is compared: `ip daddr`, `meta l4proto`, `th dport`, with the protocol that nft has put into it. */
function leftText(value: unknown): { text: string; protocol?: string } | undefined {
  const payload = only(value, 'payload');
  if (isObject(payload)) {
    const protocol = String(payload['protocol']);
    const name = String(payload['field']);
    if (name !== 'sport' && name !== 'dport') return { text: field(protocol, name) };
    const text = field('th', name);
    return protocol === 'th' ? { text } : { text, protocol };
  }
  const meta = only(value, 'meta');
  if (isObject(meta)) return { text: field('meta', String(meta['key'])) };
  const ct = only(value, 'ct');
  if (isObject(ct) && Object.keys(ct).length === 1) return { text: field('ct', String(ct['key'])) };
  const fib = only(value, 'fib');
  if (isObject(fib)) {
    return { text: `fib ${listed(fib['flags']).join(' . ')} ${String(fib['result'])}` };
  }
  const concat = only(value, 'concat');
  if (Array.isArray(concat)) {
    const parts = concat.map(leftText);
    const protocol = parts.find((part) => part?.protocol !== undefined)?.protocol;
    if (parts.includes(undefined)) return undefined;
    const text = parts.map((part) => part?.text).join(' . ');
    return protocol === undefined ? { text } : { text, protocol };
  }
  return undefined;
}

function rightText(value: unknown, left: string): string | undefined {
  if (typeof value === 'string' && value.startsWith('@')) return value;
  if (left === 'meta l4proto') {
    const set = only(value, 'set');
    if (!Array.isArray(set)) return protocolText(value);
    return `{ ${set.map(protocolText).join(', ')} }`;
  }
  if (/^ip6? [sd]addr$/.test(left)) return networkOf(value);
  if (/^th [sd]port$/.test(left)) return typeof value === 'number' ? String(value) : undefined;
  if (/^fib [sd]addr type$/.test(left)) return typeof value === 'string' ? value : undefined;
  return undefined;
}

/** `meta mark & 0x4000 == 0x4000`; nft prints masks of leading ones as prefixes. */
function readMark(op: unknown, left: unknown, right: unknown): string | undefined {
  const prefix = only(right, 'prefix');
  const length = isObject(prefix) ? prefix['len'] : undefined;
  const value = isObject(prefix) ? prefix['addr'] : right;
  const tested = markFunction(left);
  if (tested?.xor !== 0 || typeof value !== 'number') return undefined;
  const mask = typeof length === 'number' ? u32(length === 0 ? 0 : FULL << (32 - length)) : tested.and;
  return op === '==' || op === '!=' ? markMatch(u32(value), mask, op === '!=') : undefined;
}

/** The texts of one match, `meta l4proto tcp` first when nft has put the protocol into the port. */
function readMatch(match: Json): readonly string[] | undefined {
  const { op, left, right } = match;
  const marked = readMark(op, left, right);
  if (marked !== undefined) return [marked];
  const compared = leftText(left);
  if (compared === undefined) return undefined;
  const { text, protocol } = compared;
  if (text === 'ct state' && (op === 'in' || op === '==')) {
    const states = listed(right);
    return states.every((state) => typeof state === 'string') ? [stateMatch(states)] : undefined;
  }
  if (op !== '==' && op !== '!=') return undefined;
  if (text === 'meta iifname')
    return typeof right === 'string' ? [interfaceMatch(right, op === '!=')] : undefined;
  const other = rightText(right, text);
  if (other === undefined) return undefined;
  const guard = protocol === undefined ? [] : [`meta l4proto ${protocol}`];
  return [...guard, `${text} ${op === '!=' ? '!= ' : ''}${other}`];
}

function readStatement(statement: unknown, family: Family): readonly string[] | undefined {
  const match = only(statement, 'match');
  if (isObject(match)) return readMatch(match);
  if (!isObject(statement) || Object.keys(statement).length !== 1) return undefined;
  for (const verdict of ['accept', 'drop', 'return']) if (statement[verdict] === null) return [verdict];
  const jump = only(statement, 'jump');
  if (isObject(jump)) return [`jump ${String(jump['target'])}`];
  if ('reject' in statement) {
    const reject = statement['reject'];
    const type = family === 'inet' ? 'icmp' : 'icmpv6';
    if (reject === null) return ['reject'];
    const usual = isObject(reject) && reject['type'] === type && reject['expr'] === 'port-unreachable';
    return usual ? ['reject'] : undefined;
  }
  if ('masquerade' in statement) {
    const masquerade = statement['masquerade'];
    if (masquerade === null) return ['masquerade'];
    const flags = only(masquerade, 'flags');
    return listed(flags).join() === 'fully-random' ? ['masquerade fully-random'] : undefined;
  }
  const mangle = only(statement, 'mangle');
  if (isObject(mangle)) {
    const key = only(mangle['key'], 'meta');
    const changed = markFunction(mangle['value']);
    if (!isObject(key) || key['key'] !== 'mark' || changed === undefined) return undefined;
    return [markTarget(changed.and, changed.xor)];
  }
  return undefined;
}

function readRule(rule: Json, family: Family): NftRule {
  const { expr, comment } = rule;
  const texts: string[] = [];
  for (const statement of Array.isArray(expr) ? (expr as readonly unknown[]) : []) {
    const read = readStatement(statement, family) ?? [raw(statement)];
    texts.push(...read);
  }
  const text = joinParts(texts);
  return typeof comment === 'string' ? { text, comment } : { text };
}

const TYPES: readonly NftHook['type'][] = ['nat', 'filter'];
const HOOK_NAMES: readonly NftHook['hook'][] = ['prerouting', 'input', 'forward', 'output', 'postrouting'];

function readHook(chain: Json): NftHook | undefined {
  const type = TYPES.find((known) => known === chain['type']);
  const hook = HOOK_NAMES.find((known) => known === chain['hook']);
  const priority = chain['prio'];
  if (type === undefined || hook === undefined || typeof priority !== 'number') return undefined;
  return { type, hook, priority };
}

/**
 * Our table out of `nft -j list table` (or a longer listing). Rules and elements come back in the form in which we write them; parts
 * that we never write are kept as raw text, and never equal anything that is wanted. Undefined when the table is not in it.
 * @throws SyntaxError when the text is no JSON.
 */
export function readNft(text: string, family: Family): NftTable | undefined {
  const parsed: unknown = JSON.parse(text);
  const objects =
    isObject(parsed) && Array.isArray(parsed['nftables']) ? (parsed['nftables'] as readonly unknown[]) : [];
  const sets: NftSet[] = [];
  const chains = new Map<string, NftChain & { rules: NftRule[] }>();
  const other: string[] = [];
  let found = false;
  for (const item of objects) {
    if (!isObject(item)) continue;
    for (const [kind, value] of Object.entries(item)) {
      if (!isObject(value) || value['family'] !== NFT_FAMILY[family]) continue;
      if (kind === 'table') {
        if (value['name'] !== NFT_TABLE) continue;
        found = true;
        // A dormant table has chains that no packet meets.
        if ('flags' in value) other.push(`flags of table ${NFT_TABLE}`);
        continue;
      }
      if (value['table'] !== NFT_TABLE) continue;
      switch (kind) {
        case 'set':
          sets.push(readSet(value));
          break;
        case 'chain': {
          const name = String(value['name']);
          const hook = readHook(value);
          chains.set(name, { name, ...(hook === undefined ? {} : { hook }), rules: [] });
          if (hook === undefined ? 'type' in value || 'hook' in value : value['policy'] !== 'accept')
            other.push(`chain ${name}`);
          break;
        }
        case 'rule':
          chains.get(String(value['chain']))?.rules.push(readRule(value, family));
          break;
        default:
          other.push(`${kind} ${String(value['name'])}`);
      }
    }
  }
  if (!found) return undefined;
  const table = { family, sets, chains: [...chains.values()] };
  return other.length === 0 ? table : { ...table, other };
}
