import { ValidationError } from '../errors.js';
import { runBatch, stopsOnError } from './batch.js';
import { unpackDestinationId, unpackDestinationSettings, unpackServiceSettings } from './codec.js';
import { type DestinationSettings, describeTunnel } from './destination-settings.js';
import { type Difference, diffServices, type ObservedService } from './diff.js';
import type { Exchange } from './exchange.js';
import { parseFilter, type ServiceMatcher } from './filter.js';
import { type DestinationId, destinationName, destinationTarget, type ServiceId } from './identity.js';
import { readServices } from './listing.js';
import type { Lock } from './lock.js';
import { checkOptions, optionsAt } from './objects.js';
import { Pace } from './pace.js';
import { describeService, type ServiceSettings } from './service-settings.js';
import { parseSpec, type ServiceEntry } from './spec.js';
import type {
  BatchOptions,
  IpvsOperation,
  RealServerAttributes,
  SyncChange,
  SyncOptions,
  SyncResult,
  VirtualServerAttributes,
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
    const { differences, unchanged } = diffServices(wanted, observed);
    const operations = differences.map(operationOf);
    if (rest.dryRun === true) {
      const changes = differences.map((difference, i): SyncChange => ({
        ...changeOf(difference, operations[i]),
        status: 'planned',
      }));
      return { ok: true, done: 0, failed: 0, unchanged, changes };
    }
    // Every operation says everything, so the batch reads nothing and does not ask for the lock that is held here.
    const result = await runBatch(exchange, lock, operations, batchOptions);
    const changes = differences.map((difference, i): SyncChange => {
      const { status = 'skipped', error } = result.items[i] ?? {};
      return {
        ...changeOf(difference, operations[i]),
        status,
        ...(error === undefined ? {} : { error }),
      };
    });
    return { ok: result.ok, done: result.done, failed: result.failed, unchanged, changes };
  });
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
    if (pace.due()) await pace.rest();
  }
  return [...wanted.values()];
}

async function observe(
  exchange: Exchange,
  matches: ServiceMatcher,
  { signal }: SyncOptions,
  pace: Pace,
): Promise<readonly ObservedService[]> {
  const call = signal === undefined ? {} : { signal };
  const { services, listed } = await readServices(exchange, call, matches, pace);
  const observed: ObservedService[] = [];
  for (const { id, at, destinations, offsets } of listed) {
    const held = new Map<string, ObservedService['destinations'][number]>();
    for (const offset of offsets) {
      const destination = unpackDestinationId(destinations, offset);
      const settings = unpackDestinationSettings(destinations, offset);
      held.set(destinationName(destination), { id: destination, settings });
      if (pace.due()) await pace.rest();
    }
    const settings = unpackServiceSettings(services, at, id.family);
    observed.push({ id, settings, destinations: [...held.values()] });
  }
  return observed;
}

function serviceAttributes(settings: ServiceSettings, { family }: ServiceId): VirtualServerAttributes {
  const { scheduler, schedulerFlags, persistence, onePacket } = describeService(settings, family);
  return { scheduler, schedulerFlags, persistence, onePacket };
}

function destinationAttributes(settings: DestinationSettings): RealServerAttributes {
  const { weight, forwarding, upperThreshold, lowerThreshold } = settings;
  return {
    weight,
    forwarding,
    upperThreshold,
    lowerThreshold,
    ...(forwarding === 'tunnel' ? { tunnel: describeTunnel(settings) } : {}),
  };
}

function realServerOf({ address, port }: DestinationId): { readonly address: string; readonly port: number } {
  return { address, port };
}

function operationOf(difference: Difference): IpvsOperation {
  const { service } = difference;
  const virtualServer = service.url;
  switch (difference.op) {
    case 'add':
    case 'set':
      return {
        op: difference.op,
        virtualServer,
        attributes: serviceAttributes(difference.settings, service),
      };
    case 'remove':
      return { op: 'remove', virtualServer };
    case 'addReal':
    case 'setReal':
      return {
        op: difference.op,
        virtualServer,
        realServer: {
          ...realServerOf(difference.destination),
          ...destinationAttributes(difference.settings),
        },
      };
    case 'removeReal':
      return { op: 'removeReal', virtualServer, realServer: realServerOf(difference.destination) };
  }
}

function changeOf(
  difference: Difference,
  operation: IpvsOperation | undefined,
): Omit<SyncChange, 'status' | 'error'> {
  const { service } = difference;
  const target =
    'destination' in difference ? destinationTarget(service, difference.destination) : service.url;
  const before =
    'before' in difference
      ? 'destination' in difference
        ? destinationAttributes(difference.before)
        : serviceAttributes(difference.before, service)
      : undefined;
  return {
    target,
    operation: operation ?? operationOf(difference),
    ...(before === undefined ? {} : { before }),
  };
}
