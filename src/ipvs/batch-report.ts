import type { NetlinkError } from '../errors.js';
import type { Answer } from './batch-bases.js';
import type { ParsedOperation } from './batch-operations.js';
import type { KernelRequest } from './codec.js';
import { type CallContext, consequenceError, type IpvsCall, protocolError } from './errors.js';
import type { RunResult } from './exchange.js';
import type { BatchItem, BatchResult, IpvsOperation } from './types.js';

/** An operation in the batch: after validation, as it is sent, and where it stands. */
export interface Place {
  readonly parsed: ParsedOperation;
  readonly request?: KernelRequest;
  readonly position: number;
}

/** What an operation is about, for errors. */
export function contextOf({ parsed, request, position }: Place): CallContext {
  return {
    service: parsed.service,
    position,
    ...('destination' in parsed ? { destination: parsed.destination } : {}),
    ...(request?.command === 'newService' || request?.command === 'setService'
      ? { scheduler: request.settings.scheduler, engine: request.settings.engine }
      : {}),
  };
}

/** An `add` that failed, so that what depends on it can name the reason. */
interface FailedAdd {
  readonly call: IpvsCall;
  readonly errno: number;
  readonly context: CallContext;
  readonly error: NetlinkError;
}

const ESRCH = -3;
const EEXIST = -17;

/** Takes down, in order, what became of each operation. */
export class BatchReport {
  readonly items: BatchItem<IpvsOperation>[] = [];
  readonly #stop: boolean;
  readonly #failedAdds = new Map<string, FailedAdd>();
  done = 0;
  failed = 0;
  /** The batch is not to go on. */
  stopped = false;

  constructor(stop: boolean) {
    this.#stop = stop;
  }

  skip(operation: IpvsOperation): void {
    this.items.push({ operation, status: 'skipped' });
  }

  finish(operation: IpvsOperation): void {
    this.items.push({ operation, status: 'done' });
    this.done++;
  }

  /** Take down an operation that could not be sent. */
  refuse(operation: IpvsOperation, error: NetlinkError): void {
    this.items.push({ operation, status: 'failed', error });
    this.failed++;
    this.stopped ||= this.#stop;
  }

  result(): BatchResult<IpvsOperation> {
    const { items, done, failed } = this;
    return { ok: done === items.length, done, failed, items };
  }

  /** Take down what became of an operation that was sent, as `request`, or what its answer says of an earlier one. */
  settle(operation: IpvsOperation, place: Place, { result, index }: Answer): void {
    const outcome = result.outcomes.of(index);
    const call = place.parsed.op;
    const { url } = place.parsed.service;
    if (outcome === 'done') {
      if (call === 'add') this.#failedAdds.delete(url);
      this.finish(operation);
      return;
    }
    if (outcome === 'skipped') {
      this.skip(operation);
      return;
    }
    const context = contextOf(place);
    const error = this.#errorOf(call, context, result, index);
    if (outcome === 'unknown') {
      this.items.push({ operation, status: 'unknown', error });
    } else {
      if (call === 'add' && outcome.errno !== EEXIST) {
        this.#failedAdds.set(url, { call, errno: outcome.errno, context, error });
      }
      this.items.push({ operation, status: 'failed', error });
      this.failed++;
    }
    this.stopped ||= this.#stop;
  }

  #errorOf(call: IpvsCall, context: CallContext, result: RunResult, index: number): NetlinkError {
    const outcome = result.outcomes.of(index);
    const root = this.#failedAdds.get(context.service?.url ?? '');
    if (call !== 'add' && root !== undefined && typeof outcome === 'object' && outcome.errno === ESRCH) {
      return consequenceError(call, root, context);
    }
    return result.errorOf(index, call, context) ?? protocolError(call, 'the answer makes no sense', context);
  }
}
