import { InvalidArgumentError, ValidationError } from '../errors.js';
import { IpvsOp } from '../native/records.js';
import type { CallOptions } from '../netlink/types.js';
import { type Answer, isIncomplete, readBases, segmentEnd } from './batch-bases.js';
import { type ParsedOperation, parseOperations } from './batch-operations.js';
import { BatchReport, contextOf } from './batch-report.js';
import { resolve, type Step } from './batch-resolve.js';
import { type KernelRequest, RequestWriter } from './codec.js';
import { refusalError } from './errors.js';
import type { Exchange, RunResult } from './exchange.js';
import { destinationTarget } from './identity.js';
import type { Lock } from './lock.js';
import { checkOptions } from './objects.js';
import { Pace } from './pace.js';
import type { BatchOptions, BatchResult, IpvsOperation } from './types.js';

/** Requests per run: small enough to cancel between two of them, large enough that pipelining is at its best. */
const CHUNK = 16_384;
const ENOENT = -2;

/** Run operations in order, pipelined. @throws ValidationError before anything is sent. */
export async function runBatch(
  exchange: Exchange,
  lock: Lock,
  operations: Iterable<IpvsOperation>,
  options: BatchOptions,
): Promise<BatchResult<IpvsOperation>> {
  const { onError, ...rest } = options;
  checkOptions(rest);
  const stop = stopsOnError(onError);
  const pace = new Pace(options.signal);
  const { given, parsed } = await parseOperations(operations, pace);
  const batch = new Batch(exchange, given, parsed, stop, options, pace);
  // Read, merge, write must not interleave with another one of ours.
  return parsed.some(isIncomplete) ? lock.run(() => batch.run(true)) : batch.run(false);
}

/** Whether a run ends with its first failure. @throws ValidationError */
export function stopsOnError(value: unknown): boolean {
  if (value === undefined || value === 'continue') return false;
  if (value === 'stop') return true;
  throw new ValidationError('options.onError', 'one of stop, continue', value);
}

class Batch {
  readonly #exchange: Exchange;
  readonly #given: readonly IpvsOperation[];
  readonly #parsed: readonly ParsedOperation[];
  readonly #stop: boolean;
  readonly #options: CallOptions;
  readonly #pace: Pace;
  readonly #report: BatchReport;

  constructor(
    exchange: Exchange,
    given: readonly IpvsOperation[],
    parsed: readonly ParsedOperation[],
    stop: boolean,
    { signal }: CallOptions,
    pace: Pace,
  ) {
    this.#exchange = exchange;
    this.#given = given;
    this.#parsed = parsed;
    this.#stop = stop;
    this.#options = signal === undefined ? {} : { signal };
    this.#pace = pace;
    this.#report = new BatchReport(stop);
  }

  /** @param reads Whether operations leave something out, so that the kernel's state has to be read in between. */
  async run(reads: boolean): Promise<BatchResult<IpvsOperation>> {
    const count = this.#parsed.length;
    for (let from = 0; from < count;) {
      const end = reads ? segmentEnd(this.#parsed, from) : count;
      if (this.#report.stopped) await this.#skip(from, count);
      else await this.#runSegment(from, end);
      from = this.#report.items.length;
    }
    return this.#report.result();
  }

  async #skip(from: number, end: number): Promise<void> {
    for (const operation of this.#given.slice(from, end)) {
      this.#report.skip(operation);
      if (this.#pace.due()) await this.#pace.rest();
    }
  }

  async #runSegment(from: number, end: number): Promise<void> {
    const operations = this.#parsed.slice(from, end);
    const bases = await readBases(this.#exchange, operations, this.#options, this.#pace);
    const requests: KernelRequest[] = [];
    const steps: { readonly step: Step; readonly index: number }[] = [];
    for (const operation of operations) {
      const step = resolve(operation, bases);
      steps.push({ step, index: requests.length });
      if (step.kind === 'request') requests.push(step.request);
      // What follows is not to be sent.
      else if (this.#stop && step.kind !== 'nothing') break;
      if (this.#pace.due()) await this.#pace.rest();
    }
    const answers = new Answers(this.#exchange, requests, this.#stop, this.#options, this.#pace);
    for (const [i, { step, index }] of steps.entries()) {
      const position = from + i;
      const operation = this.#given[position];
      const parsed = operations[i];
      if (operation === undefined || parsed === undefined) break;
      if (this.#report.stopped) {
        this.#report.skip(operation);
      } else {
        // Awaiting only where there is something to wait for: a promise an operation would cost more than packing it.
        if (step.kind === 'request' && !answers.has(index)) await answers.fetch(index);
        this.#settle(operation, parsed, step, position, answers.at(index));
      }
      if (this.#pace.due()) await this.#pace.rest();
    }
  }

  #settle(
    operation: IpvsOperation,
    parsed: ParsedOperation,
    step: Step,
    position: number,
    answered: Answer | undefined,
  ): void {
    switch (step.kind) {
      case 'nothing':
        this.#report.finish(operation);
        break;
      case 'conflict':
        this.#report.refuse(operation, misfit(parsed, step.conflict, position));
        break;
      case 'request':
        if (answered === undefined) throw new Error('a request without an answer');
        this.#report.settle(operation, { parsed, request: step.request, position }, answered);
        break;
      case 'missing': {
        const place = { parsed, position };
        const { answer } = step;
        // The virtual server answered: it is the real server that is missing.
        if (answer === undefined || answer.result.outcomes.of(answer.index) === 'done') {
          this.#report.refuse(operation, refusalError(parsed.op, { errno: ENOENT }, contextOf(place)));
        } else {
          this.#report.settle(operation, place, answer);
        }
      }
    }
  }
}

/** A patch that makes no sense on top of what the kernel has, such as a lower threshold above the upper one there. */
function misfit(
  operation: ParsedOperation,
  conflict: ValidationError,
  position: number,
): InvalidArgumentError {
  const { service } = operation;
  return new InvalidArgumentError({
    code: 'EINVAL',
    errno: -22,
    operation: `ipvs.${operation.op}`,
    target: 'destination' in operation ? destinationTarget(service, operation.destination) : service.url,
    meaning: `the patch does not fit what the kernel has: ${conflict.message}`,
    position,
    cause: conflict,
  });
}

/** Sends requests in chunks, each when it is fetched; the next one is packed while the kernel works. */
class Answers {
  readonly #exchange: Exchange;
  readonly #requests: readonly KernelRequest[];
  readonly #options: CallOptions & { readonly stopOnError: boolean };
  readonly #pace: Pace;
  #next: Uint8Array | undefined;
  #first = 0;
  #result: RunResult | undefined;

  constructor(
    exchange: Exchange,
    requests: readonly KernelRequest[],
    stop: boolean,
    options: CallOptions,
    pace: Pace,
  ) {
    this.#exchange = exchange;
    this.#requests = requests;
    this.#options = { ...options, stopOnError: stop };
    this.#pace = pace;
  }

  has(index: number): boolean {
    return this.#result !== undefined && index < this.#first + CHUNK;
  }

  /** Send the chunk of a request. Asked for in order. */
  async fetch(index: number): Promise<void> {
    this.#first = index - (index % CHUNK);
    const records = this.#next ?? (await this.#pack(this.#first));
    const [result, next] = await Promise.all([
      this.#exchange.runRecords(records, this.#options),
      this.#pack(this.#first + CHUNK),
    ]);
    this.#result = result;
    this.#next = next;
  }

  /** The answer to a request of the chunk that was fetched last. */
  at(index: number): Answer | undefined {
    return this.#result === undefined ? undefined : { result: this.#result, index: index - this.#first };
  }

  #pack(from: number): Promise<Uint8Array> {
    return pack(this.#requests.slice(from, from + CHUNK), this.#pace);
  }
}

async function pack(requests: readonly KernelRequest[], pace: Pace): Promise<Uint8Array> {
  const bytes = new Uint8Array(requests.length * IpvsOp.size);
  const writer = new RequestWriter(bytes);
  for (const request of requests) {
    writer.write(request);
    if (pace.due()) await pace.rest();
  }
  return bytes;
}
