import { ValidationError } from '../errors.js';
import { type Family, parseAddress } from '../net/address.js';
import { type Cidr, cidrContains, parseCidr } from '../net/cidr.js';
import { integerIn } from '../net/number.js';
import { parseProtocol, type Protocol } from '../net/protocol.js';
import { MAX_MARK, parseFamily, type ServiceId } from './identity.js';
import { at, checkKeys, isObject } from './objects.js';
import type { NumberMatch, OneOrMany, VirtualServerFilter } from './types.js';

/** Whether a virtual server is meant. */
export type ServiceMatcher = (id: ServiceId) => boolean;

/** Whether something is among the values of a filter's field; undefined where the filter does not ask. */
export type Among<T> = ((value: T) => boolean) | undefined;

const KEYS = ['protocol', 'family', 'address', 'port', 'fwmark', 'where'] as const;

/**
 * A filter, or several of which one has to match, as a function. Absent: everything matches.
 * @throws ValidationError naming `path`
 */
export function parseFilter(
  filter: OneOrMany<VirtualServerFilter> | undefined,
  path: string,
): ServiceMatcher | undefined {
  const value: unknown = filter;
  if (value === undefined) return undefined;
  if (!Array.isArray(value)) return parseOne(value, path);
  const any = value.map((one: unknown, i) => parseOne(one, `${path}[${String(i)}]`));
  return (id) => any.some((matches) => matches(id));
}

function parseOne(value: unknown, path: string): ServiceMatcher {
  if (!isObject(value)) throw new ValidationError(path, `an object with ${KEYS.join(', ')}`, value);
  checkKeys(value, KEYS, path);
  const protocol = among(value['protocol'], at(path, 'protocol'), (one, where) => {
    const wanted = parseProtocol(one, where);
    return (given: Protocol) => given === wanted;
  });
  const family = among(value['family'], at(path, 'family'), (one, where) => {
    const wanted = parseFamily(one, where);
    return (given: Family) => given === wanted;
  });
  const address = among(value['address'], at(path, 'address'), inNetwork);
  const port = among(value['port'], at(path, 'port'), (one, where) => numberMatch(one, 0, 65535, where));
  const fwmark = among(value['fwmark'], at(path, 'fwmark'), (one, where) =>
    numberMatch(one, 1, MAX_MARK, where),
  );
  const where = predicateAt(value['where'], at(path, 'where'));
  return (id) => {
    if (family?.(id.family) === false) return false;
    if (id.fwmark !== undefined) {
      // What is asked of addresses is not true of a mark.
      if (protocol !== undefined || address !== undefined || port !== undefined) return false;
      if (fwmark?.(id.fwmark) === false) return false;
    } else {
      if (fwmark !== undefined) return false;
      if (protocol?.(id.protocol) === false || port?.(id.port) === false) return false;
      if (address?.(parseAddress(id.address, 'address').bytes) === false) return false;
    }
    return where === undefined || where(id);
  };
}

function predicateAt(value: unknown, path: string): ServiceMatcher | undefined {
  if (value === undefined) return undefined;
  if (typeof value !== 'function') throw new ValidationError(path, 'a function', value);
  const predicate = value as (id: ServiceId) => unknown;
  return (id) => predicate(id) === true;
}

/** One value or a list of them. @throws ValidationError for an empty list, which would match nothing */
export function among<T>(
  value: unknown,
  path: string,
  parse: (value: unknown, path: string) => (given: T) => boolean,
): Among<T> {
  if (value === undefined) return undefined;
  if (!Array.isArray(value)) return parse(value, path);
  if (value.length === 0) throw new ValidationError(path, 'at least one value', value);
  const any = value.map((one: unknown, i) => parse(one, `${path}[${String(i)}]`));
  return (given) => any.some((matches) => matches(given));
}

/** True for addresses of a network. @throws ValidationError naming `path` */
export function inNetwork(value: unknown, path: string): (bytes: Uint8Array) => boolean {
  const cidr: Cidr = parseCidr(value, path);
  return (bytes) => cidrContains(cidr, bytes);
}

/** True for the number, or for those in the range. @throws ValidationError naming `path` */
export function numberMatch(
  value: unknown,
  min: number,
  max: number,
  path: string,
): (given: number) => boolean {
  if (!isObject(value)) {
    const wanted = integerIn(value, min, max, path);
    return (given) => given === wanted;
  }
  checkKeys(value, ['from', 'to'], path);
  const match = value as Extract<NumberMatch, object>;
  const from = integerIn(match.from, min, max, at(path, 'from'));
  const to = integerIn(match.to, from, max, at(path, 'to'));
  return (given) => given >= from && given <= to;
}
