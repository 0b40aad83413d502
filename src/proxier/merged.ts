import { isDeepStrictEqual } from 'node:util';
import type { VirtualServerSpec, VirtualServerUrl } from '../ipvs/types.js';
import type { Family } from '../net/address.js';
import type { DesiredSet, DesiredState, FamilyState } from '../plan/types.js';
import type { ProxyConfig } from '../proxy/config.js';
import { type Skipped, wants } from '../proxy/desired.js';
import { type FamilySetting, familySetting, type FamilyWants } from '../proxy/family-builder.js';
import type { Service } from '../proxy/model.js';
import { KUBE_INTERFACE, type NodeFacts } from '../proxy/node.js';
import { familyRules } from '../proxy/profile-rules.js';
import { PROFILE_SETS, profileSets } from '../proxy/sets.js';
import { kubeSysctls } from '../proxy/sysctls.js';
import type { LoadBalancerPort } from '../rules/kube/input.js';
import { KUBE_SETS, type KubeSetName, kubeSetName } from '../rules/kube/names.js';
import type { RuleSet } from '../rules/types.js';
import type { ObjectStore } from './store.js';

/**
 * Services that want the same address and port have to be looked at together, since the first of them gets it. Most groups have one
 * member.
 */
interface Group {
  readonly members: ReadonlySet<string>;
  readonly wants: readonly FamilyWants[];
}

/** What one family is to have besides what single Services want. */
export interface FamilyFrame {
  readonly family: Family;
  /** In the order in which their entries are added; without entries. */
  readonly sets: readonly DesiredSet[];
  readonly rules: RuleSet;
}

interface Frame {
  readonly key: string;
  readonly families: readonly FamilyFrame[];
}

/** What a change comes to in one family: only what was not there before, and what is not there any more. */
export interface FamilyChange {
  readonly family: Family;
  /** Virtual servers of the Services that were looked at, before or after. */
  readonly urls: ReadonlySet<VirtualServerUrl>;
  /** By name of the set. */
  readonly addedEntries: ReadonlyMap<string, readonly string[]>;
  readonly removedEntries: ReadonlyMap<string, readonly string[]>;
  readonly addedAddresses: readonly string[];
  readonly removedAddresses: readonly string[];
}

/** Things that several Services can want: how many do, and which were there when the change began. */
class Counted {
  readonly #counts = new Map<string, number>();
  #touched = new Map<string, boolean>();

  get keys(): Iterable<string> {
    return this.#counts.keys();
  }

  get size(): number {
    return this.#counts.size;
  }

  count(key: string, by: 1 | -1): void {
    const before = this.#counts.get(key) ?? 0;
    if (!this.#touched.has(key)) this.#touched.set(key, before > 0);
    if (before + by > 0) this.#counts.set(key, before + by);
    else this.#counts.delete(key);
  }

  /** What came and went since the last call. */
  takeChange(): { readonly added: readonly string[]; readonly removed: readonly string[] } {
    const added: string[] = [];
    const removed: string[] = [];
    for (const [key, was] of this.#touched) {
      const is = this.#counts.has(key);
      if (is !== was) (is ? added : removed).push(key);
    }
    this.#touched = new Map();
    return { added, removed };
  }
}

/** One family of all Services together. */
class FamilySum {
  readonly family: Family;
  readonly servers = new Map<VirtualServerUrl, VirtualServerSpec>();
  readonly bound = new Counted();
  readonly entries = new Map<string, Counted>();
  /** By virtual server; each belongs to one Service. */
  readonly #refused = new Map<string, LoadBalancerPort>();
  #urls = new Set<VirtualServerUrl>();

  constructor(family: Family) {
    this.family = family;
  }

  count(wants: FamilyWants, by: 1 | -1): void {
    for (const spec of wants.virtualServers) {
      this.#urls.add(spec.url);
      if (by === 1) this.servers.set(spec.url, spec);
      else this.servers.delete(spec.url);
    }
    for (const [name, entries] of wants.entries) {
      let counted = this.entries.get(name);
      if (counted === undefined) this.entries.set(name, (counted = new Counted()));
      for (const entry of entries) counted.count(entry, by);
    }
    for (const address of wants.boundAddresses) this.bound.count(address, by);
    for (const port of wants.refusedFromNode) {
      const key = `${port.address} ${port.protocol} ${port.port}`;
      if (by === 1) this.#refused.set(key, port);
      else this.#refused.delete(key);
    }
  }

  /** Sets with entries, by their IPv4 names. */
  nonEmptySets(): ReadonlySet<KubeSetName> {
    const names = Object.keys(KUBE_SETS) as KubeSetName[];
    return new Set(names.filter((name) => (this.entries.get(kubeSetName(name, this.family))?.size ?? 0) > 0));
  }

  /** Ports of load balancers that the node itself may not use, in an order that does not depend on how they came. */
  refusedFromNode(): readonly LoadBalancerPort[] {
    return [...this.#refused].sort(([a], [b]) => (a < b ? -1 : 1)).map(([, port]) => port);
  }

  takeChange(): FamilyChange {
    const addedEntries = new Map<string, readonly string[]>();
    const removedEntries = new Map<string, readonly string[]>();
    for (const [name, counted] of this.entries) {
      const { added, removed } = counted.takeChange();
      if (added.length > 0) addedEntries.set(name, added);
      if (removed.length > 0) removedEntries.set(name, removed);
    }
    const addresses = this.bound.takeChange();
    const urls = this.#urls;
    this.#urls = new Set();
    return {
      family: this.family,
      urls,
      addedEntries,
      removedEntries,
      addedAddresses: addresses.added,
      removedAddresses: addresses.removed,
    };
  }
}

/**
 * The desired state of all Services, kept up to date Service by Service: what one of them wants is computed from it and its slices alone, and
 * summed up. The sum is what `desired()` computes from everything.
 */
export class MergedState {
  readonly #config: ProxyConfig;
  readonly #store: ObjectStore;
  #node: NodeFacts;
  readonly #groups = new Map<string, Group>();
  /** Who wants an address and port, whether or not he gets it. */
  readonly #claims = new Map<VirtualServerUrl, Set<string>>();
  readonly #claimed = new Map<string, readonly VirtualServerUrl[]>();
  /** Services computed as if each were alone, during an update: for most of them that is all. */
  readonly #alone = new Map<string, readonly FamilyWants[]>();
  readonly #families: readonly FamilySum[];
  #settings: readonly FamilySetting[];
  #frame: Frame | undefined;
  #computed = 0;

  constructor(store: ObjectStore, node: NodeFacts, config: ProxyConfig) {
    this.#store = store;
    this.#config = config;
    this.#node = withoutOurs(node);
    this.#settings = config.families.map((family) => familySetting(family, this.#node, config));
    this.#families = config.families.map((family) => new FamilySum(family));
  }

  /** How many Services have been computed so far, each time it was necessary counted. */
  get computed(): number {
    return this.#computed;
  }

  get node(): NodeFacts {
    return this.#node;
  }

  /** Facts about the node that Services are computed with from now on. True: they differ, and all Services have to be updated. */
  setNode(node: NodeFacts): boolean {
    const facts = withoutOurs(node);
    if (isDeepStrictEqual(facts, this.#node)) return false;
    this.#node = facts;
    this.#settings = this.#settings.map(({ family }) => familySetting(family, facts, this.#config));
    this.#frame = undefined;
    return true;
  }

  /** Compute these Services again, and those that want the same addresses. Answers what came and went by that. */
  update(names: Iterable<string>): readonly FamilyChange[] {
    const affected = new Set<string>();
    for (const name of names) {
      for (const member of this.#groups.get(name)?.members ?? [name]) affected.add(member);
      this.#claim(name);
      for (const url of this.#claimed.get(name) ?? [])
        for (const rival of this.#claims.get(url) ?? [])
          for (const member of this.#groups.get(rival)?.members ?? [rival]) affected.add(member);
    }
    for (const group of new Set([...affected].map((name) => this.#groups.get(name)))) {
      if (group === undefined) continue;
      this.#count(group.wants, -1);
      for (const member of group.members) this.#groups.delete(member);
    }
    for (const name of affected) {
      if (this.#groups.has(name) || this.#store.service(name) === undefined) continue;
      const group = this.#compute(this.#rivals(name));
      for (const member of group.members) this.#groups.set(member, group);
      this.#count(group.wants, 1);
    }
    this.#alone.clear();
    return this.#families.map((sum) => sum.takeChange());
  }

  /** Changes that are nothing but a look at these virtual servers. */
  changesAt(urls: ReadonlySet<VirtualServerUrl>): readonly FamilyChange[] {
    return this.#families.map((sum) => ({
      ...sum.takeChange(),
      urls: new Set([...urls].filter((url) => sum.servers.has(url))),
    }));
  }

  /** The wanted virtual server at an address and port. */
  server(url: VirtualServerUrl, family?: Family): VirtualServerSpec | undefined {
    for (const sum of this.#families) {
      const found = family === undefined || sum.family === family ? sum.servers.get(url) : undefined;
      if (found !== undefined) return found;
    }
    return undefined;
  }

  /** Services that want an address and port. */
  claimants(url: VirtualServerUrl): readonly string[] {
    return [...(this.#claims.get(url) ?? [])];
  }

  /** Everything but virtual servers, entries and addresses: rules, and which sets there are, without entries. */
  frame(): readonly FamilyFrame[] {
    // Rules depend on which sets have entries, and on ports that are refused.
    const facts = this.#families.map((sum) => ({
      family: sum.family,
      nonEmptySets: sum.nonEmptySets(),
      refusedFromNode: sum.refusedFromNode(),
    }));
    const key = JSON.stringify(facts.map((each) => [[...each.nonEmptySets], each.refusedFromNode]));
    if (this.#frame?.key !== key) {
      const node = this.#node;
      const config = this.#config;
      const families = facts.map(({ family, nonEmptySets, refusedFromNode }): FamilyFrame => ({
        family,
        sets: profileSets(PROFILE_SETS[config.profile], family, (name) =>
          nonEmptySets.has(name) ? [''] : [],
        ).map((set) => ({ ...set, entries: [] })),
        rules: familyRules({ family, node, config, nonEmptySets, refusedFromNode }),
      }));
      this.#frame = { key, families };
    }
    return this.#frame.families;
  }

  /** All of it. */
  state(): DesiredState {
    const frame = this.frame();
    return {
      families: this.#families.map(({ family, servers, entries, bound }): FamilyState => {
        const shape = frame.find((f) => f.family === family);
        return {
          family,
          virtualServers: [...servers.values()],
          sets: (shape?.sets ?? []).map((set) => ({
            ...set,
            entries: [...(entries.get(set.name)?.keys ?? [])],
          })),
          rules: shape?.rules ?? { family, chains: [], jumps: [] },
          boundAddresses: [...bound.keys],
        };
      }),
      rules: this.#config.rules,
      interface: true,
      sysctls: kubeSysctls(this.#config),
      timeouts: this.#config.timeouts,
    };
  }

  /** What is not programmed, and why. */
  skipped(): Skipped[] {
    return [...new Set(this.#groups.values())].flatMap((group) =>
      group.wants.flatMap(({ skipped }) => skipped),
    );
  }

  /** Entries of a set that are about the addresses and ports at which entries came or went: what they may overlap with is among them. */
  besides(family: Family, set: string, touched: readonly string[]): readonly string[] {
    const heads = new Set(touched.map(headOf));
    const entries = this.#families.find((sum) => sum.family === family)?.entries.get(set)?.keys ?? [];
    return [...entries].filter((entry) => heads.has(headOf(entry)));
  }

  /** Health check node ports of one Service, if it is to have one. */
  healthCheckNodePort(name: string): number | undefined {
    for (const family of this.#groups.get(name)?.wants ?? []) {
      const port = family.healthCheckNodePorts[name];
      if (port !== undefined) return port;
    }
    return undefined;
  }

  /** Learn which addresses and ports a Service wants, as if it were alone. */
  #claim(name: string): void {
    for (const url of this.#claimed.get(name) ?? []) {
      const claimants = this.#claims.get(url);
      claimants?.delete(name);
      if (claimants?.size === 0) this.#claims.delete(url);
    }
    this.#claimed.delete(name);
    this.#alone.delete(name);
    if (this.#store.service(name) === undefined) return;
    const families = this.#wants([name]);
    this.#alone.set(name, families);
    const urls = families.flatMap(({ virtualServers }) => virtualServers.map(({ url }) => url));
    this.#claimed.set(name, urls);
    for (const url of urls) {
      const claimants = this.#claims.get(url);
      if (claimants === undefined) this.#claims.set(url, new Set([name]));
      else claimants.add(name);
    }
  }

  /** The Service, those that want an address of it, those that want an address of those, and so on. */
  #rivals(name: string): ReadonlySet<string> {
    const members = new Set([name]);
    for (const member of members)
      for (const url of this.#claimed.get(member) ?? [])
        for (const rival of this.#claims.get(url) ?? []) members.add(rival);
    return members;
  }

  #compute(members: ReadonlySet<string>): Group {
    this.#computed += members.size;
    const [first = ''] = members;
    const alone = members.size === 1 ? this.#alone.get(first) : undefined;
    return { members, wants: alone ?? this.#wants(members) };
  }

  #wants(names: Iterable<string>): readonly FamilyWants[] {
    const services: Service[] = [];
    const slices = [];
    for (const name of names) {
      const service = this.#store.service(name);
      if (service === undefined) continue;
      services.push(service);
      slices.push(...this.#store.slicesOf(name));
    }
    return wants(services, slices, this.#settings);
  }

  #count(families: readonly FamilyWants[], by: 1 | -1): void {
    for (const wants of families) this.#families.find((sum) => sum.family === wants.family)?.count(wants, by);
  }
}

/** An entry without its last part. */
const headOf = (entry: string): string => entry.slice(0, entry.lastIndexOf(','));

/** Our own interface says nothing about the node, and has an address for every Service. */
function withoutOurs(node: NodeFacts): NodeFacts {
  return { ...node, interfaces: node.interfaces.filter(({ name }) => name !== KUBE_INTERFACE) };
}
