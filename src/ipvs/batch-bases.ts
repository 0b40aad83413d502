import { IpvsDest, IpvsService } from '../native/records.js';
import type { CallOptions } from '../netlink/types.js';
import type { ParsedOperation } from './batch-operations.js';
import {
  type KernelRequest,
  LITTLE_ENDIAN,
  type Table,
  unpackDestinationId,
  unpackDestinationSettings,
  unpackServiceId,
} from './codec.js';
import { type DestinationSettings, isCompleteDestinationPatch } from './destination-settings.js';
import type { Exchange } from './exchange.js';
import { destinationName, destinationTarget, type ServiceId } from './identity.js';
import type { Pace } from './pace.js';
import { isCompleteServicePatch, type ServiceSettings } from './service-settings.js';

/** From so many virtual servers on, one listing of everything is cheaper than a dump for each. */
const MANY = 16;

/**
 * What the kernel has of the things that incomplete operations change: SET overwrites everything, so what an operation leaves out
 * has to be known. Things that are not there are absent.
 */
export interface Bases {
  readonly services: ReadonlyMap<string, ServiceSettings>;
  /** By virtual server, then by name of the real server. */
  readonly destinations: ReadonlyMap<string, ReadonlyMap<string, DestinationSettings>>;
}

/** True for a `set` or `setReal` that leaves something out. */
export function isIncomplete(operation: ParsedOperation): boolean {
  return (
    (operation.op === 'set' && !isCompleteServicePatch(operation.patch)) ||
    (operation.op === 'setReal' && !isCompleteDestinationPatch(operation.patch))
  );
}

/**
 * How far operations from `from` on can go out together: up to an incomplete one about something that one of them has touched. What
 * that one leaves has to be read when they are through, since any of them may be refused.
 */
export function segmentEnd(parsed: readonly ParsedOperation[], from: number): number {
  const touched = new Set<string>();
  // Virtual servers that come or go take their real servers with them.
  const replaced = new Set<string>();
  for (let i = from; i < parsed.length; i++) {
    const operation = parsed[i];
    if (operation === undefined) return i;
    const { url } = operation.service;
    const name =
      'destination' in operation ? destinationTarget(operation.service, operation.destination) : url;
    if (isIncomplete(operation) && (touched.has(name) || replaced.has(url))) return i;
    touched.add(name);
    if (operation.op === 'add' || operation.op === 'remove') replaced.add(url);
  }
  return parsed.length;
}

/** Read what the incomplete ones of the operations need; nothing is sent when all are complete. */
export async function readBases(
  exchange: Exchange,
  operations: readonly ParsedOperation[],
  options: CallOptions,
  pace: Pace,
): Promise<Bases> {
  const services = new Map<string, ServiceId>();
  const parents = new Map<string, ServiceId>();
  for (const operation of operations) {
    if (!isIncomplete(operation)) continue;
    (operation.op === 'set' ? services : parents).set(operation.service.url, operation.service);
  }
  return {
    services: await readServices(exchange, [...services.values()], options),
    destinations: await readDestinations(exchange, [...parents.values()], options, pace),
  };
}

async function readServices(
  exchange: Exchange,
  services: readonly ServiceId[],
  options: CallOptions,
): Promise<ReadonlyMap<string, ServiceSettings>> {
  const bases = new Map<string, ServiceSettings>();
  if (services.length === 0) return bases;
  const requests = services.map((service): KernelRequest => ({ command: 'getService', service }));
  const result = await exchange.run(requests, options);
  for (const [i, service] of services.entries()) {
    const there = result.serviceOf(i, service);
    if (there !== undefined) bases.set(service.url, there.settings);
  }
  return bases;
}

async function readDestinations(
  exchange: Exchange,
  parents: readonly ServiceId[],
  options: CallOptions,
  pace: Pace,
): Promise<ReadonlyMap<string, ReadonlyMap<string, DestinationSettings>>> {
  const bases = new Map<string, Map<string, DestinationSettings>>();
  for (const { url } of parents) bases.set(url, new Map());
  const learn = (url: string, table: Table, offset: number): void => {
    bases
      .get(url)
      ?.set(destinationName(unpackDestinationId(table, offset)), unpackDestinationSettings(table, offset));
  };
  if (parents.length <= MANY) {
    for (const parent of parents) {
      const { table, offsets } = await exchange.listDestinations(parent, options);
      for (const offset of offsets) learn(parent.url, table, offset);
    }
    return bases;
  }
  const { services, destinations } = await exchange.listServices(true, options);
  for (let i = 0; i < destinations.length; i++) {
    const offset = i * IpvsDest.size;
    const parent = destinations.view.getUint32(offset + IpvsDest.service, LITTLE_ENDIAN);
    const url = unpackServiceId(services, parent * IpvsService.size)?.url;
    if (url !== undefined) learn(url, destinations, offset);
    if (pace.due()) await pace.rest();
  }
  return bases;
}
