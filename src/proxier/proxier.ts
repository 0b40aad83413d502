import { isUnsupported, ValidationError } from '../errors.js';
import type { VirtualServer, VirtualServerUrl } from '../ipvs/types.js';
import type { Kernel } from '../kernel/types.js';
import { joinHostPort } from '../net/address.js';
import type { CallOptions } from '../netlink/types.js';
import { parseUrl } from '../plan/canonical.js';
import { apply, nothing, observe, type Observed, plan, type Plan } from '../plan/index.js';
import type { ApplyReport, Conflict, DesiredState, Operation, OwnershipScope } from '../plan/types.js';
import type { ProxyConfig } from '../proxy/config.js';
import type { EndpointSlice, Service } from '../proxy/model.js';
import { nodePortAddresses } from '../proxy/node-port-addresses.js';
import type { NodeFacts } from '../proxy/node.js';
import { kubeScope } from '../proxy/scope.js';
import { DrainPolicy } from './drain.js';
import { HealthServers } from './health.js';
import { Ledger } from './ledger.js';
import { type FamilyChange, MergedState } from './merged.js';
import { Totals } from './metrics.js';
import { changedUdpServers, removeStaleFlows, servingUdp } from './stale-udp.js';
import { type ObjectRef, ObjectStore } from './store.js';
import type { Examined, ProxierHooks, ProxierOptions, ProxierStatus, SyncReport } from './types.js';
import { Wakeup } from './wakeup.js';

/** With more Services than this share changed, comparing everything is cheaper than asking for them one by one. */
const FULL_ABOVE = { share: 0.25, services: 64 };

/** So many virtual servers are read at a time. */
const READ_TOGETHER = 64;

interface Settings {
  readonly syncPeriod: number;
  readonly minSyncPeriod: number;
  readonly drainInterval: number;
  readonly retryDelay: number;
  readonly adopt: boolean;
  readonly hooks: ProxierHooks;
}

function settingsOf(options: ProxierOptions): Settings {
  const at = (
    name: 'syncPeriod' | 'minSyncPeriod' | 'drainInterval' | 'retryDelay',
    normal: number,
    least: number,
  ): number => {
    const value = options[name] ?? normal;
    if (!Number.isFinite(value) || value < least || value > 0x7fffffff)
      throw new ValidationError(name, `milliseconds, at least ${least}`, value);
    return value;
  };
  const syncPeriod = at('syncPeriod', 30_000, 1);
  const minSyncPeriod = at('minSyncPeriod', 0, 0);
  if (minSyncPeriod > syncPeriod)
    throw new ValidationError('minSyncPeriod', `at most syncPeriod, ${syncPeriod}`, minSyncPeriod);
  return {
    syncPeriod,
    minSyncPeriod,
    drainInterval: at('drainInterval', 15_000, 1),
    retryDelay: at('retryDelay', 1000, 1),
    adopt: options.adopt ?? false,
    hooks: options.hooks ?? {},
  };
}

function drainTimeoutOf({ drainTimeout = 900_000 }: ProxierOptions): number {
  if (Number.isNaN(drainTimeout) || drainTimeout < 0)
    throw new ValidationError('drainTimeout', 'milliseconds, 0 or more', drainTimeout);
  return drainTimeout;
}

/** What a sync came to before it is reported. */
interface Work {
  readonly operations: readonly Operation[];
  readonly apply: ApplyReport;
  readonly servers: readonly VirtualServer[];
}

/** Two steps of one sync. What is wrong with the table as a whole, the first one has found. */
function together(first: Work, second: Work): Work {
  const [a, b] = [first.apply, second.apply];
  return {
    operations: [...first.operations, ...second.operations],
    apply: {
      ok: a.ok && b.ok,
      done: a.done + b.done,
      failed: a.failed + b.failed,
      skipped: a.skipped + b.skipped,
      results: [...a.results, ...b.results],
      conflicts: a.conflicts,
      sysctls: [...a.sysctls, ...b.sysctls],
    },
    servers: [...first.servers, ...second.servers],
  };
}

/** The first thing that went wrong with an apply; what was skipped follows from something else. */
function firstError({ results }: ApplyReport): Error | undefined {
  for (const { status, error } of results) {
    if (status === 'failed') return error ?? new Error('an operation failed');
    if (status === 'unknown') return error ?? new Error('the kernel dropped the answer to an operation');
  }
  const skipped = results.find(({ status }) => status === 'skipped');
  return skipped === undefined
    ? undefined
    : new Error(`not everything was tried: ${skipped.reason ?? 'stopped'}`);
}

/** What is in the table is not known any more: a transaction that goes on from what it was to be would be refused. */
function nftFailed({ results }: ApplyReport): boolean {
  return results.some(
    ({ operation, status }) =>
      operation.op === 'applyNft' && operation.leftover !== true && status !== 'done',
  );
}

/**
 * Keeps a node programmed for the Services and EndpointSlices that it is told about. A change costs what changed: its Services are computed,
 * their virtual servers read, and only their operations issued. Everything is compared with the kernel when it starts, every `syncPeriod`, and
 * after a failure.
 *
 * Give it all objects by {@link replace} once, then each change as it comes; {@link run} does the rest. Changes that are made without
 * waiting in between are programmed together.
 */
export class Proxier {
  readonly #kernel: Kernel;
  readonly #scope: OwnershipScope;
  readonly #settings: Settings;
  readonly #askNode: ProxierOptions['node'];
  readonly #store = new ObjectStore();
  readonly #config: ProxyConfig;
  readonly #drain: DrainPolicy;
  readonly #wakeup = new Wakeup();
  readonly #totals = new Totals();
  readonly #health: HealthServers | undefined;
  /** Stale flows are looked for. */
  #tracksFlows: boolean;
  #merged: MergedState | undefined;
  #ledger: Ledger | undefined;
  /** All objects have been seen once. */
  #primed = false;
  /** Syncs run one after the other. */
  #last: Promise<unknown> = Promise.resolve();
  #lastStart = -Infinity;
  #lastFull = -Infinity;
  #lastSuccess: number | undefined;
  #nextDrain = Infinity;
  /** When the oldest change that is not programmed yet came. */
  #pendingSince: number | undefined;
  #failures = 0;
  /** When everything is compared again after a failure. */
  #retryAt = Infinity;
  #error: Error | undefined;
  #conflicts: readonly Conflict[] = [];

  /**
   * Nothing is read or written yet.
   * @param config From `proxyConfig()`.
   * @throws ValidationError for times that make no sense.
   */
  constructor(kernel: Kernel, config: ProxyConfig, options: ProxierOptions) {
    this.#kernel = kernel;
    this.#config = config;
    this.#scope = kubeScope(config);
    this.#settings = settingsOf(options);
    this.#askNode = options.node;
    this.#drain = new DrainPolicy(drainTimeoutOf(options));
    this.#tracksFlows = options.conntrack ?? true;
    if (options.health ?? kernel.netns === 'self') this.#health = new HealthServers(() => this.isHealthy);
  }

  /** Add a Service, or change it. */
  upsertService(service: Service): void {
    this.#store.upsertService(service);
    this.#changed();
  }

  /** Remove a Service; unknown ones are fine. */
  removeService(ref: ObjectRef): void {
    if (this.#store.removeService(ref)) this.#changed();
  }

  /** Add an EndpointSlice, or change it. */
  upsertSlice(slice: EndpointSlice): void {
    this.#store.upsertSlice(slice);
    this.#changed();
  }

  /** Remove an EndpointSlice; unknown ones are fine. */
  removeSlice(ref: ObjectRef): void {
    if (this.#store.removeSlice(ref)) this.#changed();
  }

  /**
   * These are all objects there are; what is not among them goes. Nothing is programmed before this was called once: an incomplete list would
   * take services away that work.
   */
  replace(services: Iterable<Service>, slices: Iterable<EndpointSlice>): void {
    this.#store.replace(services, slices);
    this.#primed = true;
    this.#changed();
  }

  /** Compare everything soon, within `minSyncPeriod`: the node has changed, or somebody else has changed the kernel. */
  refresh(): void {
    this.#lastFull = -Infinity;
    this.#wakeup.wake();
  }

  /** How it is doing. */
  get status(): ProxierStatus {
    const { services, slices, dirty } = this.#store;
    const state = this.#failures > 0 ? 'degraded' : this.#lastSuccess === undefined ? 'waiting' : 'healthy';
    return {
      state,
      failures: this.#failures,
      ...(this.#error === undefined ? {} : { error: this.#error }),
      ...(this.#lastSuccess === undefined ? {} : { lastSuccess: this.#lastSuccess }),
      pending: dirty,
      services,
      endpointSlices: slices,
      draining: this.#drain.servers,
      conflicts: this.#conflicts,
      skipped: this.#merged?.skipped() ?? [],
    };
  }

  /** Whether no change has waited longer than twice `syncPeriod` to be programmed: what health checks of the node ask. */
  get isHealthy(): boolean {
    return (
      this.#pendingSince === undefined || Date.now() - this.#pendingSince < 2 * this.#settings.syncPeriod
    );
  }

  /** How it is doing and what it has done, in the text format of Prometheus: `ipvs_proxier_syncs_total` and so on. */
  metrics(): string {
    return this.#totals.text(this.status);
  }

  /**
   * Program what has changed, now. Waits for a sync that is under way. Resolves also when it failed; the report says so.
   * @param options `full`: compare everything. It is compared anyway when it never was, when that is due, or when a retry is.
   * @throws when {@link replace} was never called; the signal's reason when it is aborted before anything began.
   */
  sync(options: CallOptions & { readonly full?: boolean } = {}): Promise<SyncReport> {
    const next = this.#last.then(() => this.#sync(options));
    this.#last = next.catch(() => undefined);
    return next;
  }

  /**
   * Sync whenever something changes, when everything is due to be compared, when draining servers are, and again after failures. Resolves when
   * the signal is aborted, after the operation under way; call it once.
   */
  async run(signal: AbortSignal): Promise<void> {
    while (!signal.aborted) {
      const delay = this.#dueIn(Date.now());
      if (delay > 0) {
        await this.#wakeup.wait(delay, signal);
        continue;
      }
      await this.sync({ signal }).catch((err: unknown) => {
        if (!signal.aborted) throw err;
      });
    }
    await this.#last;
    await this.close();
  }

  /** Close the ports of health checks; what is programmed stays. `run` does that when it ends. */
  async close(): Promise<void> {
    await this.#health?.close();
  }

  /**
   * Take everything away that is ours, and nothing else. Call it when `run` has ended. What could not be removed is in the report, and in its
   * conflicts when it belongs to others.
   */
  async cleanup(options: CallOptions = {}): Promise<ApplyReport> {
    this.#ledger = undefined;
    this.#drain.note([]);
    const steps = plan(nothing(), await observe(this.#kernel, this.#scope, undefined, options), this.#scope);
    return apply(this.#kernel, steps, options);
  }

  #changed(): void {
    this.#pendingSince ??= Date.now();
    this.#wakeup.wake();
  }

  /** Milliseconds until there is something to do. */
  #dueIn(now: number): number {
    if (!this.#primed) return Infinity;
    const { syncPeriod, minSyncPeriod } = this.#settings;
    const failing = this.#failures > 0;
    const next = this.#lastStart + minSyncPeriod;
    const full = failing ? this.#retryAt : Math.max(this.#lastFull + syncPeriod, next);
    // Without anything known of the kernel, changes wait for the retry that they would be.
    const stuck = failing && this.#ledger === undefined;
    const changes = this.#store.dirty > 0 && !stuck ? next : Infinity;
    if (stuck) return full - now;
    return Math.min(full, changes, this.#nextDrain) - now;
  }

  async #sync({ full = false, signal }: CallOptions & { readonly full?: boolean }): Promise<SyncReport> {
    signal?.throwIfAborted();
    if (!this.#primed) throw new Error('nothing can be programmed before replace() has said what there is');
    const call = signal === undefined ? {} : { signal };
    const started = Date.now();
    this.#lastStart = started;
    const complete =
      full ||
      this.#ledger === undefined ||
      started >= this.#retryAt ||
      started >= this.#lastFull + this.#settings.syncPeriod;
    const before = this.#merged?.computed ?? 0;

    let work: Work | undefined;
    let kind: SyncReport['kind'] = 'full';
    let staleFlows = 0;
    let error: Error | undefined;
    try {
      // Before the node is asked: a refresh() that comes meanwhile must not be lost.
      if (complete) this.#lastFull = started;
      const merged = await this.#currentState(complete);
      const dirty = this.#store.takeDirty();
      const changes = merged.update(dirty);
      this.#noteHealth(merged, dirty);
      const many = dirty.size > Math.max(FULL_ABOVE.services, FULL_ABOVE.share * this.#store.services);
      if (complete || many || this.#ledger === undefined) {
        if (!complete) this.#lastFull = started;
        work = await this.#compareAll(merged, call);
      } else {
        kind = 'incremental';
        work = await this.#compareSome(merged, this.#ledger, changes, call);
      }
      work = await this.#removeIdle(merged, work, call);
      error = firstError(work.apply);
      staleFlows = await this.#removeStaleFlows(merged, work.apply, call);
      await this.#health?.update(this.#healthAddresses(merged.node), (name, port, cause) =>
        this.#settings.hooks.warning?.(
          `health check port ${port} of Service ${name} cannot be opened`,
          cause,
        ),
      );
    } catch (err) {
      error = err instanceof Error ? err : new Error(String(err));
    }
    this.#nextDrain = this.#nextDrainAfter(started);

    const servers = work?.servers ?? [];
    const examined: Examined = {
      services: (this.#merged?.computed ?? 0) - before,
      virtualServers: servers.length,
      realServers: servers.reduce((sum, { realServers }) => sum + realServers.length, 0),
    };
    const report: SyncReport = {
      kind,
      started,
      duration: Date.now() - started,
      examined,
      operations: work?.operations ?? [],
      ...(work === undefined ? {} : { apply: work.apply }),
      staleFlows,
      ...(error === undefined ? {} : { error }),
    };
    this.#conclude(report);
    return report;
  }

  /** When draining real servers are looked at next: a deadline that has passed already is no reason to hurry again. */
  #nextDrainAfter(started: number): number {
    const deadline = this.#drain.nextDeadline;
    if (deadline === undefined) return Infinity;
    const regular = started + this.#settings.drainInterval;
    return deadline > started ? Math.min(regular, deadline) : regular;
  }

  /** The state of all Services, of the node as it is now. */
  async #currentState(refresh: boolean): Promise<MergedState> {
    if (this.#merged !== undefined && !refresh) return this.#merged;
    const node: NodeFacts = typeof this.#askNode === 'function' ? await this.#askNode() : this.#askNode;
    if (this.#merged === undefined) {
      this.#merged = new MergedState(this.#store, node, this.#config);
      this.#store.touchAll();
    } else if (this.#merged.setNode(node)) {
      this.#store.touchAll();
    }
    return this.#merged;
  }

  async #compareAll(merged: MergedState, call: CallOptions): Promise<Work> {
    const desired = merged.state();
    const observed = await observe(this.#kernel, this.#scope, desired, call);
    const ledger = new Ledger(this.#scope, observed);
    const { steps, work } = await this.#carryOut(desired, observed, call);
    ledger.note(work.apply, desired);
    this.#drain.note(steps.draining);
    this.#ledger = nftFailed(work.apply) ? undefined : ledger;
    this.#conflicts = steps.conflicts;
    return work;
  }

  async #compareSome(
    merged: MergedState,
    ledger: Ledger,
    changes: readonly FamilyChange[],
    call: CallOptions,
  ): Promise<Work> {
    const examined = changes.map((change) => this.#withDraining(change, merged));
    const urls = new Set(examined.flatMap((change) => [...change.urls]));
    const servers = await this.#read([...urls], call);
    const { desired, observed } = ledger.inputFor(examined, merged, servers);
    const { steps, work } = await this.#carryOut(desired, observed, call);
    ledger.note(work.apply, desired);
    if (nftFailed(work.apply)) this.#ledger = undefined;
    this.#drain.note(steps.draining, urls);
    return work;
  }

  /** Look again at real servers that were put to weight 0 and seemed to have no connections: now it is certain. */
  async #removeIdle(merged: MergedState, work: Work, call: CallOptions): Promise<Work> {
    const { idle } = this.#drain;
    if (idle.size === 0 || this.#ledger === undefined) return work;
    const changes = merged.changesAt(idle);
    return together(work, await this.#compareSome(merged, this.#ledger, changes, call));
  }

  /** Those of the virtual servers that exist. Readings overlap, but not without bound: each has an answer to keep. */
  async #read(urls: readonly VirtualServerUrl[], call: CallOptions): Promise<readonly VirtualServer[]> {
    const found: VirtualServer[] = [];
    for (let i = 0; i < urls.length; i += READ_TOGETHER) {
      const some = urls.slice(i, i + READ_TOGETHER);
      const servers = await Promise.all(
        some.map((url) => this.#kernel.ipvs.get(url, { ...call, realServers: true })),
      );
      found.push(...servers.filter((server) => server !== undefined));
    }
    return found;
  }

  /** A change, and the virtual servers whose real servers drain. */
  #withDraining(change: FamilyChange, merged: MergedState): FamilyChange {
    if (this.#nextDrain > Date.now()) return change;
    const urls = new Set(change.urls);
    for (const { virtualServer } of this.#drain.servers)
      if (merged.server(virtualServer, change.family) !== undefined) urls.add(virtualServer);
    return { ...change, urls };
  }

  async #carryOut(
    desired: DesiredState,
    observed: Observed,
    call: CallOptions,
  ): Promise<{ readonly steps: Plan; readonly work: Work }> {
    const steps = plan(desired, observed, this.#scope, {
      adopt: this.#settings.adopt,
      drain: this.#drain.stays,
    });
    const report = await apply(this.#kernel, steps, call);
    return {
      steps,
      work: { operations: steps.operations, apply: report, servers: observed.virtualServers },
    };
  }

  /** What the health checks of these Services are to answer from now on. */
  #noteHealth(merged: MergedState, names: Iterable<string>): void {
    for (const name of this.#health === undefined ? [] : names) {
      const port = merged.healthCheckNodePort(name);
      const local = this.#store
        .slicesOf(name)
        .filter(({ family }) => this.#config.families.includes(family))
        .flatMap(({ endpoints }) => endpoints)
        .filter(({ ready, nodeName }) => ready && nodeName === merged.node.name);
      const localEndpoints = new Set(local.map(({ address }) => address)).size;
      this.#health?.set(name, port === undefined ? undefined : { port, localEndpoints });
    }
  }

  /** Where health checks are answered: where node ports are. Undefined: everywhere. */
  #healthAddresses(node: NodeFacts): readonly string[] | undefined {
    if (this.#config.nodePortAddresses.length === 0) return undefined;
    return this.#config.families.flatMap((family) => nodePortAddresses(this.#config, node, family));
  }

  /** Flows that go on to endpoints that are gone. That they cannot be looked at does not keep services from working. */
  async #removeStaleFlows(merged: MergedState, report: ApplyReport, call: CallOptions): Promise<number> {
    const urls = this.#tracksFlows ? changedUdpServers(report) : new Set<VirtualServerUrl>();
    const serving = (url: VirtualServerUrl): ReadonlySet<string> => {
      const endpoints = (merged.server(url)?.realServers ?? []).map((real) =>
        typeof real === 'string' ? real : joinHostPort(real.address, real.port ?? 0),
      );
      for (const name of merged.claimants(url)) {
        const service = this.#store.service(name);
        if (service !== undefined)
          endpoints.push(...servingUdp(service, this.#store.slicesOf(name), parseUrl(url).port));
      }
      return new Set(endpoints);
    };
    try {
      return await removeStaleFlows(this.#kernel.conntrack, urls, serving, call);
    } catch (err) {
      call.signal?.throwIfAborted();
      // Without the subsystem there is nothing to look at the next time either.
      if (isUnsupported(err)) this.#tracksFlows = false;
      const cause = err instanceof Error ? err : new Error(String(err));
      this.#settings.hooks.warning?.('stale UDP flows could not be removed', cause);
      return 0;
    }
  }

  #conclude(report: SyncReport): void {
    const { hooks } = this.#settings;
    const failures = this.#failures;
    if (report.error !== undefined) {
      // A change that fails while a retry is due already must not put it off.
      if (report.kind === 'full' || failures === 0) {
        const { retryDelay, syncPeriod } = this.#settings;
        this.#failures++;
        this.#retryAt = report.started + Math.min(retryDelay * 2 ** failures, syncPeriod);
      }
      this.#error = report.error;
    } else if (report.kind === 'full' || failures === 0) {
      // Only a comparison of everything shows that what failed is done.
      this.#failures = 0;
      this.#retryAt = Infinity;
      this.#error = undefined;
      this.#lastSuccess = report.started;
      // What came while this sync ran waits for the next one.
      this.#pendingSince = this.#store.dirty > 0 ? report.started : undefined;
    }
    this.#totals.note(report);
    hooks.synced?.(report);
    if (failures === 0 && this.#failures === 1) hooks.degraded?.(this.status);
    if (failures > 0 && this.#failures === 0) hooks.recovered?.(this.status);
  }
}
