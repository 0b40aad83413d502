import type { Conntrack, Flow } from '../conntrack/types.js';
import type { VirtualServerUrl } from '../ipvs/types.js';
import { type Family, joinHostPort } from '../net/address.js';
import type { CallOptions } from '../netlink/types.js';
import { parseUrl } from '../plan/canonical.js';
import type { ApplyReport } from '../plan/types.js';
import type { EndpointSlice, Service } from '../proxy/model.js';

/**
 * UDP virtual servers that came, went, or have others behind them now. A client of theirs that keeps its port keeps its tracked flow, and with
 * it whoever answered before: IPVS itself sends its packets elsewhere, but what tracking translates goes on as it began.
 */
export function changedUdpServers({ results }: ApplyReport): ReadonlySet<VirtualServerUrl> {
  const urls = new Set<VirtualServerUrl>();
  for (const { operation, status } of results) {
    if (status !== 'done') continue;
    switch (operation.op) {
      case 'addVirtualServer':
      case 'removeVirtualServer':
      case 'addRealServer':
      case 'setRealServer':
      case 'removeRealServer':
        if (operation.virtualServer.startsWith('udp:')) urls.add(operation.virtualServer);
        break;
      default:
        break;
    }
  }
  return urls;
}

/** Endpoints of a Service, ready or not, that still answer UDP behind one of its ports or node ports: `10.244.1.2:5353`. */
export function servingUdp(service: Service, slices: readonly EndpointSlice[], port: number): string[] {
  const names = service.ports
    .filter((p) => p.protocol === 'udp' && (p.port === port || p.nodePort === port))
    .map(({ name }) => name);
  return slices.flatMap(({ ports, endpoints }) =>
    ports
      .filter(({ protocol, name }) => protocol === 'udp' && names.includes(name))
      .flatMap((p) =>
        endpoints.filter(({ serving }) => serving).map(({ address }) => joinHostPort(address, p.port)),
      ),
  );
}

const keyOf = (address: string, port: number): string => joinHostPort(address, port);

/**
 * Forget flows to these virtual servers that nobody answers who should: those whose answers come from elsewhere than `serving` says, and those
 * that were never translated because the virtual server was not there yet. One dump per family.
 * @returns How many were forgotten.
 */
export async function removeStaleFlows(
  conntrack: Conntrack,
  urls: ReadonlySet<VirtualServerUrl>,
  serving: (url: VirtualServerUrl) => ReadonlySet<string>,
  options: CallOptions = {},
): Promise<number> {
  const byFamily = new Map<Family, Map<string, VirtualServerUrl>>();
  for (const url of urls) {
    const { family, address, port } = parseUrl(url);
    const servers = byFamily.get(family) ?? new Map<string, VirtualServerUrl>();
    byFamily.set(family, servers.set(keyOf(address, port), url));
  }
  let removed = 0;
  for (const [family, servers] of byFamily) {
    const [only] = servers.size === 1 ? servers.values() : [];
    const one = only === undefined ? undefined : parseUrl(only);
    const flows = await conntrack.list(
      {
        family,
        protocol: 'udp',
        ...(one === undefined ? {} : { destination: one.address, destinationPort: one.port }),
      },
      options,
    );
    const stale = flows.filter(({ original, reply }: Flow) => {
      const url = servers.get(keyOf(original.destination, original.destinationPort));
      return url !== undefined && !serving(url).has(keyOf(reply.source, reply.sourcePort));
    });
    removed += (await conntrack.delete(stale, options)).deleted;
  }
  return removed;
}
