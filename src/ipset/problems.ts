import { ValidationError, show } from '../errors.js';
import { tryParseAddress } from '../net/address.js';
import type { EntryLayout } from './layout.js';
import { hasIcmpType, hasPorts, protocolNumber } from './protocols.js';
import type { EntryPart } from './set-types.js';

/** What is wrong with an entry, worked out only after it was refused. */

/** What an entry of the set should have been. */
export function expectation(layout: EntryLayout, why: string): string {
  const family = layout.spec.families.length < 2 ? '' : ` ${layout.family}`;
  return `an entry of ${layout.spec.name}${family} such as ${layout.spec.example[layout.family]} (${why})`;
}

/** The error for an entry given as text. */
export function refusal(layout: EntryLayout, text: string, why: string): ValidationError {
  return new ValidationError('', expectation(layout, why), text);
}

/** Why a text ended before a part. */
export function missingPart(layout: EntryLayout, part: EntryPart): string {
  const ordinal = ['first', 'second', 'third', 'fourth'][layout.spec.parts.indexOf(part)] ?? 'next';
  return `the ${ordinal} part is missing or does not start where it should`;
}

/** What is wrong behind the last part of a key. */
export function problemWithOptions(layout: EntryLayout, rest: string): string {
  const { parts } = layout.spec;
  if (rest.startsWith(',')) return `there is more than ${String(parts.length)} part(s)`;
  const last = parts.at(-1);
  const one = last === 'ip2' || last === 'host' || (last === 'optionalMac' && !rest.startsWith(','));
  if (one && rest.startsWith('/')) return 'one address, not a network';
  return rest.startsWith('-') ? 'one value, not a range' : `${show(rest)} is left over`;
}

/** What is wrong with the part that a text begins with. */
export function problemWith(layout: EntryLayout, part: EntryPart, rest: string): string {
  const token = /^[^, ]*/.exec(rest)?.[0] ?? '';
  switch (part) {
    case 'port':
      return `${show(token)} is not a port from 0 to 65535`;
    case 'protocolPort':
      return problemWithPort(layout, token);
    case 'mac':
    case 'optionalMac':
      return `${show(token)} is not a hardware address such as 00:11:22:AA:BB:CC`;
    case 'mark':
      return `${show(token)} is not a mark from 0 to 0xffffffff`;
    case 'iface':
      return `${show(token)} is not a name of 1 to 15 bytes`;
    case 'set':
      return `${show(token)} is not a set name of 1 to 31 bytes`;
    default:
      return problemWithAddress(layout, part, token);
  }
}

/** What the value of an object's key should have been. */
export function expectedOfPart(layout: EntryLayout, part: EntryPart, value: unknown): string {
  const kind = layout.ipv6 ? 'IPv6' : 'IPv4';
  const because = `since the set is ${layout.family}`;
  const range = layout.ipv6 ? '' : ' or range';
  switch (part) {
    case 'ip':
      return `an ${kind} address${range}, ${because}`;
    case 'net':
    case 'net2':
      if (typeof value === 'string' && /^[^/]*\/0$/.test(value) && !layout.spec.zeroPrefix) {
        return `a network (${wholeSpace(layout)})`;
      }
      return `an ${kind} network, address${range}, ${because}`;
    case 'mac':
    case 'optionalMac':
      return 'a hardware address such as 00:11:22:AA:BB:CC';
    case 'iface':
      return 'the name of an interface, 1 to 15 bytes';
    case 'set':
      return 'a set name of 1 to 31 bytes';
    default:
      return `an ${kind} address, ${because}`;
  }
}

function problemWithAddress(layout: EntryLayout, part: EntryPart, token: string): string {
  const end = /[/-]/.exec(token)?.index;
  const text = end === undefined ? token : token.slice(0, end);
  const address = tryParseAddress(text);
  if (address === undefined) return `${show(token)} is not an address`;
  if (address.family !== layout.family) {
    return `${show(token)} is an ${address.family === 'inet6' ? 'IPv6' : 'IPv4'} address, and the set is ${layout.family}`;
  }
  if (token.charAt(text.length) === '-') {
    return layout.ipv6
      ? 'one value, not a range: the kernel has ranges of IPv4 addresses only'
      : `${show(token.slice(text.length + 1))} is not an address`;
  }
  if (layout.ipv6 && part === 'ip') return 'one address, not a network';
  return token.endsWith('/0') ? wholeSpace(layout) : `${show(token)} has no valid prefix length`;
}

function problemWithPort(layout: EntryLayout, token: string): string {
  const colon = token.indexOf(':');
  const name = colon < 0 ? 'tcp' : token.slice(0, colon);
  const port = token.slice(colon + 1);
  const protocol = protocolNumber(name);
  if (protocol === undefined) return `${show(name)} is not a protocol name or a number from 1 to 255`;
  if (hasIcmpType(protocol, layout.ipv6)) return `${show(port)} is not an ICMP type/code such as 8/0`;
  if (!hasPorts(protocol)) return `protocol ${name} has no ports; write ${name}:0`;
  return `${show(port)} is not a port from 0 to 65535 or a range`;
}

function wholeSpace(layout: EntryLayout): string {
  const halves = layout.ipv6 ? '::/1 and 8000::/1' : '0.0.0.0/1 and 128.0.0.0/1';
  return `the kernel stores no /0 here; store its two halves, ${halves}`;
}
