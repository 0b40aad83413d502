import { ValidationError } from '../errors.js';
import { runBatch, stopsOnError } from './batch.js';
import { unpackDestinationId, unpackDestinationSettings, unpackServiceSettings } from './codec.js';
import { destinationAttributes } from './destination-settings.js';
import { type Difference, diffService, type ObservedService } from './diff.js';
import type { Exchange } from './exchange.js';
import { parseFilter, type ServiceMatcher } from './filter.js';
import { destinationName, destinationTarget, type ServiceId } from './identity.js';
import { readServices } from './listing.js';
import type { Lock } from './lock.js';
import { checkOptions, optionsAt } from './objects.js';
import { Pace } from './pace.js';
import { serviceAttributes, type ServiceSettings } from './service-settings.js';
import { type DestinationEntry, parseSpec, type ServiceEntry } from './spec.js';
import type {
  BatchOptions,
  IpvsOperation,
  SyncChange,
  SyncOptions,
  SyncResult,
  VirtualServerSpec,
} from './types.js';

/** Make what the owner has the wanted state. @throws ValidationError before anything is sent */
export async function syncServices(
  exchange: Exchange,
  lock: Lock,
  desired: Iterable<VirtualServerSpec>,
  options: SyncOptions,
): Promise<SyncResult> {
  optionsAt(options, ['signal', 'owner', 'dryRun', 'onError'], 'options', 'options');
  const { owner, onError, ...rest } = options;
  checkOptions(rest, ['dryRun']);
  stopsOnError(onError);
  const matches = parseFilter(owner, 'options.owner');
  if (matches === undefined) {
    throw new ValidationError('options.owner', 'a filter that says which virtual servers are yours', owner);
  }
  const batchOptions: BatchOptions = {
    ...(rest.signal === undefined ? {} : { signal: rest.signal }),
    ...(onError === undefined ? {} : { onError }),
  };
  const pace = new Pace(rest.signal);
  const wanted = await parseDesired(desired, matches, pace);
  // Nobody of ours is to write between reading and writing.
  return lock.run(async () => {
    const observed = await observe(exchange, matches, options, pace);
    const { changes: found, unchanged } = await compare(wanted, observed, pace);
    const planned: Omit<SyncChange, 'status' | 'error'>[] = [];
    for (const change of found) {
      planned.push(reportOf(change));
      if (pace.due()) await pace.rest();
    }
    if (rest.dryRun === true) {
      const changes: SyncChange[] = [];
      for (const change of planned) {
        changes.push({ ...change, status: 'planned' });
        if (pace.due()) await pace.rest();
      }
      return { ok: true, done: 0, failed: 0, unchanged, changes };
    }
    // Every operation says everything, so the batch reads nothing and does not ask for the lock that is held here.
    const operations = planned.map(({ operation }) => operation);
    const { ok, done, failed, items } = await runBatch(exchange, lock, operations, batchOptions);
    const changes: SyncChange[] = [];
    for (const [i, change] of planned.entries()) {
      const { status = 'skipped', error } = items[i] ?? {};
      changes.push({ ...change, status, ...(error === undefined ? {} : { error }) });
      if (pace.due()) await pace.rest();
    }
    return { ok, done, failed, unchanged, changes };
  });
}

/** A difference, or a virtual server that goes. */
type Change =
  Difference | { readonly op: 'remove'; readonly service: ServiceId; readonly before: ServiceSettings };

/**
 * All changes, those of each virtual server together in the order given, and at the end the virtual servers that go; and how many virtual
 * and real servers are as they should be.
 */
async function compare(
  wanted: readonly ServiceEntry[],
  observed: ReadonlyMap<string, Observed>,
  pace: Pace,
): Promise<{ readonly changes: readonly Change[]; readonly unchanged: number }> {
  const unwanted = new Map(observed);
  const changes: Change[] = [];
  let unchanged = 0;
  for (const entry of wanted) {
    const { url } = entry.id;
    const before = observed.get(url);
    unwanted.delete(url);
    if (before !== undefined) unchanged += 1 + before.destinations.length;
    for (const difference of diffService(entry, before)) {
      changes.push(difference);
      if (difference.op !== 'add' && difference.op !== 'addReal') unchanged--;
    }
    if (pace.due(1 + (entry.destinations?.length ?? 0))) await pace.rest();
  }
  for (const { id: service, settings: before } of unwanted.values()) {
    changes.push({ op: 'remove', service, before });
  }
  return { changes, unchanged };
}

async function parseDesired(
  desired: Iterable<VirtualServerSpec>,
  matches: ServiceMatcher,
  pace: Pace,
): Promise<readonly ServiceEntry[]> {
  const given: unknown = desired;
  if (typeof given !== 'object' || given === null || !(Symbol.iterator in given)) {
    throw new ValidationError('desired', 'a list of virtual servers', given);
  }
  const wanted = new Map<string, ServiceEntry>();
  let index = 0;
  for (const spec of desired) {
    const path = `desired[${String(index++)}]`;
    const entry = parseSpec(spec, path);
    const { url } = entry.id;
    if (wanted.has(url)) throw new ValidationError(`${path}.url`, 'each virtual server once', url);
    if (!matches(entry.id)) {
      throw new ValidationError(`${path}.url`, 'a virtual server that options.owner fits', url);
    }
    wanted.set(url, entry);
    if (pace.due(1 + (entry.destinations?.length ?? 0))) await pace.rest();
  }
  return [...wanted.values()];
}

type Observed = ObservedService & { readonly id: ServiceId };

/** What the owner has, by URL. */
async function observe(
  exchange: Exchange,
  matches: ServiceMatcher,
  { signal }: SyncOptions,
  pace: Pace,
): Promise<ReadonlyMap<string, Observed>> {
  const call = signal === undefined ? {} : { signal };
  const { services, listed } = await readServices(exchange, call, matches, pace);
  const observed = new Map<string, Observed>();
  for (const { id, at, destinations, offsets } of listed) {
    const held = new Map<string, DestinationEntry>();
    for (const offset of offsets) {
      const destination = unpackDestinationId(destinations, offset);
      const settings = unpackDestinationSettings(destinations, offset);
      held.set(destinationName(destination), { id: destination, settings });
      if (pace.due()) await pace.rest();
    }
    const settings = unpackServiceSettings(services, at, id.family);
    observed.set(id.url, { id, settings, destinations: [...held.values()] });
  }
  return observed;
}

function operationOf(change: Change): IpvsOperation {
  const { op, service } = change;
  const virtualServer = service.url;
  switch (op) {
    case 'add':
    case 'set':
      return { op, virtualServer, attributes: serviceAttributes(change.settings, service.family) };
    case 'remove':
      return { op, virtualServer };
    case 'addReal':
    case 'setReal': {
      const { address, port } = change.destination;
      return {
        op,
        virtualServer,
        realServer: { address, port, ...destinationAttributes(change.settings) },
      };
    }
    case 'removeReal': {
      const { address, port } = change.destination;
      return { op, virtualServer, realServer: { address, port } };
    }
  }
}

function reportOf(change: Change): Omit<SyncChange, 'status' | 'error'> {
  const { service } = change;
  const operation = operationOf(change);
  if ('destination' in change) {
    const target = destinationTarget(service, change.destination);
    return change.op === 'addReal'
      ? { target, operation }
      : { target, operation, before: destinationAttributes(change.before) };
  }
  return change.op === 'add'
    ? { target: service.url, operation }
    : { target: service.url, operation, before: serviceAttributes(change.before, service.family) };
}
