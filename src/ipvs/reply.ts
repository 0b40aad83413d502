import { type ExtendedAck } from '../errors.js';
import { Failure, FailureFlags } from '../native/records.js';
import type { Reply } from '../netlink/types.js';
import { LITTLE_ENDIAN, textAt, viewOf } from './codec.js';

/** A request that the kernel refused. */
export interface Refusal {
  /** Negative. */
  readonly errno: number;
  readonly extack?: ExtendedAck;
}

/** What became of a request of a run. */
export type Outcome = 'done' | 'unknown' | 'skipped' | Refusal;

/** Outcomes of a run, by request. */
export interface Outcomes {
  of(index: number): Outcome;
}

/**
 * Read which requests were refused. Requests behind `settled` were not tried when the run stopped at an error, and have an unknown
 * outcome when the kernel dropped replies or the exchange broke.
 */
export function outcomesOf(reply: Reply): Outcomes {
  const view = viewOf(reply.failures);
  const refusals = new Map<number, Refusal>();
  for (let at = 0; at + Failure.size <= reply.failures.byteLength; at += Failure.size) {
    refusals.set(view.getUint32(at + Failure.index, LITTLE_ENDIAN), refusalAt(reply, view, at));
  }
  const broken = reply.error !== 0 || reply.overrun;
  return {
    of: (index) => refusals.get(index) ?? (index < reply.settled ? 'done' : broken ? 'unknown' : 'skipped'),
  };
}

function refusalAt(reply: Reply, view: DataView, at: number): Refusal {
  const code = view.getInt32(at + Failure.code, LITTLE_ENDIAN);
  const length = view.getUint16(at + Failure.messageLength, LITTLE_ENDIAN);
  const flags = view.getUint16(at + Failure.flags, LITTLE_ENDIAN);
  const offset = view.getUint32(at + Failure.messageOffset, LITTLE_ENDIAN);
  const hasOffset = (flags & FailureFlags.failureHasOffset) !== 0;
  const extack: ExtendedAck = {
    ...(length === 0 ? {} : { message: textAt(reply.heap, offset, length) }),
    ...(hasOffset ? { offset: view.getUint32(at + Failure.extackOffset, LITTLE_ENDIAN) } : {}),
  };
  return { errno: code, ...(length === 0 && !hasOffset ? {} : { extack }) };
}
