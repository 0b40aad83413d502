import type { VirtualServer } from '../ipvs/types.js';
import type { Family } from '../net/address.js';
import { wantedServer } from '../plan/canonical.js';
import type { Observed } from '../plan/observe.js';
import type { FamilyState, RulesBackend } from '../plan/types.js';
import { noRules } from '../rules/diff.js';
import { nftTable } from '../rules/nft/compile.js';
import type { NodeView, ViewInterface, ViewSet, ViewVirtualServer } from './types.js';

/** What is known of the node besides what is programmed. */
export interface ViewNode {
  /** The interface that virtual addresses are bound to, `kube-ipvs0`. */
  readonly interface: string;
  readonly interfaces: readonly ViewInterface[];
  readonly primaryIP?: string;
}

const primary = ({ primaryIP }: ViewNode): { primaryIP?: string } =>
  primaryIP === undefined ? {} : { primaryIP };

function viewOf(spec: FamilyState['virtualServers'][number]): ViewVirtualServer {
  const { id, settings, destinations } = wantedServer(spec);
  return {
    url: id.url,
    protocol: id.protocol,
    address: id.address,
    port: id.port,
    scheduler: settings.scheduler,
    persistenceTimeout: settings.timeout,
    realServers: (destinations ?? []).map(({ id: { address, port }, settings: { weight, forwarding } }) => {
      return { address, port, weight, forwarding };
    }),
  };
}

/**
 * A node as it is to be: desired state as if it were applied. Addresses that are bound now and not wanted do not count.
 * `backend` is what is to hold rules and sets, `rules` of the desired state; iptables by default.
 */
export function desiredView(
  state: FamilyState,
  node: ViewNode,
  backend: RulesBackend = 'iptables',
): NodeView {
  return {
    family: state.family,
    rules: state.rules,
    ...(backend === 'nft' ? { nft: nftTable(state.rules, state.sets) } : {}),
    sets: new Map(state.sets.map(({ name, type, entries }): [string, ViewSet] => [name, { type, entries }])),
    virtualServers: state.virtualServers.map(viewOf),
    interfaces: [
      ...node.interfaces.filter(({ name }) => name !== node.interface),
      { name: node.interface, addresses: state.boundAddresses },
    ],
    virtualInterface: node.interface,
    ...primary(node),
  };
}

function observedServer(server: VirtualServer): ViewVirtualServer {
  const { url, protocol, address, port, fwmark, scheduler, persistence, realServers } = server;
  return {
    url,
    ...(protocol === undefined ? {} : { protocol }),
    ...(address === undefined ? {} : { address }),
    ...(port === undefined ? {} : { port }),
    ...(fwmark === undefined ? {} : { fwmark }),
    scheduler,
    persistenceTimeout: persistence === false ? 0 : persistence.timeout,
    realServers: realServers.map((real) => ({
      address: real.address,
      port: real.port,
      weight: real.weight,
      forwarding: real.forwarding,
    })),
  };
}

/**
 * A node as it is: with the rules and sets of our table of nft where there is one, else with those of iptables and ipset. Where both are
 * there, on the way from one to the other, a note says so.
 */
export function observedView(observed: Observed, family: Family, node: ViewNode): NodeView {
  const nft = observed.nft?.find((table) => table.family === family);
  const rules = observed.rules.find((of) => of.family === family) ?? noRules(family);
  const both = nft !== undefined && rules.chains.length > 0;
  return {
    family,
    rules,
    sets: new Map(
      [...observed.sets].map(([name, { header, entries }]): [string, ViewSet] => [
        name,
        { type: header.type, entries },
      ]),
    ),
    virtualServers: observed.virtualServers.filter((server) => server.family === family).map(observedServer),
    interfaces: node.interfaces,
    virtualInterface: node.interface,
    ...(nft === undefined ? {} : { nft }),
    ...(both ? { notes: ['our chains are in iptables as well, and were not looked at'] } : {}),
    ...primary(node),
  };
}
