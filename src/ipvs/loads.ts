import { IpvsDest, IpvsService } from '../native/records.js';
import {
  isNamedService,
  LITTLE_ENDIAN,
  type Table,
  unpackDestinationId,
  unpackDestinationSettings,
  unpackServiceId,
} from './codec.js';
import type { Exchange } from './exchange.js';
import { parseFilter } from './filter.js';
import type { ServiceId } from './identity.js';
import { checkOptions, optionsAt } from './objects.js';
import { Pace } from './pace.js';
import type { LoadOptions, ServerLoad, ServerLoads } from './types.js';

/** Weights and numbers of connections of all real servers. @throws ValidationError before anything is sent */
export async function readLoads(exchange: Exchange, options: LoadOptions): Promise<ServerLoads> {
  optionsAt(options, ['signal', 'filter'], 'options', 'options');
  const { filter, ...call } = options;
  checkOptions(call);
  const matches = parseFilter(filter, 'options.filter');
  const { services, destinations } = await exchange.listLoads(call);
  const names = new Names(services);
  const pace = new Pace(call.signal);
  const meant: boolean[] = [];
  for (let i = 0; i < services.length; i++) {
    // Names are made when they are asked for: most are never.
    const id = matches === undefined ? undefined : names.of(i);
    meant.push(matches === undefined ? names.has(i) : id !== undefined && matches(id));
    if (pace.due()) await pace.rest();
  }
  if (!meant.includes(false)) return new Loads(names, destinations, undefined);
  const chosen = new Uint32Array(destinations.length);
  let length = 0;
  for (let i = 0; i < destinations.length; i++) {
    if (meant[serviceOf(destinations, i)] === true) chosen[length++] = i;
    if (pace.due()) await pace.rest();
  }
  return new Loads(names, destinations, chosen.subarray(0, length));
}

/** Identities of the virtual servers of a table, by index. */
class Names {
  readonly #table: Table;
  readonly #known: (ServiceId | undefined)[] = [];

  constructor(table: Table) {
    this.#table = table;
  }

  /** False for a protocol that this package has no name for. */
  has(index: number): boolean {
    return isNamedService(this.#table, index * IpvsService.size);
  }

  of(index: number): ServiceId | undefined {
    return (this.#known[index] ??= unpackServiceId(this.#table, index * IpvsService.size));
  }
}

function serviceOf({ view }: Table, index: number): number {
  return view.getUint32(index * IpvsDest.size + IpvsDest.service, LITTLE_ENDIAN);
}

/** Reads each number when it is asked for: a hundred thousand real servers cost nothing before. */
class Loads implements ServerLoads {
  readonly #names: Names;
  readonly #table: Table;
  /** Undefined: all, in their order. */
  readonly #chosen: Uint32Array | undefined;
  readonly length: number;

  constructor(names: Names, table: Table, chosen: Uint32Array | undefined) {
    this.#names = names;
    this.#table = table;
    this.#chosen = chosen;
    this.length = chosen === undefined ? table.length : chosen.length;
  }

  /** Offset of a record. @throws RangeError */
  #offset(index: number): number {
    const record = this.#chosen === undefined ? index : this.#chosen[index];
    if (record === undefined || !Number.isInteger(index) || index < 0 || index >= this.length) {
      throw new RangeError(`there is no real server ${String(index)} among ${String(this.length)}`);
    }
    return record * IpvsDest.size;
  }

  #number(index: number, field: number): number {
    return this.#table.view.getUint32(this.#offset(index) + field, LITTLE_ENDIAN);
  }

  weight(index: number): number {
    return this.#table.view.getInt32(this.#offset(index) + IpvsDest.weight, LITTLE_ENDIAN);
  }

  activeConnections(index: number): number {
    return this.#number(index, IpvsDest.activeConnections);
  }

  inactiveConnections(index: number): number {
    return this.#number(index, IpvsDest.inactiveConnections);
  }

  persistentConnections(index: number): number {
    return this.#number(index, IpvsDest.persistentConnections);
  }

  get(index: number): ServerLoad {
    const offset = this.#offset(index);
    const service = this.#names.of(serviceOf(this.#table, offset / IpvsDest.size));
    if (service === undefined) throw new RangeError(`real server ${String(index)} has no virtual server`);
    const { address, family, port } = unpackDestinationId(this.#table, offset);
    const { forwarding, weight, upperThreshold, lowerThreshold } = unpackDestinationSettings(
      this.#table,
      offset,
    );
    return {
      virtualServer: service.url,
      address,
      family,
      port,
      weight,
      forwarding,
      upperThreshold,
      lowerThreshold,
      activeConnections: this.activeConnections(index),
      inactiveConnections: this.inactiveConnections(index),
      persistentConnections: this.persistentConnections(index),
    };
  }

  *[Symbol.iterator](): Generator<ServerLoad, void, undefined> {
    for (let i = 0; i < this.length; i++) yield this.get(i);
  }
}
