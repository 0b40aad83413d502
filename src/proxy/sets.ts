import { canonicalEntry } from '../ipset/entry.js';
import type { EntryOf } from '../ipset/types.js';
import { type Family, formatAddress } from '../net/address.js';
import { parseCidr } from '../net/cidr.js';
import type { DesiredSet } from '../plan/types.js';
import type { Profile } from './config.js';
import { KUBE_SETS, type KubeSetName, kubeSetName } from '../rules/kube/names.js';

/**
 * The sets of a profile, in the order in which their entries become effective: what exempts from a rule comes before what the rule
 * catches (allowed ranges before the firewall, Local policy before masquerading, known services before the addresses that refuse
 * everything else), and deletion goes the other way.
 */
export interface ProfileSets {
  /** Those that rules name whether or not they have entries. */
  readonly always: readonly KubeSetName[];
  /** Those that are only there when something is in them. */
  readonly onDemand: readonly KubeSetName[];
}

const ALL = [
  'KUBE-LOOP-BACK',
  'KUBE-CLUSTER-IP',
  'KUBE-EXTERNAL-IP-LOCAL',
  'KUBE-EXTERNAL-IP',
  'KUBE-LOAD-BALANCER-LOCAL',
  'KUBE-LOAD-BALANCER-SOURCE-CIDR',
  'KUBE-LOAD-BALANCER-SOURCE-IP',
  'KUBE-LOAD-BALANCER-FW',
  'KUBE-LOAD-BALANCER',
  'KUBE-NODE-PORT-LOCAL-TCP',
  'KUBE-NODE-PORT-TCP',
  'KUBE-NODE-PORT-LOCAL-UDP',
  'KUBE-NODE-PORT-UDP',
  'KUBE-NODE-PORT-LOCAL-SCTP-HASH',
  'KUBE-NODE-PORT-SCTP-HASH',
  'KUBE-HEALTH-CHECK-NODE-PORT',
  'KUBE-IPVS-IPS',
] as const satisfies readonly KubeSetName[];

/** The documentation of the classic profile shows no sets for SCTP, which the kernel's port bitmaps do not know. */
const CLASSIC_ON_DEMAND: readonly KubeSetName[] = [
  'KUBE-NODE-PORT-LOCAL-SCTP-HASH',
  'KUBE-NODE-PORT-SCTP-HASH',
];
/** What the classic profile does not have at all. */
const CURRENT_ONLY: readonly KubeSetName[] = [
  'KUBE-EXTERNAL-IP-LOCAL',
  'KUBE-HEALTH-CHECK-NODE-PORT',
  'KUBE-IPVS-IPS',
];

const CLASSIC: ProfileSets = {
  always: ALL.filter((name) => !CURRENT_ONLY.includes(name) && !CLASSIC_ON_DEMAND.includes(name)),
  onDemand: CLASSIC_ON_DEMAND,
};
const CURRENT: ProfileSets = { always: ALL, onDemand: [] };

/** The sets of each profile. */
export const PROFILE_SETS: Readonly<Record<Profile, ProfileSets>> = { classic: CLASSIC, current: CURRENT };

/** All names of a family, for the ownership scope: whatever a profile, or kube-proxy itself, may have made. */
export function kubeSetNames(family: Family): string[] {
  return (Object.keys(KUBE_SETS) as KubeSetName[]).map((name) => kubeSetName(name, family));
}

type EntryFor<N extends KubeSetName> = EntryOf[Extract<(typeof KUBE_SETS)[N]['type'], keyof EntryOf>];

/** Collects the entries of one family's sets. */
export class SetCollector {
  readonly #family: Family;
  readonly #entries = new Map<KubeSetName, Set<string>>();

  constructor(family: Family) {
    this.#family = family;
  }

  /** Add an entry; adding it twice is fine. */
  add<N extends KubeSetName>(name: N, entry: EntryFor<N>): void {
    const { type } = KUBE_SETS[name];
    let entries = this.#entries.get(name);
    if (entries === undefined) this.#entries.set(name, (entries = new Set()));
    entries.add(canonicalEntry(type, entry, this.#family));
  }

  /** The sets that have entries, by their IPv4 names; whether or not the profile has them. */
  nonEmpty(): ReadonlySet<KubeSetName> {
    return new Set(this.#entries.keys());
  }

  /** Those entries that the profile has sets for, by the names of the sets in the kernel. */
  entries({ always, onDemand }: ProfileSets): ReadonlyMap<string, Iterable<string>> {
    const known = [...this.#entries].filter(([name]) => always.includes(name) || onDemand.includes(name));
    return new Map(known.map(([name, entries]) => [kubeSetName(name, this.#family), entries]));
  }

  /** The sets of a profile, entries sorted. */
  sets(profile: ProfileSets): DesiredSet[] {
    return profileSets(profile, this.#family, (name) => [...(this.#entries.get(name) ?? [])].sort());
  }
}

/** The sets of a profile with these entries. */
export function profileSets(
  { always, onDemand }: ProfileSets,
  family: Family,
  entriesOf: (name: KubeSetName) => readonly string[],
): DesiredSet[] {
  return [...always, ...onDemand.filter((name) => entriesOf(name).length > 0)].map((name) => {
    const { type } = KUBE_SETS[name];
    return {
      name: kubeSetName(name, family),
      type,
      ...(type === 'bitmap:port' ? { range: [0, 65535] as const } : { family }),
      entries: entriesOf(name),
    };
  });
}

/** A network as `hash:ip,port,net` takes it: the kernel refuses /0 there, and its two halves mean the same. */
export function storableNetworks(network: string): readonly string[] {
  const { family, prefix } = parseCidr(network, 'network');
  if (prefix > 0) return [network];
  const upper = new Uint8Array(family === 'inet' ? 4 : 16);
  const lower = formatAddress(upper, family);
  upper[0] = 0x80;
  return [`${lower}/1`, `${formatAddress(upper, family)}/1`];
}
