import { Buffer } from 'node:buffer';
import { EntryParts, SetEntry } from '../native/records.js';
import { familyOf } from '../net/address.js';
import { IpsetErr } from './errors.js';
import { EntryFlags, entryTable, layoutOf, type EntryLayout, type EntryTable } from './layout.js';
import { hasIcmpType, hasPorts } from './protocols.js';
import { SET_TYPES } from './set-types.js';
import type { SetType } from './types.js';
import { entryText } from './unpack.js';

/** Codes that more than one kind of set gives a meaning of its own. */
const HASH_FULL = 4352;
const HASH_ELEM = 4353;
const INVALID_PROTO = 4354;
const MISSING_PROTO = 4355;
const BITMAP_RANGE = 4352;
const EINVAL = 22;

/** What a fake set is made of. */
export interface FakeSetParameters {
  readonly type: SetType;
  /** AF number, 0 for types without a family. */
  readonly family: number;
  readonly revision: number;
  readonly hashSize: number;
  readonly maxElem: number;
  readonly range: readonly [number, number];
}

/** One stored element: its record, brought into the form that the kernel lists. */
export interface FakeElement {
  readonly record: Uint8Array;
  readonly nomatch: boolean;
}

/** What the kernel makes of an element of a request: a key (the stored form is in the scratch record), or the code that refuses it. */
type Parsed = { readonly key: string; readonly nomatch: boolean } | number;

/**
 * A set in memory that answers as the kernel's does: the checks of net/netfilter/ipset/ip_set_hash_*.c and ip_set_bitmap_port.c in
 * their order. Codes are positive here; 0 is success.
 */
export class FakeSet {
  readonly parameters: FakeSetParameters;
  readonly elements: Map<string, FakeElement> = new Map<string, FakeElement>();
  readonly #layout: EntryLayout;
  /** The element that is being looked at. */
  readonly #scratch: EntryTable = entryTable(new Uint8Array(SetEntry.size));

  constructor(parameters: FakeSetParameters) {
    this.parameters = parameters;
    this.#layout = layoutOf(parameters.type, familyOf(parameters.family));
  }

  add(request: Uint8Array, exist: boolean): number {
    const parsed = this.#parse(request);
    if (typeof parsed === 'number') return parsed;
    const { key, nomatch } = parsed;
    // Being there is found out before being full.
    if (this.elements.has(key)) {
      if (!exist) return IpsetErr.exist;
    } else if (this.#isHash() && this.elements.size >= this.parameters.maxElem) {
      return HASH_FULL;
    }
    this.elements.set(key, { record: this.#scratch.bytes.slice(), nomatch });
    return 0;
  }

  delete(request: Uint8Array, exist: boolean): number {
    const parsed = this.#parse(request);
    if (typeof parsed === 'number') return parsed;
    return this.elements.delete(parsed.key) || exist ? 0 : IpsetErr.exist;
  }

  /** Every refusal of an element is EXIST here, as in ip_set_utest. */
  test(request: Uint8Array): number {
    const parsed = this.#parse(request);
    if (parsed === IpsetErr.protocol) return parsed;
    if (typeof parsed === 'number') return IpsetErr.exist;
    const found = this.#match(this.#scratch.bytes);
    if (found === undefined) return IpsetErr.exist;
    return found.nomatch && !parsed.nomatch ? IpsetErr.exist : 0;
  }

  /** Elements as canonical text, sorted. */
  texts(): string[] {
    return [...this.elements.values()]
      .map(({ record }) => entryText(entryTable(record), 0, this.#layout))
      .sort();
  }

  #isHash(): boolean {
    return SET_TYPES[this.parameters.type].kind === 'hash';
  }

  /** Checks and normalises, in the kernel's order: attributes, addresses, prefix, port, protocol, the all-zero address. */
  #parse(request: Uint8Array): Parsed {
    const { type, family, range } = this.parameters;
    const { spec, mask, ipv6 } = this.#layout;
    const table = this.#scratch;
    const record = table.bytes;
    record.set(request);
    const parts = table.u32[SetEntry.parts >> 2] ?? 0;
    const needed = mask & ~(EntryParts.entryCidr2 | EntryParts.entryProto);
    if ((parts & needed) !== needed) return IpsetErr.protocol;
    if (spec.families.length > 0 && record[SetEntry.family] !== family) return IpsetErr.protocol;

    let nomatch = false;
    if ((mask & EntryParts.entryCidr2) !== 0) {
      const full = ipv6 ? 128 : 32;
      if ((parts & EntryParts.entryCidr2) === 0) record[SetEntry.cidr2] = full;
      const prefix = record[SetEntry.cidr2] ?? 0;
      if (prefix === 0 || prefix > full) return IpsetErr.invalidCidr;
      maskAddress(record, SetEntry.ip2, prefix, full / 8);
      nomatch =
        (parts & EntryParts.entryCadtFlags) !== 0 &&
        ((table.u32[SetEntry.cadtFlags >> 2] ?? 0) & EntryFlags.nomatch) !== 0;
    }
    if (spec.parts.includes('protocolPort')) {
      if ((parts & EntryParts.entryProto) === 0) return MISSING_PROTO;
      const protocol = record[SetEntry.proto] ?? 0;
      if (protocol === 0) return INVALID_PROTO;
      if (!hasPorts(protocol) && !hasIcmpType(protocol, ipv6)) table.u16[SetEntry.port >> 1] = 0;
    }
    if (type === 'bitmap:port') {
      const port = table.u16[SetEntry.port >> 1] ?? 0;
      if (port < range[0] || port > range[1]) return BITMAP_RANGE;
    }
    const zero =
      spec.parts.includes('ip') && record.subarray(SetEntry.ip, SetEntry.ip + 16).every((b) => b === 0);
    if (zero && type === 'hash:ip') return HASH_ELEM;
    if (zero && type === 'hash:ip,port') return EINVAL;
    table.u32[SetEntry.parts >> 2] = mask | (nomatch ? EntryParts.entryCadtFlags : 0);
    table.u32[SetEntry.cadtFlags >> 2] = nomatch ? EntryFlags.nomatch : 0;
    return { key: keyOf(record), nomatch };
  }

  /** The element that decides a test: for a host in a set of networks the longest network around it, else the same element. */
  #match(record: Uint8Array): FakeElement | undefined {
    const full = this.#layout.ipv6 ? 128 : 32;
    if ((this.#layout.mask & EntryParts.entryCidr2) === 0 || record[SetEntry.cidr2] !== full) {
      return this.elements.get(keyOf(record));
    }
    for (let prefix = full; prefix > 0; prefix--) {
      const wider = record.slice();
      wider[SetEntry.cidr2] = prefix;
      maskAddress(wider, SetEntry.ip2, prefix, full / 8);
      const found = this.elements.get(keyOf(wider));
      if (found !== undefined) return found;
    }
    return undefined;
  }
}

function maskAddress(record: Uint8Array, at: number, prefix: number, length: number): void {
  for (let i = 0; i < length; i++) {
    const bits = Math.min(8, Math.max(0, prefix - 8 * i));
    record[at + i] = (record[at + i] ?? 0) & (0xff00 >> bits);
  }
}

/** The bytes that tell elements apart: protocol, prefix lengths, addresses (side by side) and port; not the nomatch flag. */
function keyOf(record: Uint8Array): string {
  const bytes = Buffer.from(record.buffer, record.byteOffset, SetEntry.size);
  const port = bytes.toString('latin1', SetEntry.port, SetEntry.port + 2);
  return bytes.toString('latin1', SetEntry.proto, SetEntry.ipTo) + port;
}
