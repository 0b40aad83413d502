import type { CallOptions } from '../../netlink/types.js';
import type { OneOrMany, VirtualServerFilter } from './filter.js';
import type { RealServer, VirtualServer } from './handles.js';

/** Milliseconds between two looks: always the same, or between `min` (after a change) and `max` (while nothing changes). */
export type PollInterval = number | { readonly min: number; readonly max: number };

/** What to watch. */
export interface WatchOptions extends CallOptions {
  /** Which virtual servers. Default all. */
  readonly filter?: OneOrMany<VirtualServerFilter>;
  /** Real servers too. Default true. */
  readonly realServers?: boolean;
  /** Counters, rates and numbers of connections count as changes too. Default false: settings only. */
  readonly stats?: boolean;
  /** Begin with an `added` for everything that is there, and a `ready`. Default false: begin with what changes from now on. */
  readonly initial?: boolean;
  /** Pause between two looks. Default 250 to 2000 milliseconds: short after a change, longer while nothing happens. */
  readonly interval?: PollInterval;
}

/** A change of the table. Handles are snapshots of the look that found it, `before` of the one before that. */
export type IpvsEvent =
  | {
      readonly type: 'added' | 'removed';
      readonly kind: 'virtualServer';
      /** `tcp://10.0.0.1:80` */
      readonly target: string;
      /** For what was removed: as it was last seen. */
      readonly server: VirtualServer;
    }
  | {
      readonly type: 'added' | 'removed';
      readonly kind: 'realServer';
      /** `tcp://10.0.0.1:80 -> 10.244.1.7:8080` */
      readonly target: string;
      readonly server: RealServer;
    }
  | {
      readonly type: 'changed';
      readonly kind: 'virtualServer';
      readonly target: string;
      readonly server: VirtualServer;
      readonly before: VirtualServer;
      /** Names of the fields that differ: `scheduler`, `persistence` … */
      readonly fields: readonly string[];
    }
  | {
      readonly type: 'changed';
      readonly kind: 'realServer';
      readonly target: string;
      readonly server: RealServer;
      readonly before: RealServer;
      readonly fields: readonly string[];
    }
  /** Only with `initial`: everything that was there has been reported. */
  | { readonly type: 'ready' };
