import { parseAddress } from '../net/address.js';
import { cidrContains, tryParseCidr } from '../net/cidr.js';
import type { Protocol } from '../net/protocol.js';
import type { SetDirection } from '../rules/types.js';
import type { ViewSet } from './types.js';

/** The parts of a packet that sets look at. */
export interface Tuple {
  readonly protocol: Protocol;
  readonly source: string;
  readonly sourcePort?: number;
  readonly destination: string;
  readonly destinationPort: number;
}

/** The entry that a packet finds in a set; `undefined` when there is none, `unknown` for a kind of set that is not understood. */
export type Lookup = { readonly entry: string } | 'unknown' | undefined;

/** Entries of an entry list without what follows the element: timeouts, counters, comments. */
const element = (entry: string): string => entry.split(' ', 1)[0] ?? entry;

function contains(network: string, address: string): boolean {
  const cidr = tryParseCidr(network);
  return cidr !== undefined && cidrContains(cidr, parseAddress(address, 'address').bytes);
}

/**
 * Look a packet up in a set, as `-m set --match-set SET DIRECTIONS` does. Understood are the types of the KUBE sets: `bitmap:port`,
 * `hash:ip`, `hash:ip,port`, `hash:ip,port,ip` and `hash:ip,port,net`.
 */
export function lookUp(set: ViewSet, directions: readonly SetDirection[], packet: Tuple): Lookup {
  const address = (side: SetDirection | undefined): string =>
    side === 'src' ? packet.source : packet.destination;
  const port = (side: SetDirection | undefined): number | undefined =>
    side === 'src' ? packet.sourcePort : packet.destinationPort;
  const find = (test: (entry: string) => boolean): Lookup => {
    const entry = set.entries.find((text) => test(element(text)));
    return entry === undefined ? undefined : { entry: element(entry) };
  };
  const [first, second, third] = directions;
  const portText = (side: SetDirection | undefined): string | undefined => {
    const number = port(side);
    return number === undefined ? undefined : `${packet.protocol}:${number}`;
  };
  switch (set.type) {
    case 'bitmap:port': {
      // The kernel looks at ports of TCP and UDP only, and does not tell the two apart.
      const number = packet.protocol === 'sctp' ? undefined : port(first);
      return number === undefined ? undefined : find((entry) => entry === String(number));
    }
    case 'hash:ip':
      return find((entry) => entry === address(first));
    case 'hash:ip,port':
    case 'hash:ip,port,ip':
    case 'hash:ip,port,net': {
      const middle = portText(second);
      if (middle === undefined) return undefined;
      const key = `${address(first)},${middle}`;
      if (set.type === 'hash:ip,port') return find((entry) => entry === key);
      if (set.type === 'hash:ip,port,ip') return find((entry) => entry === `${key},${address(third)}`);
      return find(
        (entry) => entry.startsWith(`${key},`) && contains(entry.slice(key.length + 1), address(third)),
      );
    }
    default:
      return 'unknown';
  }
}
