import { ValidationError, show } from '../errors.js';
import { tryParseAddress } from '../net/address.js';
import { EntryParts, SetEntry } from '../native/records.js';
import { icmpNumber } from './icmp.js';
import { NOMATCH, type EntryLayout, type EntryTable } from './layout.js';
import { TCP, UDP, hasIcmpType, hasPorts, protocolNumber } from './protocols.js';
import { MAX_TEXT, numberOf, positionOf, scanIPv4, scanIPv6, scanNumber } from './scan.js';
import type { EntryPart } from './set-types.js';

const COMMA = 44;
const SLASH = 47;
const COLON = 58;

/**
 * Write one entry, text or object, into the record at byte offset `at`. All bytes that the layout uses are written, so records may be
 * reused; the others must be zero.
 * @throws ValidationError with a path relative to the entry: empty for text, the key for objects.
 */
export function packEntry(table: EntryTable, at: number, layout: EntryLayout, input: unknown): void {
  let nomatch = false;
  if (typeof input === 'string') nomatch = packText(table, at, layout, input);
  else if (typeof input === 'object' && input !== null) nomatch = packObject(table, at, layout, input);
  else throw new ValidationError('', expectation(layout, 'text or an object'), input);
  table.u32[(at + SetEntry.parts) >> 2] = nomatch ? layout.mask | EntryParts.entryCadtFlags : layout.mask;
  table.u32[(at + SetEntry.cadtFlags) >> 2] = nomatch ? NOMATCH : 0;
  table.bytes[at + SetEntry.family] = layout.af;
}

function expectation(layout: EntryLayout, why: string): string {
  const family = layout.af === 0 ? '' : ` ${layout.family}`;
  return `an entry of ${layout.spec.name}${family} such as ${layout.spec.example[layout.family]} (${why})`;
}

// ------------------------------------------------------------------------------------------------------------------ text

/** @returns whether the entry has the `nomatch` flag */
function packText(table: EntryTable, at: number, layout: EntryLayout, text: string): boolean {
  let i = text.length > MAX_TEXT ? -1 : 0;
  let from = 0;
  for (const part of layout.spec.parts) {
    if (from < i) {
      if (text.charCodeAt(i) !== COMMA) throw refusal(layout, text, partMissing(layout, part));
      i++;
    }
    from = i;
    if (i >= 0) i = packTextPart(table, at, layout, part, text, i);
    if (i < 0) throw refusal(layout, text, problemWith(layout, part, text.slice(Math.max(0, from))));
  }
  return i !== text.length && packTextOption(layout, text, i);
}

/** @returns true for `nomatch`, the one option there is */
function packTextOption(layout: EntryLayout, text: string, from: number): boolean {
  const rest = text.slice(from);
  if (rest.startsWith(' ')) {
    if (rest.trim() === 'nomatch' && layout.spec.nomatch) return true;
    throw refusal(layout, text, `the option ${show(rest.trim())} is not one of this type`);
  }
  if (rest.startsWith(',')) {
    throw refusal(layout, text, `there is more than ${String(layout.spec.parts.length)} part(s)`);
  }
  const last = layout.spec.parts.at(-1);
  if ((last === 'ip' || last === 'ip2') && rest.startsWith('/')) {
    throw refusal(layout, text, 'one address, not a network');
  }
  throw refusal(layout, text, rest.startsWith('-') ? 'one value, not a range' : `${show(rest)} is left over`);
}

function refusal(layout: EntryLayout, text: string, why: string): ValidationError {
  return new ValidationError('', expectation(layout, why), text);
}

/** @returns the position behind the part, or -1 */
function packTextPart(
  table: EntryTable,
  at: number,
  layout: EntryLayout,
  part: EntryPart,
  text: string,
  from: number,
): number {
  switch (part) {
    case 'ip':
      return scanAddress(text, from, table.bytes, at + SetEntry.ip, layout.ipv6);
    case 'ip2':
      return scanAddress(text, from, table.bytes, at + SetEntry.ip2, layout.ipv6);
    case 'net2': {
      const i = scanAddress(text, from, table.bytes, at + SetEntry.ip2, layout.ipv6);
      const full = layout.ipv6 ? 128 : 32;
      if (i < 0 || text.charCodeAt(i) !== SLASH) {
        table.bytes[at + SetEntry.cidr2] = full;
        return i;
      }
      const scanned = scanNumber(text, i + 1);
      const prefix = numberOf(scanned);
      if (scanned < 0 || prefix < 1 || prefix > full) return -1;
      setNetwork(table.bytes, at, prefix, full);
      return positionOf(scanned);
    }
    case 'port': {
      const scanned = scanNumber(text, from);
      if (scanned < 0) return -1;
      table.u16[(at + SetEntry.port) >> 1] = numberOf(scanned);
      return positionOf(scanned);
    }
    case 'protocolPort':
      return packProtocolPort(table, at, layout, text, from);
  }
}

function scanAddress(text: string, from: number, out: Uint8Array, at: number, ipv6: boolean): number {
  return ipv6 ? scanIPv6(text, from, out, at) : scanIPv4(text, from, out, at);
}

/** `tcp:80`, `17:53`, `icmp:echo-request`, `gre:0`, or a bare port, which is TCP's as in the ipset tool. */
function packProtocolPort(
  table: EntryTable,
  at: number,
  layout: EntryLayout,
  text: string,
  from: number,
): number {
  const short = text.charCodeAt(from + 3) === COLON ? shortName(text, from) : 0;
  if (short === 0) return packOtherProtocol(table, at, layout, text, from);
  const scanned = scanNumber(text, from + 4);
  if (scanned < 0) return -1;
  table.bytes[at + SetEntry.proto] = short;
  table.u16[(at + SetEntry.port) >> 1] = numberOf(scanned);
  return positionOf(scanned);
}

function packOtherProtocol(
  table: EntryTable,
  at: number,
  layout: EntryLayout,
  text: string,
  from: number,
): number {
  const token = /^[^, ]*/.exec(text.slice(from))?.[0] ?? '';
  const colon = token.indexOf(':');
  const protocol = colon < 0 ? TCP : protocolNumber(token.slice(0, colon));
  if (protocol === undefined) return -1;
  let port: number | undefined;
  if (hasIcmpType(protocol, layout.ipv6)) {
    port = icmpNumber(token.slice(colon + 1), layout.ipv6);
  } else {
    const scanned = scanNumber(token, colon + 1);
    if (scanned >= 0 && positionOf(scanned) === token.length) port = numberOf(scanned);
    if (port !== 0 && !hasPorts(protocol)) return -1;
  }
  if (port === undefined) return -1;
  table.bytes[at + SetEntry.proto] = protocol;
  table.u16[(at + SetEntry.port) >> 1] = port;
  return from + token.length;
}

/** The number behind `tcp` and `udp` in any case, without making a substring; 0 for others. */
function shortName(text: string, from: number): number {
  const a = text.charCodeAt(from) | 0x20;
  const b = text.charCodeAt(from + 1) | 0x20;
  const c = text.charCodeAt(from + 2) | 0x20;
  if (c !== 112) return 0;
  if (a === 116 && b === 99) return TCP;
  return a === 117 && b === 100 ? UDP : 0;
}

function setNetwork(bytes: Uint8Array, at: number, prefix: number, full: number): void {
  bytes[at + SetEntry.cidr2] = prefix;
  const ip2 = at + SetEntry.ip2;
  for (let i = prefix >> 3; i < full >> 3; i++) {
    const bits = Math.max(0, prefix - 8 * i);
    bytes[ip2 + i] = (bytes[ip2 + i] ?? 0) & (0xff00 >> bits);
  }
}

function partMissing(layout: EntryLayout, part: EntryPart): string {
  const ordinal = ['first', 'second', 'third', 'fourth', 'fifth'][layout.spec.parts.indexOf(part)] ?? 'next';
  return `the ${ordinal} part is missing or does not start where it should`;
}

/** What is wrong with a part, worked out only after it was refused. */
function problemWith(layout: EntryLayout, part: EntryPart, rest: string): string {
  const token = /^[^, ]*/.exec(rest)?.[0] ?? '';
  if (part === 'port') return `${show(token)} is not a port from 0 to 65535`;
  if (part === 'protocolPort') return problemWithPort(layout, token);
  const slash = token.indexOf('/');
  const address = tryParseAddress(slash < 0 ? token : token.slice(0, slash));
  if (address === undefined) return `${show(token)} is not an address`;
  if (address.family !== layout.family) {
    return `${show(token)} is an ${address.family === 'inet6' ? 'IPv6' : 'IPv4'} address, and the set is ${layout.family}`;
  }
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
  return `${show(port)} is not a port from 0 to 65535`;
}

function wholeSpace(layout: EntryLayout): string {
  const halves = layout.ipv6 ? '::/1 and 8000::/1' : '0.0.0.0/1 and 128.0.0.0/1';
  return `the kernel stores no /0 here; store its two halves, ${halves}`;
}

// --------------------------------------------------------------------------------------------------------------- objects

/** @returns whether the entry has the `nomatch` flag */
function packObject(table: EntryTable, at: number, layout: EntryLayout, input: object): boolean {
  const value = input as Readonly<Record<string, unknown>>;
  for (const key in value) {
    if (!layout.keys.has(key) && value[key] !== undefined) {
      throw new ValidationError(key, `one of the keys ${[...layout.keys].join(', ')}`, value[key]);
    }
  }
  for (const part of layout.spec.parts) {
    switch (part) {
      case 'ip':
        packAddress(table, at + SetEntry.ip, layout, value['ip'], 'ip');
        break;
      case 'ip2':
        packAddress(table, at + SetEntry.ip2, layout, value['ip2'], 'ip2');
        break;
      case 'net2':
        packNetwork(table, at, layout, value['net']);
        break;
      case 'port':
        packPort(table, at, value['port']);
        break;
      case 'protocolPort':
        packPort(table, at, value['port']);
        packProtocol(table, at, layout, value['protocol']);
        break;
    }
  }
  const nomatch = layout.spec.nomatch ? value['nomatch'] : undefined;
  if (nomatch !== undefined && typeof nomatch !== 'boolean') {
    throw new ValidationError('nomatch', 'true or false', nomatch);
  }
  return nomatch === true;
}

function packAddress(table: EntryTable, at: number, layout: EntryLayout, value: unknown, key: string): void {
  if (typeof value === 'string' && scanAddress(value, 0, table.bytes, at, layout.ipv6) === value.length)
    return;
  const kind = layout.ipv6 ? 'IPv6' : 'IPv4';
  throw new ValidationError(key, `an ${kind} address, since the set is ${layout.family}`, value);
}

function packNetwork(table: EntryTable, at: number, layout: EntryLayout, value: unknown): void {
  if (typeof value === 'string') {
    const end = packTextPart(table, at, layout, 'net2', value, 0);
    if (end === value.length) return;
    if (/^[^/]*\/0$/.test(value)) {
      throw new ValidationError('net', `a network (${wholeSpace(layout)})`, value);
    }
  }
  const kind = layout.ipv6 ? 'IPv6' : 'IPv4';
  throw new ValidationError('net', `an ${kind} network or address, since the set is ${layout.family}`, value);
}

function packPort(table: EntryTable, at: number, value: unknown): void {
  if (typeof value !== 'number' || !Number.isInteger(value) || value < 0 || value > 65535) {
    throw new ValidationError('port', 'an integer from 0 to 65535', value);
  }
  table.u16[(at + SetEntry.port) >> 1] = value;
}

function packProtocol(table: EntryTable, at: number, layout: EntryLayout, value: unknown): void {
  let protocol: number | undefined;
  if (value === undefined || value === 'tcp') protocol = TCP;
  else if (value === 'udp') protocol = UDP;
  else if (typeof value === 'string') protocol = protocolNumber(value);
  else if (typeof value === 'number' && Number.isInteger(value) && value >= 1 && value <= 255)
    protocol = value;
  if (protocol === undefined) {
    throw new ValidationError(
      'protocol',
      'tcp, udp, sctp, udplite or a protocol number from 1 to 255',
      value,
    );
  }
  if (
    table.u16[(at + SetEntry.port) >> 1] !== 0 &&
    !hasPorts(protocol) &&
    !hasIcmpType(protocol, layout.ipv6)
  ) {
    throw new ValidationError(
      'port',
      '0, since the protocol has no ports',
      table.u16[(at + SetEntry.port) >> 1],
    );
  }
  table.bytes[at + SetEntry.proto] = protocol;
}
