import { ValidationError } from '../../errors.js';
import { canonicalAddress, type Family } from '../../net/address.js';
import { parseCidr } from '../../net/cidr.js';
import { integerIn, portNumber } from '../../net/number.js';
import type { Protocol } from '../../net/protocol.js';
import { interfaceName } from '../iptables/names.js';
import { STATE_ORDER } from '../iptables/rule.js';
import type { Match, Rule, SetDirection, TableName, Target } from '../types.js';
import { hasNetworks, networkText, type NftSetType, PROTOCOLS } from './elements.js';
import { chainName, NFT_FAMILY, setName, setNameFor } from './names.js';
import type { NftRule } from './types.js';

const FULL = 0xffffffff;
const hex = (value: number): string => `0x${value.toString(16)}`;

/** `ip saddr`, `ip6 daddr` */
const side = (direction: SetDirection, family: Family): string =>
  `${NFT_FAMILY[family]} ${direction === 'src' ? 'saddr' : 'daddr'}`;

const port = (direction: SetDirection): string => `th ${direction === 'src' ? 'sport' : 'dport'}`;

/** `meta mark & 0x4000 == 0x4000` */
export function markMatch(value: number, mask: number, not: boolean): string {
  const op = not ? '!=' : '==';
  if (mask === FULL) return `meta mark ${not ? '!= ' : ''}${hex(value)}`;
  return `meta mark & ${hex(mask)} ${op} ${hex(value)}`;
}

/** mark = (mark & and) ^ xor, in the shortest form: `meta mark set meta mark | 0x4000`. */
export function markTarget(and: number, xor: number): string {
  const current = 'meta mark set meta mark';
  if (and === 0) return `meta mark set ${hex(xor)}`;
  if (and === FULL) return `${current} ^ ${hex(xor)}`;
  if (xor === 0) return `${current} & ${hex(and)}`;
  if (~and >>> 0 === xor) return `${current} | ${hex(xor)}`;
  return `${current} & ${hex(and)} ^ ${hex(xor)}`;
}

/** `ct state established,related` */
export function stateMatch(states: readonly string[]): string {
  return `ct state ${[...states].sort().join(',')}`;
}

/** `iifname "veth*"` */
export const interfaceMatch = (name: string, not: boolean): string => `iifname ${not ? '!= ' : ''}"${name}"`;

const isProtocol = (text: string): boolean => /^meta l4proto \w+$/.test(text);

/**
 * The parts of a rule as one text. Matches of the protocol go first, each once: nft leaves them out when it prints a port of that protocol
 * behind them, and where they stood nobody can tell.
 */
export function joinParts(parts: readonly string[]): string {
  const protocols = new Set(parts.filter(isProtocol));
  return [...protocols, ...parts.filter((part) => part !== '' && !isProtocol(part))].join(' ');
}

/** What a rule can refer to. */
export interface StatementContext {
  readonly family: Family;
  readonly table: TableName;
  /** Types of the sets, by name. */
  readonly sets: ReadonlyMap<string, NftSetType>;
}

const protocolOf = ({ matches }: Rule): Protocol | undefined =>
  matches.find((match) => match.match === 'protocol')?.protocol;

class RuleWriter {
  readonly #context: StatementContext;
  readonly #rule: Rule;
  readonly #path: string;
  /** The one of whose sets the rule is about, where there is a set for each. */
  readonly #protocol: Protocol | undefined;

  constructor(rule: Rule, context: StatementContext, path: string, protocol?: Protocol) {
    this.#context = context;
    this.#rule = rule;
    this.#path = path;
    this.#protocol = protocol;
  }

  write(): NftRule {
    const { matches, target } = this.#rule;
    const guard = this.#protocol === undefined ? [] : [`meta l4proto ${this.#protocol}`];
    const parts = matches.flatMap((match, i) => this.#match(match, `${this.#path}.matches[${i}]`));
    const text = joinParts([...guard, ...parts, this.#target(target, `${this.#path}.target`)]);
    const comment = matches.flatMap((match) => (match.match === 'comment' ? [match.text] : [])).join('; ');
    return comment === '' ? { text } : { text, comment: this.#comment(comment) };
  }

  #comment(text: string): string {
    // Between quotes, without a way to write a quote; NFTNL_UDATA_COMMENT_MAXLEN with its end.
    if (/["\p{Cc}]/u.test(text) || new TextEncoder().encode(text).length > 127)
      throw new ValidationError(this.#path, 'comments of at most 127 bytes without double quotes', text);
    return text;
  }

  #match(match: Match, path: string): string | readonly string[] {
    const { family, table } = this.#context;
    const not = 'not' in match && match.not;
    const ne = not ? '!= ' : '';
    switch (match.match) {
      case 'source':
      case 'destination': {
        const cidr = parseCidr(match.cidr, `${path}.cidr`, family);
        if (cidr.prefix === 0) {
          if (!not) return '';
          throw new ValidationError(`${path}.cidr`, 'a network that does not hold every address', match.cidr);
        }
        return `${side(match.match === 'source' ? 'src' : 'dst', family)} ${ne}${networkText(cidr)}`;
      }
      case 'inInterface': {
        const name = interfaceName(match.name, `${path}.name`);
        if (/[*"\\]/.test(name)) throw new ValidationError(`${path}.name`, 'a name without * " \\', name);
        return interfaceMatch(name.replace(/\+$/, '*'), not);
      }
      case 'protocol':
        return `meta l4proto ${match.protocol}`;
      case 'comment':
        return '';
      case 'set':
        return this.#set(match, not, path);
      case 'mark': {
        const value = integerIn(match.value, 0, FULL, `${path}.value`);
        return markMatch(value, integerIn(match.mask, 1, FULL, `${path}.mask`), not);
      }
      case 'physdevIsIn':
        // nft knows bridge ports in bridge tables only. To accept in nat means here to leave our own chains, and the
        // profiles have nothing behind it that would treat packets from a bridge differently.
        if (not && table === 'nat' && this.#rule.target.target === 'accept') return '';
        throw new ValidationError(path, 'a match that nft has', match.match);
      case 'addrtype':
        return `fib ${match.side === 'src' ? 'saddr' : 'daddr'} type ${ne}local`;
      case 'conntrack': {
        const states = STATE_ORDER.filter((state) => match.states.includes(state));
        if (states.length === 0)
          throw new ValidationError(`${path}.states`, 'at least one connection state', match.states);
        return stateMatch(states.map((state) => state.toLowerCase()));
      }
      case 'ipvs': {
        // Our filter chains come before IPVS at input and output, where its packets still have the virtual address.
        if (table !== 'filter') throw new ValidationError(path, 'a match that nft has in nat', match.match);
        const address = canonicalAddress(match.address, `${path}.address`, family);
        const number = portNumber(match.port, `${path}.port`);
        return [`${side('dst', family)} ${address}`, `meta l4proto ${match.protocol}`, `th dport ${number}`];
      }
      case 'raw':
        throw new ValidationError(path, 'a match that the model has a word for', match.text);
    }
  }

  #set(match: Extract<Match, { match: 'set' }>, not: boolean, path: string): string {
    const { family, sets } = this.#context;
    const type = sets.get(match.set);
    if (type === undefined) throw new ValidationError(`${path}.set`, 'a set of the table', match.set);
    const name = setName(match.set, `${path}.set`);
    const reference = `${not ? '!= ' : ''}@${name}`;
    const [first = 'dst', second = 'dst', third = 'dst'] = match.directions;
    const dimensions = type.slice(type.indexOf(':') + 1).split(',').length;
    if (match.directions.length !== dimensions)
      throw new ValidationError(
        `${path}.directions`,
        `${dimensions} of them, as ${type} has`,
        match.directions,
      );
    if (type === 'hash:ip') return `${side(first, family)} ${reference}`;
    // Packets without ports are in no such set. iptables says so when asked for the contrary, nft does not match them at all.
    if (not) throw new ValidationError(path, 'a match without not, where ports are in the set', match.set);
    if (type === 'bitmap:port') {
      const own = protocolOf(this.#rule);
      if (own === 'sctp')
        throw new ValidationError(path, 'tcp or udp with bitmap:port, which knows no other', own);
      const guard = own === undefined ? 'meta l4proto { tcp, udp } ' : '';
      return `${guard}${port(first)} ${reference}`;
    }
    if (this.#protocol !== undefined && hasNetworks(type))
      return `${side(first, family)} . ${port(second)} . ${side(third, family)} @${setNameFor(this.#protocol, name)}`;
    const key = [side(first, family), 'meta l4proto', port(second)];
    if (type !== 'hash:ip,port') key.push(side(third, family));
    return `${key.join(' . ')} ${reference}`;
  }

  #target(target: Target, path: string): string {
    switch (target.target) {
      case 'jump':
        return `jump ${chainName(this.#context.table, target.chain, `${path}.chain`)}`;
      case 'accept':
      case 'drop':
      case 'return':
      case 'reject':
        return target.target;
      case 'masquerade':
        return target.randomFully === true ? 'masquerade fully-random' : 'masquerade';
      case 'mark': {
        const mask = integerIn(target.mask, 0, FULL, `${path}.mask`);
        const value = integerIn(target.value, 0, FULL, `${path}.value`);
        return markTarget(~mask >>> 0, value);
      }
      case 'raw':
        throw new ValidationError(path, 'a target that the model has a word for', target.text);
    }
  }
}

/**
 * A rule as nft takes it, in the one form that reading back gives. Where it is about sets of which there is one for each protocol, it is
 * one rule for each, of which no packet meets more than one.
 * @throws ValidationError naming what nft cannot say.
 */
export function nftRules(rule: Rule, context: StatementContext, path: string): readonly NftRule[] {
  const perProtocol = rule.matches.some((match) => {
    const type = match.match === 'set' ? context.sets.get(match.set) : undefined;
    return type !== undefined && hasNetworks(type);
  });
  if (!perProtocol) return [new RuleWriter(rule, context, path).write()];
  const own = protocolOf(rule);
  const protocols = own === undefined ? PROTOCOLS : [own];
  return protocols.map((protocol) => new RuleWriter(rule, context, path, protocol).write());
}
