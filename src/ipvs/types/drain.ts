import type { CallOptions } from '../../netlink/types.js';
import type { VirtualServerUrl } from './server.js';
import type { PollInterval } from './watch.js';

/** How to take real servers out of service. */
export interface DrainOptions extends CallOptions {
  /**
   * What has to be gone. `connections` (default): active and inactive ones. `active`: only established ones, so that what lingers in FIN_WAIT
   * or TIME_WAIT (120 seconds by default) and UDP, which the kernel counts as inactive, is not waited for. `templates`: connections, and
   * the persistence templates that bind clients to the server.
   */
  readonly waitFor?: 'active' | 'connections' | 'templates';
  /** Milliseconds after which to stop waiting. Default: none. */
  readonly deadline?: number;
  /** Remove each real server when nothing is left to wait for. Default false: it stays, with weight 0. */
  readonly remove?: boolean;
  /**
   * What becomes of those that are not done at the deadline: `keep` (default) leaves them at weight 0, `remove` removes them with
   * their connections (whose packets are dropped then, or the connections expired, by sysctl net.ipv4.vs.expire_nodest_conn), `restore`
   * gives them the weight back that this drain took.
   */
  readonly onDeadline?: 'keep' | 'remove' | 'restore';
  /** What becomes of those that are not done when the drain is aborted or its iteration left: as above. Default `keep`. */
  readonly onAbort?: 'keep' | 'restore';
  /** Default 100 to 2000 milliseconds. */
  readonly interval?: PollInterval;
}

/** A real server that is being drained. */
export interface DrainedServer {
  readonly virtualServer: VirtualServerUrl;
  readonly address: string;
  readonly port: number;
  /**
   * `draining`: waiting. `drained`: done, and there with weight 0. `removed`: done, and removed by this drain. `gone`: somebody else removed
   * it. `overridden`: somebody else gave it a weight again, and it serves. `expired`: not done at the deadline.
   */
  readonly phase: 'draining' | 'drained' | 'removed' | 'gone' | 'overridden' | 'expired';
  /** The weight that it had when this drain began; 0 where an earlier one is continued. */
  readonly weightBefore: number;
  readonly activeConnections: number;
  readonly inactiveConnections: number;
  /** Persistence templates. */
  readonly persistentConnections: number;
}

/** How far a drain has come. The last one of a drain has `done`. */
export interface DrainProgress {
  /** Nothing is waited for any more. */
  readonly done: boolean;
  /** All of them were drained, removed or gone: no deadline and nobody else came in between. */
  readonly drained: boolean;
  /** Milliseconds since the beginning. */
  readonly elapsed: number;
  /** Connections (and templates, where asked for) that are still waited for. */
  readonly connections: number;
  readonly realServers: readonly DrainedServer[];
}

/**
 * A drain, to be awaited (the last progress comes out) or iterated (the progress of every look). It begins then and not before. Each
 * iteration is a drain of its own, which continues where the one before it was.
 */
export interface Drain extends AsyncIterable<DrainProgress>, PromiseLike<DrainProgress> {}
