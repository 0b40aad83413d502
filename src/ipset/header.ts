import { AF, familyOf, formatAddress } from '../net/address.js';
import { SetHeader as H, SetOptions } from '../native/records.js';
import { isSetType } from './set-types.js';
import { fieldText } from './fields.js';
import { WithFlags } from './command.js';
import type { SetHeader } from './types.js';

/** A SetHeader record as it came: of a set of any type, with where its entries are. */
export interface RawHeader {
  readonly name: string;
  readonly type: string;
  readonly revision: number;
  /** TYPE only */
  readonly revisionMin: number;
  /** PROTOCOL only */
  readonly protocol: number;
  /** PROTOCOL only */
  readonly protocolMin: number;
  /** Number of the set in its namespace; with protocol 7. */
  readonly index: number | undefined;
  /** Index of the request that it answers. */
  readonly op: number;
  readonly firstEntry: number;
  readonly entryCount: number;
  /** The public form; undefined for types that this package does not know. */
  readonly header: SetHeader | undefined;
}

const WITH = Object.entries(WithFlags) as [keyof typeof WithFlags, number][];

type Writable<T> = { -readonly [K in keyof T]: T[K] };

/** Read a table of SetHeader records. */
export function unpackHeaders(records: Uint8Array): RawHeader[] {
  const out: RawHeader[] = [];
  const bytes = records.byteOffset % 4 === 0 ? records : records.slice();
  const u32 = new Uint32Array(bytes.buffer, bytes.byteOffset, bytes.byteLength >> 2);
  const u16 = new Uint16Array(bytes.buffer, bytes.byteOffset, bytes.byteLength >> 1);
  for (let at = 0; at + H.size <= bytes.length; at += H.size) {
    const u32At = (offset: number): number => u32[(at + offset) >> 2] ?? 0;
    const u16At = (offset: number): number => u16[(at + offset) >> 1] ?? 0;
    const u8At = (offset: number): number => bytes[at + offset] ?? 0;
    const options = u32At(H.options);
    const has = (bit: number): boolean => (options & bit) !== 0;

    const name = fieldText(bytes, at + H.name, 32);
    const type = fieldText(bytes, at + H.type, 32);
    let header: SetHeader | undefined;
    if (isSetType(type)) {
      const h: Writable<SetHeader> = {
        name,
        type,
        revision: u8At(H.revision),
        references: u32At(H.references),
        memorySize: u32At(H.memSize),
        elements: u32At(H.elements),
      };
      const family = has(SetOptions.setFamily) ? familyOf(u8At(H.family)) : undefined;
      if (family !== undefined) h.family = family;
      if (has(SetOptions.setHashSize)) h.hashSize = u32At(H.hashSize);
      if (has(SetOptions.setMaxElem)) h.maxElements = u32At(H.maxElem);
      if (has(SetOptions.setPort)) h.range = [u16At(H.port), u16At(H.portTo)];
      if (has(SetOptions.setIp)) {
        h.range = [formatAddress(bytes, 'inet', at + H.ip), formatAddress(bytes, 'inet', at + H.ipTo)];
      }
      if (has(SetOptions.setMarkMask)) h.markMask = u32At(H.markMask);
      if (has(SetOptions.setSize)) h.size = u32At(H.listSize);
      if (has(SetOptions.setIndex)) h.index = u16At(H.index);
      if (has(SetOptions.setBucketSize)) h.bucketSize = u8At(H.bucketSize);
      if (has(SetOptions.setInitVal)) h.initialValue = u32At(H.initVal);
      if (has(SetOptions.setNetmask)) h.netmask = u8At(H.netmask);
      if (has(SetOptions.setBitmask)) {
        h.bitmask = formatAddress(bytes, familyOf(u8At(H.family)) ?? 'inet', at + H.bitmask);
      }
      if (has(SetOptions.setTimeout)) h.timeout = u32At(H.timeout);
      if (has(SetOptions.setCadtFlags)) {
        for (const [name, bit] of WITH) if ((u32At(H.cadtFlags) & bit) !== 0) h[name] = true;
      }
      header = h;
    }
    out.push({
      name,
      type,
      revision: u8At(H.revision),
      revisionMin: u8At(H.revisionMin),
      protocol: u8At(H.protocol),
      protocolMin: u8At(H.protocolMin),
      index: has(SetOptions.setIndex) ? u16At(H.index) : undefined,
      op: u32At(H.op),
      firstEntry: u32At(H.firstEntry),
      entryCount: u32At(H.entryCount),
      header,
    });
  }
  return out;
}

/** AF number that names a family in requests; AF_UNSPEC for types without one. */
export function familyNumber(family: 'inet' | 'inet6' | undefined): number {
  return family === undefined ? 0 : AF[family];
}
