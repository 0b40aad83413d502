import { ValidationError } from '../errors.js';
import { integerIn } from '../net/number.js';
import type { CallOptions, Channel, ChannelCounters } from '../netlink/types.js';
import { runBatch } from './batch.js';
import {
  destinationState,
  type KernelRequest,
  readBigint,
  readNumber,
  type Table,
  unpackDestination,
  unpackDestinationSettings,
  unpackInfo,
  unpackTimeouts,
} from './codec.js';
import { type ConnectionSource, connectionSource, readConnections } from './connections.js';
import { syncDaemons } from './daemons.js';
import { applyDestinationPatch, parseDestinationPatch, sameDestination } from './destination-settings.js';
import { drain } from './drain.js';
import { ensureService } from './ensure.js';
import { type IpvsCall, protocolError, refusalError } from './errors.js';
import { Exchange, fail, type FoundService } from './exchange.js';
import { parseFilter } from './filter.js';
import { Handles, type Verbs } from './handles.js';
import {
  type DestinationId,
  destinationName,
  parseRealServer,
  parseVirtualServer,
  type ServiceId,
} from './identity.js';
import { listServers } from './listing.js';
import { readLoads } from './loads.js';
import { Lock } from './lock.js';
import { checkOptions, optionsAt } from './objects.js';
import { Pace } from './pace.js';
import { applyServicePatch, defaultService, parseServicePatch, sameService } from './service-settings.js';
import { check, found, removed, type RemoveOptions } from './settle.js';
import { newDestination, parseSpec } from './spec.js';
import { syncServices } from './sync.js';
import { watch } from './watch.js';
import type {
  BatchOptions,
  BatchResult,
  Connection,
  ConnectionOptions,
  Drain,
  DrainOptions,
  Ipvs,
  IpvsEvent,
  IpvsInfo,
  IpvsOperation,
  IpvsTimeouts,
  ListOptions,
  LoadOptions,
  ReadOptions,
  RealServer,
  RealServerAttributes,
  RealServerRef,
  RealServerSpec,
  ServerLoads,
  SyncDaemons,
  SyncOptions,
  SyncResult,
  VirtualServer,
  VirtualServerAttributes,
  VirtualServerRef,
  VirtualServerSpec,
  WatchOptions,
} from './types.js';

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

const LIST_KEYS = ['signal', 'realServers', 'bigint', 'order', 'filter', 'consistent'] as const;
const ENOENT = -2;
const ESRCH = -3;
/** The kernel reads timeouts as signed. */
const MAX_TIMEOUT = 0x7fffffff;

class KernelIpvs implements Ipvs {
  readonly #exchange: Exchange;
  readonly #lock = new Lock();
  readonly #connections: ConnectionSource;
  readonly #numbers = new Handles<number>(readNumber, (handles) => this.#verbs(handles));
  readonly #bigints = new Handles<bigint>(readBigint, (handles) => this.#verbs(handles));
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
    return this.#virtualServer(service, found(result, 1, service), [], this.#numbers);
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
      await this.#realServers(service, this.#numbers, options),
      this.#numbers,
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
    const changed = await this.#lock.run(() => ensureService(this.#exchange, wanted, options));
    const server = await this.#read(wanted.id, this.#numbers, options);
    if (server === undefined) throw refusalError('get', { errno: ESRCH }, { service: wanted.id });
    return { server, changed };
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
      ? this.#read(service, this.#bigints, options)
      : this.#read(service, this.#numbers, options);
  }

  async #read<N extends number | bigint>(
    service: ServiceId,
    handles: Handles<N>,
    options: ReadOptions,
  ): Promise<VirtualServer<N> | undefined> {
    const there = await this.#exchange.findService(service, options);
    if (there === undefined) return undefined;
    const realServers =
      options.realServers === false ? [] : await this.#realServers(service, handles, options);
    return this.#virtualServer(service, there, realServers, handles);
  }

  async #realServers<N extends number | bigint>(
    service: ServiceId,
    handles: Handles<N>,
    options: Pick<ReadOptions, 'signal' | 'order'>,
  ): Promise<readonly RealServer<N>[]> {
    const { table, offsets } = await this.#exchange.listDestinations(service, options);
    return handles.realServers(service, table, offsets, new Pace(options.signal));
  }

  list(options: ListOptions & { readonly bigint: true }): Promise<VirtualServer<bigint>[]>;
  list(options?: ListOptions): Promise<VirtualServer[]>;
  async list(options: ListOptions = {}): Promise<VirtualServer[] | VirtualServer<bigint>[]> {
    optionsAt(options, LIST_KEYS, 'options', 'options');
    const { filter, ...rest } = options;
    checkReadOptions(rest, ['consistent']);
    const matches = parseFilter(filter, 'options.filter');
    return options.bigint === true
      ? listServers(this.#exchange, this.#bigints, options, matches)
      : listServers(this.#exchange, this.#numbers, options, matches);
  }

  async loads(options: LoadOptions = {}): Promise<ServerLoads> {
    return readLoads(this.#exchange, options);
  }

  connections(options: ConnectionOptions = {}): AsyncIterable<Connection> {
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

  async sync(desired: Iterable<VirtualServerSpec>, options: SyncOptions): Promise<SyncResult> {
    return syncServices(this.#exchange, this.#lock, desired, options);
  }

  watch(options: WatchOptions = {}): AsyncIterable<IpvsEvent> {
    return watch(this.#exchange, this.#numbers, options);
  }

  drain(
    server: VirtualServerRef,
    options: DrainOptions & { readonly realServers?: readonly RealServerRef[] } = {},
  ): Drain {
    return drain(this.#exchange, this.#lock, parseVirtualServer(server), options);
  }

  #virtualServer<N extends number | bigint>(
    service: ServiceId,
    there: FoundService,
    realServers: readonly RealServer<N>[],
    handles: Handles<N>,
  ): VirtualServer<N> {
    return handles.virtualServer(service, there.settings, there.stats(handles.read), realServers);
  }

  #verbs<N extends number | bigint>(handles: Handles<N>): Verbs<N> {
    return {
      virtualServer: {
        add: (server, spec, options) => this.#addReal(parseVirtualServer(server), spec, handles, options),
        set: async (server, patch, options = {}) => {
          checkOptions(options);
          const service = parseVirtualServer(server);
          const after = await this.#setService(service, patch, options);
          return this.#virtualServer(service, after, server.realServers, handles);
        },
        refresh: async (server, options = {}) => {
          checkOptions(options);
          const service = parseVirtualServer(server);
          const again = await this.#read(service, handles, options);
          return again ?? fail(refusalError('get', { errno: ESRCH }, { service }));
        },
        remove: (server, options) => this.remove(server, options),
        drain: (server, options) => this.drain(server, options),
      },
      realServer: {
        set: (server, patch, options) => this.#setReal(server, patch, handles, options),
        remove: (server, options) => this.#removeReal(server, options),
        drain: (server, options) => this.drain(server.virtualServer, { ...options, realServers: [server] }),
      },
    };
  }

  async #addReal<N extends number | bigint>(
    service: ServiceId,
    spec: RealServerSpec,
    handles: Handles<N>,
    options: CallOptions = {},
  ): Promise<RealServer<N>> {
    checkOptions(options);
    const { id: destination, settings } = newDestination(spec, service, '');
    const request: KernelRequest = { command: 'newDest', service, destination, settings };
    check(await this.#exchange.run([request], options), 0, 'addReal', { service, destination });
    return handles.newRealServer(service, destination, settings);
  }

  async #setReal<N extends number | bigint>(
    server: RealServer<N>,
    attributes: RealServerAttributes,
    handles: Handles<N>,
    options: CallOptions = {},
  ): Promise<RealServer<N>> {
    checkOptions(options);
    const service = parseVirtualServer(server.virtualServer);
    const destination = parseRealServer(server, service);
    const patch = parseDestinationPatch(attributes, '');
    return this.#lock.run(async () => {
      const name = destinationName(destination);
      const there = (await this.#exchange.findDestinations(service, [name], options)).get(name);
      if (there === undefined) throw await this.#noSuch(service, destination, options);
      const { table, offset } = there;
      const before = unpackDestinationSettings(table, offset);
      const families = { service: service.family, destination: destination.family };
      const settings = applyDestinationPatch(before, patch, families, '');
      if (!sameDestination(before, settings)) {
        const request: KernelRequest = { command: 'setDest', service, destination, settings };
        check(await this.#exchange.run([request], options), 0, 'setReal', { service, destination });
      }
      const observed = unpackDestination(table, offset, handles.read);
      return handles.realServer(service, destinationState(destination, settings, observed));
    });
  }

  async #removeReal(
    server: Pick<RealServer, 'virtualServer' | 'address' | 'port'>,
    options: RemoveOptions = {},
  ): Promise<boolean> {
    checkOptions(options, ['ifExists']);
    const service = parseVirtualServer(server.virtualServer);
    const destination = parseRealServer(server, service);
    const result = await this.#exchange.run([{ command: 'delDest', service, destination }], options);
    return removed(result, [ENOENT, ESRCH], options, 'removeReal', { service, destination });
  }

  /** A dump does not tell a missing service from an empty one. */
  async #noSuch(service: ServiceId, destination: DestinationId, options: CallOptions): Promise<Error> {
    const there = await this.#exchange.findService(service, options);
    return refusalError('setReal', { errno: there === undefined ? ESRCH : ENOENT }, { service, destination });
  }
}

function checkReadOptions({ order, ...options }: ReadOptions, more: readonly string[] = []): void {
  checkOptions(options, ['realServers', 'bigint', ...more]);
  const value: unknown = order;
  if (value === undefined || value === 'sorted' || value === 'kernel') return;
  throw new ValidationError('options.order', 'one of sorted, kernel', value);
}
