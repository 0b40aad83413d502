import { ValidationError } from '../errors.js';
import { type Family, formatAddress, joinHostPort, parseAddress, splitHostPort } from '../net/address.js';
import { integerIn, portNumber } from '../net/number.js';
import { parseProtocol, type Protocol } from '../net/protocol.js';
import { at, checkKeys, isObject } from './objects.js';
import type { RealServerRef, VirtualServerRef, VirtualServerUrl } from './types.js';

/** Identity of a virtual server, parsed: by address, or by firewall mark. */
export type ServiceId =
  | {
      readonly url: VirtualServerUrl;
      readonly family: Family;
      readonly protocol: Protocol;
      readonly address: string;
      readonly port: number;
      readonly fwmark?: undefined;
    }
  | {
      readonly url: VirtualServerUrl;
      readonly family: Family;
      readonly fwmark: number;
      readonly protocol?: undefined;
      readonly address?: undefined;
      readonly port?: undefined;
    };

/** Identity of a virtual server by address. */
export type AddressId = Extract<ServiceId, { readonly address: string }>;

/** Identity of a real server within its virtual server, parsed. The address is canonical. */
export interface DestinationId {
  readonly family: Family;
  readonly address: string;
  readonly port: number;
}

/** The kernel takes mark 0 for the TCP service 0.0.0.0:0 (observed), so marks start at 1. */
export const MAX_MARK = 0xffffffff;

/** Identity by address, from values that are canonical already. */
export function addressId(protocol: Protocol, family: Family, address: string, port: number): ServiceId {
  return { url: `${protocol}://${joinHostPort(address, port)}`, family, protocol, address, port };
}

/** Identity by firewall mark, from values that were checked already. */
export function fwmarkId(family: Family, fwmark: number): ServiceId {
  return { url: `${family === 'inet6' ? 'fwmark6' : 'fwmark'}://${String(fwmark)}`, family, fwmark };
}

const ADDRESS_SHAPE = 'PROTOCOL://ADDRESS:PORT (tcp, udp, sctp; an IPv6 address in brackets)';
const URL_SHAPE = `${ADDRESS_SHAPE}, fwmark://MARK or fwmark6://MARK`;

/** Identity behind a URL where a firewall mark is none. @throws ValidationError */
export function parseAddressUrl(text: string, path = 'url'): AddressId {
  const id = parseUrl(text, path, ADDRESS_SHAPE);
  if (id.fwmark !== undefined) throw new ValidationError(path, ADDRESS_SHAPE, text);
  return id;
}

function parseUrl(text: string, path: string, shape = URL_SHAPE): ServiceId {
  const separator = text.indexOf('://');
  if (separator < 0) throw new ValidationError(path, shape, text);
  const scheme = text.slice(0, separator).toLowerCase();
  const rest = text.slice(separator + 3);
  switch (scheme) {
    case 'fwmark':
    case 'fwmark6': {
      if (!/^(?:\d{1,10}|0x[0-9a-f]{1,8})$/i.test(rest)) throw new ValidationError(path, URL_SHAPE, text);
      const mark = Number(rest);
      if (mark < 1 || mark > MAX_MARK) {
        throw new ValidationError(path, `a firewall mark from 1 to ${String(MAX_MARK)}`, text);
      }
      return fwmarkId(scheme === 'fwmark6' ? 'inet6' : 'inet', mark);
    }
    case 'tcp':
    case 'udp':
    case 'sctp': {
      const { address, family, port } = splitHostPort(rest, path);
      if (port === undefined) throw new ValidationError(path, `${shape}, with the port`, text);
      return addressId(scheme, family, address, port);
    }
    default:
      throw new ValidationError(path, shape, text);
  }
}

/** One of the two families. @throws ValidationError */
export function parseFamily(value: unknown, path: string): Family {
  if (value === 'inet' || value === 'inet6') return value;
  throw new ValidationError(path, 'one of inet, inet6', value);
}

/**
 * Parse whatever names a virtual server.
 *
 * Schemes and addresses are taken in any spelling (`TCP://[2001:DB8::0:1]:53`), marks also in hexadecimal as iptables prints them
 * (`fwmark://0x4000`); the result is canonical.
 *
 * @param path How the value is called in an error: `virtualServer`, `operations[3].virtualServer`.
 * @throws ValidationError naming the path and the value.
 */
export function parseVirtualServer(ref: VirtualServerRef, path = 'virtualServer'): ServiceId {
  const value: unknown = ref;
  if (typeof value === 'string') return parseUrl(value, path);
  if (!isObject(value)) throw new ValidationError(path, `${URL_SHAPE}, or an object with these parts`, value);
  if ('url' in value) {
    // A handle or a state: the URL is its identity, everything else an observation.
    if (typeof value['url'] !== 'string') throw new ValidationError(at(path, 'url'), URL_SHAPE, value['url']);
    return parseUrl(value['url'], at(path, 'url'));
  }
  if ('fwmark' in value) {
    checkKeys(value, ['fwmark', 'family'], path);
    const fwmark = integerIn(value['fwmark'], 1, MAX_MARK, at(path, 'fwmark'));
    const family = value['family'];
    return fwmarkId(family === undefined ? 'inet' : parseFamily(family, at(path, 'family')), fwmark);
  }
  checkKeys(value, ['protocol', 'address', 'port'], path);
  const protocol = parseProtocol(value['protocol'], at(path, 'protocol'));
  const { family, bytes } = parseAddress(value['address'], at(path, 'address'));
  return addressId(
    protocol,
    family,
    formatAddress(bytes, family),
    portNumber(value['port'], at(path, 'port')),
  );
}

/**
 * Parse the name of a real server: `10.244.1.7:8080`, `[2001:db8::7]:8080`, a bare address (the port is then that of the virtual
 * server; 0 for one by firewall mark, which keeps the port of the packet), or an object with `address` and `port`. Other keys of
 * the object are not looked at here.
 * @throws ValidationError naming the path and the value.
 */
export function parseRealServer(ref: RealServerRef, service: ServiceId, path = 'realServer'): DestinationId {
  const value: unknown = ref;
  const defaultPort = service.port ?? 0;
  if (typeof value === 'string') {
    const { address, family, port } = splitHostPort(value, path);
    return { family, address, port: port ?? defaultPort };
  }
  if (!isObject(value)) {
    throw new ValidationError(path, 'ADDRESS:PORT or an object with address and port', value);
  }
  const { family, bytes } = parseAddress(value['address'], at(path, 'address'));
  const port = value['port'];
  return {
    family,
    address: formatAddress(bytes, family),
    port: port === undefined ? defaultPort : portNumber(port, at(path, 'port')),
  };
}

/** `10.244.1.7:8080`: a real server in messages and as a key within its virtual server. */
export function destinationName(id: { readonly address: string; readonly port: number }): string {
  return joinHostPort(id.address, id.port);
}

/** `tcp://10.0.0.1:80 -> 10.244.1.7:8080`: a real server in messages. */
export function destinationTarget(
  service: { readonly url: string },
  id: { readonly address: string; readonly port: number },
): string {
  return `${service.url} -> ${destinationName(id)}`;
}

const PROTOCOL_RANK: Readonly<Record<Protocol, number>> = { tcp: 6, udp: 17, sctp: 132 };

function compareAddresses(a: string, b: string): number {
  const left = parseAddress(a, 'address').bytes;
  const right = parseAddress(b, 'address').bytes;
  for (let i = 0; i < left.length; i++) {
    const difference = (left[i] ?? 0) - (right[i] ?? 0);
    if (difference !== 0) return difference;
  }
  return left.length - right.length;
}

/**
 * Order of listings: servers by address first (family, protocol, address, port), then those by firewall mark (mark, family).
 * The order of `ipvsadm`, except that it compares addresses by a 32-bit subtraction, which wraps where they lie more than half the
 * address space apart.
 */
export function compareServices(a: ServiceId, b: ServiceId): number {
  if (a.fwmark !== undefined || b.fwmark !== undefined) {
    const difference = (a.fwmark ?? 0) - (b.fwmark ?? 0);
    return difference === 0 ? compareFamilies(a.family, b.family) : difference;
  }
  return (
    compareFamilies(a.family, b.family) ||
    PROTOCOL_RANK[a.protocol] - PROTOCOL_RANK[b.protocol] ||
    compareAddresses(a.address, b.address) ||
    a.port - b.port
  );
}

/** Order of real servers in listings: family, address, port. */
export function compareDestinations(a: DestinationId, b: DestinationId): number {
  return compareFamilies(a.family, b.family) || compareAddresses(a.address, b.address) || a.port - b.port;
}

function compareFamilies(a: Family, b: Family): number {
  return a === b ? 0 : a === 'inet' ? -1 : 1;
}
