import { ValidationError } from '../errors.js';
import { IpvsDest, IpvsService } from '../native/records.js';
import { integerIn } from '../net/number.js';
import type { CallOptions, Channel, ChannelCounters } from '../netlink/types.js';
import { runBatch } from './batch.js';
import {
  compareServiceRecords,
  destinationState,
  type KernelRequest,
  LITTLE_ENDIAN,
  readBigint,
  type ReadCounter,
  readNumber,
  serviceState,
  type Table,
  unpackDestination,
  unpackDestinationId,
  unpackDestinationSettings,
  unpackInfo,
  unpackServiceId,
  unpackServiceSettings,
  unpackStats,
  unpackTimeouts,
  zeroStats,
} from './codec.js';
import { type ConnectionSource, connectionSource, readConnections } from './connections.js';
import { syncDaemons } from './daemons.js';
import { applyDestinationPatch, parseDestinationPatch, sameDestination } from './destination-settings.js';
import { type CallContext, type IpvsCall, protocolError, refusalError } from './errors.js';
import {
  Exchange,
  fail,
  type FoundService,
  inOrder,
  type RunResult,
  sortedDestinations,
} from './exchange.js';
import {
  type DestinationId,
  destinationName,
  parseRealServer,
  parseVirtualServer,
  type ServiceId,
} from './identity.js';
import { Lock } from './lock.js';
import { checkOptions, optionsAt } from './objects.js';
import { Pace, sortPaced } from './pace.js';
import { realServer, type RealServerVerbs } from './real-server.js';
import { applyServicePatch, defaultService, parseServicePatch, sameService } from './service-settings.js';
import { newDestination, parseSpec, type ServiceEntry } from './spec.js';
import type {
  BatchOptions,
  BatchResult,
  Connection,
  Ipvs,
  IpvsInfo,
  IpvsOperation,
  IpvsTimeouts,
  ReadOptions,
  RealServer,
  RealServerAttributes,
  RealServerSpec,
  SyncDaemons,
  VirtualServer,
  VirtualServerAttributes,
  VirtualServerRef,
  VirtualServerSpec,
} from './types.js';
import { virtualServer, type VirtualServerVerbs } from './virtual-server.js';

/**
 * The IPVS table behind a channel. The channel opens on the first call that needs it.
 *
 * Concurrent calls may share it: they are queued in the order of the calls, and calls that read, merge and write (`set`, `ensure`,
 * batches with incomplete `set`s) never interleave with each other. Other programs are not locked out: the kernel offers nothing
 * for that.
 *
 * @param connections Where the connection table is read, which netlink does not show. Default: /proc of this process's namespace.
 */
export function createIpvs(
  channel: () => Promise<Channel>,
  connections: ConnectionSource = connectionSource(undefined),
): Ipvs {
  return new KernelIpvs(new Exchange(channel), connections);
}

type RemoveOptions = CallOptions & { readonly ifExists?: boolean };

const ENOENT = -2;
const ESRCH = -3;
const EEXIST = -17;
/** How often `ensure` reads again when others changed the table between its reading and its writing. */
const ATTEMPTS = 3;
/** The kernel reads timeouts as signed. */
const MAX_TIMEOUT = 0x7fffffff;

class KernelIpvs implements Ipvs {
  readonly #exchange: Exchange;
  readonly #lock = new Lock();
  readonly #connections: ConnectionSource;
  readonly daemons: SyncDaemons;

  constructor(exchange: Exchange, connections: ConnectionSource) {
    this.#exchange = exchange;
    this.#connections = connections;
    this.daemons = syncDaemons(exchange);
  }

  counters(): ChannelCounters {
    return this.#exchange.counters();
  }

  async info(options: CallOptions = {}): Promise<IpvsInfo> {
    checkOptions(options);
    const { table, offset } = await this.#config('getInfo', 'info', options);
    return unpackInfo(table, offset);
  }

  async timeouts(options: CallOptions = {}): Promise<IpvsTimeouts> {
    checkOptions(options);
    const { table, offset } = await this.#config('getConfig', 'timeouts', options);
    return unpackTimeouts(table, offset);
  }

  async #config(
    command: 'getInfo' | 'getConfig',
    call: IpvsCall,
    options: CallOptions,
  ): Promise<{ readonly table: Table; readonly offset: number }> {
    const result = await this.#exchange.run([{ command }], options);
    check(result, 0, call, {});
    return result.configOf(0) ?? fail(protocolError(call, 'the answer carries no values'));
  }

  async setTimeouts(timeouts: Partial<IpvsTimeouts>, options: CallOptions = {}): Promise<void> {
    checkOptions(options);
    const given = optionsAt(timeouts, ['tcp', 'tcpFin', 'udp'], '', 'timeouts');
    const seconds = (key: 'tcp' | 'tcpFin' | 'udp'): number =>
      given[key] === undefined ? 0 : integerIn(given[key], 0, MAX_TIMEOUT, key, 'seconds');
    const request: KernelRequest = {
      command: 'setConfig',
      timeouts: { tcp: seconds('tcp'), tcpFin: seconds('tcpFin'), udp: seconds('udp') },
    };
    check(await this.#exchange.run([request], options), 0, 'setTimeouts', {});
  }

  async add(
    server: VirtualServerRef,
    attributes: VirtualServerAttributes = {},
    options: CallOptions = {},
  ): Promise<VirtualServer> {
    checkOptions(options);
    const service = parseVirtualServer(server);
    const patch = parseServicePatch(attributes, service, '');
    const settings = applyServicePatch(defaultService(service.family), patch, service.family, '');
    const result = await this.#exchange.run(
      [
        { command: 'newService', service, settings },
        { command: 'getService', service },
      ],
      options,
    );
    check(result, 0, 'add', { service, scheduler: settings.scheduler, engine: settings.engine });
    return this.#virtualServer(service, found(result, 1, service), [], readNumber);
  }

  async set(
    server: VirtualServerRef,
    patch: VirtualServerAttributes,
    options: CallOptions = {},
  ): Promise<VirtualServer> {
    checkOptions(options);
    const service = parseVirtualServer(server);
    const after = await this.#setService(service, patch, options);
    return this.#virtualServer(
      service,
      after,
      await this.#realServers(service, readNumber, options),
      readNumber,
    );
  }

  /** Read, merge, write. Resolves with the service as it is then. */
  #setService(
    service: ServiceId,
    attributes: VirtualServerAttributes,
    options: CallOptions,
  ): Promise<FoundService> {
    const patch = parseServicePatch(attributes, service, '');
    return this.#lock.run(async () => {
      const before = await this.#exchange.findService(service, options);
      if (before === undefined) throw refusalError('set', { errno: ESRCH }, { service });
      const settings = applyServicePatch(before.settings, patch, service.family, '');
      if (sameService(before.settings, settings)) return before;
      const result = await this.#exchange.run(
        [
          { command: 'setService', service, settings },
          { command: 'getService', service },
        ],
        options,
      );
      check(result, 0, 'set', { service, scheduler: settings.scheduler, engine: settings.engine });
      return found(result, 1, service);
    });
  }

  async ensure(
    spec: VirtualServerSpec,
    options: CallOptions = {},
  ): Promise<{ readonly server: VirtualServer; readonly changed: false | 'added' | 'changed' }> {
    checkOptions(options);
    const wanted = parseSpec(spec);
    const changed = await this.#lock.run(() => this.#ensure(wanted, options));
    const server = await this.#read(wanted.id, readNumber, options);
    if (server === undefined) throw refusalError('get', { errno: ESRCH }, { service: wanted.id });
    return { server, changed };
  }

  async #ensure(wanted: ServiceEntry, options: CallOptions): Promise<false | 'added' | 'changed'> {
    for (let attempt = 1; ; attempt++) {
      const before = await this.#exchange.findService(wanted.id, options);
      const requests = await this.#difference(wanted, before, options);
      if (requests.length === 0) return false;
      const result = await this.#exchange.run(requests, options);
      const refused = requests.findIndex((_, i) => result.outcomes.of(i) !== 'done');
      const request = requests[refused];
      if (request === undefined) return before === undefined ? 'added' : 'changed';
      if (attempt < ATTEMPTS && isRace(request, result, refused)) continue;
      check(result, refused, callOf(request), contextOf(request));
    }
  }

  /** Requests that make the kernel's state the wanted one. */
  async #difference(
    { id: service, settings, destinations }: ServiceEntry,
    before: FoundService | undefined,
    options: CallOptions,
  ): Promise<readonly KernelRequest[]> {
    const requests: KernelRequest[] = [];
    if (before === undefined) requests.push({ command: 'newService', service, settings });
    else if (!sameService(before.settings, settings)) {
      requests.push({ command: 'setService', service, settings });
    }
    if (destinations === undefined || destinations.length === 0) return requests;
    const held = new Map<string, ReturnType<typeof unpackDestinationSettings>>();
    if (before !== undefined) {
      const { table, offsets } = await this.#exchange.listDestinations(service, options);
      for (const offset of offsets) {
        held.set(
          destinationName(unpackDestinationId(table, offset)),
          unpackDestinationSettings(table, offset),
        );
      }
    }
    for (const { id: destination, settings: wanted } of destinations) {
      const there = held.get(destinationName(destination));
      if (there === undefined) {
        requests.push({ command: 'newDest', service, destination, settings: wanted });
      } else if (!sameDestination(there, wanted)) {
        requests.push({ command: 'setDest', service, destination, settings: wanted });
      }
    }
    return requests;
  }

  async remove(server: VirtualServerRef, options: RemoveOptions = {}): Promise<boolean> {
    checkOptions(options, ['ifExists']);
    const service = parseVirtualServer(server);
    const result = await this.#exchange.run([{ command: 'delService', service }], options);
    return removed(result, [ESRCH], options, 'remove', { service });
  }

  get(
    server: VirtualServerRef,
    options: ReadOptions & { readonly bigint: true },
  ): Promise<VirtualServer<bigint> | undefined>;
  get(server: VirtualServerRef, options?: ReadOptions): Promise<VirtualServer | undefined>;
  async get(
    server: VirtualServerRef,
    options: ReadOptions = {},
  ): Promise<VirtualServer | VirtualServer<bigint> | undefined> {
    checkReadOptions(options);
    const service = parseVirtualServer(server);
    return options.bigint === true
      ? this.#read(service, readBigint, options)
      : this.#read(service, readNumber, options);
  }

  async #read<N extends number | bigint>(
    service: ServiceId,
    read: ReadCounter<N>,
    options: ReadOptions,
  ): Promise<VirtualServer<N> | undefined> {
    const there = await this.#exchange.findService(service, options);
    if (there === undefined) return undefined;
    const realServers = options.realServers === false ? [] : await this.#realServers(service, read, options);
    return this.#virtualServer(service, there, realServers, read);
  }

  async #realServers<N extends number | bigint>(
    service: ServiceId,
    read: ReadCounter<N>,
    options: Pick<ReadOptions, 'signal' | 'order'>,
  ): Promise<readonly RealServer<N>[]> {
    const { table, offsets } = await this.#exchange.listDestinations(service, options);
    return this.#handles(service, table, offsets, read, new Pace(options.signal));
  }

  /** Handles of destinations, which are sorted and each there once. */
  async #handles<N extends number | bigint>(
    service: ServiceId,
    table: Table,
    offsets: readonly number[],
    read: ReadCounter<N>,
    pace: Pace,
  ): Promise<readonly RealServer<N>[]> {
    const verbs = this.#realServerVerbs(read);
    const handles: RealServer<N>[] = [];
    for (const offset of offsets) {
      handles.push(realServer(verbs, service.url, unpackDestination(table, offset, read)));
      if (pace.due()) await pace.rest();
    }
    return handles;
  }

  list(options: ReadOptions & { readonly bigint: true }): Promise<VirtualServer<bigint>[]>;
  list(options?: ReadOptions): Promise<VirtualServer[]>;
  async list(options: ReadOptions = {}): Promise<VirtualServer[] | VirtualServer<bigint>[]> {
    checkReadOptions(options);
    return options.bigint === true ? this.#list(readBigint, options) : this.#list(readNumber, options);
  }

  async #list<N extends number | bigint>(
    read: ReadCounter<N>,
    options: ReadOptions,
  ): Promise<VirtualServer<N>[]> {
    const { services, destinations } = await this.#exchange.listServices(
      options.realServers !== false,
      options,
    );
    const pace = new Pace(options.signal);
    const children = await childrenOf(services, destinations, pace);
    const compare = (a: number, b: number): number =>
      compareServiceRecords(services, a * IpvsService.size, b * IpvsService.size);
    const order = await sortPaced(
      Array.from({ length: services.length }, (_, i) => i),
      compare,
      pace,
    );
    const out: { readonly position: number; readonly server: VirtualServer<N> }[] = [];
    for (let i = 0; i < order.length;) {
      const first = order[i] ?? 0;
      // A service that came twice has its real servers under both.
      const offsets = [...(children[first] ?? [])];
      for (i++; i < order.length && compare(first, order[i] ?? 0) === 0; i++) {
        offsets.push(...(children[order[i] ?? 0] ?? []));
      }
      const at = first * IpvsService.size;
      const id = unpackServiceId(services, at);
      if (id === undefined) continue;
      const sorted = await sortedDestinations(destinations, offsets, pace);
      const ordered = inOrder(sorted, options.order);
      const realServers = await this.#handles(id, destinations, ordered, read, pace);
      const state = serviceState(
        id,
        unpackServiceSettings(services, at, id.family),
        unpackStats(services.view, at + IpvsService.stats, read),
      );
      out.push({
        position: first,
        server: virtualServer(this.#virtualServerVerbs(read), state, realServers),
      });
      if (pace.due()) await pace.rest();
    }
    const ordered =
      options.order === 'kernel' ? await sortPaced(out, (a, b) => a.position - b.position, pace) : out;
    return ordered.map(({ server }) => server);
  }

  connections(options: CallOptions = {}): AsyncIterable<Connection> {
    return readConnections(this.#connections, options);
  }

  async zero(server?: VirtualServerRef, options: CallOptions = {}): Promise<void> {
    checkOptions(options);
    const service = server === undefined ? {} : { service: parseVirtualServer(server) };
    check(await this.#exchange.run([{ command: 'zero', ...service }], options), 0, 'zero', service);
  }

  async flush(options: CallOptions = {}): Promise<void> {
    checkOptions(options);
    check(await this.#exchange.run([{ command: 'flush' }], options), 0, 'flush', {});
  }

  async batch(
    operations: Iterable<IpvsOperation>,
    options: BatchOptions = {},
  ): Promise<BatchResult<IpvsOperation>> {
    return runBatch(this.#exchange, this.#lock, operations, options);
  }

  #virtualServer<N extends number | bigint>(
    service: ServiceId,
    there: FoundService,
    realServers: readonly RealServer<N>[],
    read: ReadCounter<N>,
  ): VirtualServer<N> {
    const state = serviceState(service, there.settings, there.stats(read));
    return virtualServer(this.#virtualServerVerbs(read), state, realServers);
  }

  #virtualServerVerbs<N extends number | bigint>(read: ReadCounter<N>): VirtualServerVerbs<N> {
    return {
      add: (server, realServer, options) =>
        this.#addReal(parseVirtualServer(server), realServer, read, options),
      set: async (server, patch, options = {}) => {
        checkOptions(options);
        const service = parseVirtualServer(server);
        const after = await this.#setService(service, patch, options);
        return this.#virtualServer(service, after, server.realServers, read);
      },
      refresh: async (server, options = {}) => {
        checkOptions(options);
        const service = parseVirtualServer(server);
        const again = await this.#read(service, read, options);
        return again ?? fail(refusalError('get', { errno: ESRCH }, { service }));
      },
      remove: (server, options) => this.remove(server, options),
    };
  }

  #realServerVerbs<N extends number | bigint>(read: ReadCounter<N>): RealServerVerbs<N> {
    return {
      set: (server, patch, options) => this.#setReal(server, patch, read, options),
      remove: async (server, options = {}) => {
        checkOptions(options, ['ifExists']);
        const service = parseVirtualServer(server.virtualServer);
        const destination = parseRealServer(server, service);
        const result = await this.#exchange.run([{ command: 'delDest', service, destination }], options);
        return removed(result, [ENOENT, ESRCH], options, 'removeReal', { service, destination });
      },
    };
  }

  async #addReal<N extends number | bigint>(
    service: ServiceId,
    spec: RealServerSpec,
    read: ReadCounter<N>,
    options: CallOptions = {},
  ): Promise<RealServer<N>> {
    checkOptions(options);
    const { id: destination, settings } = newDestination(spec, service, '');
    const result = await this.#exchange.run(
      [{ command: 'newDest', service, destination, settings }],
      options,
    );
    check(result, 0, 'addReal', { service, destination });
    const state = destinationState(destination, settings, {
      activeConnections: 0,
      inactiveConnections: 0,
      persistentConnections: 0,
      stats: zeroStats(read),
    });
    return realServer(this.#realServerVerbs(read), service.url, state);
  }

  async #setReal<N extends number | bigint>(
    server: RealServer<N>,
    attributes: RealServerAttributes,
    read: ReadCounter<N>,
    options: CallOptions = {},
  ): Promise<RealServer<N>> {
    checkOptions(options);
    const service = parseVirtualServer(server.virtualServer);
    const destination = parseRealServer(server, service);
    const patch = parseDestinationPatch(attributes, '');
    return this.#lock.run(async () => {
      const { table, offsets } = await this.#exchange.listDestinations(service, options);
      const name = destinationName(destination);
      const offset = offsets.find((at) => destinationName(unpackDestinationId(table, at)) === name);
      if (offset === undefined) throw await this.#noSuch(service, destination, options);
      const before = unpackDestinationSettings(table, offset);
      const families = { service: service.family, destination: destination.family };
      const settings = applyDestinationPatch(before, patch, families, '');
      if (!sameDestination(before, settings)) {
        const result = await this.#exchange.run(
          [{ command: 'setDest', service, destination, settings }],
          options,
        );
        check(result, 0, 'setReal', { service, destination });
      }
      const state = destinationState(destination, settings, unpackDestination(table, offset, read));
      return realServer(this.#realServerVerbs(read), service.url, state);
    });
  }

  /** A dump does not tell a missing service from an empty one. */
  async #noSuch(service: ServiceId, destination: DestinationId, options: CallOptions): Promise<Error> {
    const there = await this.#exchange.findService(service, options);
    return refusalError('setReal', { errno: there === undefined ? ESRCH : ENOENT }, { service, destination });
  }
}

/** Throw unless the request was done. */
function check(result: RunResult, index: number, call: IpvsCall, context: CallContext): void {
  const error = result.errorOf(index, call, context);
  if (error !== undefined) throw error;
}

function checkReadOptions({ order, ...options }: ReadOptions): void {
  checkOptions(options, ['realServers', 'bigint']);
  const value: unknown = order;
  if (value === undefined || value === 'sorted' || value === 'kernel') return;
  throw new ValidationError('options.order', 'one of sorted, kernel', value);
}

/** The answer to the `getService` behind a write; others may have removed the service in between. */
function found(result: RunResult, index: number, service: ServiceId): FoundService {
  check(result, index, 'get', { service });
  return (
    result.serviceOf(index, service) ??
    fail(protocolError('get', 'the answer carries no virtual server', { service }))
  );
}

function removed(
  result: RunResult,
  absent: readonly number[],
  options: RemoveOptions,
  call: IpvsCall,
  context: CallContext,
): boolean {
  const outcome = result.outcomes.of(0);
  if (options.ifExists === true && typeof outcome === 'object' && absent.includes(outcome.errno))
    return false;
  check(result, 0, call, context);
  return true;
}

/** Refused because somebody else was there between reading and writing. */
function isRace(request: KernelRequest, result: RunResult, index: number): boolean {
  const outcome = result.outcomes.of(index);
  if (typeof outcome !== 'object') return false;
  switch (request.command) {
    case 'newService':
      return outcome.errno === EEXIST;
    case 'setService':
      return outcome.errno === ESRCH;
    case 'newDest':
      return outcome.errno === EEXIST || outcome.errno === ESRCH;
    case 'setDest':
      return outcome.errno === ENOENT || outcome.errno === ESRCH;
    default:
      return false;
  }
}

const CALL_OF: Readonly<Partial<Record<KernelRequest['command'], IpvsCall>>> = {
  newService: 'add',
  setService: 'set',
  newDest: 'addReal',
  setDest: 'setReal',
};

function callOf({ command }: KernelRequest): IpvsCall {
  return CALL_OF[command] ?? 'get';
}

function contextOf(request: KernelRequest): CallContext {
  if (!('settings' in request)) return {};
  const { service } = request;
  return 'destination' in request
    ? { service, destination: request.destination }
    : { service, scheduler: request.settings.scheduler, engine: request.settings.engine };
}

/** For each service, by index, the offsets of its destinations. */
async function childrenOf(
  services: Table,
  destinations: Table,
  pace: Pace,
): Promise<readonly (readonly number[])[]> {
  const children: number[][] = Array.from({ length: services.length }, () => []);
  for (let i = 0; i < destinations.length; i++) {
    const offset = i * IpvsDest.size;
    children[destinations.view.getUint32(offset + IpvsDest.service, LITTLE_ENDIAN)]?.push(offset);
    if (pace.due()) await pace.rest();
  }
  return children;
}
