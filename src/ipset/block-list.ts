import { BlockList } from 'node:net';
import { ValidationError } from '../errors.js';
import { formatAddress, tryParseAddress, type Family } from '../net/address.js';
import { hostPrefix, tryParseCidr, type Cidr } from '../net/cidr.js';
import { joinNetworks, networksOfRange } from '../net/ranges.js';

/**
 * The networks of a `node:net` BlockList, as entries of a set of networks (`hash:net`): ranges become networks, what lies in another
 * one is left out. A set has one family, so one has to be named. Pure.
 *
 * @param family which of the rules; default `inet`
 * @returns canonical text, ascending; `/0` as its two halves, since `hash:net` stores none
 */
export function blockListEntries(list: BlockList, family: Family = 'inet'): string[] {
  return fewestNetworks(
    list.rules.flatMap((rule) => networksOfRule(rule)).filter((net) => net.family === family),
  );
}

/**
 * The fewest entries of a set of networks that match the same addresses as these: addresses, networks (`10.0.0.0/8`) and ranges
 * (`10.0.0.1-10.0.0.9`) of both families, host bits cleared, neighbours joined. Pure.
 *
 * @returns canonical text, ascending, IPv4 before IPv6; `/0` as its two halves
 * @throws ValidationError with the path `networks[index]`
 */
export function mergeNetworks(networks: Iterable<string>): string[] {
  const all: Cidr[] = [];
  let index = 0;
  for (const text of networks) {
    const found = networksOfText(text);
    if (found === undefined) {
      throw new ValidationError(
        `networks[${String(index)}]`,
        'an address, a network or a range of addresses',
        text,
      );
    }
    all.push(...found);
    index++;
  }
  return fewestNetworks(all);
}

/**
 * A BlockList of `node:net` that holds what entries of a set hold: addresses, networks or ranges as text, or objects with an `ip` or a
 * `net`, as `entries()` of `hash:ip` and `hash:net` gives them. Entries with `nomatch` are exceptions, which a BlockList does not
 * have: they are refused.
 *
 * @throws ValidationError with the path `entries[index]`
 */
export async function toBlockList(
  entries: Iterable<BlockListEntry> | AsyncIterable<BlockListEntry>,
): Promise<BlockList> {
  const list = new BlockList();
  let index = 0;
  for await (const entry of entries) {
    const path = `entries[${String(index++)}]`;
    if (typeof entry !== 'string' && entry.nomatch === true) {
      throw new ValidationError(path, 'no exception, which a BlockList does not have', entry);
    }
    const text = typeof entry === 'string' ? entry : (entry.net ?? entry.ip);
    const found = networksOfText(text);
    if (found === undefined)
      throw new ValidationError(path, 'an address, a network or a range of addresses', entry);
    for (const { bytes, family, prefix } of found) {
      const type = family === 'inet' ? 'ipv4' : 'ipv6';
      if (prefix === hostPrefix(family)) list.addAddress(formatAddress(bytes, family), type);
      else list.addSubnet(formatAddress(bytes, family), prefix, type);
    }
  }
  return list;
}

/** What {@link toBlockList} takes: text, or an entry of a set of addresses or networks. */
export type BlockListEntry =
  string | { readonly ip?: string; readonly net?: string; readonly nomatch?: boolean };

/** `Address: IPv4 10.0.0.1`, `Range: IPv4 10.0.0.1-10.0.0.9`, `Subnet: IPv6 2001:db8::/32`: how a BlockList shows its rules. */
function networksOfRule(rule: string): Cidr[] {
  return networksOfText(/^(?:Address|Range|Subnet): IPv[46] (\S+)$/.exec(rule)?.[1]) ?? [];
}

function networksOfText(text: string | undefined): Cidr[] | undefined {
  if (typeof text !== 'string') return undefined;
  const [first = '', last, more] = text.split('-');
  if (last === undefined) {
    const cidr = tryParseCidr(first);
    return cidr === undefined ? undefined : [cidr];
  }
  const [a, b] = [tryParseAddress(first), tryParseAddress(last)];
  if (a === undefined || b?.family !== a.family || more !== undefined) return undefined;
  const networks = networksOfRange(a.bytes, b.bytes);
  return networks.length === 0 ? undefined : networks;
}

function fewestNetworks(networks: Iterable<Cidr>): string[] {
  return joinNetworks(networks).flatMap(({ family, bytes, prefix }) => {
    if (prefix === 0) return family === 'inet' ? ['0.0.0.0/1', '128.0.0.0/1'] : ['::/1', '8000::/1'];
    const address = formatAddress(bytes, family);
    return [prefix === hostPrefix(family) ? address : `${address}/${String(prefix)}`];
  });
}
