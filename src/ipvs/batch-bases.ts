import { IpvsDest, IpvsService } from '../native/records.js';
import type { CallOptions } from '../netlink/types.js';
import type { ParsedOperation } from './batch-operations.js';
import {
  type KernelRequest,
  LITTLE_ENDIAN,
  unpackDestinationId,
  unpackDestinationSettings,
  unpackServiceId,
} from './codec.js';
import { type DestinationSettings, isCompleteDestinationPatch } from './destination-settings.js';
import type { Exchange, RunResult } from './exchange.js';
import { destinationName, destinationTarget, type ServiceId } from './identity.js';
import type { Pace } from './pace.js';
import { isCompleteServicePatch, type ServiceSettings } from './service-settings.js';

/** From so many virtual servers on, one listing of everything is cheaper than a dump for each. */
const MANY = 16;

/** An answer of the kernel: to the request of that index in a run. */
export interface Answer {
  readonly result: RunResult;
  readonly index: number;
}

/**
 * What the kernel has of the things that incomplete operations change: SET overwrites everything, so what an operation leaves out
 * has to be known. Things that are not there are absent, and nothing is sent for them: who adds them meanwhile would find them reset.
 */
export interface Bases {
  readonly services: ReadonlyMap<string, ServiceSettings>;
  /** By virtual server, then by name of the real server. */
  readonly destinations: ReadonlyMap<string, ReadonlyMap<string, DestinationSettings>>;
  /** What was said of virtual servers that could not be read, or of which a real server is missing, by URL. */
  readonly answers: ReadonlyMap<string, Answer>;
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
  const parents = new Map<string, Parent>();
  for (const operation of operations) {
    const { service } = operation;
    if (!isIncomplete(operation)) continue;
    if (operation.op === 'set') services.set(service.url, service);
    else if (operation.op === 'setReal') {
      const parent = parents.get(service.url) ?? { service, expected: [] };
      parent.expected.push(destinationName(operation.destination));
      parents.set(service.url, parent);
    }
  }
  const destinations = await readDestinations(exchange, [...parents.values()], options, pace);
  for (const { service, expected } of parents.values()) {
    const there = destinations.get(service.url);
    // A listing does not tell a virtual server that is missing from one without real servers.
    if (!expected.every((name) => there?.has(name))) services.set(service.url, service);
  }
  return { destinations, ...(await readServices(exchange, [...services.values()], options)) };
}

/** A virtual server, and the names of its real servers that are to be changed. */
interface Parent {
  readonly service: ServiceId;
  readonly expected: string[];
}

async function readServices(
  exchange: Exchange,
  services: readonly ServiceId[],
  options: CallOptions,
): Promise<Pick<Bases, 'services' | 'answers'>> {
  const bases = new Map<string, ServiceSettings>();
  const answers = new Map<string, Answer>();
  if (services.length === 0) return { services: bases, answers };
  const requests = services.map((service): KernelRequest => ({ command: 'getService', service }));
  const result = await exchange.run(requests, options);
  for (const [index, service] of services.entries()) {
    const there = result.serviceOf(index, service);
    if (there !== undefined) bases.set(service.url, there.settings);
    answers.set(service.url, { result, index });
  }
  return { services: bases, answers };
}

async function readDestinations(
  exchange: Exchange,
  parents: readonly Parent[],
  options: CallOptions,
  pace: Pace,
): Promise<ReadonlyMap<string, ReadonlyMap<string, DestinationSettings>>> {
  const bases = new Map<string, Map<string, DestinationSettings>>();
  for (const { service } of parents) bases.set(service.url, new Map());
  if (parents.length > MANY) {
    const { services, destinations } = await exchange.listServices(true, options);
    for (let i = 0; i < destinations.length; i++) {
      const offset = i * IpvsDest.size;
      const parent = destinations.view.getUint32(offset + IpvsDest.service, LITTLE_ENDIAN);
      const held = bases.get(unpackServiceId(services, parent * IpvsService.size)?.url ?? '');
      held?.set(
        destinationName(unpackDestinationId(destinations, offset)),
        unpackDestinationSettings(destinations, offset),
      );
      if (pace.due()) await pace.rest();
    }
  }
  for (const { service, expected } of parents) {
    const held = bases.get(service.url);
    if (held === undefined || expected.every((name) => held.has(name))) continue;
    const found = await exchange.findDestinations(service, expected, options);
    for (const [name, { table, offset }] of found) held.set(name, unpackDestinationSettings(table, offset));
    if (pace.due()) await pace.rest();
  }
  return bases;
}
