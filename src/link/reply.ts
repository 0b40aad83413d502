import { type ExtendedAck, NetlinkError, OutcomeUnknownError } from '../errors.js';
import { Failure, FailureFlags } from '../native/records.js';
import type { Reply } from '../netlink/types.js';
import { linkError, type LinkOperation } from './errors.js';

/** A refused record of a run. */
export interface Refused {
  readonly index: number;
  /** Negative errno. */
  readonly code: number;
  readonly extack?: ExtendedAck;
}

const LITTLE = new Uint8Array(Uint16Array.of(1).buffer)[0] === 1;
const TEXT = new TextDecoder();

/** Refused records of a reply, by index ascending. */
export function refusals(reply: Reply): Refused[] {
  const { failures, heap } = reply;
  const view = new DataView(failures.buffer, failures.byteOffset, failures.byteLength);
  const out: Refused[] = [];
  for (let at = 0; at + Failure.size <= failures.length; at += Failure.size) {
    const offset = view.getUint32(at + Failure.messageOffset, LITTLE);
    const length = view.getUint16(at + Failure.messageLength, LITTLE);
    const hasOffset = (view.getUint16(at + Failure.flags, LITTLE) & FailureFlags.failureHasOffset) !== 0;
    const extack: ExtendedAck = {
      ...(length === 0 ? {} : { message: TEXT.decode(heap.subarray(offset, offset + length)) }),
      ...(hasOffset ? { offset: view.getUint32(at + Failure.extackOffset, LITTLE) } : {}),
    };
    out.push({
      index: view.getUint32(at + Failure.index, LITTLE),
      code: view.getInt32(at + Failure.code, LITTLE),
      ...(length === 0 && !hasOffset ? {} : { extack }),
    });
  }
  return out;
}

/**
 * Refuses replies that do not say how every record fared.
 * @throws OutcomeUnknownError when the kernel dropped replies, or the error of the exchange as a whole.
 */
export function checkComplete(reply: Reply, records: number, operation: LinkOperation, target: string): void {
  if (reply.overrun) {
    throw new OutcomeUnknownError({
      code: 'ENOBUFS',
      errno: -105,
      operation,
      target,
      meaning: `the kernel dropped replies; the outcome of ${records - reply.settled} requests is not known`,
      applied: reply.settled,
      hint: 'read the state again before going on',
    });
  }
  if (reply.error !== 0) throw linkError(operation, target, { code: reply.error });
  if (reply.settled < records && refusals(reply).length === 0) {
    throw new NetlinkError({
      code: 'EPROTO',
      errno: -71,
      operation,
      target,
      meaning: `only ${reply.settled} of ${records} requests were answered`,
    });
  }
}
