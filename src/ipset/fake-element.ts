import { EntryParts, SetEntry } from '../native/records.js';
import { WithFlags } from './command.js';
import { IpsetErr } from './errors.js';
import { LITTLE_ENDIAN } from './fake-records.js';
import { TextHeap } from './heap.js';
import { EXTENSION_PARTS, EntryFlags } from './layout.js';
import type { SetType } from './types.js';

/** What a fake set is made of. */
export interface FakeSetParameters {
  readonly type: SetType;
  /** AF number, 0 for types without a family. */
  readonly family: number;
  readonly revision: number;
  /** IPSET_FLAG_WITH_*. */
  readonly cadtFlags: number;
  /** Undefined when entries do not expire. */
  readonly timeout: number | undefined;
  readonly hashSize: number;
  readonly maxElem: number;
  readonly bucketSize: number;
  readonly initVal: number;
  readonly markMask: number;
  readonly listSize: number;
  /** Of ports or of IPv4 addresses as numbers. */
  readonly range: readonly [number, number];
  /** Prefix length; the full one for none. */
  readonly netmask: number;
  /** All ones for none. */
  readonly mask: Uint8Array;
  readonly masked: 'netmask' | 'bitmask' | undefined;
}

/** What an element carries besides its key. */
export interface FakeExtensions {
  /** When it expires, in milliseconds; undefined: never. */
  expires?: number | undefined;
  packets: bigint;
  bytes: bigint;
  comment: string;
  skbMark: number;
  skbMask: number;
  skbPrio: number;
  skbQueue: number;
}

/** One stored element: its key as a record, brought into the form that the kernel lists. */
export interface FakeElement extends FakeExtensions {
  readonly record: Uint8Array;
  /** Name of the interface. */
  readonly name: string;
  nomatch: boolean;
}

/** A record of a request, with the numbers and texts that are in it. */
export class FakeRequest {
  readonly bytes: Uint8Array;
  readonly parts: number;
  readonly flags: number;
  readonly #view: DataView;
  readonly #heap: TextHeap;

  constructor(bytes: Uint8Array, heap: Uint8Array) {
    this.bytes = bytes;
    this.#view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
    this.#heap = new TextHeap(heap);
    this.parts = this.u32(SetEntry.parts);
    this.flags = this.has(EntryParts.entryCadtFlags) ? this.u32(SetEntry.cadtFlags) : 0;
  }

  has(part: number): boolean {
    return (this.parts & part) !== 0;
  }
  u8(offset: number): number {
    return this.#view.getUint8(offset);
  }
  u16(offset: number): number {
    return this.#view.getUint16(offset, LITTLE_ENDIAN);
  }
  u32(offset: number): number {
    return this.#view.getUint32(offset, LITTLE_ENDIAN);
  }
  u64(offset: number): bigint {
    return this.#view.getBigUint64(offset, LITTLE_ENDIAN);
  }
  /** An IPv4 address as a number. */
  ipv4(offset: number): number {
    return this.#view.getUint32(offset);
  }
  name(): string {
    return this.#heap.text(this.u32(SetEntry.nameOffset), this.u16(SetEntry.nameLength));
  }
  reference(): string {
    return this.#heap.text(this.u32(SetEntry.refOffset), this.u16(SetEntry.refLength));
  }
  comment(): string {
    return this.#heap.text(this.u32(SetEntry.commentOffset), this.u16(SetEntry.commentLength));
  }
}

/** The code for an extension that the set was created without; 0 when there is none. In the kernel's order. */
export function lackingExtension(request: FakeRequest, set: FakeSetParameters): number {
  const without = (flag: number): boolean => (set.cadtFlags & flag) === 0;
  if (request.has(EXTENSION_PARTS.timeout) && set.timeout === undefined) return IpsetErr.timeout;
  if (request.has(EXTENSION_PARTS.counters) && without(WithFlags.counters)) return IpsetErr.counter;
  if (request.has(EXTENSION_PARTS.comment) && without(WithFlags.comment)) return IpsetErr.comment;
  if (request.has(EXTENSION_PARTS.skbinfo) && without(WithFlags.skbinfo)) return IpsetErr.skbinfo;
  return 0;
}

/** The kernel cuts timeouts to what it can count in milliseconds. */
const LONGEST_TIMEOUT = 2_147_483;

/**
 * What an element carries after it was added, or added again: everything is taken from the request or reset, but counters stay unless
 * they are given.
 */
export function extensionsOf(
  request: FakeRequest,
  set: FakeSetParameters,
  before?: FakeExtensions,
): FakeExtensions {
  const seconds = Math.min(
    LONGEST_TIMEOUT,
    request.has(EntryParts.entryTimeout) ? request.u32(SetEntry.timeout) : (set.timeout ?? 0),
  );
  const count = (part: number, offset: number, old: bigint | undefined): bigint =>
    request.has(part) ? request.u64(offset) : (old ?? 0n);
  const mark = request.has(EntryParts.entrySkbMark);
  return {
    expires: seconds === 0 ? undefined : Date.now() + 1000 * seconds,
    packets: count(EntryParts.entryPackets, SetEntry.packets, before?.packets),
    bytes: count(EntryParts.entryBytes, SetEntry.bytes, before?.bytes),
    comment: request.has(EntryParts.entryComment) ? request.comment() : '',
    skbMark: mark ? request.u32(SetEntry.skbMark) : 0,
    skbMask: mark ? request.u32(SetEntry.skbMask) : 0,
    skbPrio: request.has(EntryParts.entrySkbPrio) ? request.u32(SetEntry.skbPrio) : 0,
    skbQueue: request.has(EntryParts.entrySkbQueue) ? request.u16(SetEntry.skbQueue) : 0,
  };
}

export function isExpired({ expires }: FakeExtensions): boolean {
  return expires !== undefined && expires <= Date.now();
}

/** A record as the kernel lists an element; its texts go into the heap. */
export function listedRecord(
  key: Uint8Array,
  name: { readonly text: string; readonly part: number } | undefined,
  element: FakeExtensions,
  set: FakeSetParameters,
  heap: TextHeap,
): Uint8Array {
  const record = key.slice();
  const view = new DataView(record.buffer);
  let parts = view.getUint32(SetEntry.parts, LITTLE_ENDIAN);
  const put = (part: number, size: 16 | 32, offset: number, value: number): void => {
    parts |= part;
    if (size === 16) view.setUint16(offset, value, LITTLE_ENDIAN);
    else view.setUint32(offset, value, LITTLE_ENDIAN);
  };
  const keep = (part: number, text: string, offset: number, length: number): void => {
    const at = heap.put(text);
    put(part, 32, offset, at);
    put(part, 16, length, heap.length - at);
  };
  if (name !== undefined) keep(name.part, name.text, SetEntry.nameOffset, SetEntry.nameLength);
  if (set.timeout !== undefined) {
    const { expires } = element;
    const left = expires === undefined ? 0 : Math.max(1, Math.floor((expires - Date.now()) / 1000));
    put(EntryParts.entryTimeout, 32, SetEntry.timeout, left);
  }
  if ((set.cadtFlags & WithFlags.counters) !== 0) {
    parts |= EXTENSION_PARTS.counters;
    view.setBigUint64(SetEntry.packets, element.packets, LITTLE_ENDIAN);
    view.setBigUint64(SetEntry.bytes, element.bytes, LITTLE_ENDIAN);
  }
  if (element.comment !== '') {
    keep(EntryParts.entryComment, element.comment, SetEntry.commentOffset, SetEntry.commentLength);
  }
  if (element.skbMark !== 0 || element.skbMask !== 0) {
    put(EntryParts.entrySkbMark, 32, SetEntry.skbMark, element.skbMark);
    put(EntryParts.entrySkbMark, 32, SetEntry.skbMask, element.skbMask);
  }
  if (element.skbPrio !== 0) put(EntryParts.entrySkbPrio, 32, SetEntry.skbPrio, element.skbPrio);
  if (element.skbQueue !== 0) put(EntryParts.entrySkbQueue, 16, SetEntry.skbQueue, element.skbQueue);
  view.setUint32(SetEntry.parts, parts, LITTLE_ENDIAN);
  return record;
}

/** Mark a key's record as an exception, or not. */
export function setNomatch(record: Uint8Array, nomatch: boolean): void {
  const view = new DataView(record.buffer, record.byteOffset);
  const flags = view.getUint32(SetEntry.cadtFlags, LITTLE_ENDIAN) & ~EntryFlags.nomatch;
  const all = nomatch ? flags | EntryFlags.nomatch : flags;
  const parts = view.getUint32(SetEntry.parts, LITTLE_ENDIAN) & ~EntryParts.entryCadtFlags;
  view.setUint32(SetEntry.cadtFlags, all, LITTLE_ENDIAN);
  view.setUint32(SetEntry.parts, all === 0 ? parts : parts | EntryParts.entryCadtFlags, LITTLE_ENDIAN);
}
