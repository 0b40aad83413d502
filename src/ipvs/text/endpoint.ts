import { type Family, formatAddress, tryParseAddress } from '../../net/address.js';
import type { Protocol } from '../../net/protocol.js';
import { classicAddress, decimal } from './numbers.js';

/** Answers to names on a command line. The text form with `-n` needs none. */
export interface NameSource {
  /** Port of a service name; undefined when it is unknown for the protocol. */
  port(name: string, protocol: Protocol): number | undefined;
  /** IPv4 address of a host name; undefined when it is unknown. ipvsadm looks IPv4 addresses up, never IPv6 ones. */
  host(name: string): string | undefined;
}

/** Knows no names. */
export const NO_NAMES: NameSource = { port: () => undefined, host: () => undefined };

/** Where a packet goes: an address, and a port where one was given. */
export interface Endpoint {
  readonly family: Family;
  /** Canonical. */
  readonly address: string;
  readonly port?: number;
}

/**
 * Read `HOST[:PORT]` as ipvsadm does; undefined when it makes no sense.
 *
 * IPv6 comes in brackets with a port (`[::1]:80`; without one it is refused) or bare without one (`::1`). IPv4 comes in any classic
 * form. A bracketed IPv4 address or name loses its port, as with ipvsadm.
 */
export function parseEndpoint(
  text: string,
  protocol: Protocol | undefined,
  names: NameSource,
): Endpoint | undefined {
  if (text.startsWith('[')) {
    const match = /^\[([^\]]*)\]:(.*)$/s.exec(text);
    if (match === null) return undefined;
    const [, host = '', portText = ''] = match;
    const six = inet6(host);
    if (six === undefined) return inet(host, names);
    const port = parsePort(portText, protocol, names);
    return port === undefined ? undefined : { ...six, port };
  }
  const colon = text.lastIndexOf(':');
  const bare = colon < 0 ? undefined : inet6(text);
  if (bare !== undefined) return bare;
  const host = inet(colon < 0 ? text : text.slice(0, colon), names);
  if (host === undefined || colon < 0) return host;
  const port = parsePort(text.slice(colon + 1), protocol, names);
  return port === undefined ? undefined : { ...host, port };
}

function inet6(text: string): Endpoint | undefined {
  const parsed = tryParseAddress(text);
  return parsed?.family === 'inet6'
    ? { family: 'inet6', address: formatAddress(parsed.bytes, 'inet6') }
    : undefined;
}

function inet(text: string, names: NameSource): Endpoint | undefined {
  const address = parseHost(text, names);
  return address === undefined ? undefined : { family: 'inet', address };
}

/** An IPv4 address in any classic form, or the name of a host. */
export function parseHost(text: string, names: NameSource): string | undefined {
  if (text === '' || text.includes(':')) return undefined;
  return classicAddress(text) ?? names.host(text);
}

function parsePort(text: string, protocol: Protocol | undefined, names: NameSource): number | undefined {
  const number = decimal(text, 0, 65535);
  if (number !== undefined || protocol === undefined || text === '') return number;
  return names.port(text, protocol);
}
