import { ValidationError } from '../errors.js';
import type { Chain, RuleSet, RulesDiff } from '../rules/types.js';
import { diffRules, isEmptyDiff, noRules } from '../rules/diff.js';
import { RULES_BACKENDS } from './backends.js';
import { parseUrl, recordEntry } from './canonical.js';
import { diffServers, type ServerChanges } from './diff-servers.js';
import { diffSets, type SetChanges } from './diff-sets.js';
import { inverseOf } from './inverse.js';
import { diffNftTable, type NftChanges } from './diff-nft.js';
import type { Observed } from './observe.js';
import { formatOperation } from './print.js';
import type {
  Conflict,
  DepartingServer,
  DesiredSet,
  DesiredState,
  FamilyScope,
  FamilyState,
  Operation,
  OwnershipScope,
  RulesBackend,
} from './types.js';

/** Options of {@link plan}. */
export interface PlanOptions {
  /**
   * Take over virtual servers that are wanted, exist, and were made by somebody else (kube-proxy, for one), instead of
   * reporting a conflict. Unwanted ones of others are left alone all the same. Default false.
   */
  readonly adopt?: boolean;
  /**
   * Asked about every real server that is not wanted any more while its virtual server is: true lets it stay at weight 0 for the
   * connections that it has, false removes it. What stays is listed in {@link Plan.draining} and asked about again by the next plan.
   * Default: everything is removed at once. Virtual servers that go take their real servers with them.
   */
  readonly drain?: (server: DepartingServer) => boolean;
}

/** A plan as JSON. */
export interface PlanJson {
  readonly operations: readonly Operation[];
  readonly conflicts: readonly Conflict[];
  readonly draining: readonly DepartingServer[];
}

/** Ordered operations that lead from what was observed to what is desired. Nothing has been touched yet. */
export class Plan {
  /** In the order in which they are carried out. */
  readonly operations: readonly Operation[];
  /** What is wanted and cannot be had because it belongs to somebody else. */
  readonly conflicts: readonly Conflict[];

  /** Real servers that are not wanted and stay, at weight 0, until their connections end; a later plan removes them. */
  readonly draining: readonly DepartingServer[];

  constructor(
    operations: readonly Operation[],
    conflicts: readonly Conflict[] = [],
    draining: readonly DepartingServer[] = [],
  ) {
    this.operations = operations;
    this.conflicts = conflicts;
    this.draining = draining;
  }

  /** Nothing to do. There may be conflicts nevertheless. */
  get isEmpty(): boolean {
    return this.operations.length === 0;
  }

  /** One line per operation, then one per conflict; empty when there is neither. */
  toString(): string {
    return [
      ...this.operations.map(formatOperation),
      ...this.conflicts.map(({ object, reason, remedy }) => `! ${object}: ${reason}; ${remedy}`),
    ].join('\n');
  }

  toJSON(): PlanJson {
    return { operations: this.operations, conflicts: this.conflicts, draining: this.draining };
  }

  /**
   * The plan that leads back to where this one began, when nothing else has changed since: the same steps, undone in the reverse
   * order. Connections are not brought back, and settings that did not exist before stay. Counters, `hashsize` and timeouts of
   * entries in removed sets are not kept either.
   */
  inverse(): Plan {
    return new Plan(inverseOf(this.operations));
  }
}

/** A state that wants nothing: what cleanup plans for. */
export function nothing(): DesiredState {
  return { families: [], interface: false, sysctls: [] };
}

/** Per family, before the groups of all families are put in order. */
interface FamilyChanges {
  readonly servers: ServerChanges;
  readonly sets: SetChanges;
  readonly record: SetChanges;
  /** Of the wanted back end, and then what the other one has. */
  readonly rules: readonly Operation[];
  readonly nft: NftChanges;
  readonly addAddresses: Operation[];
  readonly removeAddresses: Operation[];
}

/** The record of a family as a set: what is recorded is what is wanted and ours. */
function recordSet(scope: FamilyScope, servers: ServerChanges): DesiredSet {
  return {
    name: scope.record,
    type: 'hash:ip,port',
    family: scope.family,
    // Made once and never to be outgrown: a full record would stop new services. The room costs nothing until it is used.
    maxElements: 1_048_576,
    entries: [...servers.owned].map((url) => recordEntry(parseUrl(url))),
  };
}

/** Record entries that say which virtual server they stand for. */
function withUrls(operations: readonly Operation[], servers: ServerChanges): readonly Operation[] {
  if (operations.length === 0) return [];
  const urls = new Map([...servers.owned].map((url) => [recordEntry(parseUrl(url)), url]));
  for (const operation of servers.removals) {
    if (operation.op === 'removeVirtualServer')
      urls.set(recordEntry(parseUrl(operation.virtualServer)), operation.virtualServer);
  }
  return operations.map((operation) => {
    const records = 'entry' in operation ? urls.get(operation.entry) : undefined;
    return records === undefined ? operation : { ...operation, records };
  });
}

function diffFamily(
  scope: FamilyScope,
  state: FamilyState,
  backend: RulesBackend | undefined,
  observed: Observed,
  owner: OwnershipScope,
  options: PlanOptions,
): FamilyChanges {
  const { family } = scope;
  const compared = diffServers(
    state,
    observed.virtualServers.filter((server) => server.family === family),
    {
      recorded: new Set(observed.sets.get(scope.record)?.entries),
      exclude: owner.exclude ?? [],
      adopt: options.adopt ?? false,
      drain: options.drain ?? (() => false),
    },
  );
  // A record that still names excluded servers stays, even when nothing else is wanted.
  const record = diffSets(
    { ...scope, sets: [scope.record] },
    backend !== undefined || compared.owned.size > 0 ? [recordSet(scope, compared)] : [],
    observed.sets,
  );
  // What cannot be recorded cannot be owned.
  const servers: ServerChanges =
    record.conflicts.length === 0
      ? compared
      : {
          removals: [],
          servers: [],
          realServers: [],
          owned: new Set(),
          draining: [],
          conflicts: compared.conflicts,
        };
  const actual: RuleSet = observed.rules.find((rules) => rules.family === family) ?? noRules(family);
  const diff = diffRules(backend === 'iptables' ? state.rules : noRules(family), actual);
  const leftover = backend === 'iptables' ? {} : ({ leftover: true } as const);
  const rules: Operation[] = isEmptyDiff(diff)
    ? []
    : [{ op: 'applyRules', family, diff, before: chainsIn(diff, actual), ...leftover }];
  const nft = diffNftTable(
    backend === 'nft' ? state : undefined,
    family,
    observed.nft?.find((table) => table.family === family),
  );

  const bound = new Set(observed.addresses.filter((a) => a.family === family).map((a) => a.address));
  const wanted = new Set(state.boundAddresses);
  const address =
    (op: 'addAddress' | 'removeAddress') =>
    (text: string): Operation => ({ op, family, interface: owner.interface, address: text });

  return {
    servers,
    sets: diffSets(scope, backend === 'iptables' ? state.sets : [], observed.sets),
    record,
    rules: [...nft.additions, ...rules, ...nft.leftovers],
    nft,
    addAddresses: [...wanted].filter((text) => !bound.has(text)).map(address('addAddress')),
    removeAddresses: [...bound].filter((text) => !wanted.has(text)).map(address('removeAddress')),
  };
}

/**
 * Compare, and put the changes into an order that is safe for traffic and for ownership. Pure.
 *
 * 1. settings, the dummy interface
 * 2. what is not wanted closes: its address goes, then the virtual server
 * 3. sets come to be; wanted virtual servers are recorded as ours; entries are added
 * 4. rules, per family in one restore: by now every set that they name is there and filled, and no service is open yet that
 *    would need them. With nft, one transaction that has entries as well. Then what the other back end has of ours
 * 5. virtual servers, then addresses: never is an address ours without its virtual server, so that no program of the host ever
 *    answers in place of a service
 * 6. real servers: new before changed before removed. After the addresses, since the kernel refuses real servers in a namespace that
 *    has no local address yet (EINVAL; a fresh one with lo down)
 * 7. what is left over: entries (with nft one more transaction), records, sets, the interface
 *
 * @throws ValidationError when `desired` is malformed, has a family twice, or one that is outside the scope, as nft's table may be.
 */
export function plan(
  desired: DesiredState,
  observed: Observed,
  scope: OwnershipScope,
  options: PlanOptions = {},
): Plan {
  for (const [i, { family }] of desired.families.entries()) {
    const path = `families[${i}].family`;
    if (!scope.families.some((f) => f.family === family))
      throw new ValidationError(path, 'a family of the scope', family);
    if (desired.rules === 'nft' && scope.families.some((f) => f.family === family && f.nft !== true))
      throw new ValidationError('rules', 'iptables: the nft table is not in the scope', 'nft');
    if (desired.families.findIndex((f) => f.family === family) !== i)
      throw new ValidationError(path, 'each family once', family);
  }
  const backend = desired.rules ?? 'iptables';
  // What is neither would take both away.
  if (!RULES_BACKENDS.includes(backend))
    throw new ValidationError('rules', RULES_BACKENDS.join(' or '), backend);
  const changes = scope.families.map((family) => {
    const state = desired.families.find((f) => f.family === family.family);
    const wanted = state === undefined ? undefined : backend;
    return diffFamily(family, state ?? empty(family), wanted, observed, scope, options);
  });
  const conflicts: Conflict[] = changes.flatMap(({ servers, sets, record }) => [
    ...servers.conflicts,
    ...sets.conflicts,
    ...record.conflicts,
  ]);

  const settings: Operation[] = [];
  for (const { name, value } of desired.sysctls) {
    const before = observed.sysctls.get(name);
    if (before !== value) settings.push({ op: 'setSysctl', name, value, before });
  }
  settings.push(...diffTimeouts(desired, observed));

  const link = observed.interface;
  const addInterface: Operation[] = [];
  const removeInterface: Operation[] = [];
  const foreign = link !== undefined && link.kind !== 'dummy';
  if (foreign) {
    if (desired.interface)
      conflicts.push({
        object: `interface ${scope.interface}`,
        reason: `it exists and is ${link.kind === undefined ? 'no dummy' : `a ${link.kind}`}, not a dummy`,
        remedy: 'rename or remove it',
      });
  } else if (desired.interface) {
    if (link === undefined) addInterface.push({ op: 'addInterface', interface: scope.interface });
  } else if (link !== undefined) {
    const families = scope.families.map(({ family }) => family);
    const foreign = observed.foreignAddresses ?? [];
    if (foreign.length > 0)
      conflicts.push({
        object: `interface ${scope.interface}`,
        reason: `it has addresses that are not ours: ${foreign.join(', ')}`,
        remedy: 'move them elsewhere; the interface stays until then',
      });
    // Another family's proxier may still use it.
    else if (observed.addresses.every(({ family }) => families.includes(family)))
      removeInterface.push({ op: 'removeInterface', interface: scope.interface });
  }

  const all = (pick: (of: FamilyChanges) => readonly Operation[]): Operation[] => changes.flatMap(pick);
  const ours = foreign ? [] : undefined;
  const operations = [
    ...settings,
    ...addInterface,
    ...(ours ?? all(({ removeAddresses }) => removeAddresses)),
    ...all(({ servers }) => servers.removals),
    ...all(({ record }) => record.creations),
    ...all(({ sets }) => sets.creations),
    ...all(({ record, servers }) => withUrls(record.additions, servers)),
    ...all(({ sets }) => sets.additions),
    ...all(({ rules }) => rules),
    ...all(({ servers }) => servers.servers),
    ...(ours ?? all(({ addAddresses }) => addAddresses)),
    ...all(({ servers }) => servers.realServers),
    ...all(({ nft }) => nft.deletions),
    ...all(({ sets }) => sets.deletions),
    ...all(({ record, servers }) => withUrls(record.deletions, servers)),
    ...all(({ sets }) => sets.destructions),
    ...all(({ record }) => record.destructions.map(asRecord)),
    ...removeInterface,
  ];
  const draining = changes.flatMap(({ servers }) => servers.draining);
  return new Plan(operations, conflicts, draining);
}

const asRecord = (operation: Operation): Operation =>
  operation.op === 'destroySet' ? { ...operation, record: true } : operation;

/** The chains that a difference rewrites or removes, as they are. */
function chainsIn({ write, removeChains }: RulesDiff, { chains }: RuleSet): readonly Chain[] {
  const touched = [...write, ...removeChains];
  return chains.filter((chain) =>
    touched.some(({ table, name }) => table === chain.table && name === chain.name),
  );
}

function empty({ family }: FamilyScope): FamilyState {
  return { family, virtualServers: [], sets: [], rules: noRules(family), boundAddresses: [] };
}

function diffTimeouts(desired: DesiredState, observed: Observed): Operation[] {
  const before = observed.timeouts;
  if (before === undefined || desired.timeouts === undefined) return [];
  const timeouts: { tcp?: number; tcpFin?: number; udp?: number } = {};
  for (const name of ['tcp', 'tcpFin', 'udp'] as const) {
    const seconds = desired.timeouts[name] ?? 0;
    if (seconds > 0 && seconds !== before[name]) timeouts[name] = seconds;
  }
  return Object.keys(timeouts).length === 0 ? [] : [{ op: 'setTimeouts', timeouts, before }];
}
