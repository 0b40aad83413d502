import type { NetlinkError } from '../errors.js';
import { IpvsConfig, IpvsDaemon, IpvsDest, IpvsService } from '../native/records.js';
import { NO_COUNTERS } from '../netlink/counters.js';
import type { CallOptions, Channel, ChannelCounters, Reply } from '../netlink/types.js';
import {
  compareDestinationRecords,
  type KernelRequest,
  LITTLE_ENDIAN,
  packRequests,
  type ReadCounter,
  type Table,
  tableOf,
  unpackDestinationId,
  unpackServiceSettings,
  unpackStats,
} from './codec.js';
import {
  type CallContext,
  type IpvsCall,
  protocolError,
  refusalError,
  unknownOutcomeError,
} from './errors.js';
import { type DestinationId, destinationName, type ServiceId } from './identity.js';
import { Pace, sortPaced } from './pace.js';
import { type Outcome, type Outcomes, outcomesOf } from './reply.js';
import type { ServiceSettings } from './service-settings.js';
import type { ReadOptions, Stats } from './types.js';

/** A service that was read. */
export interface FoundService {
  readonly settings: ServiceSettings;
  stats<N extends number | bigint>(read: ReadCounter<N>): Stats<N>;
}

/** A destination that was read, and where its record is. */
export interface FoundDestination {
  readonly id: DestinationId;
  readonly table: Table;
  readonly offset: number;
}

/** What became of the requests of a run, and what they answered. */
export interface RunResult {
  readonly outcomes: Outcomes;
  /** The error of a request that was not done; undefined for one that was. */
  errorOf(index: number, call: IpvsCall, context: CallContext): NetlinkError | undefined;
  /** Answer to a `getService`. */
  serviceOf(index: number, id: ServiceId): FoundService | undefined;
  /** Answer to a `getConfig` or `getInfo`. */
  configOf(index: number): { readonly table: Table; readonly offset: number } | undefined;
}

const ESRCH = -3;
const EPERM = -1;

/** Requests and answers in values, over a channel of records that opens when it is first used. */
export class Exchange {
  readonly #open: () => Promise<Channel>;
  #channel: Channel | undefined;

  constructor(open: () => Promise<Channel>) {
    this.#open = open;
  }

  async #opened(options: CallOptions): Promise<Channel> {
    options.signal?.throwIfAborted();
    this.#channel ??= await this.#open();
    return this.#channel;
  }

  counters(): ChannelCounters {
    return this.#channel?.counters() ?? NO_COUNTERS;
  }

  /** Send requests in order, pipelined. */
  async run(requests: readonly KernelRequest[], options: CallOptions): Promise<RunResult> {
    return this.runRecords(packRequests(requests), options);
  }

  /** Send requests that were packed already. */
  async runRecords(
    records: Uint8Array,
    options: CallOptions & { readonly stopOnError?: boolean },
  ): Promise<RunResult> {
    const channel = await this.#opened(options);
    const reply = await channel.run(
      { shape: 'IpvsOp', records, stopOnError: options.stopOnError ?? false },
      callOptions(options),
    );
    return resultOf(reply);
  }

  /** All services, and their destinations when asked for. */
  async listServices(
    withDestinations: boolean,
    options: CallOptions,
  ): Promise<{ readonly services: Table; readonly destinations: Table }> {
    const reply = await this.#dump({ command: 'listServices', withDestinations }, 'list', {}, options);
    return {
      services: tableOf(reply.IpvsService, IpvsService.size),
      destinations: tableOf(reply.IpvsDest, IpvsDest.size),
    };
  }

  /** All services, and their destinations without counters and tunnels. */
  async listLoads(options: CallOptions): Promise<{ readonly services: Table; readonly destinations: Table }> {
    const reply = await this.#dump({ command: 'listLoads' }, 'list', {}, options);
    return {
      services: tableOf(reply.IpvsService, IpvsService.size),
      destinations: tableOf(reply.IpvsDest, IpvsDest.size),
    };
  }

  /**
   * Destinations of one service, as offsets into the table, sorted (or in the kernel's order), each once. None for a service that does not exist: the kernel
   * does not tell the difference in a dump.
   */
  async listDestinations(
    service: ServiceId,
    options: Pick<ReadOptions, 'signal' | 'order'>,
  ): Promise<{ readonly table: Table; readonly offsets: readonly number[] }> {
    const reply = await this.#dump({ command: 'getDest', service }, 'listReal', { service }, options);
    const table = tableOf(reply.IpvsDest, IpvsDest.size);
    const all = Array.from({ length: table.length }, (_, i) => i * IpvsDest.size);
    const sorted = await sortedDestinations(table, all, new Pace(options.signal));
    return { table, offsets: inOrder(sorted, options.order) };
  }

  /**
   * Destinations of one service, by name, among which some are expected. Read a second time when one of these is missing: while others delete,
   * a dump skips what stays.
   */
  async findDestinations(
    service: ServiceId,
    expected: readonly string[],
    options: CallOptions,
  ): Promise<ReadonlyMap<string, FoundDestination>> {
    const found = new Map<string, FoundDestination>();
    for (let looks = 0; looks === 0 || (looks < 2 && !expected.every((name) => found.has(name))); looks++) {
      const { table, offsets } = await this.listDestinations(service, options);
      for (const offset of offsets) {
        const id = unpackDestinationId(table, offset);
        found.set(destinationName(id), { id, table, offset });
      }
    }
    return found;
  }

  /** The sync daemons that run. */
  async listDaemons(options: CallOptions): Promise<Table> {
    const reply = await this.#dump({ command: 'getDaemon' }, 'daemons', {}, options);
    return tableOf(reply.IpvsDaemon, IpvsDaemon.size);
  }

  async #dump(
    request: KernelRequest,
    call: IpvsCall,
    context: CallContext,
    options: CallOptions,
  ): Promise<Reply> {
    const channel = await this.#opened(options);
    const reply = await channel.dump(
      { shape: 'IpvsOp', record: packRequests([request]) },
      callOptions(options),
    );
    if (reply.error !== 0) throw refusalError(call, { errno: reply.error }, context);
    if (reply.overrun) throw unknownOutcomeError(call, 0, context);
    return reply;
  }

  /** Read one service; undefined when there is none. */
  async findService(id: ServiceId, options: CallOptions): Promise<FoundService | undefined> {
    const result = await this.run([{ command: 'getService', service: id }], options);
    const outcome = result.outcomes.of(0);
    if (typeof outcome === 'object' && outcome.errno === ESRCH) return undefined;
    const context = { service: id };
    const error = result.errorOf(0, 'get', context);
    if (error !== undefined) throw error;
    return (
      result.serviceOf(0, id) ?? fail(protocolError('get', 'the answer carries no virtual server', context))
    );
  }
}

/** Offsets in the order asked for: the kernel's own is that of the offsets. */
export function inOrder(sorted: readonly number[], order: ReadOptions['order']): readonly number[] {
  return order === 'kernel' ? [...sorted].sort((a, b) => a - b) : sorted;
}

/** Throw in an expression. */
export function fail(error: Error): never {
  throw error;
}

function callOptions({ signal }: CallOptions): CallOptions {
  return signal === undefined ? {} : { signal };
}

function resultOf(reply: Reply): RunResult {
  const outcomes = outcomesOf(reply);
  const services = tableOf(reply.IpvsService, IpvsService.size);
  const configs = tableOf(reply.IpvsConfig, IpvsConfig.size);
  let serviceOffsets: ReadonlyMap<number, number> | undefined;
  return {
    outcomes,
    errorOf: (index, call, context) => errorOf(outcomes.of(index), reply, call, context),
    serviceOf: (index, id) => {
      serviceOffsets ??= offsetsByRequest(services, IpvsService);
      const offset = serviceOffsets.get(index);
      if (offset === undefined) return undefined;
      return {
        settings: unpackServiceSettings(services, offset, id.family),
        stats: (read) => unpackStats(services.view, offset + IpvsService.stats, read),
      };
    },
    configOf: (index) => {
      const offset = offsetsByRequest(configs, IpvsConfig).get(index);
      return offset === undefined ? undefined : { table: configs, offset };
    },
  };
}

function errorOf(
  outcome: Outcome,
  reply: Reply,
  call: IpvsCall,
  context: CallContext,
): NetlinkError | undefined {
  if (outcome === 'done') return undefined;
  if (typeof outcome === 'object') return refusalError(call, outcome, context);
  // A whole exchange refused for lack of a capability did nothing; every other break leaves doubt.
  return reply.error === EPERM
    ? refusalError(call, { errno: EPERM }, context)
    : unknownOutcomeError(call, reply.error, context);
}

function offsetsByRequest(
  { view, length }: Table,
  record: { readonly size: number; readonly op: number },
): ReadonlyMap<number, number> {
  const offsets = new Map<number, number>();
  for (let i = 0; i < length; i++) {
    const offset = i * record.size;
    offsets.set(view.getUint32(offset + record.op, LITTLE_ENDIAN), offset);
  }
  return offsets;
}

/** Sort destinations and drop those that come twice, as they can when others write during a dump. */
export async function sortedDestinations(
  table: Table,
  offsets: readonly number[],
  pace: Pace,
): Promise<readonly number[]> {
  const compare = (a: number, b: number): number => compareDestinationRecords(table, a, b);
  return withoutRepeats(await sortPaced(offsets, compare, pace), compare);
}

/** Of sorted items, the first of each that compare equal. */
export function withoutRepeats<T>(items: readonly T[], compare: (a: T, b: T) => number): readonly T[] {
  return items.filter((item, i) => {
    const before = items[i - 1];
    return i === 0 || before === undefined || compare(before, item) !== 0;
  });
}
