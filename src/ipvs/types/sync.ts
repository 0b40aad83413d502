import type { NetlinkError } from '../../errors.js';
import type { CallOptions } from '../../netlink/types.js';
import type { BatchItem, IpvsOperation } from './batch.js';
import type { OneOrMany, VirtualServerFilter } from './filter.js';
import type { RealServerAttributes, VirtualServerAttributes } from './server.js';

/** Options of `sync`. */
export interface SyncOptions extends CallOptions {
  /**
   * Which virtual servers are yours: those that it fits and that are not wanted are removed; all others are never touched. `{}` means the whole
   * table. Required, so that nobody empties a table by accident.
   */
  readonly owner: OneOrMany<VirtualServerFilter>;
  /** Compare only: nothing is written, every change is `planned`. Default false. */
  readonly dryRun?: boolean;
  /** As for a batch. Default `continue`. */
  readonly onError?: 'stop' | 'continue';
}

/** One object that was not as it is to be, and what became of it. */
export interface SyncChange {
  /** `tcp://10.0.0.1:80`, or `tcp://10.0.0.1:80 -> 10.244.1.7:8080`. */
  readonly target: string;
  /** What was done, or is to be done, with every attribute spelled out: `batch` takes it. */
  readonly operation: IpvsOperation;
  /** The attributes that it had; absent for something new. */
  readonly before?: VirtualServerAttributes | RealServerAttributes;
  /** `planned` in a dry run; else as in a batch. */
  readonly status: 'planned' | BatchItem<IpvsOperation>['status'];
  readonly error?: NetlinkError;
}

/** What a sync did. */
export interface SyncResult {
  /** Every change was done (or planned). */
  readonly ok: boolean;
  readonly done: number;
  readonly failed: number;
  /** Virtual and real servers that were as they are to be. */
  readonly unchanged: number;
  /** In the order in which they were carried out. */
  readonly changes: readonly SyncChange[];
}
