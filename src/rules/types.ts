import type { Family } from '../net/address.js';
import type { CallOptions } from '../netlink/types.js';

/** Tables that the KUBE chains live in. */
export type TableName = 'nat' | 'filter';

/** One argument of `-m set --match-set`: which side of the packet each dimension of the set is compared with. */
export type SetDirection = 'src' | 'dst';

/**
 * A condition of a rule. iptables keeps source, destination, incoming interface and protocol in fields of their own, at most one
 * of each and in this order; the others keep the order in which they are given, since a cheap one can shield a dear one.
 */
export type Match =
  | { readonly match: 'source'; readonly cidr: string; readonly not?: boolean }
  | { readonly match: 'destination'; readonly cidr: string; readonly not?: boolean }
  /** `cni0`, or `veth+` for every name that begins so. */
  | { readonly match: 'inInterface'; readonly name: string; readonly not?: boolean }
  | { readonly match: 'protocol'; readonly protocol: 'tcp' | 'udp' | 'sctp' }
  | { readonly match: 'comment'; readonly text: string }
  | {
      readonly match: 'set';
      readonly set: string;
      readonly directions: readonly SetDirection[];
      readonly not?: boolean;
    }
  | { readonly match: 'mark'; readonly value: number; readonly mask: number; readonly not?: boolean }
  | { readonly match: 'physdevIsIn'; readonly not?: boolean }
  | {
      readonly match: 'addrtype';
      readonly side: SetDirection;
      readonly type: 'LOCAL';
      readonly not?: boolean;
    }
  | {
      readonly match: 'conntrack';
      readonly states: readonly ('NEW' | 'ESTABLISHED' | 'RELATED' | 'INVALID')[];
    }
  /**
   * IPVS balances the packet, and its client addressed this virtual server (xt_ipvs). Works behind IPVS too, where the packet
   * itself has the address of a real server by then.
   */
  | {
      readonly match: 'ipvs';
      readonly address: string;
      readonly protocol: 'tcp' | 'udp' | 'sctp';
      readonly port: number;
    }
  /** What the model has no word for, as iptables-save printed it. Only read, never equal to anything. */
  | { readonly match: 'raw'; readonly text: string };

/** What a rule does. */
export type Target =
  | { readonly target: 'jump'; readonly chain: string }
  | { readonly target: 'accept' | 'drop' | 'return' }
  | { readonly target: 'reject' }
  | { readonly target: 'masquerade'; readonly randomFully?: boolean }
  /** mark = (mark & ~mask) ^ value, as iptables' `--set-xmark value/mask`. */
  | { readonly target: 'mark'; readonly value: number; readonly mask: number }
  /** What the model has no word for, as iptables-save printed it; empty for a rule that only counts. Only read. */
  | { readonly target: 'raw'; readonly text: string };

/** A rule: all matches hold → the target. */
export interface Rule {
  readonly matches: readonly Match[];
  readonly target: Target;
}

/** A chain of ours and its rules, in order. Writing it replaces its contents. */
export interface Chain {
  readonly table: TableName;
  readonly name: string;
  readonly rules: readonly Rule[];
}

/** A rule of ours in a base chain (PREROUTING, OUTPUT, POSTROUTING, INPUT, FORWARD) of others. */
export interface Jump {
  readonly table: TableName;
  readonly from: string;
  readonly rule: Rule;
}

/** The rules of one family: chains of ours and the jumps into them. Pure data; compared by meaning. */
export interface RuleSet {
  readonly family: Family;
  readonly chains: readonly Chain[];
  /** In the order in which they are to stand at the head of their base chain. */
  readonly jumps: readonly Jump[];
}

/** How rules differ from what the kernel has. */
export interface RulesDiff {
  readonly family: Family;
  /** Chains whose contents are to be (re)written, with their wanted rules. */
  readonly write: readonly Chain[];
  /** Jumps to insert, in the order in which they are to stand at the head of their base chain. */
  readonly addJumps: readonly Jump[];
  /** Jumps of ours that are not wanted. */
  readonly removeJumps: readonly Jump[];
  /** Chains of ours that are not wanted. */
  readonly removeChains: readonly { readonly table: TableName; readonly name: string }[];
}

/** Which kernel interface the iptables tools use. A machine can have both; rules made by one are not seen by the other. */
export type IptablesBackend = 'nft' | 'legacy';

/** What `iptables --version` says. */
export interface IptablesVersion {
  /** `1.8.9` */
  readonly version: string;
  /** Versions before 1.8 know only `legacy` and do not name it. */
  readonly backend: IptablesBackend;
}

/** What the tools and the kernel can do. */
export interface RulesFeatures extends IptablesVersion {
  /** The match `ipvs` (module xt_ipvs). */
  readonly ipvsMatch: { readonly available: true } | { readonly available: false; readonly reason: string };
}

/** The packet filter of one network namespace, through iptables-restore and iptables-save (argument vector and stdin, no shell). */
export interface Rules {
  /**
   * Which of these chains exist, with their rules, and which jumps in base chains lead to them. Rules that the model cannot express
   * are kept as text and never equal a wanted rule.
   */
  read(
    family: Family,
    chains: readonly { readonly table: TableName; readonly name: string }[],
    options?: CallOptions,
  ): Promise<RuleSet>;
  /**
   * Is the text one that the tool takes? (`iptables-restore --test`; changes nothing.) Finds sets and extensions that are missing.
   * iptables-nft does not ask the kernel here, so that it does not find, for example, a chain that still has jumps into it.
   * @throws CommandError with the line.
   */
  check(diff: RulesDiff, options?: CallOptions): Promise<void>;
  /**
   * Apply in one `iptables-restore --noflush` call: atomic per table, tables one after the other. When both tables change, both are
   * checked (`--test`) before the first is touched.
   * @throws CommandError with the line; its `committed` says which table was changed before the refusal.
   */
  apply(diff: RulesDiff, options?: CallOptions): Promise<void>;
  /**
   * Tools and matches that this machine has; changes nothing. `currentRules()` is told by `ipvsMatch.available` whether to use that
   * match: a rule with a match that the kernel lacks makes it refuse the whole table.
   * @throws CommandError when the tools are missing.
   */
  features(family: Family, options?: CallOptions): Promise<RulesFeatures>;
  /** The text of all tables of a family, as iptables-save prints it (for people). */
  save(family: Family, options?: CallOptions): Promise<string>;
}
