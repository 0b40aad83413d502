import type { Family } from '../net/address.js';
import type { CallOptions, ChannelCounters } from '../netlink/types.js';

/** A network interface. */
export interface LinkState {
  readonly index: number;
  readonly name: string;
  /** Driver kind: `dummy`, `veth`, `bridge`; undefined for physical ones and loopback. */
  readonly kind?: string;
  readonly up: boolean;
}

/** An address of an interface. */
export interface LinkAddressState {
  readonly link: string;
  readonly family: Family;
  /** Canonical. */
  readonly address: string;
  /** Prefix length. */
  readonly prefix: number;
  /** `global`, `link`, `host` … or the number. */
  readonly scope: string;
}

/** What a bulk change of addresses did. */
export interface AddressChange {
  /** Those that were added or removed. */
  readonly changed: readonly string[];
  /** Those that were there (or gone) already. */
  readonly unchanged: readonly string[];
}

/** Interfaces and addresses of one network namespace, over rtnetlink. */
export interface Link {
  /** All interfaces. */
  list(options?: CallOptions): Promise<LinkState[]>;
  /** Undefined when absent. */
  get(name: string, options?: CallOptions): Promise<LinkState | undefined>;
  /**
   * Make sure that a dummy interface of this name exists (created down, as kube-proxy leaves it).
   * @throws AlreadyExistsError when another kind of interface has the name; UnsupportedError when the kernel lacks `dummy`.
   */
  ensureDummy(name: string, options?: CallOptions): Promise<{ readonly created: boolean }>;
  /** Remove an interface. False only with `ifExists`. */
  remove(name: string, options?: CallOptions & { readonly ifExists?: boolean }): Promise<boolean>;
  /** Set the administrative state. */
  setUp(name: string, up: boolean, options?: CallOptions): Promise<void>;
  /** Addresses of one interface, or of all. */
  addresses(name?: string, options?: CallOptions): Promise<LinkAddressState[]>;
  /**
   * Add host addresses (/32, /128 without duplicate address detection), pipelined. Those that are there already are fine.
   * @throws NetlinkError with `position` and `applied` at the first refusal.
   */
  addAddresses(name: string, addresses: Iterable<string>, options?: CallOptions): Promise<AddressChange>;
  /** Remove host addresses, pipelined. Those that are gone already are fine. */
  removeAddresses(name: string, addresses: Iterable<string>, options?: CallOptions): Promise<AddressChange>;
  counters(): ChannelCounters;
}
