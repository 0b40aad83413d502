import type { Forwarding } from '../ipvs/types.js';
import type { Family } from '../net/address.js';
import type { Protocol } from '../net/protocol.js';
import type { NftTable } from '../rules/nft/types.js';
import type { RuleSet, TableName } from '../rules/types.js';

/** A set, as far as a packet is looked up in it. */
export interface ViewSet {
  readonly type: string;
  /** Canonical text, as `ipset save` prints it. */
  readonly entries: readonly string[];
}

/** A real server, as far as a packet can reach it. */
export interface ViewRealServer {
  readonly address: string;
  readonly port: number;
  readonly weight: number;
  readonly forwarding: Forwarding;
}

/** A virtual server by address or by firewall mark. */
export interface ViewVirtualServer {
  readonly url: string;
  readonly protocol?: Protocol;
  readonly address?: string;
  readonly port?: number;
  readonly fwmark?: number;
  readonly scheduler: string;
  /** Seconds for which a client stays with its real server; 0 without persistence. */
  readonly persistenceTimeout: number;
  readonly realServers: readonly ViewRealServer[];
}

/** An interface and its addresses. */
export interface ViewInterface {
  readonly name: string;
  readonly addresses: readonly string[];
  /** Networks on the interface (`192.0.2.0/24`), where they are known. */
  readonly networks?: readonly string[];
}

/** All that decides about a packet in one family of a node: rendered, or read from a kernel. Plain data. */
export interface NodeView {
  readonly family: Family;
  /** Chains of this package, and the jumps into them. Rules of others are not known. */
  readonly rules: RuleSet;
  /** By name. */
  readonly sets: ReadonlyMap<string, ViewSet>;
  /** Rules and sets are those of this table of nft: those above are not looked at. */
  readonly nft?: NftTable;
  /** What every explanation has to add: of the node, what was left out of the view. */
  readonly notes?: readonly string[];
  readonly virtualServers: readonly ViewVirtualServer[];
  /** Every interface that has addresses, kube-ipvs0 with the bound ones included. */
  readonly interfaces: readonly ViewInterface[];
  /** The one among them that virtual addresses are bound to, where it is known. */
  readonly virtualInterface?: string;
  /** The node's own address, where it is known. */
  readonly primaryIP?: string;
}

/** The first packet of a connection. */
export interface Packet {
  readonly protocol: Protocol;
  /**
   * Canonical. `node`: from the node itself, which chooses: the destination itself where that is one of its addresses, else its own
   * address.
   */
  readonly source: string;
  /** Default: none in particular; rules that look at it do not match. */
  readonly sourcePort?: number;
  /** Canonical. */
  readonly destination: string;
  readonly destinationPort: number;
  /** Default: the interface whose network the source is in, if any. */
  readonly inInterface?: string;
  /** It came through a port of a bridge, and the kernel shows bridged packets to iptables (br_netfilter). Default false. */
  readonly bridged?: boolean;
}

/** Where in its way through the kernel a packet is. */
export type Hook = 'PREROUTING' | 'INPUT' | 'FORWARD' | 'OUTPUT' | 'POSTROUTING';

/** A rule that matched. */
export interface RuleStep {
  readonly hook: Hook;
  /** With nft, the type of the base chain. */
  readonly table: TableName;
  /** `KUBE-SERVICES`; with nft `nat-KUBE-SERVICES`. */
  readonly chain: string;
  /** As iptables-save prints it (`-A KUBE-SERVICES …`), or in the words of nft. */
  readonly rule: string;
  /** The entries of sets because of which it did. */
  readonly sets: readonly { readonly set: string; readonly entry: string }[];
  /** For a rule that looks at no set: those that earlier rules of its chain looked at in vain. */
  readonly notIn: readonly string[];
  /** What came of it: `jump`, `return`, `accept`, `drop`, `reject`, `masquerade`, `mark 0x4000`; `unknown` for a rule that could not be judged. */
  readonly effect: string;
}

/** A rule by which a packet ended or was changed. */
export type DecidingRule = Pick<RuleStep, 'table' | 'chain' | 'rule' | 'sets' | 'notIn'>;

/** What happens behind a real server's choice. */
export interface RealServerOutcome extends ViewRealServer {
  /** False for weight 0: it takes no new connections. */
  readonly eligible: boolean;
  /** Rules that match on the way there. */
  readonly steps: readonly RuleStep[];
  /** The rule that lets the packet end on its way there. */
  readonly stoppedBy?: DecidingRule;
  /** Masqueraded by this rule, and as this address where it can be told. */
  readonly masquerade?: { readonly by: DecidingRule; readonly address?: string };
  /** The source that the real server sees; undefined when it is masqueraded and the address cannot be told. */
  readonly seenAs?: string;
}

/** Where a packet ends. */
export type Outcome =
  /** IPVS sends it to one of the eligible real servers. */
  | {
      readonly verdict: 'balanced';
      readonly virtualServer: string;
      readonly scheduler: string;
      readonly persistenceTimeout: number;
      readonly realServers: readonly RealServerOutcome[];
    }
  /** The virtual server has no real server that takes connections; the kernel answers with port unreachable. */
  | {
      readonly verdict: 'no real server';
      readonly virtualServer: string;
      readonly realServers: readonly RealServerOutcome[];
    }
  /** A rule ended it; behind IPVS, on the way to every real server. */
  | { readonly verdict: 'dropped' | 'rejected'; readonly by: DecidingRule; readonly virtualServer?: string }
  /** A program of the node gets it, if one listens. */
  | { readonly verdict: 'delivered'; readonly address: string }
  /** It leaves the node for where routes lead. */
  | {
      readonly verdict: 'forwarded';
      readonly masquerade?: { readonly by: DecidingRule; readonly address?: string };
    };

/** The way of one packet. */
export interface Explanation {
  readonly family: 'ipv4' | 'ipv6';
  readonly packet: Packet & { readonly origin: 'outside' | 'node' };
  /** Rules that matched, in the order in which the packet met them, up to IPVS or to its end. */
  readonly steps: readonly RuleStep[];
  readonly outcome: Outcome;
  /** What was taken for granted, and what to know about the answers. */
  readonly notes: readonly string[];
}
