import { Failure, FailureFlags, SetCommand, SetHeader, SetOptions } from '../native/records.js';
import type { Reply } from '../netlink/types.js';
import type { FakeSet } from './fake-set.js';
import { fieldText, setFieldText } from './fields.js';

/** Records are native endian. */
export const LITTLE_ENDIAN: boolean = new Uint8Array(new Uint16Array([1]).buffer)[0] === 1;

/** A set under a name: the contents can be swapped; name, index and references stay. */
export interface Slot {
  name: string;
  set: FakeSet;
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
  readonly port: number;
  readonly portTo: number;
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
    port: u16(SetCommand.port),
    portTo: u16(SetCommand.portTo),
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
    heap: new Uint8Array(),
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

/** The first message of a set in a listing. Memory is a plausible number: the kernel's depends on its own structures. */
export function setHeader(slot: Slot, firstEntry: number, entryCount: number): Uint8Array {
  const bytes = briefHeader(slot, 0);
  const view = new DataView(bytes.buffer);
  const { type, hashSize, maxElem, range } = slot.set.parameters;
  const ports = type === 'bitmap:port';
  view.setUint32(
    SetHeader.options,
    view.getUint32(SetHeader.options, LITTLE_ENDIAN) |
      SetOptions.setReferences |
      SetOptions.setMemSize |
      SetOptions.setElements |
      (ports ? SetOptions.setPort | SetOptions.setPortTo : SetOptions.setHashSize | SetOptions.setMaxElem),
    LITTLE_ENDIAN,
  );
  if (ports) {
    view.setUint16(SetHeader.port, range[0], LITTLE_ENDIAN);
    view.setUint16(SetHeader.portTo, range[1], LITTLE_ENDIAN);
  } else {
    view.setUint32(SetHeader.hashSize, hashSize, LITTLE_ENDIAN);
    view.setUint32(SetHeader.maxElem, maxElem, LITTLE_ENDIAN);
  }
  view.setUint32(SetHeader.references, slot.references, LITTLE_ENDIAN);
  view.setUint32(SetHeader.memSize, 200 + 32 * slot.set.elements.size, LITTLE_ENDIAN);
  view.setUint32(SetHeader.elements, slot.set.elements.size, LITTLE_ENDIAN);
  view.setUint32(SetHeader.firstEntry, firstEntry, LITTLE_ENDIAN);
  view.setUint32(SetHeader.entryCount, entryCount, LITTLE_ENDIAN);
  return bytes;
}
