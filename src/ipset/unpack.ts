import { formatAddress as formatIPv6 } from '../net/address.js';
import { EntryParts, SetEntry } from '../native/records.js';
import { icmpText } from './icmp.js';
import { EntryFlags, type EntryLayout, type EntryTable } from './layout.js';
import { readCounter } from './pack-options.js';
import { SCTP, TCP, UDP, UDPLITE, hasIcmpType, protocolText } from './protocols.js';
import type { EntryPart } from './set-types.js';
import type { Entry, PortProtocol, SetType } from './types.js';

/** All bytes in decimal, and with the dot behind: joining these is the quickest way to a million dotted addresses. */
const LAST: readonly string[] = Array.from({ length: 256 }, (_, n) => String(n));
const DOTTED: readonly string[] = LAST.map((text) => `${text}.`);
const HEX: readonly string[] = LAST.map((text) => Number(text).toString(16).toUpperCase().padStart(2, '0'));

function formatIPv4(bytes: Uint8Array, at: number): string {
  const head = (DOTTED[bytes[at] ?? 0] ?? '') + (DOTTED[bytes[at + 1] ?? 0] ?? '');
  return head + (DOTTED[bytes[at + 2] ?? 0] ?? '') + (LAST[bytes[at + 3] ?? 0] ?? '');
}

function formatAddress(bytes: Uint8Array, ipv6: boolean, at: number): string {
  return ipv6 ? formatIPv6(bytes, 'inet6', at) : formatIPv4(bytes, at);
}

/** The protocols that the object form names; the others stay numbers. */
function portProtocol(number: number): PortProtocol {
  switch (number) {
    case TCP:
      return 'tcp';
    case UDP:
      return 'udp';
    case SCTP:
      return 'sctp';
    case UDPLITE:
      return 'udplite';
    default:
      return number;
  }
}

function partsOf(table: EntryTable, at: number): number {
  return table.u32[(at + SetEntry.parts) >> 2] ?? 0;
}

function portOf(table: EntryTable, at: number): number {
  return table.u16[(at + SetEntry.port) >> 1] ?? 0;
}

function portsText(table: EntryTable, at: number): string {
  const text = String(portOf(table, at));
  if ((partsOf(table, at) & EntryParts.entryPortTo) === 0) return text;
  return `${text}-${String(table.u16[(at + SetEntry.portTo) >> 1] ?? 0)}`;
}

function protocolPortText(table: EntryTable, at: number, layout: EntryLayout): string {
  const protocol = table.bytes[at + SetEntry.proto] ?? 0;
  if (protocol === TCP) return `tcp:${portsText(table, at)}`;
  const name = protocolText(protocol);
  if (!hasIcmpType(protocol, layout.ipv6)) return `${name}:${portsText(table, at)}`;
  return `${name}:${icmpText(portOf(table, at), layout.ipv6)}`;
}

/** The first or second address with its prefix length or the end of its range. A record without either is one address. */
function netText(table: EntryTable, at: number, layout: EntryLayout, second: boolean): string {
  const { bytes } = table;
  const parts = partsOf(table, at);
  const address = formatAddress(bytes, layout.ipv6, at + (second ? SetEntry.ip2 : SetEntry.ip));
  if ((parts & (second ? EntryParts.entryIp2To : EntryParts.entryIpTo)) !== 0) {
    return `${address}-${formatIPv4(bytes, at + (second ? SetEntry.ip2To : SetEntry.ipTo))}`;
  }
  if ((parts & (second ? EntryParts.entryCidr2 : EntryParts.entryCidr)) === 0) return address;
  const prefix = bytes[at + (second ? SetEntry.cidr2 : SetEntry.cidr)] ?? 0;
  return prefix === layout.full ? address : `${address}/${String(prefix)}`;
}

function macText(table: EntryTable, at: number): string {
  const { bytes } = table;
  let text = HEX[bytes[at + SetEntry.mac] ?? 0] ?? '';
  for (let i = 1; i < 6; i++) text += `:${HEX[bytes[at + SetEntry.mac + i] ?? 0] ?? ''}`;
  return text;
}

function flagsOf(table: EntryTable, at: number): number {
  return table.u32[(at + SetEntry.cadtFlags) >> 2] ?? 0;
}

function markOf(table: EntryTable, at: number): number {
  return table.u32[(at + SetEntry.mark) >> 2] ?? 0;
}

function heapText(table: EntryTable, at: number, offset: number, length: number): string {
  return table.heap.text(table.u32[(at + offset) >> 2] ?? 0, table.u16[(at + length) >> 1] ?? 0);
}

const nameOf = (table: EntryTable, at: number): string =>
  heapText(table, at, SetEntry.nameOffset, SetEntry.nameLength);
const referenceOf = (table: EntryTable, at: number): string =>
  heapText(table, at, SetEntry.refOffset, SetEntry.refLength);
const commentOf = (table: EntryTable, at: number): string =>
  heapText(table, at, SetEntry.commentOffset, SetEntry.commentLength);

function hex(value: number): string {
  return `0x${value.toString(16)}`;
}

function skbmarkText(table: EntryTable, at: number): string {
  const mark = table.u32[(at + SetEntry.skbMark) >> 2] ?? 0;
  const mask = table.u32[(at + SetEntry.skbMask) >> 2] ?? 0;
  return mask === 0xffff_ffff ? hex(mark) : `${hex(mark)}/${hex(mask)}`;
}

function skbprioText(table: EntryTable, at: number): string {
  const prio = table.u32[(at + SetEntry.skbPrio) >> 2] ?? 0;
  return `${(prio >>> 16).toString(16)}:${(prio & 0xffff).toString(16)}`;
}

function partText(table: EntryTable, at: number, layout: EntryLayout, part: EntryPart): string {
  switch (part) {
    case 'ip':
    case 'net':
      return netText(table, at, layout, false);
    case 'host':
      return formatAddress(table.bytes, layout.ipv6, at + SetEntry.ip);
    case 'ip2':
      return formatAddress(table.bytes, layout.ipv6, at + SetEntry.ip2);
    case 'net2':
      return netText(table, at, layout, true);
    case 'port':
      return portsText(table, at);
    case 'protocolPort':
      return protocolPortText(table, at, layout);
    case 'mac':
      return macText(table, at);
    case 'optionalMac':
      return (partsOf(table, at) & EntryParts.entryMac) === 0 ? '' : macText(table, at);
    case 'mark':
      return `0x${markOf(table, at).toString(16).padStart(8, '0')}`;
    case 'iface':
      return (flagsOf(table, at) & EntryFlags.physdev) === 0
        ? nameOf(table, at)
        : `physdev:${nameOf(table, at)}`;
    case 'set':
      return nameOf(table, at);
  }
}

/** EntryParts of what stands behind the key. */
const OPTION_PARTS =
  EntryParts.entryTimeout |
  EntryParts.entryPackets |
  EntryParts.entryBytes |
  EntryParts.entryComment |
  EntryParts.entrySkbMark |
  EntryParts.entrySkbPrio |
  EntryParts.entrySkbQueue |
  EntryParts.entryCadtFlags |
  EntryParts.entryNameRef;

/** The entry at byte offset `at` with its options, as `ipset save` prints it. */
export function entryText(table: EntryTable, at: number, layout: EntryLayout): string {
  let text = '';
  for (const part of layout.spec.parts) {
    const one = partText(table, at, layout, part);
    text = text === '' ? one : one === '' ? text : `${text},${one}`;
  }
  const parts = partsOf(table, at);
  return (parts & OPTION_PARTS) === 0 ? text : text + optionsText(table, at, parts);
}

function optionsText(table: EntryTable, at: number, parts: number): string {
  const has = (part: number): boolean => (parts & part) !== 0;
  const flags = has(EntryParts.entryCadtFlags) ? flagsOf(table, at) : 0;
  let text = '';
  if (has(EntryParts.entryTimeout))
    text += ` timeout ${String(table.u32[(at + SetEntry.timeout) >> 2] ?? 0)}`;
  if ((flags & EntryFlags.nomatch) !== 0) text += ' nomatch';
  if ((flags & EntryFlags.wildcard) !== 0) text += ' wildcard';
  if (has(EntryParts.entryPackets)) text += ` packets ${String(readCounter(table, at, SetEntry.packets))}`;
  if (has(EntryParts.entryBytes)) text += ` bytes ${String(readCounter(table, at, SetEntry.bytes))}`;
  if (has(EntryParts.entryComment)) text += ` comment "${commentOf(table, at)}"`;
  if (has(EntryParts.entrySkbMark)) text += ` skbmark ${skbmarkText(table, at)}`;
  if (has(EntryParts.entrySkbPrio)) text += ` skbprio ${skbprioText(table, at)}`;
  if (has(EntryParts.entrySkbQueue)) {
    text += ` skbqueue ${String(table.u16[(at + SetEntry.skbQueue) >> 1] ?? 0)}`;
  }
  if (has(EntryParts.entryNameRef)) {
    text += ` ${(flags & EntryFlags.before) === 0 ? 'after' : 'before'} ${referenceOf(table, at)}`;
  }
  return text;
}

/** The entry at byte offset `at` as an object; 64-bit counters as `bigint` when asked for. */
export function entryObject<T extends SetType, N extends number | bigint = number>(
  table: EntryTable,
  at: number,
  layout: EntryLayout,
  bigint = false,
): Entry<T, N> {
  const entry: Record<string, unknown> = {};
  const parts = partsOf(table, at);
  const flags = (parts & EntryParts.entryCadtFlags) === 0 ? 0 : flagsOf(table, at);
  for (const part of layout.spec.parts) {
    switch (part) {
      case 'host':
        entry['ip'] = partText(table, at, layout, part);
        break;
      case 'net2':
        entry[layout.net2Key] = partText(table, at, layout, part);
        break;
      case 'protocolPort':
        entry['protocol'] = portProtocol(table.bytes[at + SetEntry.proto] ?? 0);
        entryPorts(entry, table, at, parts);
        break;
      case 'port':
        entryPorts(entry, table, at, parts);
        break;
      case 'optionalMac':
        if ((parts & EntryParts.entryMac) !== 0) entry['mac'] = macText(table, at);
        break;
      case 'mark':
        entry['mark'] = markOf(table, at);
        break;
      case 'iface':
        entry['iface'] = nameOf(table, at);
        if ((flags & EntryFlags.physdev) !== 0) entry['physdev'] = true;
        break;
      default:
        entry[part] = partText(table, at, layout, part);
    }
  }
  if ((parts & OPTION_PARTS) !== 0) entryOptions(entry, table, at, parts, bigint);
  // The keys are exactly those of EntryOf[T]; test/unit/ipset checks that for every type.
  return entry as unknown as Entry<T, N>;
}

function entryPorts(entry: Record<string, unknown>, table: EntryTable, at: number, parts: number): void {
  entry['port'] = portOf(table, at);
  if ((parts & EntryParts.entryPortTo) !== 0) {
    entry['portTo'] = table.u16[(at + SetEntry.portTo) >> 1] ?? 0;
  }
}

function entryOptions(
  entry: Record<string, unknown>,
  table: EntryTable,
  at: number,
  parts: number,
  bigint: boolean,
): void {
  const has = (part: number): boolean => (parts & part) !== 0;
  const count = (field: number): number | bigint => {
    const exact = readCounter(table, at, field);
    return bigint ? exact : Number(exact);
  };
  const flags = has(EntryParts.entryCadtFlags) ? flagsOf(table, at) : 0;
  if ((flags & EntryFlags.nomatch) !== 0) entry['nomatch'] = true;
  if ((flags & EntryFlags.wildcard) !== 0) entry['wildcard'] = true;
  if (has(EntryParts.entryTimeout)) entry['timeout'] = table.u32[(at + SetEntry.timeout) >> 2] ?? 0;
  if (has(EntryParts.entryPackets)) entry['packets'] = count(SetEntry.packets);
  if (has(EntryParts.entryBytes)) entry['bytes'] = count(SetEntry.bytes);
  if (has(EntryParts.entryComment)) entry['comment'] = commentOf(table, at);
  if (has(EntryParts.entrySkbMark)) entry['skbmark'] = skbmarkText(table, at);
  if (has(EntryParts.entrySkbPrio)) entry['skbprio'] = skbprioText(table, at);
  if (has(EntryParts.entrySkbQueue)) entry['skbqueue'] = table.u16[(at + SetEntry.skbQueue) >> 1] ?? 0;
  if (has(EntryParts.entryNameRef)) {
    entry[(flags & EntryFlags.before) === 0 ? 'after' : 'before'] = referenceOf(table, at);
  }
}
