import type { NetlinkError } from '../../errors.js';
import type { CallOptions } from '../../netlink/types.js';
import type { RealServerRef, RealServerSpec, VirtualServerAttributes, VirtualServerRef } from './server.js';

/** One operation of a batch. Real servers are named by the virtual server and their own identity. */
export type IpvsOperation =
  | {
      readonly op: 'add' | 'set';
      readonly virtualServer: VirtualServerRef;
      readonly attributes?: VirtualServerAttributes;
    }
  | { readonly op: 'remove'; readonly virtualServer: VirtualServerRef }
  | {
      readonly op: 'addReal' | 'setReal';
      readonly virtualServer: VirtualServerRef;
      readonly realServer: RealServerSpec;
    }
  | {
      readonly op: 'removeReal';
      readonly virtualServer: VirtualServerRef;
      readonly realServer: RealServerRef;
    };

/** What became of one operation of a batch. */
export interface BatchItem<Operation> {
  readonly operation: Operation;
  /** `unknown`: the kernel dropped its answer; read the state again. `skipped`: not tried, because an earlier one failed. */
  readonly status: 'done' | 'failed' | 'skipped' | 'unknown';
  readonly error?: NetlinkError;
}

/** What became of a batch: ordered, pipelined, not atomic. */
export interface BatchResult<Operation> {
  /** True when every operation was done. */
  readonly ok: boolean;
  readonly done: number;
  readonly failed: number;
  /** One per operation, in order. */
  readonly items: readonly BatchItem<Operation>[];
}

/** Options of a batch. */
export interface BatchOptions extends CallOptions {
  /** `continue` (default) tries every operation; `stop` skips what follows the first failure (one message per send: slower). */
  readonly onError?: 'stop' | 'continue';
}
