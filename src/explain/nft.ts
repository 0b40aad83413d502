import { parseAddress } from '../net/address.js';
import { cidrContains, tryParseCidr } from '../net/cidr.js';
import type { NftChain, NftSet, NftTable } from '../rules/nft/types.js';
import type { TableName } from '../rules/types.js';
import { type Flight, type IsLocal, type Judgement, MAX_DEPTH, type Verdict, type Walk } from './chains.js';
import type { Hook, RuleStep } from './types.js';

type End = Verdict | 'continue' | 'return';

/** A rule on its way through the parts of its text. */
interface Trial {
  readonly packet: Flight;
  readonly missed: Set<string>;
  readonly sets: { readonly set: string; readonly entry: string }[];
}

/** What a part of a rule says of a packet, by the words that it matched. */
type Part = readonly [RegExp, (walk: NftTraversal, trial: Trial, words: readonly string[]) => Judgement];

const SELECTOR = '(?:ip6? [sd]addr|ip protocol|meta l4proto|th [sd]port)';
const address = (packet: Flight, side: string | undefined): string =>
  side === 's' ? packet.source : packet.destination;
const port = (packet: Flight, side: string | undefined): number | undefined =>
  side === 's' ? packet.sourcePort : packet.destinationPort;

/** What a packet has at `ip daddr`, `th dport`, …; undefined where it is not known. */
function selected(packet: Flight, selector: string): string | undefined {
  const [, side] = /([sd])(?:addr|port)$/.exec(selector) ?? [];
  if (selector.endsWith('addr')) return address(packet, side);
  if (selector.startsWith('th ')) return port(packet, side)?.toString();
  return packet.protocol;
}

/** A network holds an address; anything else is the same text. */
function holds(part: string | undefined, value: string): boolean {
  if (part?.includes('/') !== true) return part === value;
  const cidr = tryParseCidr(part);
  return cidr !== undefined && cidrContains(cidr, parseAddress(value, 'address').bytes);
}

/** `meta mark & 0xfffffffa ^ 0x6` of a mark. */
function markOf(expression: string, mark: number): number {
  let value = mark;
  for (const [, op, text] of expression.matchAll(/([&|^]) (0x[0-9a-f]+)/g)) {
    const operand = Number(text);
    value = op === '&' ? value & operand : op === '|' ? value | operand : value ^ operand;
  }
  return value >>> 0;
}

/** The parts that our rules consist of, and those of their older forms, in the words that `readNft` gives back. */
const PARTS: readonly Part[] = [
  [
    new RegExp(`^(${SELECTOR}(?: \\. ${SELECTOR})*) (!= )?@(\\S+)`),
    (walk, trial, [, selectors = '', not, set = '']) =>
      negated(not, walk.lookUp(set, selectors.split(' . '), trial)),
  ],
  [
    /^meta l4proto \{ ([^}]*) \}/,
    (_, { packet }, [, list = '']) => list.split(', ').includes(packet.protocol),
  ],
  [/^meta l4proto (\w+)/, (_, { packet }, [, protocol]) => packet.protocol === protocol],
  [
    /^ip6? ([sd])addr (!= )?([0-9a-f.:/]+)/,
    (_, { packet }, [, side, not, network]) => negated(not, holds(network, address(packet, side))),
  ],
  [
    /^th ([sd])port (!= )?(\d+)/,
    (_, { packet }, [, side, not, number]) => negated(not, port(packet, side) === Number(number)),
  ],
  [
    /^meta mark & (0x[0-9a-f]+) (==|!=) (0x[0-9a-f]+)/,
    (walk, _, [, mask, op, value]) => ((walk.mark & Number(mask)) >>> 0 === Number(value)) === (op === '=='),
  ],
  [/^meta mark (!= )?(0x[0-9a-f]+)/, (walk, _, [, not, value]) => negated(not, walk.mark === Number(value))],
  [
    /^fib ([sd])addr type (!= )?local/,
    (walk, { packet }, [, side, not]) => negated(not, walk.isLocal(address(packet, side))),
  ],
  // Only the first packet of a connection is looked at.
  [/^ct state (\S+)/, (_, __, [, states = '']) => states.split(',').includes('new')],
  [
    /^iifname (!= )?"([^"]*)"/,
    (_, { packet: { inInterface } }, [, not, name = '']) =>
      negated(
        not,
        name.endsWith('*') ? (inInterface?.startsWith(name.slice(0, -1)) ?? false) : inInterface === name,
      ),
  ],
];

const negated = (not: string | undefined, judgement: Judgement): Judgement =>
  not === undefined || judgement === 'unknown' ? judgement : !judgement;

/** Runs a packet through our table of nft, as it was read or compiled. */
export class NftTraversal implements Walk {
  readonly #table: NftTable;
  readonly #chains: ReadonlyMap<string, NftChain>;
  readonly #sets: ReadonlyMap<string, NftSet>;
  readonly isLocal: IsLocal;
  readonly steps: RuleStep[] = [];
  mark: number;

  constructor(table: NftTable, isLocal: IsLocal, mark = 0) {
    this.#table = table;
    this.#chains = new Map(table.chains.map((chain) => [chain.name, chain]));
    this.#sets = new Map(table.sets.map((set) => [set.name, set]));
    this.isLocal = isLocal;
    this.mark = mark;
  }

  run(hook: Hook, table: TableName, packet: Flight): Verdict {
    const bases = this.#table.chains
      .filter((chain) => chain.hook?.type === table && chain.hook.hook === hook.toLowerCase())
      .sort((a, b) => (a.hook?.priority ?? 0) - (b.hook?.priority ?? 0));
    for (const base of bases) {
      const end = this.#chain(base, { hook, table, depth: 0 }, packet);
      // To accept ends one base chain, and no other.
      if (typeof end !== 'string' && end.verdict !== 'accept') return end;
    }
    return { verdict: 'accept' };
  }

  /** What a set says of the parts of a packet. */
  lookUp(name: string, selectors: readonly string[], { packet, sets, missed }: Trial): Judgement {
    const set = this.#sets.get(name);
    if (set?.key.length !== selectors.length) return 'unknown';
    const values = selectors.map((selector) => selected(packet, selector));
    const entry = values.some((value) => value === undefined)
      ? undefined
      : set.elements.find((element) => {
          const parts = element.split(' . ');
          return values.every((value, i) => holds(parts[i], value ?? ''));
        });
    if (entry === undefined) missed.add(name);
    else sets.push({ set: name, entry });
    return entry !== undefined;
  }

  #chain(chain: NftChain, at: Place, packet: Flight): End {
    if (at.depth > MAX_DEPTH) return 'continue';
    const missed = new Set<string>();
    for (const { text } of chain.rules) {
      const end = this.#rule(text, chain.name, at, { packet, missed, sets: [] });
      if (end === 'return') return 'continue';
      if (end !== 'continue') return end;
    }
    return 'continue';
  }

  #rule(rule: string, chain: string, at: Place, trial: Trial): End {
    let judgement: Judgement = true;
    let rest = rule;
    for (let part = next(rest); part !== undefined; part = next(rest)) {
      const [[pattern, judge], words] = part;
      const one = judge(this, trial, words);
      if (one === false) return 'continue';
      if (one === 'unknown') judgement = 'unknown';
      rest = rest.replace(pattern, '').trimStart();
    }
    const { hook, table, depth } = at;
    const { sets } = trial;
    const notIn = rule.includes('@') ? [] : [...trial.missed];
    const note = (effect: string): void =>
      void this.steps.push({ hook, table, chain, rule, sets, notIn, effect });

    const mark = /^meta mark set (0x[0-9a-f]+|meta mark(?: [&|^] 0x[0-9a-f]+)*)$/.exec(rest)?.[1];
    const jump = /^jump (\S+)$/.exec(rest)?.[1];
    const verdict = /^(accept|drop|reject|return|masquerade)(?: fully-random)?$/.exec(rest)?.[1];
    if (judgement === 'unknown' || (mark ?? jump ?? verdict) === undefined) {
      note('unknown');
      return 'continue';
    }
    if (mark !== undefined) {
      this.mark = mark.startsWith('0x') ? Number(mark) : markOf(mark, this.mark);
      note(`mark 0x${this.mark.toString(16)}`);
      return 'continue';
    }
    if (jump !== undefined) {
      note('jump');
      const to = this.#chains.get(jump);
      return to === undefined ? 'continue' : this.#chain(to, { ...at, depth: depth + 1 }, trial.packet);
    }
    note(verdict ?? '');
    switch (verdict) {
      case 'return':
        return 'return';
      case 'accept':
        return { verdict };
      case 'drop':
      case 'reject':
      case 'masquerade':
        return { verdict, by: { table, chain, rule, sets, notIn } };
      default:
        return 'continue';
    }
  }
}

interface Place {
  readonly hook: Hook;
  readonly table: TableName;
  readonly depth: number;
}

/** The part that a text begins with, and the words in it. */
function next(text: string): [Part, readonly string[]] | undefined {
  for (const part of PARTS) {
    const words = part[0].exec(text);
    if (words !== null) return [part, words];
  }
  return undefined;
}
