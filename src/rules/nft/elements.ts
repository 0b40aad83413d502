import { ValidationError } from '../../errors.js';
import { canonicalAddress, type Family, formatAddress } from '../../net/address.js';
import { type Cidr, cidrContains, hostPrefix, parseCidr } from '../../net/cidr.js';
import { parseProtocol, type Protocol } from '../../net/protocol.js';
import type { NftKey, NftSet } from './types.js';
import { setName, setNameFor } from './names.js';

/** A set that rules name, in the words of ipset: what a `DesiredSet` of the plan is as well. */
export interface RuleSetContent {
  readonly name: string;
  readonly type: string;
  /** As `ipset save` prints them: `10.96.0.10,tcp:80`. */
  readonly entries: readonly string[];
}

/** What each part of an entry is, by the type of the set. */
const PARTS = {
  'hash:ip': ['address'],
  'hash:ip,port': ['address', 'port'],
  'hash:ip,port,ip': ['address', 'port', 'address'],
  'hash:ip,port,net': ['address', 'port', 'network'],
  'bitmap:port': ['number'],
} as const;

/** Types of sets that rules of nft can name. */
export type NftSetType = keyof typeof PARTS;

/** The type, when it is one of ours. @throws ValidationError naming `path`. */
export function setType(type: string, path: string): NftSetType {
  if (Object.hasOwn(PARTS, type)) return type as NftSetType;
  throw new ValidationError(path, `one of ${Object.keys(PARTS).join(' ')}`, type);
}

/** Protocols whose packets have ports, in the order in which their sets and rules are written. */
export const PROTOCOLS: readonly Protocol[] = ['tcp', 'udp', 'sctp'];

/**
 * Is it a set with networks? Those are sets with intervals, one for each protocol. In their lookup nft (1.0.6) turns every part that the
 * kernel has in its own byte order around, the one byte of the protocol too, which newer kernels refuse as nonsense.
 */
export const hasNetworks = (type: NftSetType): boolean =>
  (PARTS[type] as readonly string[]).includes('network');

/** The key of a set: `ipv4_addr . inet_proto . inet_service`, without the protocol where there is a set for each. */
function keyOf(type: NftSetType, family: Family): readonly NftKey[] {
  const address = family === 'inet' ? 'ipv4_addr' : 'ipv6_addr';
  return PARTS[type].flatMap((part): NftKey[] => {
    switch (part) {
      case 'address':
      case 'network':
        return [address];
      case 'port':
        return hasNetworks(type) ? ['inet_service'] : ['inet_proto', 'inet_service'];
      case 'number':
        return ['inet_service'];
    }
  });
}

function portNumber(text: string, path: string): string {
  if (!/^(0|[1-9]\d{0,4})$/.test(text) || Number(text) > 65_535)
    throw new ValidationError(path, 'a port from 0 to 65535', text);
  return text;
}

/** A network as nft prints it: without its length when it is one host. */
export function networkText(cidr: Cidr): string {
  const address = formatAddress(cidr.bytes, cidr.family);
  return cidr.prefix === hostPrefix(cidr.family) ? address : `${address}/${cidr.prefix}`;
}

interface Element {
  /** All but the network, if there is one. */
  readonly head: string;
  /** Of the port, if there is one. */
  readonly protocol?: Protocol;
  readonly network?: Cidr;
}

function parseEntry(entry: string, type: NftSetType, family: Family, path: string): Element {
  const words = entry.split(',');
  const parts = PARTS[type];
  if (words.length !== parts.length) throw new ValidationError(path, `an entry of ${type}`, entry);
  let protocol: Protocol | undefined;
  let network: Cidr | undefined;
  const head: string[] = [];
  for (const [i, part] of parts.entries()) {
    const word = words[i] ?? '';
    switch (part) {
      case 'address':
        head.push(canonicalAddress(word, path, family));
        break;
      case 'network':
        network = parseCidr(word, path, family);
        break;
      case 'number':
        head.push(portNumber(word, path));
        break;
      case 'port': {
        const [name = '', port = ''] = word.split(':');
        protocol = parseProtocol(name, path);
        head.push(...(hasNetworks(type) ? [] : [protocol]), portNumber(port, path));
        break;
      }
    }
  }
  return {
    head: head.join(' . '),
    ...(protocol === undefined ? {} : { protocol }),
    ...(network === undefined ? {} : { network }),
  };
}

const compare = (a: string, b: string): number => (a < b ? -1 : a > b ? 1 : 0);
const hex = (bytes: Uint8Array): string => Buffer.from(bytes).toString('hex');

/**
 * Elements with networks that lie in one another taken out, since sets of nft refuse elements that overlap. Two networks are either
 * apart or one inside the other; sorted by their first address, a network stands right behind the one that holds it.
 */
function disjoint(elements: readonly Element[]): string[] {
  const sorted = elements
    .map((element) => ({
      ...element,
      key:
        element.network === undefined ? '' : `${hex(element.network.bytes)} ${element.network.prefix + 1000}`,
    }))
    .sort((a, b) => compare(a.head, b.head) || compare(a.key, b.key));
  const out: string[] = [];
  let last: Element | undefined;
  for (const element of sorted) {
    const { head, network } = element;
    if (last?.head === head) {
      if (network === undefined || last.network === undefined) continue;
      if (cidrContains(last.network, network.bytes)) continue;
    }
    last = element;
    out.push(network === undefined ? head : `${head} . ${networkText(network)}`);
  }
  return out;
}

/** All elements of two states of a set; of networks that lie in one another only the outermost, as in {@link nftSets}. */
export function joinElements(
  { interval }: Pick<NftSet, 'interval'>,
  a: readonly string[],
  b: readonly string[],
): readonly string[] {
  const all = [...new Set([...a, ...b])];
  if (!interval || all.length === a.length) return all.length === a.length ? a : all;
  return disjoint(
    all.map((text) => {
      const at = text.lastIndexOf(' . ');
      return { head: text.slice(0, at), network: parseCidr(text.slice(at + 3), 'element') };
    }),
  );
}

/**
 * A set of ipset as sets of nft: the same packets are in them. It is one set of the same name, but for `hash:ip,port,net`, which is one for each
 * protocol: `NAME-TCP`, `NAME-UDP`, `NAME-SCTP`. Entries that lie inside another are left out.
 * @throws ValidationError naming the part below `path`.
 */
export function nftSets(content: RuleSetContent, family: Family, path = 'set'): readonly NftSet[] {
  const type = setType(content.type, `${path}.type`);
  const name = setName(content.name, `${path}.name`);
  const key = keyOf(type, family);
  const elements = content.entries.map((entry, i) =>
    parseEntry(entry, type, family, `${path}.entries[${i}]`),
  );
  if (!hasNetworks(type)) return [{ name, key, interval: false, elements: disjoint(elements) }];
  return PROTOCOLS.map((protocol) => ({
    name: setNameFor(protocol, name),
    key,
    interval: true,
    elements: disjoint(elements.filter((element) => element.protocol === protocol)),
  }));
}
