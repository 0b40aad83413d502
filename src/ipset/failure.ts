import { Failure, FailureFlags } from '../native/records.js';
import type { Reply } from '../netlink/types.js';

/** One refused record of a run. */
export interface Refusal {
  /** Of the record in the request. */
  readonly index: number;
  /** As the kernel gave it; never zero. Mostly negative: errno, or one of ip_set's own codes from -4097 on. */
  readonly code: number;
  /** The message was refused as a whole, not this entry. */
  readonly wholeMessage: boolean;
  readonly extack: { readonly message?: string; readonly offset?: number } | undefined;
}

const decoder = new TextDecoder();

/** How many records were refused. */
export function refusalCount(reply: Reply): number {
  return Math.floor(reply.failures.length / Failure.size);
}

/** Refusal `n` of a reply, undefined behind the last. */
export function refusalAt(reply: Reply, n: number): Refusal | undefined {
  if (n >= refusalCount(reply)) return undefined;
  const { failures, heap } = reply;
  const view = new DataView(failures.buffer, failures.byteOffset + n * Failure.size, Failure.size);
  const flags = view.getUint16(Failure.flags, littleEndian);
  const messageOffset = view.getUint32(Failure.messageOffset, littleEndian);
  const messageLength = view.getUint16(Failure.messageLength, littleEndian);
  const message =
    messageLength === 0
      ? undefined
      : decoder.decode(heap.subarray(messageOffset, messageOffset + messageLength));
  const offset =
    (flags & FailureFlags.failureHasOffset) === 0
      ? undefined
      : view.getUint32(Failure.extackOffset, littleEndian);
  return {
    index: view.getUint32(Failure.index, littleEndian),
    code: view.getInt32(Failure.code, littleEndian),
    wholeMessage: (flags & FailureFlags.failureWholeMessage) !== 0,
    extack:
      message === undefined && offset === undefined
        ? undefined
        : { ...(message === undefined ? {} : { message }), ...(offset === undefined ? {} : { offset }) },
  };
}

/** Records are native endian. */
const littleEndian = new Uint8Array(new Uint16Array([1]).buffer)[0] === 1;
