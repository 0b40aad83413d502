import { isDeepStrictEqual } from 'node:util';
import { ValidationError } from '../errors.js';
import type { RealServerState, VirtualServer, VirtualServerUrl } from '../ipvs/types.js';
import { joinHostPort, parseAddress } from '../net/address.js';
import { cidrContains, parseCidr } from '../net/cidr.js';
import {
  type AddressId,
  observedAttributes,
  observedRealServer,
  parseUrl,
  recordEntry,
  sortKey,
  wantedAttributes,
  wantedRealServer,
} from './canonical.js';
import type { Conflict, DepartingServer, FamilyState, Operation, RealServerFacts } from './types.js';

/** Changes of virtual and real servers, in the groups in which they are ordered. */
export interface ServerChanges {
  /** Virtual servers that are recorded as ours and not wanted. */
  readonly removals: Operation[];
  /** New and changed virtual servers. */
  readonly servers: Operation[];
  /** Real servers, per virtual server: new ones, changed ones, and only then those that go. */
  readonly realServers: Operation[];
  /** Virtual servers that are to be ours: to be recorded before they are added. */
  readonly owned: ReadonlySet<VirtualServerUrl>;
  /** Real servers that are not wanted and stay for their connections. */
  readonly draining: readonly DepartingServer[];
  readonly conflicts: Conflict[];
}

/** What decides whom a virtual server belongs to. */
export interface ServerOwnership {
  /** Entries of the family's record. */
  readonly recorded: ReadonlySet<string>;
  /** Networks whose virtual servers are never removed. */
  readonly exclude: readonly string[];
  /** Take over wanted virtual servers that somebody else made. */
  readonly adopt: boolean;
  /** Whether an unwanted real server stays, at weight 0, for the connections that it has. */
  readonly drain: (server: DepartingServer) => boolean;
}

/** Compare the virtual servers of one family. Observed ones that are not recorded as ours count only as obstacles. */
export function diffServers(
  state: FamilyState,
  observed: readonly VirtualServer[],
  ownership: ServerOwnership,
): ServerChanges {
  const { family } = state;
  const existing = new Map(observed.map((server) => [server.url, server]));
  const owned = new Set<VirtualServerUrl>();
  const draining: DepartingServer[] = [];
  const changes = {
    removals: [] as Operation[],
    servers: [] as Operation[],
    realServers: [] as Operation[],
    owned,
    draining,
    conflicts: [] as Conflict[],
  };

  const wanted = state.virtualServers.map((spec, i) => {
    const path = `virtualServers[${i}]`;
    const id = parseUrl(spec.url, `${path}.url`);
    if (id.family !== family) throw new ValidationError(`${path}.url`, `an address of ${family}`, spec.url);
    return { spec, path, id, key: sortKey(id) };
  });
  wanted.sort((a, b) => (a.key < b.key ? -1 : a.key > b.key ? 1 : 0));

  const wantedUrls = new Set<VirtualServerUrl>();
  for (const { spec, path, id } of wanted) {
    const { url } = id;
    if (wantedUrls.has(url)) throw new ValidationError(`${path}.url`, 'each virtual server once', url);
    wantedUrls.add(url);
    const attributes = wantedAttributes(spec, id, path);
    const server = existing.get(url);
    if (server === undefined) {
      changes.servers.push({ op: 'addVirtualServer', family, virtualServer: url, attributes });
    } else if (ownership.adopt || ownership.recorded.has(recordEntry(id))) {
      const before = observedAttributes(server);
      if (!isDeepStrictEqual(before, attributes))
        changes.servers.push({ op: 'setVirtualServer', family, virtualServer: url, attributes, before });
    } else {
      changes.conflicts.push({
        object: `virtual server ${url}`,
        reason: 'it exists and was not made by an earlier apply',
        remedy: 'remove it, or take it over with --adopt',
      });
      continue;
    }
    owned.add(url);
    if (spec.realServers !== undefined) {
      const specs = spec.realServers.map((real, i) =>
        wantedRealServer(real, id, `${path}.realServers[${i}]`),
      );
      const have = server?.realServers ?? [];
      const stays = (real: RealServerState): boolean => {
        const departing = departingServer(id, real);
        if (!ownership.drain(departing)) return false;
        draining.push(departing);
        return true;
      };
      for (const operation of diffRealServers(family, url, specs, have, stays))
        changes.realServers.push(operation);
    }
  }

  const excluded = ownership.exclude.map((text, i) => parseCidr(text, `exclude[${i}]`));
  for (const server of observed) {
    if (server.fwmark !== undefined || wantedUrls.has(server.url)) continue;
    const id = parseUrl(server.url);
    if (!ownership.recorded.has(recordEntry(id))) continue;
    const { bytes } = parseAddress(id.address, 'address');
    if (excluded.some((cidr) => cidrContains(cidr, bytes))) {
      // Stays, and stays recorded: it is still ours, only protected.
      owned.add(server.url);
      continue;
    }
    changes.removals.push({
      op: 'removeVirtualServer',
      family,
      virtualServer: server.url,
      before: observedAttributes(server),
      realServers: server.realServers.map(observedRealServer),
    });
  }
  return changes;
}

/** A real server that is not wanted. */
function departingServer({ url, protocol }: AddressId, real: RealServerState): DepartingServer {
  const { address, port, weight, activeConnections, inactiveConnections } = real;
  return {
    virtualServer: url,
    protocol,
    address,
    port,
    weight,
    connections: activeConnections + inactiveConnections,
  };
}

/** New real servers first, then changes in place, then removals: there is never less to send traffic to than before and after. */
function diffRealServers(
  family: FamilyState['family'],
  virtualServer: VirtualServerUrl,
  wanted: readonly RealServerFacts[],
  observed: readonly RealServerState[],
  stays: (real: RealServerState) => boolean,
): Operation[] {
  const key = (real: Pick<RealServerFacts, 'address' | 'port'>): string =>
    joinHostPort(real.address, real.port);
  const existing = new Map(observed.map((real) => [key(real), observedRealServer(real)]));
  const adds: Operation[] = [];
  const sets: Operation[] = [];
  const seen = new Set<string>();
  for (const realServer of wanted) {
    const name = key(realServer);
    if (seen.has(name)) throw new ValidationError(virtualServer, 'each real server once', name);
    seen.add(name);
    const before = existing.get(name);
    if (before === undefined) adds.push({ op: 'addRealServer', family, virtualServer, realServer });
    else if (!isDeepStrictEqual(before, realServer))
      sets.push({ op: 'setRealServer', family, virtualServer, realServer, before });
  }
  const removals: Operation[] = [];
  for (const real of observed) {
    if (seen.has(key(real))) continue;
    const before = observedRealServer(real);
    if (!stays(real)) {
      const { address, port } = real;
      removals.push({ op: 'removeRealServer', family, virtualServer, address, port, before });
    } else if (real.weight !== 0) {
      const realServer = { ...before, weight: 0 };
      removals.push({ op: 'setRealServer', family, virtualServer, realServer, before });
    }
  }
  return [...adds, ...sets, ...removals];
}
