import { ValidationError } from '../errors.js';
import { EntryParts, SetEntry } from '../native/records.js';
import { icmpNumber } from './icmp.js';
import { EntryFlags, type EntryLayout, type EntryTable } from './layout.js';
import { MAX_NAME_BYTES } from './names.js';
import {
  ENTRY_OPTIONS,
  entryOption,
  writeName,
  type EntryOptionName,
  type OptionTarget,
} from './pack-options.js';
import {
  expectation,
  expectedOfPart,
  missingPart,
  problemWith,
  problemWithOptions,
  refusal,
} from './problems.js';
import { TCP, UDP, hasIcmpType, hasPorts, protocolNumber } from './protocols.js';
import {
  MAX_TEXT,
  numberOf,
  parseUint32,
  positionOf,
  scanIPv4,
  scanIPv6,
  scanMac,
  scanNumber,
  scanToken,
} from './scan.js';
import type { EntryPart } from './set-types.js';
import { splitWords } from './text/words.js';

const COMMA = 44;
const DASH = 45;
const SLASH = 47;
const COLON = 58;

/** Bytes of an interface's name without its NUL (IFNAMSIZ is 16). */
const MAX_IFACE_BYTES = 15;
const PHYSDEV = 'physdev:';

/**
 * Writes entries, texts or objects, into records. What an entry does not say is zero in its record, whatever was there before: the
 * bytes of a record that is written for the first time must be zero.
 */
export class EntryPacker implements OptionTarget {
  readonly layout: EntryLayout;
  table: EntryTable;
  at = 0;
  /** EntryParts and cadtFlags of the entry that is being written. */
  #parts = 0;
  #flags = 0;
  /** Records may hold more than the fields that every entry writes. */
  #dirty = false;

  constructor(layout: EntryLayout, table: EntryTable) {
    this.layout = layout;
    this.table = table;
  }

  /**
   * Write one entry at byte offset `at`.
   * @throws ValidationError with a path relative to the entry: empty for text, the key for objects. The record is undefined then.
   */
  pack(at: number, input: unknown): void {
    const { heap } = this.table;
    const { length } = heap;
    this.#begin(at);
    try {
      if (typeof input === 'string') this.#text(input);
      else if (typeof input === 'object' && input !== null) this.#object(input as Record<string, unknown>);
      else throw new ValidationError('', expectation(this.layout, 'text or an object'), input);
    } catch (err) {
      this.#dirty = true;
      heap.cut(length);
      throw err;
    }
    this.#finish();
  }

  /** Write an entry given as its key and the words behind it, quotes taken off. @throws ValidationError with an empty path */
  packWords(at: number, key: string, words: readonly string[]): void {
    this.#begin(at);
    this.#dirty = true;
    const text = [key, ...words].join(' ');
    const end = this.#key(key);
    if (end !== key.length) throw refusal(this.layout, text, problemWithOptions(this.layout, key.slice(end)));
    this.#options(text, words);
    this.#finish();
  }

  #begin(at: number): void {
    this.at = at;
    if (this.#dirty) this.table.bytes.fill(0, at, at + SetEntry.size);
    this.#parts = this.layout.mask;
    this.#flags = 0;
  }

  #finish(): void {
    const { table, at, layout } = this;
    if (this.#flags !== 0) this.#parts |= EntryParts.entryCadtFlags;
    if (this.#parts !== layout.mask) this.#dirty = true;
    table.u32[(at + SetEntry.parts) >> 2] = this.#parts;
    table.u32[(at + SetEntry.cadtFlags) >> 2] = this.#flags;
    table.bytes[at + SetEntry.family] = layout.af;
  }

  // ---------------------------------------------------------------------------------------------------------------- text

  #text(text: string): void {
    const i = this.#key(text);
    if (i === text.length) return;
    const space = text.charCodeAt(i);
    if (space !== 32 && space !== 9) {
      throw refusal(this.layout, text, problemWithOptions(this.layout, text.slice(i)));
    }
    const words = splitWords(text, i);
    if (words === undefined) throw refusal(this.layout, text, 'a double quote is not closed');
    this.#options(text, words);
  }

  /** The parts at the front of a text. @returns the position behind them */
  #key(text: string): number {
    let i = text.length > MAX_TEXT ? -1 : 0;
    let from = 0;
    let first = true;
    for (const part of this.layout.spec.parts) {
      if (!first) {
        if (text.charCodeAt(i) !== COMMA) {
          if (part === 'optionalMac') continue;
          throw refusal(this.layout, text, missingPart(this.layout, part));
        }
        i++;
      }
      first = false;
      from = i;
      if (i >= 0) i = this.#scan(part, text, i);
      if (i < 0)
        throw refusal(this.layout, text, problemWith(this.layout, part, text.slice(Math.max(0, from))));
    }
    return i;
  }

  #options(text: string, words: readonly string[]): void {
    const { layout } = this;
    for (let i = 0; i < words.length; i++) {
      const name = words[i] ?? '';
      const option = entryOption(layout, name);
      if (option === undefined) throw refusal(layout, text, `"${name}" is not an option of this type`);
      if ((layout.lacking & option.parts) !== 0) {
        throw refusal(layout, text, `no ${name}, since the set was created without`);
      }
      let value: unknown = true;
      if (option.read !== undefined) {
        const word = words[++i];
        if (word === undefined) throw refusal(layout, text, `${name} wants ${option.expected}`);
        value = option.read(word);
        if (value === option.empty) continue;
      }
      if (!option.write(this, value)) throw refusal(layout, text, `${name} wants ${option.expected}`);
      this.#take(option.parts, option.flag);
    }
    if (this.#isTwoPlaces(words.includes('before') && words.includes('after'))) {
      throw refusal(layout, text, 'before or after, not both');
    }
  }

  #isTwoPlaces(both: boolean): boolean {
    return both && this.layout.keys.has('before');
  }

  #take(parts: number, flags: number): void {
    this.#parts |= parts;
    this.#flags |= flags;
  }

  // --------------------------------------------------------------------------------------------------------------- parts

  /** Read one part of the text form into the record. @returns the position behind it, or -1 */
  #scan(part: EntryPart, text: string, from: number): number {
    const { table, at } = this;
    switch (part) {
      case 'ip':
        return this.#scanIp(text, from);
      case 'host':
        return this.#scanAddress(text, from, SetEntry.ip);
      case 'ip2':
        return this.#scanAddress(text, from, SetEntry.ip2);
      case 'net':
        return this.#scanNet(text, from, false);
      case 'net2':
        return this.#scanNet(text, from, true);
      case 'port':
        return this.#scanPort(text, from);
      case 'protocolPort':
        return this.#scanProtocolPort(text, from);
      case 'mac':
      case 'optionalMac': {
        this.#take(EntryParts.entryMac, 0);
        return scanMac(text, from, table.bytes, at + SetEntry.mac);
      }
      case 'mark': {
        const end = scanToken(text, from);
        const mark = parseUint32(text.slice(from, end));
        return mark === undefined ? -1 : this.#setMark(mark, end);
      }
      case 'iface': {
        const end = scanToken(text, from);
        const physdev = text.startsWith(PHYSDEV, from);
        if (physdev) this.#take(0, EntryFlags.physdev);
        return this.#setIface(text.slice(physdev ? from + PHYSDEV.length : from, end)) ? end : -1;
      }
      case 'set': {
        const rest = /\s/.exec(text.slice(from));
        const end = rest === null ? text.length : from + rest.index;
        return writeName(this, text.slice(from, end), MAX_NAME_BYTES) ? end : -1;
      }
    }
  }

  #scanAddress(text: string, from: number, field: number): number {
    const { bytes } = this.table;
    return this.layout.ipv6
      ? scanIPv6(text, from, bytes, this.at + field)
      : scanIPv4(text, from, bytes, this.at + field);
  }

  /** One address, or as many as an IPv4 range or network has. */
  #scanIp(text: string, from: number): number {
    const i = this.#scanAddress(text, from, SetEntry.ip);
    if (i < 0) return i;
    const next = text.charCodeAt(i);
    if (next === DASH) return this.#scanEnd(text, i + 1, false);
    if (next !== SLASH) return i;
    const scanned = scanNumber(text, i + 1);
    const prefix = numberOf(scanned);
    const { full, ipv6 } = this.layout;
    if (scanned < 0 || prefix < 1 || prefix > full || (ipv6 && prefix < full)) return -1;
    if (prefix < full) {
      this.table.bytes[this.at + SetEntry.cidr] = prefix;
      clearHostBits(this.table.bytes, this.at + SetEntry.ip, prefix, full);
      this.#take(EntryParts.entryCidr, 0);
    }
    return positionOf(scanned);
  }

  #scanNet(text: string, from: number, second: boolean): number {
    const { bytes } = this.table;
    const { full, spec } = this.layout;
    const field = second ? SetEntry.ip2 : SetEntry.ip;
    const cidr = this.at + (second ? SetEntry.cidr2 : SetEntry.cidr);
    const i = this.#scanAddress(text, from, field);
    if (i < 0) return i;
    const next = text.charCodeAt(i);
    if (next === DASH) {
      this.#parts &= ~(second ? EntryParts.entryCidr2 : EntryParts.entryCidr);
      return this.#scanEnd(text, i + 1, second);
    }
    bytes[cidr] = full;
    if (next !== SLASH) return i;
    const scanned = scanNumber(text, i + 1);
    const prefix = numberOf(scanned);
    if (scanned < 0 || prefix > full || (prefix === 0 && !spec.zeroPrefix)) return -1;
    bytes[cidr] = prefix;
    clearHostBits(bytes, this.at + field, prefix, full);
    return positionOf(scanned);
  }

  /** The end of an IPv4 range. */
  #scanEnd(text: string, from: number, second: boolean): number {
    if (this.layout.ipv6) return -1;
    this.#take(second ? EntryParts.entryIp2To : EntryParts.entryIpTo, 0);
    return scanIPv4(text, from, this.table.bytes, this.at + (second ? SetEntry.ip2To : SetEntry.ipTo));
  }

  /** A port or a range; the name of a protocol in front says nothing, and is taken as ipset(8) takes it. */
  #scanPort(text: string, from: number): number {
    const colon = text.indexOf(':', from);
    if (colon < 0 || colon > scanToken(text, from)) return this.#scanPorts(text, from);
    const protocol = protocolNumber(text.slice(from, colon));
    return protocol === undefined || !hasPorts(protocol) ? -1 : this.#scanPorts(text, colon + 1);
  }

  #scanPorts(text: string, from: number): number {
    const { u16 } = this.table;
    const scanned = scanNumber(text, from);
    if (scanned < 0) return -1;
    u16[(this.at + SetEntry.port) >> 1] = numberOf(scanned);
    const i = positionOf(scanned);
    if (text.charCodeAt(i) !== DASH) return i;
    const last = scanNumber(text, i + 1);
    if (last < 0) return -1;
    u16[(this.at + SetEntry.portTo) >> 1] = numberOf(last);
    this.#take(EntryParts.entryPortTo, 0);
    return positionOf(last);
  }

  /** `tcp:80`, `17:53-54`, `icmp:echo-request`, `gre:0`, or a bare port, which is TCP's as in the ipset tool. */
  #scanProtocolPort(text: string, from: number): number {
    const short = text.charCodeAt(from + 3) === COLON ? shortName(text, from) : 0;
    if (short !== 0) {
      this.table.bytes[this.at + SetEntry.proto] = short;
      return this.#scanPorts(text, from + 4);
    }
    const end = scanToken(text, from);
    const token = text.slice(from, end);
    const colon = token.indexOf(':');
    const protocol = colon < 0 ? TCP : protocolNumber(token.slice(0, colon));
    if (protocol === undefined) return -1;
    this.table.bytes[this.at + SetEntry.proto] = protocol;
    const { ipv6 } = this.layout;
    if (hasPorts(protocol)) return this.#scanPorts(text, from + colon + 1);
    const behind = token.slice(colon + 1);
    const port = hasIcmpType(protocol, ipv6) ? icmpNumber(behind, ipv6) : behind === '0' ? 0 : undefined;
    if (port === undefined) return -1;
    this.table.u16[(this.at + SetEntry.port) >> 1] = port;
    return end;
  }

  #setMark(mark: number, end: number): number {
    this.table.u32[(this.at + SetEntry.mark) >> 2] = mark;
    return end;
  }

  #setIface(name: string): boolean {
    return !/[\s,/\0]/.test(name) && !name.startsWith(PHYSDEV) && writeName(this, name, MAX_IFACE_BYTES);
  }

  // ------------------------------------------------------------------------------------------------------------- objects

  #object(value: Readonly<Record<string, unknown>>): void {
    const { layout } = this;
    let more = false;
    for (const key in value) {
      if (layout.partKeys.has(key)) continue;
      if (value[key] === undefined) continue;
      if (!layout.keys.has(key)) {
        throw new ValidationError(key, `one of the keys ${[...layout.keys].join(', ')}`, value[key]);
      }
      more = true;
    }
    for (const part of layout.spec.parts) this.#objectPart(part, value);
    if (!more) return;
    for (const name in ENTRY_OPTIONS) {
      const given = value[name];
      if (given !== undefined && layout.keys.has(name)) this.#objectOption(name as EntryOptionName, given);
    }
    if (this.#isTwoPlaces(value['before'] !== undefined && value['after'] !== undefined)) {
      throw new ValidationError('after', 'absent, since there is a before', value['after']);
    }
  }

  #objectPart(part: EntryPart, value: Readonly<Record<string, unknown>>): void {
    switch (part) {
      case 'protocolPort':
        this.#objectPort(value);
        this.#objectProtocol(value);
        return;
      case 'port':
        this.#objectPort(value);
        return;
      case 'mark': {
        const mark = value['mark'];
        if (typeof mark !== 'number' || !Number.isInteger(mark) || mark < 0 || mark > 0xffff_ffff) {
          throw new ValidationError('mark', 'an integer from 0 to 0xffffffff', mark);
        }
        this.#setMark(mark, 0);
        return;
      }
      case 'iface':
        this.#objectIface(value['iface'], value['physdev']);
        return;
      case 'optionalMac':
        if (value['mac'] === undefined) return;
        break;
      default:
    }
    const key = part === 'net2' ? this.layout.net2Key : KEY[part];
    const given = value[key];
    if (typeof given !== 'string' || this.#scan(part, given, 0) !== given.length) {
      throw new ValidationError(key, expectedOfPart(this.layout, part, given), given);
    }
  }

  #objectIface(iface: unknown, physdev: unknown): void {
    if (typeof iface !== 'string' || !this.#setIface(iface)) {
      throw new ValidationError('iface', expectedOfPart(this.layout, 'iface', iface), iface);
    }
    if (physdev === undefined || physdev === false) return;
    if (physdev !== true) throw new ValidationError('physdev', 'true or false', physdev);
    this.#take(0, EntryFlags.physdev);
  }

  #objectPort(value: Readonly<Record<string, unknown>>): void {
    const { u16 } = this.table;
    u16[(this.at + SetEntry.port) >> 1] = portOf(value['port'], 'port');
    if (value['portTo'] === undefined) return;
    u16[(this.at + SetEntry.portTo) >> 1] = portOf(value['portTo'], 'portTo');
    this.#take(EntryParts.entryPortTo, 0);
  }

  #objectProtocol(value: Readonly<Record<string, unknown>>): void {
    const given = value['protocol'];
    let protocol: number | undefined;
    if (given === undefined || given === 'tcp') protocol = TCP;
    else if (given === 'udp') protocol = UDP;
    else if (typeof given === 'string') protocol = protocolNumber(given);
    else if (typeof given === 'number' && Number.isInteger(given) && given >= 1 && given <= 255)
      protocol = given;
    if (protocol === undefined) {
      throw new ValidationError(
        'protocol',
        'tcp, udp, sctp, udplite or a protocol number from 1 to 255',
        given,
      );
    }
    this.table.bytes[this.at + SetEntry.proto] = protocol;
    if (hasPorts(protocol)) return;
    if (value['portTo'] !== undefined) {
      throw new ValidationError('portTo', 'absent, since the protocol has no ports', value['portTo']);
    }
    if (value['port'] !== 0 && !hasIcmpType(protocol, this.layout.ipv6)) {
      throw new ValidationError('port', '0, since the protocol has no ports', value['port']);
    }
  }

  #objectOption(name: EntryOptionName, value: unknown): void {
    const option = ENTRY_OPTIONS[name];
    if (value === option.empty && value !== undefined) return;
    if ((this.layout.lacking & option.parts) !== 0) {
      throw new ValidationError(name, 'absent, since the set was created without', value);
    }
    if (!option.write(this, value)) throw new ValidationError(name, option.expected, value);
    if (value !== false) this.#take(option.parts, option.flag);
  }
}

/** Keys of the parts that are one text. */
const KEY = {
  ip: 'ip',
  host: 'ip',
  net: 'net',
  ip2: 'ip2',
  mac: 'mac',
  optionalMac: 'mac',
  set: 'set',
} as const;

function portOf(value: unknown, key: string): number {
  if (typeof value !== 'number' || !Number.isInteger(value) || value < 0 || value > 65535) {
    throw new ValidationError(key, 'an integer from 0 to 65535', value);
  }
  return value;
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

/** Clear the bits behind a prefix of the address at `at`. */
export function clearHostBits(bytes: Uint8Array, at: number, prefix: number, full: number): void {
  for (let i = prefix >> 3; i < full >> 3; i++) {
    const bits = Math.max(0, prefix - 8 * i);
    bytes[at + i] = (bytes[at + i] ?? 0) & (0xff00 >> bits);
  }
}
