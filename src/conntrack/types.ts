import type { Family } from '../net/address.js';
import type { Protocol } from '../net/protocol.js';
import type { CallOptions, ChannelCounters } from '../netlink/types.js';

/** The endpoints of a flow as they are in the packets of one direction. Addresses are canonical; ports are 0 where there are none. */
export interface FlowTuple {
  readonly source: string;
  readonly sourcePort: number;
  readonly destination: string;
  readonly destinationPort: number;
}

/** A connection that the kernel tracks (nf_conntrack). */
export interface Flow {
  readonly family: Family;
  /** By name where IPVS knows it, by number otherwise. */
  readonly protocol: Protocol | number;
  /** Packets of whoever began it, before any translation. */
  readonly original: FlowTuple;
  /** Packets that come back, before they are translated: the source is who really answers. */
  readonly reply: FlowTuple;
  /** Conntrack zone. */
  readonly zone: number;
  readonly mark: number;
  /** Seconds until the flow is forgotten when no more packets come. */
  readonly timeoutSeconds: number;
  /** IPS_* bits of linux/netfilter/nf_conntrack_common.h. */
  readonly status: number;
  /** Opaque; tells a flow from a later one with the same tuple. 0: not known. */
  readonly id: number;
}

/** Which flows to list: those that have everything that is given. */
export interface FlowFilter {
  readonly family?: Family;
  readonly protocol?: Protocol;
  /** Of the original direction. */
  readonly source?: string;
  readonly sourcePort?: number;
  /** Of the original direction. */
  readonly destination?: string;
  readonly destinationPort?: number;
  /** Who answers. */
  readonly replySource?: string;
  readonly replySourcePort?: number;
}

/** Connection tracking of one network namespace, over ctnetlink. Needs the module nf_conntrack_netlink and CAP_NET_ADMIN. */
export interface Conntrack {
  /**
   * Flows in one dump, which is not a snapshot: what comes or goes meanwhile may be in it or not. The kernel leaves other families out,
   * and other protocols when the family is given too (Linux 5.8); the rest is sorted out natively, so that a filtered listing is cheap whatever
   * the size of the table.
   * @throws ValidationError, PermissionError, UnsupportedError when the kernel lacks nf_conntrack_netlink.
   */
  list(filter?: FlowFilter, options?: CallOptions): Promise<Flow[]>;
  /**
   * Forget flows, pipelined in one run. Each is named by its original tuple and, when known, its id, so that a flow that has taken its place
   * stays. Those that are gone already are fine. Not atomic: every flow is tried.
   * @throws ValidationError for a flow of a protocol without ports, before anything is sent; NetlinkError about the first refusal, with its
   * `position`, and `applied` how many were forgotten altogether.
   */
  delete(
    flows: Iterable<Flow>,
    options?: CallOptions,
  ): Promise<{ readonly deleted: number; readonly gone: number }>;
  counters(): ChannelCounters;
}
