import { isValidation, type NetlinkError, ValidationError } from '../errors.js';
import { IpvsDest, IpvsOp, IpvsService } from '../native/records.js';
import type { CallOptions } from '../netlink/types.js';
import {
  type KernelRequest,
  LITTLE_ENDIAN,
  RequestWriter,
  type Table,
  unpackDestinationId,
  unpackDestinationSettings,
  unpackServiceId,
} from './codec.js';
import {
  applyDestinationPatch,
  DEFAULT_DESTINATION,
  type DestinationPatch,
  type DestinationSettings,
  isCompleteDestinationPatch,
  sameDestination,
} from './destination-settings.js';
import { type CallContext, consequenceError, type IpvsCall, protocolError } from './errors.js';
import type { Exchange, RunResult } from './exchange.js';
import {
  type DestinationId,
  destinationName,
  parseRealServer,
  parseVirtualServer,
  type ServiceId,
} from './identity.js';
import type { Lock } from './lock.js';
import { checkKeys, checkOptions, isObject } from './objects.js';
import { Pace } from './pace.js';
import {
  applyServicePatch,
  defaultService,
  isCompleteServicePatch,
  parseServicePatch,
  sameService,
  type ServicePatch,
  type ServiceSettings,
} from './service-settings.js';
import { newDestination, parseRealServerSpec } from './spec.js';
import type { BatchItem, BatchOptions, BatchResult, IpvsOperation } from './types.js';

/** An operation after validation. */
type Parsed =
  | { readonly op: 'add'; readonly service: ServiceId; readonly settings: ServiceSettings }
  | { readonly op: 'set'; readonly service: ServiceId; readonly patch: ServicePatch }
  | { readonly op: 'remove'; readonly service: ServiceId }
  | {
      readonly op: 'addReal';
      readonly service: ServiceId;
      readonly destination: DestinationId;
      readonly settings: DestinationSettings;
    }
  | {
      readonly op: 'setReal';
      readonly service: ServiceId;
      readonly destination: DestinationId;
      readonly patch: DestinationPatch;
    }
  | { readonly op: 'removeReal'; readonly service: ServiceId; readonly destination: DestinationId };

/** Requests per run: small enough to cancel between two of them, large enough that pipelining is at its best. */
const CHUNK = 16_384;
/** From so many virtual servers on, one listing of everything is cheaper than a dump for each. */
const MANY = 16;

/** Run operations in order, pipelined. @throws ValidationError before anything is sent. */
export async function runBatch(
  exchange: Exchange,
  lock: Lock,
  operations: Iterable<IpvsOperation>,
  options: BatchOptions,
): Promise<BatchResult<IpvsOperation>> {
  const pace = new Pace(options.signal);
  const stop = stopsOnError(options);
  const { given, parsed } = await parseAll(operations, pace);
  const unread = incomplete(parsed);
  const finish = async (): Promise<BatchResult<IpvsOperation>> => {
    const known = await readKnown(exchange, unread, options, pace);
    return execute(exchange, given, parsed, await resolve(parsed, known, pace), stop, options, pace);
  };
  // Read, merge, write must not interleave with another one of ours.
  return unread.services.length + unread.parents.length > 0 ? lock.run(finish) : finish();
}

function stopsOnError({ onError, ...options }: BatchOptions): boolean {
  checkOptions(options);
  const value: unknown = onError;
  if (value === undefined || value === 'continue') return false;
  if (value === 'stop') return true;
  throw new ValidationError('options.onError', 'one of stop, continue', value);
}

async function parseAll(
  operations: Iterable<IpvsOperation>,
  pace: Pace,
): Promise<{ readonly given: readonly IpvsOperation[]; readonly parsed: readonly Parsed[] }> {
  const given: IpvsOperation[] = [];
  const parsed: Parsed[] = [];
  // Operations on one server follow each other: its name is parsed once.
  const services = new Map<unknown, ServiceId>();
  for (const operation of operations) {
    const index = given.push(operation) - 1;
    parsed.push(within(index, () => parseOperation(operation, services)));
    if (pace.due()) await pace.rest();
  }
  return { given, parsed };
}

/** Paths of errors begin at the operation; its index is put before them only when there is one. */
function within<T>(index: number, job: () => T): T {
  try {
    return job();
  } catch (err) {
    throw isValidation(err) ? err.under(`operations[${String(index)}]`) : err;
  }
}

const OPERATION_KEYS: Readonly<Record<IpvsOperation['op'], readonly string[]>> = {
  add: ['op', 'virtualServer', 'attributes'],
  set: ['op', 'virtualServer', 'attributes'],
  remove: ['op', 'virtualServer'],
  addReal: ['op', 'virtualServer', 'realServer'],
  setReal: ['op', 'virtualServer', 'realServer'],
  removeReal: ['op', 'virtualServer', 'realServer'],
};

const OPERATIONS = Object.keys(OPERATION_KEYS).join(', ');

function parseOperation(operation: IpvsOperation, services: Map<unknown, ServiceId>): Parsed {
  const value: unknown = operation;
  if (!isObject(value)) throw new ValidationError('', `an operation: { op: ${OPERATIONS} }`, value);
  if (typeof value['op'] !== 'string' || !Object.hasOwn(OPERATION_KEYS, value['op'])) {
    throw new ValidationError('op', `one of ${OPERATIONS}`, value['op']);
  }
  checkKeys(operation, OPERATION_KEYS[operation.op], '');
  let service = services.get(operation.virtualServer);
  if (service === undefined) {
    service = parseVirtualServer(operation.virtualServer, 'virtualServer');
    // Objects may change between two operations; text cannot.
    if (typeof operation.virtualServer === 'string') services.set(operation.virtualServer, service);
  }
  switch (operation.op) {
    case 'add': {
      const patch = parseServicePatch(operation.attributes, service, 'attributes');
      const base = defaultService(service.family);
      return {
        op: 'add',
        service,
        settings: applyServicePatch(base, patch, service.family, 'attributes'),
      };
    }
    case 'set':
      return { op: 'set', service, patch: parseServicePatch(operation.attributes, service, 'attributes') };
    case 'remove':
      return { op: 'remove', service };
    case 'addReal': {
      const { id, settings } = newDestination(operation.realServer, service, 'realServer');
      return { op: 'addReal', service, destination: id, settings };
    }
    case 'setReal': {
      const { id, patch } = parseRealServerSpec(operation.realServer, service, 'realServer');
      return { op: 'setReal', service, destination: id, patch };
    }
    case 'removeReal':
      return {
        op: 'removeReal',
        service,
        destination: parseRealServer(operation.realServer, service, 'realServer'),
      };
  }
}

/** Settings as the kernel has them, or as it will have them if an earlier operation of the batch is not refused. */
interface Held<Settings> {
  readonly settings: Settings;
  /** Read, and not touched by the batch since. Only then may a write that would change nothing be left out. */
  readonly certain: boolean;
}

/** What is known of the kernel's state while operations are resolved. A key that is absent was not read; undefined is "not there". */
interface Known {
  readonly services: Map<string, Held<ServiceSettings> | undefined>;
  /** By virtual server, then by name of the real server. */
  readonly destinations: Map<string, Map<string, Held<DestinationSettings>>>;
}

/** The virtual servers whose state must be read: SET overwrites everything, so what an operation leaves out has to be known. */
function incomplete(parsed: readonly Parsed[]): {
  readonly services: readonly ServiceId[];
  readonly parents: readonly ServiceId[];
} {
  const services = new Map<string, ServiceId>();
  const parents = new Map<string, ServiceId>();
  for (const operation of parsed) {
    if (operation.op === 'set' && !isCompleteServicePatch(operation.patch)) {
      services.set(operation.service.url, operation.service);
    }
    if (operation.op === 'setReal' && !isCompleteDestinationPatch(operation.patch)) {
      parents.set(operation.service.url, operation.service);
    }
  }
  return { services: [...services.values()], parents: [...parents.values()] };
}

async function readKnown(
  exchange: Exchange,
  { services, parents }: ReturnType<typeof incomplete>,
  options: CallOptions,
  pace: Pace,
): Promise<Known> {
  const known: Known = { services: new Map(), destinations: new Map() };
  if (services.length > 0) {
    const requests = services.map((service): KernelRequest => ({ command: 'getService', service }));
    const result = await exchange.run(requests, options);
    for (const [i, service] of services.entries()) {
      const there = result.serviceOf(i, service);
      known.services.set(service.url, there && { settings: there.settings, certain: true });
    }
  }
  for (const parent of parents) known.destinations.set(parent.url, new Map());
  if (parents.length > MANY) {
    await readAllDestinations(exchange, known, options, pace);
  } else {
    for (const parent of parents) {
      const { table, offsets } = await exchange.listDestinations(parent, options);
      for (const offset of offsets) learn(known.destinations.get(parent.url), table, offset);
    }
  }
  return known;
}

async function readAllDestinations(
  exchange: Exchange,
  known: Known,
  options: CallOptions,
  pace: Pace,
): Promise<void> {
  const { services, destinations } = await exchange.listServices(true, options);
  for (let i = 0; i < destinations.length; i++) {
    const offset = i * IpvsDest.size;
    const parent = destinations.view.getUint32(offset + IpvsDest.service, LITTLE_ENDIAN);
    const url = unpackServiceId(services, parent * IpvsService.size)?.url;
    if (url !== undefined) learn(known.destinations.get(url), destinations, offset);
    if (pace.due()) await pace.rest();
  }
}

function learn(
  destinations: Map<string, Held<DestinationSettings>> | undefined,
  table: Table,
  offset: number,
): void {
  destinations?.set(destinationName(unpackDestinationId(table, offset)), {
    settings: unpackDestinationSettings(table, offset),
    certain: true,
  });
}

/** Requests for the operations, and for each operation the index of its request; undefined where nothing needs to be written. */
interface Resolved {
  readonly requests: readonly KernelRequest[];
  readonly requestOf: readonly (number | undefined)[];
}

/** Make whole settings of patches, following what the operations before each will have done. */
async function resolve(parsed: readonly Parsed[], known: Known, pace: Pace): Promise<Resolved> {
  const requests: KernelRequest[] = [];
  const requestOf: (number | undefined)[] = [];
  for (const [i, operation] of parsed.entries()) {
    const request = within(i, () => resolveOne(operation, known));
    requestOf.push(request === undefined ? undefined : requests.push(request) - 1);
    if (pace.due()) await pace.rest();
  }
  return { requests, requestOf };
}

function resolveOne(operation: Parsed, known: Known): KernelRequest | undefined {
  const { service } = operation;
  const { url } = service;
  const siblings = known.destinations.get(url);
  switch (operation.op) {
    case 'add': {
      const { settings } = operation;
      if (known.services.has(url) && known.services.get(url) === undefined) {
        known.services.set(url, { settings, certain: false });
      }
      return { command: 'newService', service, settings };
    }
    case 'set': {
      const { patch } = operation;
      const base = known.services.get(url);
      const settings = applyServicePatch(
        base?.settings ?? assumedService(service, patch),
        patch,
        service.family,
        'attributes',
      );
      if (base !== undefined) {
        if (base.certain && sameService(base.settings, settings)) return undefined;
        known.services.set(url, { settings, certain: false });
      }
      return { command: 'setService', service, settings };
    }
    case 'remove':
      if (known.services.has(url)) known.services.set(url, undefined);
      siblings?.clear();
      return { command: 'delService', service };
    case 'addReal': {
      const { destination, settings } = operation;
      const name = destinationName(destination);
      if (siblings?.has(name) === false) siblings.set(name, { settings, certain: false });
      return { command: 'newDest', service, destination, settings };
    }
    case 'setReal': {
      const { destination, patch } = operation;
      const name = destinationName(destination);
      const families = { service: service.family, destination: destination.family };
      const base = siblings?.get(name);
      const settings = applyDestinationPatch(
        base?.settings ?? assumedDestination(families, patch),
        patch,
        families,
        'realServer',
      );
      if (base !== undefined) {
        if (base.certain && sameDestination(base.settings, settings)) return undefined;
        siblings?.set(name, { settings, certain: false });
      }
      return { command: 'setDest', service, destination, settings };
    }
    case 'removeReal':
      siblings?.delete(destinationName(operation.destination));
      return { command: 'delDest', service, destination: operation.destination };
  }
}

/** A base on which the patch of something that is not there makes sense: the kernel shall say that it is not there. */
function assumedService(service: ServiceId, patch: ServicePatch): ServiceSettings {
  const base = defaultService(service.family);
  const flags = patch.schedulerFlags;
  return patch.scheduler === undefined && flags !== undefined && (flags.fallback || flags.port)
    ? { ...base, scheduler: 'sh' }
    : base;
}

function assumedDestination(
  families: { readonly service: string; readonly destination: string },
  patch: DestinationPatch,
): DestinationSettings {
  if (isCompleteDestinationPatch(patch)) return DEFAULT_DESTINATION;
  const tunnelled = families.service !== families.destination || patch.tunnel !== undefined;
  return {
    ...DEFAULT_DESTINATION,
    forwarding: tunnelled ? 'tunnel' : 'masq',
    upperThreshold: patch.lowerThreshold ?? 0,
  };
}

/** What an operation is about, for errors. */
function contextOf(operation: Parsed, request: KernelRequest | undefined, position: number): CallContext {
  return {
    service: operation.service,
    position,
    ...('destination' in operation ? { destination: operation.destination } : {}),
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

class Report {
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

  /** Take down what became of an operation that was sent. */
  settle(
    operation: IpvsOperation,
    call: IpvsCall,
    context: CallContext,
    result: RunResult,
    index: number,
  ): void {
    const outcome = result.outcomes.of(index);
    const url = context.service?.url ?? '';
    if (outcome === 'done') {
      if (call === 'add') this.#failedAdds.delete(url);
      this.finish(operation);
      return;
    }
    if (outcome === 'skipped') {
      this.skip(operation);
      return;
    }
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

async function pack(requests: readonly KernelRequest[], pace: Pace): Promise<Uint8Array> {
  const bytes = new Uint8Array(requests.length * IpvsOp.size);
  const writer = new RequestWriter(bytes);
  for (const request of requests) {
    writer.write(request);
    if (pace.due()) await pace.rest();
  }
  return bytes;
}

async function execute(
  exchange: Exchange,
  given: readonly IpvsOperation[],
  parsed: readonly Parsed[],
  { requests, requestOf }: Resolved,
  stop: boolean,
  options: CallOptions,
  pace: Pace,
): Promise<BatchResult<IpvsOperation>> {
  const report = new Report(stop);
  const packChunk = (from: number): Promise<Uint8Array> => pack(requests.slice(from, from + CHUNK), pace);
  let from = 0;
  let result: RunResult | undefined;
  let next = await packChunk(0);
  for (const [i, operation] of given.entries()) {
    const item = parsed[i];
    const index = requestOf[i];
    if (item === undefined || report.stopped) {
      report.skip(operation);
    } else if (index === undefined) {
      report.finish(operation);
    } else {
      if (result === undefined || index >= from + CHUNK) {
        from = index - (index % CHUNK);
        // The next chunk is packed while the kernel works on this one.
        const [answer, packed] = await Promise.all([
          exchange.runRecords(next, {
            stopOnError: stop,
            ...(options.signal === undefined ? {} : { signal: options.signal }),
          }),
          packChunk(from + CHUNK),
        ]);
        result = answer;
        next = packed;
      }
      report.settle(operation, item.op, contextOf(item, requests[index], i), result, index - from);
    }
    if (pace.due()) await pace.rest();
  }
  const { items, done, failed } = report;
  return { ok: done === items.length, done, failed, items };
}
