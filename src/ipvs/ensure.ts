import type { CallOptions } from '../netlink/types.js';
import { type KernelRequest, unpackDestinationId, unpackDestinationSettings } from './codec.js';
import { type DestinationSettings, sameDestination } from './destination-settings.js';
import type { CallContext, IpvsCall } from './errors.js';
import type { Exchange, FoundService, RunResult } from './exchange.js';
import { destinationName } from './identity.js';
import { sameService } from './service-settings.js';
import { check } from './settle.js';
import type { ServiceEntry } from './spec.js';

const ENOENT = -2;
const ESRCH = -3;
const EEXIST = -17;
/** How often the state is read anew when others changed the table between reading and writing. */
const ATTEMPTS = 3;

/**
 * Make the kernel's state the wanted one, and say what that took. Reads again when others changed the table between reading and
 * writing. @throws the error of the first request that was refused
 */
export async function ensureService(
  exchange: Exchange,
  wanted: ServiceEntry,
  options: CallOptions,
): Promise<false | 'added' | 'changed'> {
  for (let attempt = 1; ; attempt++) {
    const before = await exchange.findService(wanted.id, options);
    const requests = await difference(exchange, wanted, before, options);
    if (requests.length === 0) return false;
    const result = await exchange.run(requests, options);
    const refused = requests.findIndex((_, i) => result.outcomes.of(i) !== 'done');
    const request = requests[refused];
    if (request === undefined) return before === undefined ? 'added' : 'changed';
    if (attempt < ATTEMPTS && isRace(request, result, refused)) continue;
    check(result, refused, callOf(request), contextOf(request));
  }
}

/** Requests that make the kernel's state the wanted one. */
async function difference(
  exchange: Exchange,
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
  const held = new Map<string, DestinationSettings>();
  if (before !== undefined) {
    const { table, offsets } = await exchange.listDestinations(service, options);
    for (const offset of offsets) {
      held.set(destinationName(unpackDestinationId(table, offset)), unpackDestinationSettings(table, offset));
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
