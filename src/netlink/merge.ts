import type { NativeReply } from '../native/addon.js';
import { Failure, IpvsConfig, IpvsService, Link, SetHeader } from '../native/records.js';

/** Tables of a run whose records name the request that they answer. */
const ANSWERS = {
  IpvsService: { size: IpvsService.size, op: IpvsService.op },
  IpvsConfig: { size: IpvsConfig.size, op: IpvsConfig.op },
  SetHeader: { size: SetHeader.size, op: SetHeader.op },
  Link: { size: Link.size, op: Link.op },
} as const;

/** The reply to one part of a run, and the index of the part's first record in the whole. */
export interface PartialReply {
  readonly first: number;
  readonly reply: NativeReply;
}

/** The replies to the parts of a run, in order, as the one reply that the whole run would have had. */
export function mergeReplies(parts: readonly PartialReply[]): NativeReply {
  const last = parts.at(-1);
  if (last === undefined) throw new RangeError('no replies to merge');
  if (parts.length === 1 && last.first === 0) return last.reply;
  const heapAt = offsetsOf(parts.map(({ reply }) => reply.heap));
  const merged: { -readonly [Key in keyof NativeReply]: NativeReply[Key] } = {
    settled: last.first + last.reply.settled,
    overrun: last.reply.overrun,
    error: last.reply.error,
    interrupted: false,
    failures: joined(
      parts.map(({ first, reply }, part) =>
        shifted(reply.failures, Failure.size, {
          [Failure.index]: first,
          [Failure.messageOffset]: heapAt[part] ?? 0,
        }),
      ),
    ),
    heap: joined(parts.map(({ reply }) => reply.heap)),
  };
  for (const table of ['IpvsService', 'IpvsConfig', 'SetHeader', 'Link'] as const) {
    if (last.reply[table] === undefined) continue;
    const { size, op } = ANSWERS[table];
    merged[table] = joined(
      parts.map(({ first, reply }) => shifted(reply[table] ?? new Uint8Array(0), size, { [op]: first })),
    );
  }
  return merged;
}

/** Where each piece starts in their concatenation. */
function offsetsOf(pieces: readonly Uint8Array[]): number[] {
  let at = 0;
  return pieces.map((piece) => {
    const start = at;
    at += piece.length;
    return start;
  });
}

function joined(pieces: readonly Uint8Array[]): Uint8Array {
  const total = pieces.reduce((sum, piece) => sum + piece.length, 0);
  const whole = new Uint8Array(total);
  let at = 0;
  for (const piece of pieces) {
    whole.set(piece, at);
    at += piece.length;
  }
  return whole;
}

/** A copy of the records with an amount added to the 32-bit fields at some offsets. */
function shifted(records: Uint8Array, stride: number, by: Readonly<Record<number, number>>): Uint8Array {
  const copy = records.slice();
  const view = new DataView(copy.buffer, copy.byteOffset, copy.byteLength);
  for (const [field, amount] of Object.entries(by)) {
    if (amount === 0) continue;
    for (let at = Number(field); at < copy.length; at += stride) {
      view.setUint32(at, view.getUint32(at, LITTLE_ENDIAN) + amount, LITTLE_ENDIAN);
    }
  }
  return copy;
}

/** Records are in the machine's own byte order. */
const LITTLE_ENDIAN: boolean = new Uint8Array(new Uint16Array([1]).buffer)[0] === 1;
