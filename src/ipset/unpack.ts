import { formatAddress as formatIPv6 } from '../net/address.js';
import { SetEntry } from '../native/records.js';
import { icmpText } from './icmp.js';
import { NOMATCH, type EntryLayout, type EntryTable } from './layout.js';
import { SCTP, TCP, UDP, UDPLITE, hasIcmpType, protocolText } from './protocols.js';
import type { Entry, PortProtocol, SetType } from './types.js';

/** All bytes in decimal, and with the dot behind: joining these is the quickest way to a million dotted addresses. */
const LAST: readonly string[] = Array.from({ length: 256 }, (_, n) => String(n));
const DOTTED: readonly string[] = LAST.map((text) => `${text}.`);

function formatAddress(bytes: Uint8Array, ipv6: boolean, at: number): string {
  if (ipv6) return formatIPv6(bytes, 'inet6', at);
  const head = (DOTTED[bytes[at] ?? 0] ?? '') + (DOTTED[bytes[at + 1] ?? 0] ?? '');
  return head + (DOTTED[bytes[at + 2] ?? 0] ?? '') + (LAST[bytes[at + 3] ?? 0] ?? '');
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

function portText(table: EntryTable, at: number, layout: EntryLayout): string {
  const protocol = table.bytes[at + SetEntry.proto] ?? 0;
  const port = table.u16[(at + SetEntry.port) >> 1] ?? 0;
  if (protocol === TCP) return `tcp:${String(port)}`;
  if (hasIcmpType(protocol, layout.ipv6)) return `${protocolText(protocol)}:${icmpText(port, layout.ipv6)}`;
  return `${protocolText(protocol)}:${String(port)}`;
}

function netText(table: EntryTable, at: number, layout: EntryLayout): string {
  const address = formatAddress(table.bytes, layout.ipv6, at + SetEntry.ip2);
  const prefix = table.bytes[at + SetEntry.cidr2] ?? 0;
  // A record that came without CIDR2 is a host.
  return prefix === 0 || prefix === (layout.ipv6 ? 128 : 32) ? address : `${address}/${String(prefix)}`;
}

function isNomatch(table: EntryTable, at: number): boolean {
  return ((table.u32[(at + SetEntry.cadtFlags) >> 2] ?? 0) & NOMATCH) !== 0;
}

/** The entry at byte offset `at` as `ipset save` prints it. Extensions (timeout, counters, comment …) are left out. */
export function entryText(table: EntryTable, at: number, layout: EntryLayout): string {
  let text = '';
  for (const part of layout.spec.parts) {
    if (text !== '') text += ',';
    switch (part) {
      case 'ip':
        text += formatAddress(table.bytes, layout.ipv6, at + SetEntry.ip);
        break;
      case 'ip2':
        text += formatAddress(table.bytes, layout.ipv6, at + SetEntry.ip2);
        break;
      case 'net2':
        text += netText(table, at, layout);
        break;
      case 'port':
        text += String(table.u16[(at + SetEntry.port) >> 1] ?? 0);
        break;
      case 'protocolPort':
        text += portText(table, at, layout);
        break;
    }
  }
  return layout.spec.nomatch && isNomatch(table, at) ? `${text} nomatch` : text;
}

/** The entry at byte offset `at` as an object. */
export function entryObject<T extends SetType>(table: EntryTable, at: number, layout: EntryLayout): Entry<T> {
  const entry: Record<string, unknown> = {};
  for (const part of layout.spec.parts) {
    switch (part) {
      case 'ip':
        entry['ip'] = formatAddress(table.bytes, layout.ipv6, at + SetEntry.ip);
        break;
      case 'ip2':
        entry['ip2'] = formatAddress(table.bytes, layout.ipv6, at + SetEntry.ip2);
        break;
      case 'net2':
        entry['net'] = netText(table, at, layout);
        break;
      case 'port':
        entry['port'] = table.u16[(at + SetEntry.port) >> 1] ?? 0;
        break;
      case 'protocolPort':
        entry['protocol'] = portProtocol(table.bytes[at + SetEntry.proto] ?? 0);
        entry['port'] = table.u16[(at + SetEntry.port) >> 1] ?? 0;
        break;
    }
  }
  if (layout.spec.nomatch && isNomatch(table, at)) entry['nomatch'] = true;
  // The parts of the table entry of `T` are exactly the keys of EntryOf[T]; test/unit/ipset checks that for every type.
  return entry as unknown as Entry<T>;
}
