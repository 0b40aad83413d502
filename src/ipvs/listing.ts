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
import type { Handles } from './handles.js';
import { Pace, sortPaced } from './pace.js';
import type { ReadOptions, VirtualServer } from './types.js';

/** All services as handles, sorted, each there once. */
export async function listServers<N extends number | bigint>(
  exchange: Exchange,
  handles: Handles<N>,
  options: ReadOptions,
): Promise<VirtualServer<N>[]> {
  const { services, destinations } = await exchange.listServices(options.realServers !== false, options);
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
    const realServers = await handles.realServers(id, destinations, ordered, pace);
    const server = handles.virtualServer(
      id,
      unpackServiceSettings(services, at, id.family),
      unpackStats(services.view, at + IpvsService.stats, handles.read),
      realServers,
    );
    out.push({ position: first, server });
    if (pace.due()) await pace.rest();
  }
  const ordered =
    options.order === 'kernel' ? await sortPaced(out, (a, b) => a.position - b.position, pace) : out;
  return ordered.map(({ server }) => server);
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
