import { Failure, FailureFlags, SetCommand, SetHeader, SetOptions } from '../native/records.js';
import type { Reply } from '../netlink/types.js';
import type { FakeContents } from './fake-set.js';
import { SET_TYPES } from './set-types.js';
import { fieldText, setFieldText } from './fields.js';
import type { SetType } from './types.js';

/** Records are native endian. */
export const LITTLE_ENDIAN: boolean = new Uint8Array(new Uint16Array([1]).buffer)[0] === 1;

/** A set under a name: the contents can be swapped; name, index and references stay. */
export interface Slot {
  name: string;
  set: FakeContents;
  /** References that a test pretends. */
  references: number;
  readonly index: number;
}

/** A SetCommand record, as far as the fake looks at it. */
export interface CommandRecord {
  readonly command: number;
  readonly exist: boolean;
  readonly family: number;
  readonly revision: number;
  readonly protocol: number;
  readonly name: string;
  readonly name2: string;
  readonly listFlags: number;
  readonly index: number;
  readonly options: number;
  readonly hashSize: number;
  readonly maxElem: number;
  readonly timeout: number;
  readonly cadtFlags: number;
  readonly initVal: number;
  readonly markMask: number;
  readonly listSize: number;
  readonly port: number;
  readonly portTo: number;
  readonly netmask: number;
  readonly bucketSize: number;
  /** IPv4 addresses as numbers. */
  readonly ip: number;
  readonly ipTo: number;
  readonly bitmask: Uint8Array;
}

/** Read the SetCommand record at byte offset `at`. */
export function readCommand(records: Uint8Array, at: number): CommandRecord {
  const view = new DataView(records.buffer, records.byteOffset + at, SetCommand.size);
  const u32 = (offset: number): number => view.getUint32(offset, LITTLE_ENDIAN);
  const u16 = (offset: number): number => view.getUint16(offset, LITTLE_ENDIAN);
  return {
    command: u32(SetCommand.command),
    exist: view.getUint8(SetCommand.exist) !== 0,
    family: view.getUint8(SetCommand.family),
    revision: view.getUint8(SetCommand.revision),
    protocol: view.getUint8(SetCommand.protocol),
    name: fieldText(records, at + SetCommand.name, 32),
    name2: fieldText(records, at + SetCommand.name2, 32),
    listFlags: u32(SetCommand.listFlags),
    index: u16(SetCommand.index),
    options: u32(SetCommand.options),
    hashSize: u32(SetCommand.hashSize),
    maxElem: u32(SetCommand.maxElem),
    timeout: u32(SetCommand.timeout),
    cadtFlags: u32(SetCommand.cadtFlags),
    initVal: u32(SetCommand.initVal),
    markMask: u32(SetCommand.markMask),
    listSize: u32(SetCommand.listSize),
    port: u16(SetCommand.port),
    portTo: u16(SetCommand.portTo),
    netmask: view.getUint8(SetCommand.netmask),
    bucketSize: view.getUint8(SetCommand.bucketSize),
    ip: view.getUint32(SetCommand.ip),
    ipTo: view.getUint32(SetCommand.ipTo),
    bitmask: records.slice(at + SetCommand.bitmask, at + SetCommand.bitmask + 16),
  };
}

/** One refused record. */
export interface FakeFailure {
  readonly index: number;
  /** Negative, as the kernel gives it. */
  readonly code: number;
  readonly wholeMessage: boolean;
}

/** A reply with what is given; the rest as after a run that refused nothing. */
export function makeReply(parts: {
  readonly error?: number;
  readonly settled?: number;
  readonly failures?: readonly FakeFailure[];
  readonly SetHeader?: Uint8Array;
  readonly SetEntry?: Uint8Array;
  readonly heap?: Uint8Array;
}): Reply {
  const failures = new Uint8Array((parts.failures ?? []).length * Failure.size);
  const view = new DataView(failures.buffer);
  for (const [n, failure] of (parts.failures ?? []).entries()) {
    const at = n * Failure.size;
    view.setUint32(at + Failure.index, failure.index, LITTLE_ENDIAN);
    view.setInt32(at + Failure.code, failure.code, LITTLE_ENDIAN);
    view.setUint16(
      at + Failure.flags,
      failure.wholeMessage ? FailureFlags.failureWholeMessage : 0,
      LITTLE_ENDIAN,
    );
  }
  return {
    settled: parts.settled ?? 0,
    overrun: false,
    error: parts.error ?? 0,
    interrupted: false,
    failures,
    heap: parts.heap ?? new Uint8Array(),
    SetHeader: parts.SetHeader ?? new Uint8Array(),
    ...(parts.SetEntry === undefined ? {} : { SetEntry: parts.SetEntry }),
  };
}

/** Records of one size, joined. */
export function concat(records: readonly Uint8Array[], size: number): Uint8Array {
  const out = new Uint8Array(records.length * size);
  for (const [i, record] of records.entries()) out.set(record, i * size);
  return out;
}

function record(fill: (view: DataView, bytes: Uint8Array) => void): Uint8Array {
  const bytes = new Uint8Array(SetHeader.size);
  fill(new DataView(bytes.buffer), bytes);
  return bytes;
}

/** Highest revisions of the types in Linux 6.12. */
export const REVISIONS: Readonly<Record<SetType, number>> = {
  'bitmap:ip': 3,
  'bitmap:ip,mac': 3,
  'bitmap:port': 3,
  'hash:ip': 6,
  'hash:ip,mac': 1,
  'hash:ip,mark': 3,
  'hash:ip,port': 7,
  'hash:ip,port,ip': 6,
  'hash:ip,port,net': 8,
  'hash:mac': 1,
  'hash:net': 7,
  'hash:net,iface': 8,
  'hash:net,net': 4,
  'hash:net,port': 8,
  'hash:net,port,net': 3,
  'list:set': 3,
};

/** Answer to PROTOCOL. */
export function protocolAnswer(
  op: number,
  versions: { readonly max: number; readonly min: number },
): Uint8Array {
  return record((view) => {
    view.setUint32(SetHeader.op, op, LITTLE_ENDIAN);
    view.setUint8(SetHeader.protocol, versions.max);
    view.setUint8(SetHeader.protocolMin, versions.min);
    view.setUint32(SetHeader.options, SetOptions.setProtocol | SetOptions.setProtocolMin, LITTLE_ENDIAN);
  });
}

/** Answer to TYPE. */
export function typeAnswer(op: number, type: string, family: number, revision: number): Uint8Array {
  return record((view, bytes) => {
    view.setUint32(SetHeader.op, op, LITTLE_ENDIAN);
    setFieldText(bytes, SetHeader.type, type);
    view.setUint8(SetHeader.family, family);
    view.setUint8(SetHeader.revision, revision);
    view.setUint32(
      SetHeader.options,
      SetOptions.setFamily | SetOptions.setRevision | SetOptions.setRevisionMin,
      LITTLE_ENDIAN,
    );
  });
}

/** Answer to HEADER and to the questions by name and index. */
export function briefHeader(slot: Slot, op: number): Uint8Array {
  return record((view, bytes) => {
    const { type, family, revision } = slot.set.parameters;
    view.setUint32(SetHeader.op, op, LITTLE_ENDIAN);
    setFieldText(bytes, SetHeader.name, slot.name);
    setFieldText(bytes, SetHeader.type, type);
    view.setUint8(SetHeader.family, family);
    view.setUint8(SetHeader.revision, revision);
    view.setUint16(SetHeader.index, slot.index, LITTLE_ENDIAN);
    view.setUint32(
      SetHeader.options,
      SetOptions.setFamily | SetOptions.setRevision | SetOptions.setIndex,
      LITTLE_ENDIAN,
    );
  });
}

/** A set in a listing of names. */
export function nameOnly(slot: Slot): Uint8Array {
  return record((_, bytes) => {
    setFieldText(bytes, SetHeader.name, slot.name);
  });
}

/** The first message of a set in a listing. Memory is a plausible number: the kernel's depends on its own structures. */
export function setHeader(
  slot: Slot,
  references: number,
  entries: { readonly first: number; readonly count: number },
): Uint8Array {
  const bytes = briefHeader(slot, 0);
  const view = new DataView(bytes.buffer);
  const p = slot.set.parameters;
  const { kind, options: known } = SET_TYPES[p.type];
  const { size } = slot.set;
  let options = view.getUint32(SetHeader.options, LITTLE_ENDIAN);
  const u32 = (option: number, offset: number, value: number): void => {
    view.setUint32(offset, value, LITTLE_ENDIAN);
    options |= option;
  };
  u32(SetOptions.setReferences, SetHeader.references, references);
  u32(SetOptions.setMemSize, SetHeader.memSize, 200 + 32 * size);
  u32(SetOptions.setElements, SetHeader.elements, size);
  if (p.timeout !== undefined) u32(SetOptions.setTimeout, SetHeader.timeout, p.timeout);
  if (p.cadtFlags !== 0) u32(SetOptions.setCadtFlags, SetHeader.cadtFlags, p.cadtFlags);
  if (kind === 'list') u32(SetOptions.setSize, SetHeader.listSize, p.listSize);
  if (kind === 'hash') {
    u32(SetOptions.setHashSize, SetHeader.hashSize, p.hashSize);
    u32(SetOptions.setMaxElem, SetHeader.maxElem, p.maxElem);
    if (known.includes('markMask')) u32(SetOptions.setMarkMask, SetHeader.markMask, p.markMask);
    // The kernel reports them in sets of its newest revision.
    if (p.revision === REVISIONS[p.type]) {
      u32(SetOptions.setInitVal, SetHeader.initVal, p.initVal);
      view.setUint8(SetHeader.bucketSize, p.bucketSize);
      options |= SetOptions.setBucketSize;
    }
  }
  if (p.masked === 'netmask') {
    view.setUint8(SetHeader.netmask, p.netmask);
    options |= SetOptions.setNetmask;
  } else if (p.masked === 'bitmask') {
    bytes.set(p.mask, SetHeader.bitmask);
    options |= SetOptions.setBitmask;
  }
  if (p.type === 'bitmap:port') {
    view.setUint16(SetHeader.port, p.range[0], LITTLE_ENDIAN);
    view.setUint16(SetHeader.portTo, p.range[1], LITTLE_ENDIAN);
    options |= SetOptions.setPort | SetOptions.setPortTo;
  } else if (kind === 'bitmap') {
    view.setUint32(SetHeader.ip, p.range[0]);
    view.setUint32(SetHeader.ipTo, p.range[1]);
    options |= SetOptions.setIp | SetOptions.setIpTo;
  }
  view.setUint32(SetHeader.options, options, LITTLE_ENDIAN);
  view.setUint32(SetHeader.firstEntry, entries.first, LITTLE_ENDIAN);
  view.setUint32(SetHeader.entryCount, entries.count, LITTLE_ENDIAN);
  return bytes;
}
