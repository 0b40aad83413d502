import type { CallOptions } from '../netlink/types.js';
import { type KernelRequest, unpackDestinationId, unpackDestinationSettings } from './codec.js';
import { diffService, type ObservedService } from './diff.js';
import type { CallContext, IpvsCall } from './errors.js';
import type { Exchange, FoundService, RunResult } from './exchange.js';
import type { ServiceId } from './identity.js';
import { check } from './settle.js';
import type { DestinationEntry, ServiceEntry } from './spec.js';

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

/** Requests that make the kernel's state the wanted one. Real servers that are not wanted are left alone. */
async function difference(
  exchange: Exchange,
  wanted: ServiceEntry,
  before: FoundService | undefined,
  options: CallOptions,
): Promise<readonly KernelRequest[]> {
  let observed: ObservedService | undefined;
  if (before !== undefined) {
    const named = wanted.destinations !== undefined && wanted.destinations.length > 0;
    observed = {
      settings: before.settings,
      destinations: named ? await destinationsOf(exchange, wanted.id, options) : [],
    };
  }
  const requests: KernelRequest[] = [];
  for (const change of diffService(wanted, observed)) {
    const { op, service } = change;
    if (op === 'add') requests.push({ command: 'newService', service, settings: change.settings });
    else if (op === 'set') requests.push({ command: 'setService', service, settings: change.settings });
    else if (op === 'addReal' || op === 'setReal') {
      const { destination, settings } = change;
      requests.push({ command: op === 'addReal' ? 'newDest' : 'setDest', service, destination, settings });
    }
  }
  return requests;
}

async function destinationsOf(
  exchange: Exchange,
  service: ServiceId,
  options: CallOptions,
): Promise<readonly DestinationEntry[]> {
  const { table, offsets } = await exchange.listDestinations(service, options);
  return offsets.map((offset) => ({
    id: unpackDestinationId(table, offset),
    settings: unpackDestinationSettings(table, offset),
  }));
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
