import type { Forwarding, VirtualServerSpec } from '../ipvs/types.js';
import type { SetType } from '../ipset/types.js';
import type { Protocol } from '../net/protocol.js';
import { wantedServer } from '../plan/canonical.js';
import { formatRule } from '../rules/iptables/rule.js';
import type { TableName } from '../rules/types.js';
import type { KubeFamilyState, KubeState } from './desired.js';
import type { Skipped } from './skip.js';
import { sortedBy } from './sorted.js';

/** A real server in rendered JSON. */
export interface RenderedRealServer {
  readonly address: string;
  readonly port: number;
  readonly weight: number;
  readonly forwarding: Forwarding;
}

/** A virtual server in rendered JSON. */
export interface RenderedVirtualServer {
  readonly address: string;
  readonly port: number;
  readonly protocol: Protocol;
  readonly scheduler: string;
  /** The kernel's flag word without the hashed bit (0x2), which the kernel sets by itself. */
  readonly flags: number;
  /** Seconds; 0 without persistence. */
  readonly persistenceTimeout: number;
  readonly realServers: readonly RenderedRealServer[];
}

/** A set in rendered JSON. */
export interface RenderedSet {
  readonly name: string;
  readonly type: SetType;
  /** Null for types without a family (`bitmap:port`). */
  readonly family: 'inet' | 'inet6' | null;
  /** Canonical text, sorted. */
  readonly entries: readonly string[];
}

/** Rules of a table by chain, each as `iptables-save` prints it: `-A CHAIN …`. */
export type RenderedChains = Readonly<Record<string, readonly string[]>>;

/** One family in rendered JSON. */
export interface RenderedFamily {
  readonly family: 'ipv4' | 'ipv6';
  readonly virtualServers: readonly RenderedVirtualServer[];
  readonly sets: readonly RenderedSet[];
  readonly rules: Readonly<Record<TableName, RenderedChains>>;
  /** Rules that are inserted at the head of base chains, in the order in which they come to stand. */
  readonly jumps: readonly { readonly table: TableName; readonly rule: string }[];
  /** Addresses of kube-ipvs0. */
  readonly boundAddresses: readonly string[];
  readonly sysctls: Readonly<Record<string, string>>;
  /** By `namespace/name`. */
  readonly healthCheckNodePorts: Readonly<Record<string, number>>;
  readonly skipped: readonly RenderedSkip[];
}

/** Something that is not programmed, in rendered JSON. */
export type RenderedSkip = Pick<Skipped, 'object' | 'path' | 'reason'>;

/** What `ipvs render --format json` prints. */
export interface RenderedState {
  readonly families: readonly RenderedFamily[];
}

function renderServer(spec: VirtualServerSpec): RenderedVirtualServer {
  const { id, settings, destinations } = wantedServer(spec);
  return {
    address: id.address,
    port: id.port,
    protocol: id.protocol,
    scheduler: settings.scheduler,
    flags: settings.flags,
    persistenceTimeout: settings.timeout,
    realServers: (destinations ?? []).map(({ id: { address, port }, settings: { weight, forwarding } }) => {
      return { address, port, weight, forwarding };
    }),
  };
}

function renderFamily(
  state: KubeFamilyState,
  sysctls: KubeState['sysctls'],
  refused: readonly RenderedSkip[],
): RenderedFamily {
  const { family, rules } = state;
  const chains = (table: TableName): RenderedChains =>
    Object.fromEntries(
      rules.chains
        .filter((chain) => chain.table === table)
        .map((chain) => [
          chain.name,
          chain.rules.map((rule) => `-A ${chain.name} ${formatRule(rule, family)}`),
        ]),
    );
  return {
    family: family === 'inet' ? 'ipv4' : 'ipv6',
    virtualServers: state.virtualServers.map(renderServer),
    sets: state.sets.map((set) => ({
      name: set.name,
      type: set.type,
      family: set.family ?? null,
      entries: set.entries,
    })),
    rules: { nat: chains('nat'), filter: chains('filter') },
    jumps: rules.jumps.map(({ table, from, rule }) => ({
      table,
      rule: `-A ${from} ${formatRule(rule, family)}`,
    })),
    boundAddresses: state.boundAddresses,
    sysctls: Object.fromEntries(sysctls.map(({ name, value }) => [name, value])),
    healthCheckNodePorts: state.healthCheckNodePorts,
    skipped: [...state.skipped, ...refused].map(({ object, path, reason }) => ({ object, path, reason })),
  };
}

/**
 * Desired state as plain JSON in the kernel's own terms, for other programs and for comparison by eye. Pure.
 *
 * @param refused Objects that could not even be read (`Manifests.problems`); they count as skipped in every family.
 */
export function renderState(state: KubeState, refused: readonly RenderedSkip[] = []): RenderedState {
  const ordered = sortedBy(refused, ({ object, path, reason }) => `${object}\0${path}\0${reason}`);
  return { families: state.families.map((family) => renderFamily(family, state.sysctls, ordered)) };
}
