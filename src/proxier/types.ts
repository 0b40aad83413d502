import type { ApplyReport, Conflict, DepartingServer, Operation } from '../plan/types.js';
import type { Skipped } from '../proxy/desired.js';
import type { NodeFacts } from '../proxy/node.js';

/** What a proxier reports while it works. Callbacks must not throw. */
export interface ProxierHooks {
  /** A sync ended, whatever came of it. */
  readonly synced?: (report: SyncReport) => void;
  /** The first sync failed after one that did not. */
  readonly degraded?: (status: ProxierStatus) => void;
  /** The first sync succeeded after one that did not. */
  readonly recovered?: (status: ProxierStatus) => void;
  /** Something that does not keep services from working: a health port that cannot be opened, for one. */
  readonly warning?: (message: string, cause: Error) => void;
}

/** Options of a proxier. Times are in milliseconds. */
export interface ProxierOptions {
  /** Facts about the node; a function is asked before every full comparison. */
  readonly node: NodeFacts | (() => NodeFacts | Promise<NodeFacts>);
  /** Everything is compared with the kernel at least this often. Default 30 000. */
  readonly syncPeriod?: number;
  /** Syncs for changes begin at least this far apart; what changes meanwhile is done together. At most `syncPeriod`. Default 0. */
  readonly minSyncPeriod?: number;
  /**
   * How long a TCP real server that is not wanted any more is kept, at weight 0, for the connections that it has. 0: removed at once, with
   * its connections; `Infinity`: as long as there are any, as kube-proxy does. Default 900 000, the kernel's timeout of an idle connection.
   */
  readonly drainTimeout?: number;
  /** How often draining real servers are looked at. Default 15 000. */
  readonly drainInterval?: number;
  /** First pause after a failure; it doubles with each further one up to `syncPeriod`. Default 1000. */
  readonly retryDelay?: number;
  /** Take over wanted virtual servers that somebody else made. Default false. */
  readonly adopt?: boolean;
  /**
   * Serve the health checks of load balancers (`healthCheckNodePort`) over HTTP. They listen in the network namespace of this process, so
   * that the default is true only for a kernel opened in it.
   */
  readonly health?: boolean;
  /** Remove stale connection tracking entries of UDP services. Default true. */
  readonly conntrack?: boolean;
  readonly hooks?: ProxierHooks;
}

/** What a sync looked at. */
export interface Examined {
  /** Services whose desired state was computed. */
  readonly services: number;
  /** Virtual servers that were read from the kernel. */
  readonly virtualServers: number;
  /** Real servers that were read with them. */
  readonly realServers: number;
}

/** What one sync did. */
export interface SyncReport {
  /** `full`: everything was compared; `incremental`: only what had changed. */
  readonly kind: 'full' | 'incremental';
  /** Milliseconds since the epoch. */
  readonly started: number;
  /** Milliseconds. */
  readonly duration: number;
  readonly examined: Examined;
  /** In the order in which they were tried. */
  readonly operations: readonly Operation[];
  /** Absent when the kernel could not be read. */
  readonly apply?: ApplyReport;
  /** Stale connection tracking entries that were removed. */
  readonly staleFlows: number;
  /** Why the sync failed as a whole, or the first operation that did. */
  readonly error?: Error;
}

/** How a proxier is doing. */
export interface ProxierStatus {
  /** `waiting`: nothing has been synced yet; `degraded`: the last sync failed or left something undone. */
  readonly state: 'waiting' | 'healthy' | 'degraded';
  /** Failed syncs in a row. */
  readonly failures: number;
  /** Why the last sync failed. */
  readonly error?: Error;
  /** Milliseconds since the epoch; undefined when there was none. */
  readonly lastSuccess?: number;
  /** Services that changed and are not programmed yet. */
  readonly pending: number;
  readonly services: number;
  readonly endpointSlices: number;
  readonly draining: readonly DepartingServer[];
  /** Of the last full comparison. */
  readonly conflicts: readonly Conflict[];
  /** What is not programmed, and why. */
  readonly skipped: readonly Skipped[];
}
