import { ValidationError } from '../../errors.js';
import { canonicalAddress, type Family } from '../../net/address.js';
import { formatCidr, parseCidr } from '../../net/cidr.js';
import { portNumber } from '../../net/number.js';
import { PROTOCOL_NUMBER } from '../../net/protocol.js';
import type { Match, Rule, Target } from '../types.js';
import { chainName, interfaceName, setName } from './names.js';
import { quoteWord } from './words.js';

/** The one type of REJECT that the model knows: iptables' default, named differently per family. */
export const REJECT_WITH: Readonly<Record<Family, string>> = {
  inet: 'icmp-port-unreachable',
  inet6: 'icmp6-port-unreachable',
};

/** The order in which iptables-save prints connection states (libxt_conntrack). */
export const STATE_ORDER = ['INVALID', 'NEW', 'RELATED', 'ESTABLISHED'] as const;

/** Where iptables prints the matches that are fields of the rule itself; everything else comes behind, in its own order. */
const FIELD_ORDER: Readonly<Partial<Record<Match['match'], number>>> = {
  source: 0,
  destination: 1,
  inInterface: 2,
  protocol: 3,
};

/** XT_MAX_COMMENT_LEN - 1. */
const COMMENT_BYTES_MAX = 255;

const hex = (value: number): string => `0x${value.toString(16)}`;

function mark(value: number, path: string): number {
  if (!Number.isInteger(value) || value < 0 || value > 0xffffffff) {
    throw new ValidationError(path, 'a mark from 0 to 0xffffffff', value);
  }
  return value;
}

function comment(text: string, path: string): string {
  // iptables-restore takes a word such as -t, even as an argument, for its table option and refuses the line.
  if (
    text.length === 0 ||
    new TextEncoder().encode(text).length > COMMENT_BYTES_MAX ||
    /[\0\n\r]|^-|^!$/.test(text)
  ) {
    throw new ValidationError(
      path,
      `a comment of 1 to ${COMMENT_BYTES_MAX} bytes on one line that does not begin with -`,
      text,
    );
  }
  return quoteWord(text);
}

function formatMatch(match: Match, family: Family, path: string): string {
  const not = 'not' in match && match.not ? '! ' : '';
  switch (match.match) {
    case 'source':
    case 'destination': {
      const cidr = parseCidr(match.cidr, `${path}.cidr`, family);
      if (cidr.prefix === 0) {
        // Every packet matches: iptables does not keep it. The opposite matches none, and iptables-nft refuses it.
        if (not === '') return '';
        throw new ValidationError(`${path}.cidr`, 'a network that does not hold every address', match.cidr);
      }
      return `${not}${match.match === 'source' ? '-s' : '-d'} ${formatCidr(cidr)}`;
    }
    case 'inInterface':
      return `${not}-i ${interfaceName(match.name, `${path}.name`)}`;
    case 'protocol':
      return `-p ${match.protocol}`;
    case 'comment':
      return `-m comment --comment ${comment(match.text, `${path}.text`)}`;
    case 'set': {
      const { directions } = match;
      if (directions.length < 1 || directions.length > 6) {
        throw new ValidationError(`${path}.directions`, 'one to six directions', directions.length);
      }
      return `-m set ${not}--match-set ${setName(match.set, `${path}.set`)} ${directions.join(',')}`;
    }
    case 'mark': {
      const value = mark(match.value, `${path}.value`);
      const mask = mark(match.mask, `${path}.mask`);
      return `-m mark ${not}--mark ${hex(value)}${mask === 0xffffffff ? '' : `/${hex(mask)}`}`;
    }
    case 'physdevIsIn':
      return `-m physdev ${not}--physdev-is-in`;
    case 'addrtype':
      return `-m addrtype ${not}--${match.side}-type ${match.type}`;
    case 'conntrack': {
      const states = STATE_ORDER.filter((state) => match.states.includes(state));
      if (states.length === 0) {
        throw new ValidationError(`${path}.states`, 'at least one connection state', match.states);
      }
      return `-m conntrack --ctstate ${states.join(',')}`;
    }
    case 'ipvs': {
      const address = canonicalAddress(match.address, `${path}.address`, family);
      const port = portNumber(match.port, `${path}.port`);
      return `-m ipvs --vproto ${PROTOCOL_NUMBER[match.protocol]} --vaddr ${address} --vport ${port}`;
    }
    case 'raw':
      return match.text;
  }
}

function formatTarget(target: Target, family: Family, path: string): string {
  switch (target.target) {
    case 'jump':
      return `-j ${chainName(target.chain, `${path}.chain`)}`;
    case 'accept':
    case 'drop':
    case 'return':
      return `-j ${target.target.toUpperCase()}`;
    case 'reject':
      return `-j REJECT --reject-with ${REJECT_WITH[family]}`;
    case 'masquerade':
      return `-j MASQUERADE${target.randomFully === true ? ' --random-fully' : ''}`;
    case 'mark':
      return `-j MARK --set-xmark ${hex(mark(target.value, `${path}.value`))}/${hex(mark(target.mask, `${path}.mask`))}`;
    case 'raw':
      return target.text;
  }
}

/**
 * A rule exactly as `iptables-save` prints it behind `-A CHAIN `, and as iptables-restore takes it: networks canonical and with
 * their length, marks in short hexadecimal, fields of the rule first. Two rules mean the same when this text is the same.
 *
 * Source: iptables 1.8.9, nft and legacy, which print alike; test/golden/rules.
 * @throws ValidationError naming the part below `path` that iptables would refuse or print differently.
 */
export function formatRule(rule: Rule, family: Family, path = 'rule'): string {
  const parts = rule.matches.map((match, i) => ({
    order: FIELD_ORDER[match.match] ?? 9,
    kind: match.match,
    text: formatMatch(match, family, `${path}.matches[${i}]`),
    at: i,
  }));
  for (const [i, part] of parts.entries()) {
    if (part.order < 9 && parts.findIndex((p) => p.kind === part.kind) !== i) {
      throw new ValidationError(`${path}.matches[${i}]`, `at most one ${part.kind} match`, part.text);
    }
  }
  parts.sort((a, b) => a.order - b.order || a.at - b.at);
  return [...parts.map((part) => part.text), formatTarget(rule.target, family, `${path}.target`)]
    .filter((text) => text !== '')
    .join(' ');
}

/** True when the rule has a part that the model has no word for. */
export function isRaw(rule: Rule): boolean {
  return rule.target.target === 'raw' || rule.matches.some((match) => match.match === 'raw');
}

/** Do two rules mean the same to iptables? A rule with raw parts is never equal to any, since nobody knows what it means. */
export function sameRule(a: Rule, b: Rule, family: Family): boolean {
  return !isRaw(a) && !isRaw(b) && formatRule(a, family) === formatRule(b, family);
}

/** The chain that a rule leads to (`-j` or `-g`), undefined when it leads to none. Targets such as LOG count as chains here. */
export function chainOf(rule: Rule): string | undefined {
  const { target } = rule;
  if (target.target === 'jump') return target.chain;
  if (target.target === 'raw') return /^-[gj] (\S+)$/.exec(target.text)?.[1];
  return undefined;
}
