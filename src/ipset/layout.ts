import { AF, type Family } from '../net/address.js';
import { EntryParts, SetEntry } from '../native/records.js';
import { SET_TYPES, type EntryPart, type SetTypeSpec } from './set-types.js';
import type { SetType } from './types.js';

/** A table of SetEntry records, seen as bytes and as native-endian integers. Offsets are in bytes; see records.ts. */
export interface EntryTable {
  readonly bytes: Uint8Array;
  readonly u16: Uint16Array;
  readonly u32: Uint32Array;
}

/** IPSET_FLAG_NOMATCH of linux/netfilter/ipset/ip_set.h. */
export const NOMATCH = 4;

/** How the entries of one set lie in SetEntry records: everything about type and family that packing needs. */
export interface EntryLayout {
  readonly spec: SetTypeSpec;
  /** `inet` for types without a family. */
  readonly family: Family;
  readonly ipv6: boolean;
  /** AF number to put into the record; 0 for types without addresses. */
  readonly af: number;
  /** EntryParts that every entry of the type fills in. */
  readonly mask: number;
  /** Keys of the object form. */
  readonly keys: ReadonlySet<string>;
}

const PART_MASK: Readonly<Record<EntryPart, number>> = {
  ip: EntryParts.entryIp,
  protocolPort: EntryParts.entryProto | EntryParts.entryPort,
  ip2: EntryParts.entryIp2,
  net2: EntryParts.entryIp2 | EntryParts.entryCidr2,
  port: EntryParts.entryPort,
};

const PART_KEYS: Readonly<Record<EntryPart, readonly string[]>> = {
  ip: ['ip'],
  protocolPort: ['protocol', 'port'],
  ip2: ['ip2'],
  net2: ['net'],
  port: ['port'],
};

/** The layout of a type's entries; the family does not matter for types without one. */
export function layoutOf(type: SetType, family: Family | undefined): EntryLayout {
  const spec = SET_TYPES[type];
  const fam = spec.families.length === 0 ? 'inet' : (family ?? 'inet');
  const keys = spec.parts.flatMap((part) => PART_KEYS[part]);
  return {
    spec,
    family: fam,
    ipv6: fam === 'inet6',
    af: spec.families.length === 0 ? 0 : AF[fam],
    mask: spec.parts.reduce((mask, part) => mask | PART_MASK[part], 0),
    keys: new Set(spec.nomatch ? [...keys, 'nomatch'] : keys),
  };
}

/** Views of record bytes. Copies only when the bytes do not start at a multiple of four, as integers must. */
export function entryTable(records: Uint8Array): EntryTable {
  const bytes = records.byteOffset % 4 === 0 ? records : records.slice();
  const whole = bytes.byteLength - (bytes.byteLength % SetEntry.size);
  return {
    bytes,
    u16: new Uint16Array(bytes.buffer, bytes.byteOffset, whole / 2),
    u32: new Uint32Array(bytes.buffer, bytes.byteOffset, whole / 4),
  };
}
