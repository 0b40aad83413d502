import { ValidationError } from '../errors.js';
import {
  destinationAttributes,
  type DestinationSettings,
  settingsOfDestination,
} from '../ipvs/destination-settings.js';
import { type Difference, diffService, type ObservedService } from '../ipvs/diff.js';
import { type DestinationId, destinationName } from '../ipvs/identity.js';
import { serviceAttributes, settingsOfService } from '../ipvs/service-settings.js';
import type { RealServerState, VirtualServer, VirtualServerUrl } from '../ipvs/types.js';
import { parseAddress } from '../net/address.js';
import { cidrContains, parseCidr } from '../net/cidr.js';
import { type AddressId, parseUrl, recordEntry, sortKey, wantedServer } from './canonical.js';
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
    const server = wantedServer(spec, `virtualServers[${i}]`);
    const { id } = server;
    if (id.family !== family) {
      throw new ValidationError(`virtualServers[${i}].url`, `an address of ${family}`, spec.url);
    }
    return { path: `virtualServers[${i}]`, server, id, key: sortKey(id) };
  });
  wanted.sort((a, b) => (a.key < b.key ? -1 : a.key > b.key ? 1 : 0));

  const wantedUrls = new Set<VirtualServerUrl>();
  for (const { path, server, id } of wanted) {
    const { url } = id;
    if (wantedUrls.has(url)) throw new ValidationError(`${path}.url`, 'each virtual server once', url);
    wantedUrls.add(url);
    const there = existing.get(url);
    if (there !== undefined && !ownership.adopt && !ownership.recorded.has(recordEntry(id))) {
      changes.conflicts.push({
        object: `virtual server ${url}`,
        reason: 'it exists and was not made by an earlier apply',
        remedy: 'remove it, or take it over with --adopt',
      });
      continue;
    }
    owned.add(url);
    const real = new Map(there?.realServers.map((one) => [destinationName(one), one]));
    for (const difference of diffService(server, there && observedServer(there))) {
      if (difference.op === 'removeReal') {
        const unwanted = real.get(destinationName(difference.destination));
        const departing = unwanted && departingServer(id, unwanted);
        if (departing !== undefined && ownership.drain(departing)) {
          draining.push(departing);
          if (departing.weight !== 0) changes.realServers.push(quiesce(difference));
          continue;
        }
      }
      ('destination' in difference ? changes.realServers : changes.servers).push(operationOf(difference));
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
    const { settings, destinations } = observedServer(server);
    changes.removals.push({
      op: 'removeVirtualServer',
      family,
      virtualServer: server.url,
      before: serviceAttributes(settings, family),
      realServers: destinations.map((real) => factsOf(real.id, real.settings)),
    });
  }
  return changes;
}

/** A listed virtual server in the terms in which servers are compared. */
function observedServer(server: VirtualServer): ObservedService {
  return {
    settings: settingsOfService(server),
    destinations: server.realServers.map((real) => ({
      id: { family: real.family, address: real.address, port: real.port },
      settings: settingsOfDestination(real),
    })),
  };
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

function factsOf({ address, port }: DestinationId, settings: DestinationSettings): RealServerFacts {
  return { address, port, ...destinationAttributes(settings) };
}

/** Weight 0 in place of a removal. */
function quiesce(difference: Extract<Difference, { op: 'removeReal' }>): Operation {
  return operationOf({ ...difference, op: 'setReal', settings: { ...difference.before, weight: 0 } });
}

function operationOf(difference: Difference): Operation {
  const { family, url: virtualServer } = difference.service;
  switch (difference.op) {
    case 'add': {
      const attributes = serviceAttributes(difference.settings, family);
      return { op: 'addVirtualServer', family, virtualServer, attributes };
    }
    case 'set': {
      const attributes = serviceAttributes(difference.settings, family);
      const before = serviceAttributes(difference.before, family);
      return { op: 'setVirtualServer', family, virtualServer, attributes, before };
    }
    case 'addReal': {
      const realServer = factsOf(difference.destination, difference.settings);
      return { op: 'addRealServer', family, virtualServer, realServer };
    }
    case 'setReal': {
      const realServer = factsOf(difference.destination, difference.settings);
      const before = factsOf(difference.destination, difference.before);
      return { op: 'setRealServer', family, virtualServer, realServer, before };
    }
    case 'removeReal': {
      const { address, port } = difference.destination;
      const before = factsOf(difference.destination, difference.before);
      return { op: 'removeRealServer', family, virtualServer, address, port, before };
    }
  }
}
