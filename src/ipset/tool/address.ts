import { formatAddress, type Family, tryParseAddress } from '../../net/address.js';
import { syntaxError } from './error.js';
import type { ToolNames } from './names.js';
import { prefixLength } from './numbers.js';

/** An address of a command line, with what may be behind it. */
export interface ToolAddress {
  readonly ip: string;
  readonly prefix: number | undefined;
  readonly to: string | undefined;
}

/** The separator counts where it is neither the first nor the last character. */
export function separatorAt(text: string, separator: string): number {
  return text.startsWith(separator) || text.endsWith(separator) ? -1 : text.indexOf(separator);
}

/** Where a range is cut: behind a name in brackets, or at the first dash. -1: no range. */
export function rangeAt(text: string): number {
  if (!text.startsWith('[')) return separatorAt(text, '-');
  const closing = text.indexOf(']');
  if (closing < 0) throw unclosed(text);
  if (closing === text.length - 1) return -1;
  if (text[closing + 1] !== '-') {
    throw syntaxError(`range separator expected after '${text.slice(0, closing + 1)}'`);
  }
  return closing + 1;
}

/** A name without its brackets. */
export function unbracketed(text: string): string {
  if (!text.startsWith('[')) return text;
  if (!text.endsWith(']')) throw unclosed(text);
  return text.slice(1, -1);
}

export function unclosed(text: string): Error {
  return syntaxError(`cannot find closing escape character ']' in ${text}`);
}

/** A dash that can be one of a range: not inside the brackets of a name. */
function hasRange(text: string): boolean {
  if (!text.startsWith('[')) return separatorAt(text, '-') >= 0;
  const closing = text.indexOf(']');
  return closing >= 0 && separatorAt(text.slice(closing), '-') >= 0;
}

/** Which forms are taken. */
export type AddressForm =
  /** one address (a full prefix length is let pass) */
  | 'plain'
  /** an address, a network, a range */
  | 'any'
  /** an address or a network */
  | 'network'
  /** a network and nothing else */
  | 'onlyNetwork'
  /** a network or a range, but no single address */
  | 'onlyMany';

/** @throws ToolError */
export function parseAddress(text: string, family: Family, form: AddressForm, names: ToolNames): ToolAddress {
  checkForm(text, family, form);
  const slash = separatorAt(text, '/');
  const full = family === 'inet' ? 32 : 128;
  if (slash >= 0) {
    const prefix = prefixLength(text.slice(slash + 1), 0, full);
    return { ip: resolve(unbracketed(text.slice(0, slash)), family, names), prefix, to: undefined };
  }
  const dash = rangeAt(text);
  if (dash < 0) return { ip: resolve(unbracketed(text), family, names), prefix: undefined, to: undefined };
  const ip = resolve(unbracketed(text.slice(0, dash)), family, names);
  return { ip, prefix: undefined, to: resolve(unbracketed(text.slice(dash + 1)), family, names) };
}

function checkForm(text: string, family: Family, form: AddressForm): void {
  const slash = separatorAt(text, '/');
  switch (form) {
    case 'plain':
      if (hasRange(text) || (slash >= 0 && text.slice(slash) !== (family === 'inet' ? '/32' : '/128'))) {
        throw syntaxError(`plain IP address must be supplied: ${text}`);
      }
      return;
    case 'network':
      if (hasRange(text)) throw syntaxError(`IP address or IP/cidr must be specified: ${text}`);
      return;
    case 'onlyNetwork':
      if (slash < 0 || hasRange(text)) throw syntaxError(`IP/netblock must be supplied: ${text}`);
      return;
    case 'onlyMany':
      if (slash < 0 && !hasRange(text)) {
        throw syntaxError(`IP/cidr or IP-IP range must be specified: ${text}`);
      }
      return;
    case 'any':
      return;
  }
}

/** An address in any form that the resolver takes for one, or the first address of a host. */
function resolve(name: string, family: Family, names: ToolNames): string {
  const address = family === 'inet' ? resolve4(name, names) : resolve6(name, names);
  if (address === undefined) {
    const kind = family === 'inet' ? 'IPv4' : 'IPv6';
    throw syntaxError(`cannot parse ${name}: resolving to ${kind} address failed`);
  }
  return address;
}

function resolve4(name: string, names: ToolNames): string | undefined {
  // Digits and dots are never looked up.
  if (/^\d[\d.]*$/.test(name) && !name.endsWith('.')) return classicAddress(name);
  return /^[\w-]/.test(name) && !name.includes(':') && !name.includes('%')
    ? names.host(name, 'inet')
    : undefined;
}

function resolve6(name: string, names: ToolNames): string | undefined {
  if (name.includes(':')) {
    const address = tryParseAddress(name);
    return address?.family === 'inet6' ? formatAddress(address.bytes, 'inet6') : undefined;
  }
  return /^[\d.]*$/.test(name) || name.includes('%') ? undefined : names.host(name, 'inet6');
}

/** `10.1` is 10.0.0.1 and `010.0.0.1` is 8.0.0.1, as for inet_aton(3). */
function classicAddress(text: string): string | undefined {
  const parts = text.split('.').map((part) => {
    if (!/^\d+$/.test(part)) return Number.NaN;
    if (part.length > 1 && part.startsWith('0'))
      return /^[0-7]+$/.test(part) ? Number.parseInt(part, 8) : Number.NaN;
    return Number(part);
  });
  const last = parts.pop() ?? Number.NaN;
  const rest = 4 - parts.length;
  if (rest < 1 || !(last < 256 ** rest) || !parts.every((part) => part <= 255)) return undefined;
  const tail = Array.from({ length: rest }, (_, i) => Math.floor(last / 256 ** (rest - 1 - i)) % 256);
  return [...parts, ...tail].join('.');
}
