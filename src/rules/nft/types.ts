import type { Family } from '../../net/address.js';
import type { CallOptions } from '../../netlink/types.js';

/** A component of a set's key, by nft's names. */
export type NftKey = 'ipv4_addr' | 'ipv6_addr' | 'inet_proto' | 'inet_service';

/** A native set of the table. */
export interface NftSet {
  readonly name: string;
  /** Components of the key; several of them are a concatenation. What nft has no such name for is `unknown`: only read. */
  readonly key: readonly (NftKey | 'unknown')[];
  /** Networks may be elements (`flags interval`). */
  readonly interval: boolean;
  /** Canonical: `10.96.0.10 . tcp . 80`, networks with their length unless they are one host. No two overlap. */
  readonly elements: readonly string[];
}

/** A rule as nft takes it. */
export interface NftRule {
  /** Matches and verdict in canonical form: `ip daddr . meta l4proto . th dport @KUBE-CLUSTER-IP accept`. */
  readonly text: string;
  readonly comment?: string;
}

/** Where a base chain hangs. */
export interface NftHook {
  readonly type: 'nat' | 'filter';
  readonly hook: 'prerouting' | 'input' | 'forward' | 'output' | 'postrouting';
  /** Chains of lower priority come first. IPVS takes packets at input 99 and output -98. */
  readonly priority: number;
}

/** A chain, with a hook when it is a base chain. */
export interface NftChain {
  readonly name: string;
  readonly hook?: NftHook;
  readonly rules: readonly NftRule[];
}

/** Our table of one family: everything that is in it is ours. Pure data. */
export interface NftTable {
  readonly family: Family;
  readonly sets: readonly NftSet[];
  readonly chains: readonly NftChain[];
  /** What somebody put into it that is neither a set, a chain nor a rule. Only read. */
  readonly other?: readonly string[];
}

/** Some elements of one set. */
export interface NftElements {
  readonly set: string;
  readonly elements: readonly string[];
}

/** How a table differs from what the kernel has. Written by hand, it is the cheapest way to change a few elements. */
export interface NftDiff {
  readonly family: Family;
  /** Remove the table with everything in it first; without chains and sets to add it is not made again. */
  readonly replace: boolean;
  /** Sets to make, with their elements. */
  readonly addSets: readonly NftSet[];
  readonly deleteElements: readonly NftElements[];
  readonly addElements: readonly NftElements[];
  /** Chains to make or to rewrite, with their rules. */
  readonly writeChains: readonly NftChain[];
  readonly removeChains: readonly string[];
  readonly removeSets: readonly string[];
}

/** Our table through nft (argument vector and stdin, no shell). Every call starts one program; nothing is cached. */
export interface Nft {
  /** What is in our table; undefined when there is none. @throws CommandError */
  read(family: Family, options?: CallOptions): Promise<NftTable | undefined>;
  /**
   * Would the kernel take it? (`nft --check`: the kernel looks at the whole transaction and throws it away.)
   * @throws CommandError with the line.
   */
  check(diff: NftDiff, options?: CallOptions): Promise<void>;
  /**
   * Apply in one transaction: all of it or, when it is refused, nothing. No packet ever meets a half.
   * @throws CommandError with the line; also when somebody else changed the table since it was read.
   */
  apply(diff: NftDiff, options?: CallOptions): Promise<void>;
  /** The table as `nft list table` prints it (for people); empty when there is none. */
  save(family: Family, options?: CallOptions): Promise<string>;
  /** `1.0.6` @throws CommandError when nft is missing. */
  version(options?: CallOptions): Promise<string>;
}
