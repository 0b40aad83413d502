import type { VirtualServer, VirtualServerSpec, VirtualServerUrl } from '../ipvs/types.js';
import type { LinkState } from '../link/types.js';
import type { Family } from '../net/address.js';
import { parseUrl, recordEntry } from '../plan/canonical.js';
import type { Observed, ObservedSet } from '../plan/index.js';
import type {
  ApplyReport,
  DesiredSet,
  DesiredState,
  FamilyScope,
  FamilyState,
  OwnershipScope,
} from '../plan/types.js';
import { noRules } from '../rules/diff.js';
import { nftTable } from '../rules/nft/compile.js';
import type { NftTable } from '../rules/nft/types.js';
import type { RuleSet } from '../rules/types.js';
import type { FamilyChange, MergedState } from './merged.js';

/**
 * A set of nft with the entries that a change adds. Networks must not overlap there, so that the others at the same addresses and
 * ports have to be known.
 */
function withChange(set: DesiredSet, change: FamilyChange, merged: MergedState): DesiredSet {
  const added = change.addedEntries.get(set.name) ?? [];
  if (set.type !== 'hash:ip,port,net') return { ...set, entries: added };
  const removed = change.removedEntries.get(set.name) ?? [];
  if (added.length + removed.length === 0) return { ...set, entries: [] };
  return { ...set, entries: merged.besides(change.family, set.name, [...added, ...removed]) };
}

/** What a plan is made from. */
export interface PlanInput {
  readonly desired: DesiredState;
  readonly observed: Observed;
}

/**
 * What is known about the kernel from the last full comparison and from everything that was done since. Only what a small plan cannot
 * cheaply ask again: which sets there are, which virtual servers are on record, the rules, the interface. Virtual servers are always
 * read.
 */
export class Ledger {
  readonly #scope: OwnershipScope;
  readonly #sets = new Map<string, ObservedSet['header']>();
  /** Entries by record. */
  readonly #records = new Map<string, Set<string>>();
  readonly #rules = new Map<Family, RuleSet>();
  /** With nft: the sets of its tables, without entries; chains are those of the rules. */
  readonly #nftSets = new Map<Family, readonly DesiredSet[]>();
  #interface: LinkState | undefined;

  constructor(scope: OwnershipScope, observed: Observed) {
    this.#scope = scope;
    for (const { header } of observed.sets.values()) this.#sets.set(header.name, header);
    for (const { record } of scope.families)
      this.#records.set(record, new Set(observed.sets.get(record)?.entries));
    for (const rules of observed.rules) this.#rules.set(rules.family, rules);
    this.#interface = observed.interface;
  }

  /** Whether a virtual server is on record as ours. */
  owns(family: Family, url: VirtualServerUrl): boolean {
    const record = this.#familyScope(family)?.record;
    return record !== undefined && this.#records.get(record)?.has(recordEntry(parseUrl(url))) === true;
  }

  /** Learn from what was done to reach `desired`. */
  note({ results }: ApplyReport, desired: DesiredState): void {
    const broken = new Set<Family>();
    for (const { operation, status } of results) {
      if (status !== 'done') {
        // Leftovers say nothing of the rules that are wanted.
        if (operation.op === 'applyRules' && operation.leftover !== true) broken.add(operation.family);
        continue;
      }
      switch (operation.op) {
        case 'createSet': {
          const { set: name, type, options } = operation;
          this.#sets.set(name, { name, type, ...options });
          break;
        }
        case 'destroySet':
          this.#sets.delete(operation.set);
          break;
        case 'addEntry':
          this.#records.get(operation.set)?.add(operation.entry);
          break;
        case 'deleteEntry':
          this.#records.get(operation.set)?.delete(operation.entry);
          break;
        case 'addInterface':
          this.#interface = { index: 0, name: operation.interface, kind: 'dummy', up: false };
          break;
        default:
          break;
      }
    }
    for (const { family, rules, sets } of desired.families) {
      if (broken.has(family)) continue;
      this.#rules.set(family, rules);
      if (desired.rules === 'nft')
        this.#nftSets.set(
          family,
          sets.map((set) => ({ ...set, entries: [] })),
        );
    }
  }

  /**
   * A plan's input that holds nothing but a change: its virtual servers as they were just read, its entries and addresses, and the
   * rules when they are to be others from now on.
   */
  inputFor(
    changes: readonly FamilyChange[],
    merged: MergedState,
    servers: readonly VirtualServer[],
  ): PlanInput {
    const sets = new Map<string, ObservedSet>();
    const addresses: { family: Family; address: string }[] = [];
    const nft: NftTable[] = [];
    const families = changes.map((change): FamilyState => {
      const { family, urls, addedEntries, removedEntries } = change;
      const shape = merged.frame().find((f) => f.family === family);
      if (shape === undefined) throw new Error(`no ${family} in the frame`);
      const nftSets = this.#nftSets.get(family);
      if (nftSets !== undefined) nft.push(this.#nftTable(family, nftSets, change, merged));
      // With nft there are no ipsets to look at.
      const touched = new Set(
        nftSets === undefined ? [...addedEntries.keys(), ...removedEntries.keys()] : [],
      );
      const wanted: DesiredSet[] = [];
      for (const set of shape.sets) {
        if (touched.has(set.name)) wanted.push({ ...set, entries: addedEntries.get(set.name) ?? [] });
      }
      for (const name of touched) {
        const header = this.#sets.get(name);
        if (header !== undefined) sets.set(name, { header, entries: removedEntries.get(name) ?? [] });
      }
      this.#addRecord(family, urls, sets);
      for (const address of change.removedAddresses) addresses.push({ family, address });
      return {
        family,
        virtualServers: [...urls]
          .map((url) => merged.server(url, family))
          .filter((spec): spec is VirtualServerSpec => spec !== undefined),
        sets: nftSets === undefined ? wanted : shape.sets.map((set) => withChange(set, change, merged)),
        rules: shape.rules,
        boundAddresses: change.addedAddresses,
      };
    });
    return {
      desired: { families, rules: this.#nftSets.size > 0 ? 'nft' : 'iptables', interface: true, sysctls: [] },
      observed: {
        virtualServers: servers,
        sets,
        interface: this.#interface,
        addresses,
        rules: this.#nftSets.size > 0 ? [] : [...this.#rules.values()],
        nft,
        sysctls: new Map(),
      },
    };
  }

  /** What is known of a table, with those entries that a change takes away, or that may overlap with those that come. */
  #nftTable(
    family: Family,
    sets: readonly DesiredSet[],
    change: FamilyChange,
    merged: MergedState,
  ): NftTable {
    const before = sets.map((set) => {
      const removed = change.removedEntries.get(set.name) ?? [];
      const added = new Set(change.addedEntries.get(set.name));
      const others = withChange(set, change, merged).entries.filter((entry) => !added.has(entry));
      return { ...set, entries: [...others, ...removed] };
    });
    return nftTable(this.#rules.get(family) ?? noRules(family), before);
  }

  /** The family's record, as far as it is about these virtual servers. */
  #addRecord(family: Family, urls: Iterable<VirtualServerUrl>, sets: Map<string, ObservedSet>): void {
    const record = this.#familyScope(family)?.record;
    const header = record === undefined ? undefined : this.#sets.get(record);
    if (record === undefined || header === undefined) return;
    const known = this.#records.get(record);
    const entries = [...urls].map((url) => recordEntry(parseUrl(url))).filter((entry) => known?.has(entry));
    sets.set(record, { header, entries });
  }

  #familyScope(family: Family): FamilyScope | undefined {
    return this.#scope.families.find((scope) => scope.family === family);
  }
}
