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
  /** One interface; undefined when absent. */
  get(name: string, options?: CallOptions): Promise<LinkState | undefined>;
  /**
   * Make sure that a dummy interface of this name exists. It is created down, as kube-proxy leaves it: its addresses count as the
   * machine's own all the same.
   * @throws AlreadyExistsError when another kind of interface has the name; UnsupportedError when the kernel lacks `dummy`.
   */
  ensureDummy(name: string, options?: CallOptions): Promise<{ readonly created: boolean }>;
  /**
   * Remove an interface, with its addresses. False only with `ifExists`.
   * @throws NotFoundError, or UnsupportedError for loopback and physical interfaces.
   */
  remove(name: string, options?: CallOptions & { readonly ifExists?: boolean }): Promise<boolean>;
  /** Set the administrative state. @throws NotFoundError */
  setUp(name: string, up: boolean, options?: CallOptions): Promise<void>;
  /** Addresses of one interface, or of all. @throws NotFoundError when there is no interface of the name. */
  addresses(name?: string, options?: CallOptions): Promise<LinkAddressState[]>;
  /**
   * Add host addresses (/32, /128 without duplicate address detection), pipelined in one run. Those that are there already are
   * fine. Not atomic: every address is tried, also behind a refused one.
   * @throws NetlinkError about the first refusal: `position` is its index in the input, `applied` how many were added altogether.
   * ValidationError before anything is sent, NotFoundError when there is no such interface.
   */
  addAddresses(name: string, addresses: Iterable<string>, options?: CallOptions): Promise<AddressChange>;
  /** Remove host addresses (/32, /128), pipelined in one run. Those that are gone already are fine. @throws as `addAddresses`. */
  removeAddresses(name: string, addresses: Iterable<string>, options?: CallOptions): Promise<AddressChange>;
  counters(): ChannelCounters;
}
