import type { SetType } from '../ipset/types.js';
import type {
  Forwarding,
  IpvsTimeouts,
  Tunnel,
  VirtualServerAttributes,
  VirtualServerSpec,
  VirtualServerUrl,
} from '../ipvs/types.js';
import type { Family } from '../net/address.js';
import type { Protocol } from '../net/protocol.js';
import type { NftDiff } from '../rules/nft/types.js';
import type { Chain, RuleSet, RulesDiff, TableName } from '../rules/types.js';
import type { SysctlChange } from '../sysctl/types.js';

/** A set as it is to be, with all its entries. */
export interface DesiredSet {
  readonly name: string;
  readonly type: SetType;
  /** Of hash types; absent for `bitmap:port`. */
  readonly family?: Family;
  /** Of `bitmap:port`: first and last port, inclusive. */
  readonly range?: readonly [number, number];
  /** Only used when the set has to be created. Default: the kernel's 65 536, or more when the entries need it. */
  readonly maxElements?: number;
  /** Canonical text, as `ipset save` prints it: `10.96.0.10,tcp:80`. */
  readonly entries: readonly string[];
}

/**
 * What holds rules and the sets that they name. `iptables`: iptables rules and ipsets. `nft`: one table of nft for each family, with
 * sets of its own.
 */
export type RulesBackend = 'iptables' | 'nft';

/** What one address family is to look like. */
export interface FamilyState {
  readonly family: Family;
  /** By address only: a virtual server by firewall mark cannot be recorded as ours and is refused. */
  readonly virtualServers: readonly VirtualServerSpec[];
  /** In the order in which entries become effective without hurting traffic; entries are deleted in the reverse order. */
  readonly sets: readonly DesiredSet[];
  readonly rules: RuleSet;
  /** Host addresses of the scope's interface, canonical. */
  readonly boundAddresses: readonly string[];
}

/** A kernel setting as it is to be. */
export interface DesiredSysctl {
  /** `net/ipv4/vs/conntrack` or with dots. */
  readonly name: string;
  readonly value: string;
}

/**
 * What a network namespace is to look like, inside an {@link OwnershipScope}. Plain data. A family of the scope that has no entry
 * here is to be empty; a family outside the scope is left alone.
 */
export interface DesiredState {
  readonly families: readonly FamilyState[];
  /**
   * What holds the rules and sets of every family. Default `iptables`. What the other one holds of ours goes, as soon as the
   * wanted one is in force.
   */
  readonly rules?: RulesBackend;
  /** Whether the scope's dummy interface is to exist. */
  readonly interface: boolean;
  readonly sysctls: readonly DesiredSysctl[];
  /** Seconds; those absent or 0 stay as they are. */
  readonly timeouts?: Partial<IpvsTimeouts>;
}

/** A chain by name. */
export interface ChainName {
  readonly table: TableName;
  readonly name: string;
}

/** What belongs to us in one address family. Everything else is never touched. */
export interface FamilyScope {
  readonly family: Family;
  /** Names of the sets that are ours, whoever made them. Exact names, so that a stranger's `KUBE-…` set stays a stranger's. */
  readonly sets: readonly string[];
  /** Names of the chains that are ours; jumps into them from base chains are ours too. */
  readonly chains: readonly ChainName[];
  /** The nft table `kube-ipvs` of the family is ours, with everything in it. Default false: it is not looked at. */
  readonly nft?: boolean;
  /**
   * Name of the `hash:ip,port` set in which the virtual servers that we made are recorded. A virtual server is ours when it is in
   * here, and only then. Written before a virtual server is added, deleted after it was removed, so that the record covers the
   * servers whatever happens in between. At most 31 characters.
   */
  readonly record: string;
}

/** The borders that `plan`, `apply` and `cleanup` never leave. */
export interface OwnershipScope {
  readonly families: readonly FamilyScope[];
  /** The dummy interface that is ours, with all its addresses (IPv6 link-local ones are the kernel's and ignored). */
  readonly interface: string;
  /** Virtual servers at these networks are never removed, even when they are recorded as ours. */
  readonly exclude?: readonly string[];
}

/** A real server with every attribute spelled out: what plans compare and write. */
export interface RealServerFacts {
  readonly address: string;
  readonly port: number;
  readonly weight: number;
  readonly forwarding: Forwarding;
  readonly upperThreshold: number;
  readonly lowerThreshold: number;
  /** Only with `forwarding: 'tunnel'`. */
  readonly tunnel?: Tunnel;
}

/** What a set is made of. */
export interface SetFacts {
  readonly type: SetType;
  readonly options: SetOptions;
  readonly entries: readonly string[];
}

/** How a set is created. */
export interface SetOptions {
  readonly family?: Family;
  /** Ports or addresses. */
  readonly range?: readonly [number, number] | readonly [string, string];
  readonly maxElements?: number;
}

/** One change of one kernel object. */
export type Operation =
  | {
      readonly op: 'setSysctl';
      readonly name: string;
      readonly value: string;
      /** Undefined when the kernel has no such entry (yet). */
      readonly before: string | undefined;
    }
  | { readonly op: 'setTimeouts'; readonly timeouts: Partial<IpvsTimeouts>; readonly before: IpvsTimeouts }
  | { readonly op: 'addInterface' | 'removeInterface'; readonly interface: string }
  | {
      readonly op: 'addAddress' | 'removeAddress';
      readonly family: Family;
      readonly interface: string;
      readonly address: string;
    }
  | {
      readonly op: 'createSet';
      readonly family: Family;
      readonly set: string;
      readonly type: SetType;
      readonly options: SetOptions;
    }
  | {
      readonly op: 'destroySet';
      readonly family: Family;
      readonly set: string;
      /** What is lost with it; absent when that is not known. */
      readonly before?: SetFacts;
      /** It is the record of our virtual servers. */
      readonly record?: true;
    }
  | {
      readonly op: 'addEntry' | 'deleteEntry';
      readonly family: Family;
      readonly set: string;
      readonly entry: string;
      /** The virtual server that this entry records as ours; absent for ordinary entries. */
      readonly records?: VirtualServerUrl;
    }
  | {
      readonly op: 'applyRules';
      readonly family: Family;
      readonly diff: RulesDiff;
      /** The chains that the difference rewrites or removes, as they were. */
      readonly before: readonly Chain[];
      /** Ours of earlier, in favour of the other back end or of nothing. */
      readonly leftover?: true;
    }
  /** One transaction of nft. */
  | {
      readonly op: 'applyNft';
      readonly family: Family;
      readonly diff: NftDiff;
      /** What leads back. */
      readonly undo: NftDiff;
      /** As in `applyRules`. */
      readonly leftover?: true;
    }
  | {
      readonly op: 'addVirtualServer';
      readonly family: Family;
      readonly virtualServer: VirtualServerUrl;
      readonly attributes: VirtualServerAttributes;
    }
  | {
      readonly op: 'setVirtualServer';
      readonly family: Family;
      readonly virtualServer: VirtualServerUrl;
      readonly attributes: VirtualServerAttributes;
      readonly before: VirtualServerAttributes;
    }
  | {
      readonly op: 'removeVirtualServer';
      readonly family: Family;
      readonly virtualServer: VirtualServerUrl;
      readonly before: VirtualServerAttributes;
      /** They go with it. */
      readonly realServers: readonly RealServerFacts[];
    }
  | {
      readonly op: 'addRealServer';
      readonly family: Family;
      readonly virtualServer: VirtualServerUrl;
      readonly realServer: RealServerFacts;
    }
  | {
      readonly op: 'setRealServer';
      readonly family: Family;
      readonly virtualServer: VirtualServerUrl;
      readonly realServer: RealServerFacts;
      readonly before: RealServerFacts;
    }
  | {
      readonly op: 'removeRealServer';
      readonly family: Family;
      readonly virtualServer: VirtualServerUrl;
      readonly address: string;
      readonly port: number;
      readonly before: RealServerFacts;
    };

/** A real server that is not wanted any more, as it was when it was looked at. */
export interface DepartingServer {
  readonly virtualServer: VirtualServerUrl;
  readonly protocol: Protocol;
  readonly address: string;
  readonly port: number;
  /** 0 when it is draining already, whoever began that. */
  readonly weight: number;
  /** Active and inactive ones. */
  readonly connections: number;
}

/** Something that is wanted but belongs to somebody else. It is left alone, and so is what would depend on it. */
export interface Conflict {
  /** `virtual server tcp://10.0.0.1:80`, `set KUBE-CLUSTER-IP`, `interface kube-ipvs0`. */
  readonly object: string;
  readonly reason: string;
  /** What can be done about it. */
  readonly remedy: string;
}

/** What became of one operation. */
export interface OperationResult {
  readonly operation: Operation;
  /** `unknown`: the kernel dropped its answer; plan again to see. `skipped`: not tried; `reason` says why. */
  readonly status: 'done' | 'failed' | 'skipped' | 'unknown';
  readonly error?: Error;
  readonly reason?: string;
}

/** What `apply` did: an outcome for every operation of the plan, in its order. */
export interface ApplyReport {
  /** Every operation was done and the plan had no conflicts. */
  readonly ok: boolean;
  readonly done: number;
  readonly failed: number;
  readonly skipped: number;
  readonly results: readonly OperationResult[];
  readonly conflicts: readonly Conflict[];
  /** Settings that were written, with what was there before. They are not restored by `cleanup`. */
  readonly sysctls: readonly SysctlChange[];
}
