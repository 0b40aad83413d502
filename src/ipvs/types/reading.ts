import type { Family } from '../../net/address.js';
import type { CallOptions } from '../../netlink/types.js';
import type { OneOrMany, VirtualServerFilter } from './filter.js';
import type { Forwarding, VirtualServerUrl } from './server.js';

/** Options of `get`. */
export interface ReadOptions extends CallOptions {
  /** Read the real servers too (one more dump per virtual server). Default true. */
  readonly realServers?: boolean;
  /** 64-bit counters as `bigint`. Default false: `number`, exact up to 2^53. */
  readonly bigint?: boolean;
  /**
   * `sorted` (default): the order that `list` documents. `kernel`: as the kernel's hash table has them (real servers: newest first),
   * what `ipvsadm -L --nosort` prints. De-duplicated either way.
   */
  readonly order?: 'sorted' | 'kernel';
}

/** Options of `list`. */
export interface ListOptions extends ReadOptions {
  /** Which virtual servers. Default all. What a filter leaves out costs little: its real servers are not read. */
  readonly filter?: OneOrMany<VirtualServerFilter>;
  /**
   * False (default): the virtual servers are read a second time, and everything again when they are not the same, up to five times; what is
   * still moving then is as last read. True: the whole table is read twice, real servers included, until two readings name the same
   * objects, else `list` fails with a BusyError. Then everything that was there during the whole call is listed, and nothing that
   * was not there at any time of it.
   */
  readonly consistent?: boolean;
}

/** Options of `loads`. */
export interface LoadOptions extends CallOptions {
  /** Which virtual servers. Default all. */
  readonly filter?: OneOrMany<VirtualServerFilter>;
}

/** Weight and numbers of connections of a real server. */
export interface ServerLoad {
  readonly virtualServer: VirtualServerUrl;
  readonly address: string;
  readonly family: Family;
  readonly port: number;
  readonly weight: number;
  readonly forwarding: Forwarding;
  readonly upperThreshold: number;
  readonly lowerThreshold: number;
  readonly activeConnections: number;
  readonly inactiveConnections: number;
  readonly persistentConnections: number;
}

/**
 * Weights and numbers of connections of many real servers, as they were when they were read. Real servers are numbered from 0 to `length` - 1, those
 * of a virtual server one after the other, in the kernel's order. Numbers are read from the kernel's answer when they are asked for, so
 * that sums over a hundred thousand make no objects. A number that is out of range is a RangeError.
 */
export interface ServerLoads extends Iterable<ServerLoad> {
  readonly length: number;
  weight(index: number): number;
  activeConnections(index: number): number;
  inactiveConnections(index: number): number;
  persistentConnections(index: number): number;
  /** One real server as an object. */
  get(index: number): ServerLoad;
}
