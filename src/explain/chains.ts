import { parseAddress } from '../net/address.js';
import { cidrContains, tryParseCidr } from '../net/cidr.js';
import { formatRule } from '../rules/iptables/rule.js';
import type { Match, Rule, TableName } from '../rules/types.js';
import { lookUp, type Tuple } from './sets.js';
import type { DecidingRule, Hook, NodeView, RuleStep } from './types.js';

/** A packet as rules see it at one point of its way. */
export interface Flight extends Tuple {
  readonly inInterface?: string;
  readonly bridged: boolean;
  /** What IPVS made of it: the virtual server that its client addressed. */
  readonly virtual?: Pick<Tuple, 'protocol' | 'destination' | 'destinationPort'>;
}

/** How a table's chains of a hook end for a packet. */
export type Verdict =
  | { readonly verdict: 'accept' }
  | { readonly verdict: 'drop' | 'reject' | 'masquerade'; readonly by: DecidingRule };

/** A packet's way through rules. */
export interface Walk {
  /** The packet's mark. */
  readonly mark: number;
  /** Every rule that matched. */
  readonly steps: readonly RuleStep[];
  /** The rules of a table at a hook. */
  run(hook: Hook, table: TableName, packet: Flight): Verdict;
}

/** Whether an address is one of the node's: see {@link localTest}. */
export type IsLocal = (address: string) => boolean;

/** What a match, or a rule, says of a packet. */
export type Judgement = boolean | 'unknown';
type Found = { readonly set: string; readonly entry: string }[];

/** Deeper than the kernel lets chains call each other: a loop in what was read. */
export const MAX_DEPTH = 64;

/** Whether an address is one of the node's, those of kube-ipvs0 included. Loopback always is, whether or not the view has it. */
export function localTest(view: NodeView): IsLocal {
  const addresses = new Set(view.interfaces.flatMap((link) => link.addresses));
  return (address) => addresses.has(address) || address.startsWith('127.') || address === '::1';
}

/** Runs a packet through the chains of iptables of a view. */
export class Traversal implements Walk {
  readonly #view: NodeView;
  readonly #isLocal: IsLocal;
  #mark: number;
  readonly steps: RuleStep[] = [];

  constructor(view: NodeView, isLocal: IsLocal, mark = 0) {
    this.#view = view;
    this.#isLocal = isLocal;
    this.#mark = mark;
  }

  get mark(): number {
    return this.#mark;
  }

  run(hook: Hook, table: TableName, packet: Flight): Verdict {
    for (const jump of this.#view.rules.jumps) {
      if (jump.table !== table || jump.from !== hook) continue;
      const verdict = this.#rule(
        jump.rule,
        { hook, table, chain: hook, depth: 0, missed: new Set<string>() },
        packet,
      );
      if (verdict !== 'continue' && verdict !== 'return') return verdict;
    }
    return { verdict: 'accept' };
  }

  #chain(name: string, at: Place, packet: Flight): Verdict | 'continue' {
    const chain = this.#view.rules.chains.find((other) => other.table === at.table && other.name === name);
    if (chain === undefined || at.depth > MAX_DEPTH) return 'continue';
    const place = { ...at, chain: name, depth: at.depth + 1, missed: new Set<string>() };
    for (const rule of chain.rules) {
      const verdict = this.#rule(rule, place, packet);
      if (verdict === 'return') return 'continue';
      if (verdict !== 'continue') return verdict;
    }
    return 'continue';
  }

  #rule(rule: Rule, at: Place, packet: Flight): Verdict | 'continue' | 'return' {
    const sets: Found = [];
    const judgement = this.#matches(rule, packet, sets, at.missed);
    if (judgement === false) return 'continue';
    const { hook, table, chain } = at;
    const notIn = rule.matches.some(({ match }) => match === 'set') ? [] : [...at.missed];
    const text = `-A ${chain} ${formatRule(rule, this.#view.family)}`;
    const note = (effect: string): void =>
      void this.steps.push({ hook, table, chain, rule: text, sets, notIn, effect });
    if (judgement === 'unknown') {
      note('unknown');
      return 'continue';
    }
    const { target } = rule;
    switch (target.target) {
      case 'jump':
        note('jump');
        return this.#chain(target.chain, at, packet);
      case 'mark':
        this.#mark = ((this.#mark & ~target.mask) ^ target.value) >>> 0;
        note(`mark 0x${this.#mark.toString(16)}`);
        return 'continue';
      case 'return':
        note('return');
        return 'return';
      case 'accept':
        note('accept');
        return { verdict: 'accept' };
      case 'drop':
      case 'reject':
      case 'masquerade':
        note(target.target);
        return { verdict: target.target, by: { table, chain, rule: text, sets, notIn } };
      case 'raw':
        note('unknown');
        return 'continue';
    }
  }

  /** All matches of a rule; unknown when one is and the others hold. */
  #matches(rule: Rule, packet: Flight, sets: Found, missed: Set<string>): Judgement {
    let all: Judgement = true;
    for (const match of inOrder(rule.matches)) {
      const one = this.#judge(match, packet, sets, missed);
      if (one === false) return false;
      if (one === 'unknown') all = 'unknown';
    }
    return all;
  }

  /** One match, its negation included. */
  #judge(match: Match, packet: Flight, sets: Found, missed: Set<string>): Judgement {
    const result = this.#holds(match, packet, sets, missed);
    return result !== 'unknown' && 'not' in match && match.not ? !result : result;
  }

  #holds(match: Match, packet: Flight, sets: Found, missed: Set<string>): Judgement {
    switch (match.match) {
      case 'comment':
        return true;
      case 'source':
        return inNetwork(match.cidr, packet.source);
      case 'destination':
        return inNetwork(match.cidr, packet.destination);
      case 'inInterface':
        return match.name.endsWith('+')
          ? (packet.inInterface?.startsWith(match.name.slice(0, -1)) ?? false)
          : packet.inInterface === match.name;
      case 'protocol':
        return match.protocol === packet.protocol;
      case 'mark':
        return (this.#mark & match.mask) >>> 0 === match.value;
      case 'physdevIsIn':
        return packet.bridged;
      case 'addrtype':
        return this.#isLocal(match.side === 'src' ? packet.source : packet.destination);
      case 'conntrack':
        // Only the first packet of a connection is looked at.
        return match.states.includes('NEW');
      case 'ipvs': {
        const { virtual } = packet;
        return (
          virtual?.destination === match.address &&
          virtual.destinationPort === match.port &&
          virtual.protocol === match.protocol
        );
      }
      case 'set': {
        const set = this.#view.sets.get(match.set);
        if (set === undefined) return 'unknown';
        const found = lookUp(set, match.directions, packet);
        if (found === 'unknown') return 'unknown';
        if (found === undefined) missed.add(match.set);
        else sets.push({ set: match.set, entry: found.entry });
        return found !== undefined;
      }
      case 'raw':
        return 'unknown';
    }
  }
}

/** Addresses, interface and protocol are fields of the rule, and looked at before its matches. */
function inOrder(matches: readonly Match[]): readonly Match[] {
  const isField = ({ match }: Match): boolean =>
    ['source', 'destination', 'inInterface', 'protocol'].includes(match);
  return [...matches.filter(isField), ...matches.filter((match) => !isField(match))];
}

interface Place {
  readonly hook: Hook;
  readonly table: TableName;
  readonly chain: string;
  readonly depth: number;
  /** Sets that the chain looked at in vain so far. */
  readonly missed: Set<string>;
}

function inNetwork(network: string, address: string): boolean {
  const cidr = tryParseCidr(network);
  return cidr !== undefined && cidrContains(cidr, parseAddress(address, 'address').bytes);
}
