import { formatAddress, parseAddress } from '../../net/address.js';
import type { Protocol } from '../../net/protocol.js';

/** Names to show in place of numbers; undefined where there is none. With `-n` there are none at all. */
export interface DisplayNames {
  host(address: string): string | undefined;
  port(port: number, protocol: Protocol): string | undefined;
}

/** Numbers only. */
export const NUMERIC: DisplayNames = { host: () => undefined, port: () => undefined };

/** Longest `HOST:PORT` with a name in a table. Numbers are never cut. */
const TABLE_WIDTH = 28;

/**
 * `10.0.0.1:80`, `[2001:db8::1]:http`, `[host.example]:http`: a host of the IPv6 family is bracketed even by its name. Without a
 * protocol (real servers of a firewall mark) the port stays a number. In a table the whole is cut where the host has a name.
 */
export function spellEndpoint(
  address: string,
  port: number,
  protocol: Protocol | undefined,
  names: DisplayNames,
  place: 'table' | 'line' = 'line',
): string {
  const portText = (protocol === undefined ? undefined : names.port(port, protocol)) ?? String(port);
  const host = names.host(address);
  if (host === undefined) return numericEndpoint(address, portText);
  const text = address.includes(':') ? `[${host}]:${portText}` : `${host}:${portText}`;
  return place === 'table' ? text.slice(0, TABLE_WIDTH) : text;
}

/** As inet_ntop(3) writes it: unlike RFC 5952 it also dots the tail of `::102:304`, an IPv4-compatible address. */
function numericEndpoint(address: string, port: string): string {
  const { family, bytes } = parseAddress(address, 'address');
  const compatible =
    family === 'inet6' &&
    bytes.subarray(0, 12).every((byte) => byte === 0) &&
    (bytes[12] !== 0 || bytes[13] !== 0);
  const host = compatible ? `::${formatAddress(bytes, 'inet', 12)}` : address;
  return family === 'inet6' ? `[${host}]:${port}` : `${host}:${port}`;
}
