import { BusyError } from '../errors.js';
import { IpvsDest, IpvsService } from '../native/records.js';
import {
  compareServiceRecords,
  LITTLE_ENDIAN,
  type Table,
  unpackServiceId,
  unpackServiceSettings,
  unpackStats,
} from './codec.js';
import { type Exchange, inOrder, sortedDestinations } from './exchange.js';
import type { ServiceMatcher } from './filter.js';
import type { Handles } from './handles.js';
import type { ServiceId } from './identity.js';
import { Pace, sortPaced } from './pace.js';
import type { ListOptions, VirtualServer } from './types.js';

/** How often a table that keeps moving is read. */
const ROUNDS = 5;
/** Up to so many services that a filter leaves, each is asked for its own destinations. */
const FEW = 32;
/** So many services fit into the smallest piece that the kernel sends, which it fills in one go. */
const ONE_PIECE = 10;

/** A service that is to be listed, and where its destinations are. */
export interface ListedService {
  readonly id: ServiceId;
  /** Offset of its record. */
  readonly at: number;
  readonly destinations: Table;
  readonly offsets: readonly number[];
}

/** What one reading came to. */
interface Reading {
  readonly services: Table;
  readonly destinations: Table;
}

/** Services as handles, sorted, each there once. See {@link ListOptions.consistent} for what concurrent writers can do to it. */
export async function listServers<N extends number | bigint>(
  exchange: Exchange,
  handles: Handles<N>,
  options: ListOptions,
  matches: ServiceMatcher | undefined,
): Promise<VirtualServer<N>[]> {
  const pace = new Pace(options.signal);
  const { services, listed } = await readServices(exchange, options, matches, pace);
  const out: { readonly position: number; readonly server: VirtualServer<N> }[] = [];
  for (const { id, at, destinations, offsets } of listed) {
    const sorted = await sortedDestinations(destinations, offsets, pace);
    const ordered = inOrder(sorted, options.order);
    const realServers = await handles.realServers(id, destinations, ordered, pace);
    const server = handles.virtualServer(
      id,
      unpackServiceSettings(services, at, id.family),
      unpackStats(services.view, at + IpvsService.stats, handles.read),
      realServers,
    );
    out.push({ position: at, server });
    if (pace.due()) await pace.rest();
  }
  const ordered =
    options.order === 'kernel' ? await sortPaced(out, (a, b) => a.position - b.position, pace) : out;
  return ordered.map(({ server }) => server);
}

/** Read the services that are meant, in order, until the table stood still meanwhile, or often enough. */
export async function readServices(
  exchange: Exchange,
  options: ListOptions,
  matches: ServiceMatcher | undefined,
  pace: Pace,
): Promise<{ readonly services: Table; readonly listed: readonly ListedService[] }> {
  const withDestinations = options.realServers !== false;
  const consistent = options.consistent === true;
  // What a filter leaves out need not be read, unless all of it is read twice anyway.
  const whole = withDestinations && (matches === undefined || consistent);
  let reading: Reading = await exchange.listServices(whole, options);
  for (let round = 1; ; round++) {
    const listed = await pick(exchange, reading, matches, whole || !withDestinations, options, pace);
    if (!consistent && reading.services.length <= (withDestinations ? 0 : ONE_PIECE)) {
      return { services: reading.services, listed };
    }
    const again = await exchange.listServices(whole && consistent, options);
    const moved =
      !(await sameKeys(reading, again, serviceKeys, pace)) ||
      (consistent && !(await sameKeys(reading, again, destinationKeys, pace)));
    if (!moved) return { services: reading.services, listed };
    if (round === ROUNDS) {
      if (consistent) throw moving();
      return { services: reading.services, listed };
    }
    reading = consistent || !whole ? again : await exchange.listServices(true, options);
  }
}

function moving(): BusyError {
  return new BusyError({
    code: 'EAGAIN',
    errno: -11,
    operation: 'ipvs.list',
    meaning: `others kept changing the table while it was read ${String(ROUNDS)} times`,
    hint: 'try again later, or do without { consistent: true }',
  });
}

/** The services that are meant, in order, each with all its destinations. */
async function pick(
  exchange: Exchange,
  { services, destinations }: Reading,
  matches: ServiceMatcher | undefined,
  complete: boolean,
  options: ListOptions,
  pace: Pace,
): Promise<readonly ListedService[]> {
  const found = await inServiceOrder(services, matches, pace);
  if (!complete && found.length > FEW) {
    return pick(exchange, await exchange.listServices(true, options), matches, true, options, pace);
  }
  const children = complete ? await childrenOf(services, destinations, pace) : [];
  const listed: ListedService[] = [];
  for (const { id, indexes } of found) {
    const at = (indexes[0] ?? 0) * IpvsService.size;
    if (complete) {
      // A service that came twice has its destinations under both.
      const offsets = indexes.flatMap((index) => children[index] ?? []);
      listed.push({ id, at, destinations, offsets });
    } else {
      const { table, offsets } = await exchange.listDestinations(id, { ...options, order: 'kernel' });
      listed.push({ id, at, destinations: table, offsets });
    }
  }
  return listed;
}

/** The services that are meant, sorted, each once, with the indexes of all its records. */
async function inServiceOrder(
  services: Table,
  matches: ServiceMatcher | undefined,
  pace: Pace,
): Promise<readonly { readonly id: ServiceId; readonly indexes: readonly number[] }[]> {
  const compare = (a: number, b: number): number =>
    compareServiceRecords(services, a * IpvsService.size, b * IpvsService.size);
  const order = await sortPaced(
    Array.from({ length: services.length }, (_, i) => i),
    compare,
    pace,
  );
  const found: { readonly id: ServiceId; readonly indexes: readonly number[] }[] = [];
  for (let i = 0; i < order.length;) {
    const first = order[i] ?? 0;
    const indexes = [first];
    for (i++; i < order.length && compare(first, order[i] ?? 0) === 0; i++) indexes.push(order[i] ?? 0);
    const id = unpackServiceId(services, first * IpvsService.size);
    if (id !== undefined && (matches === undefined || matches(id))) found.push({ id, indexes });
    if (pace.due()) await pace.rest();
  }
  return found;
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

/** The bytes of a record that name its object, as text. */
function keyAt({ bytes }: Table, from: number, to: number): string {
  return Buffer.from(bytes.buffer, bytes.byteOffset + from, to - from).toString('latin1');
}

function* serviceKeys({ services }: Reading): Generator<string> {
  for (let i = 0; i < services.length; i++) yield serviceKey(services, i);
}

function serviceKey(services: Table, index: number): string {
  const at = index * IpvsService.size;
  return keyAt(services, at + IpvsService.family, at + IpvsService.address + 16);
}

function* destinationKeys({ services, destinations }: Reading): Generator<string> {
  for (let i = 0; i < destinations.length; i++) {
    const at = i * IpvsDest.size;
    const parent = destinations.view.getUint32(at + IpvsDest.service, LITTLE_ENDIAN);
    const own = keyAt(destinations, at + IpvsDest.family, at + IpvsDest.address + 16);
    yield `${serviceKey(services, parent)}${own}`;
  }
}

async function sameKeys(
  before: Reading,
  after: Reading,
  keysOf: (reading: Reading) => Iterable<string>,
  pace: Pace,
): Promise<boolean> {
  const missing = new Set<string>();
  for (const key of keysOf(before)) {
    missing.add(key);
    if (pace.due()) await pace.rest();
  }
  const seen = new Set<string>();
  for (const key of keysOf(after)) {
    if (!missing.has(key)) return false;
    seen.add(key);
    if (pace.due()) await pace.rest();
  }
  return seen.size === missing.size;
}
