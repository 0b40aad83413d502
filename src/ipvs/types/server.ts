import type { Family } from '../../net/address.js';
import type { Protocol } from '../../net/protocol.js';

/**
 * Identity of a virtual server as text: `tcp://10.0.0.1:80`, `udp://[2001:db8::1]:53`, `sctp://…`, and for servers by firewall
 * mark `fwmark://7` (IPv4) and `fwmark6://7` (IPv6). Canonical: lower case, RFC 5952 addresses.
 */
export type VirtualServerUrl = `${Protocol}://${string}` | `fwmark://${string}` | `fwmark6://${string}`;

/** Identity of a virtual server by address. */
export interface AddressIdentity {
  readonly protocol: Protocol;
  readonly address: string;
  /** 0 means all ports and is useful for persistent servers only. */
  readonly port: number;
}

/** Identity of a virtual server by firewall mark. */
export interface FwmarkIdentity {
  /** 1 to 2^32-1; the kernel takes 0 for an address. */
  readonly fwmark: number;
  /** Default `inet`. */
  readonly family?: Family;
}

/** Whatever names a virtual server: a URL in any spelling, an identity, or a `VirtualServer`. */
export type VirtualServerRef = string | AddressIdentity | FwmarkIdentity | { readonly url: VirtualServerUrl };

/** Schedulers of the kernel; any other name is passed on and the kernel asked for its module `ip_vs_NAME`. */
export type Scheduler =
  | 'rr'
  | 'wrr'
  | 'lc'
  | 'wlc'
  | 'lblc'
  | 'lblcr'
  | 'dh'
  | 'sh'
  | 'sed'
  | 'nq'
  | 'fo'
  | 'ovf'
  | 'mh'
  | 'twos'
  | 'none'
  | (string & {});

/** Meaning of a scheduler's flag bits; `sh` and `mh` know `fallback` (0x8) and `port` (0x10). `raw` adds any of 0x8, 0x10, 0x20. */
export interface SchedulerFlags {
  readonly fallback?: boolean;
  readonly port?: boolean;
  readonly raw?: number;
}

/** Persistence: a client keeps its real server for `timeout` seconds. */
export interface Persistence {
  /** Seconds, 1 to 2 678 400 (31 days). */
  readonly timeout: number;
  /** Granularity: dotted mask for IPv4 (default `255.255.255.255`), prefix length 1–128 for IPv6 (default 128). */
  readonly netmask?: string | number;
  /** Persistence engine (`sip`); none when absent. */
  readonly engine?: string;
}

/** What can be chosen of a virtual server besides its identity. Everything has a default; see each. */
export interface VirtualServerAttributes {
  /** Default `wlc`, as ipvsadm. */
  readonly scheduler?: Scheduler;
  /** Default none. */
  readonly schedulerFlags?: SchedulerFlags;
  /** Default false: no persistence. */
  readonly persistence?: Persistence | false;
  /**
   * One-packet scheduling, for UDP: every datagram is scheduled by itself and leaves no connection. With forwarding `masq` the answers
   * therefore keep the real server's address (observed on 6.1): use `dr` or `tunnel`, or clients that take answers from anywhere. Default false.
   */
  readonly onePacket?: boolean;
}

/** How packets reach a real server. Input also takes `nat`/`masquerade`, `direct`/`gate`/`route`, `ipip`. */
export type Forwarding = 'masq' | 'local' | 'tunnel' | 'dr' | 'bypass';

/** Encapsulation of `forwarding: 'tunnel'` (Linux 5.2; checksum flags 5.3). */
export interface Tunnel {
  readonly type: 'ipip' | 'gue' | 'gre';
  /** UDP port of GUE, 1–65535. */
  readonly port?: number;
  /** Default `none`. */
  readonly checksum?: 'none' | 'csum' | 'remcsum';
}

/** What can be chosen of a real server besides its identity. */
export interface RealServerAttributes {
  /** 0 to 2^31-1; 0 takes no new connections. Default 1. */
  readonly weight?: number;
  /** Default `masq`. */
  readonly forwarding?: Forwarding;
  /** Only with `forwarding: 'tunnel'`; default ipip. */
  readonly tunnel?: Tunnel;
  /** Connections from which on the server is overloaded; 0 = no limit (default). */
  readonly upperThreshold?: number;
  /** Connections below which it is available again; 0 = three quarters of the upper one (default). */
  readonly lowerThreshold?: number;
}

/** Identity of a real server within its virtual server. */
export interface RealServerIdentity {
  readonly address: string;
  /** Default: the port of the virtual server. */
  readonly port?: number;
}

/** Whatever names a real server: `10.244.1.7:8080`, `[2001:db8::7]:8080`, or an object with address and port. */
export type RealServerRef = string | RealServerIdentity;

/** A real server to add: a name, or identity and attributes in one object. */
export type RealServerSpec = string | (RealServerIdentity & RealServerAttributes);

/** A virtual server to program with its real servers; the unit of `ensure` and of desired state. */
export interface VirtualServerSpec extends VirtualServerAttributes {
  readonly url: VirtualServerUrl;
  readonly realServers?: readonly RealServerSpec[];
}

/**
 * Counters since creation or the last zeroing, and rates. `number` by default (exact up to 2^53), `bigint` on request.
 *
 * They lag behind: the kernel adds up what its processors counted once every two seconds, so what has just happened is not in yet, and
 * rates are running averages over several such periods. With sysctl net.ipv4.vs.run_estimation 0 they stand still (the numbers
 * of connections of a real server do not: those are exact).
 */
export interface Stats<N extends number | bigint = number> {
  readonly connections: N;
  readonly packetsIn: N;
  readonly packetsOut: N;
  readonly bytesIn: N;
  readonly bytesOut: N;
  /** Per second. */
  readonly rate: {
    readonly connections: N;
    readonly packetsIn: N;
    readonly packetsOut: N;
    readonly bytesIn: N;
    readonly bytesOut: N;
  };
}

/** A real server as the kernel had it when it was read. `N` is the type of its 64-bit counters. */
export interface RealServerState<N extends number | bigint = number> {
  readonly address: string;
  readonly family: Family;
  readonly port: number;
  readonly weight: number;
  readonly forwarding: Forwarding;
  /** Only with `forwarding: 'tunnel'`. */
  readonly tunnel?: Tunnel;
  readonly upperThreshold: number;
  readonly lowerThreshold: number;
  readonly activeConnections: number;
  readonly inactiveConnections: number;
  readonly persistentConnections: number;
  readonly stats: Stats<N>;
}

/** A virtual server as the kernel had it when it was read. `N` is the type of its 64-bit counters. */
export interface VirtualServerState<N extends number | bigint = number> {
  readonly url: VirtualServerUrl;
  readonly family: Family;
  /** Absent for servers by firewall mark. */
  readonly protocol?: Protocol;
  readonly address?: string;
  readonly port?: number;
  /** Only for servers by firewall mark. */
  readonly fwmark?: number;
  readonly scheduler: Scheduler;
  readonly schedulerFlags: SchedulerFlags;
  /** The kernel's flag word without the internal hashed bit (0x2). */
  readonly flags: number;
  readonly persistence: Persistence | false;
  readonly onePacket: boolean;
  readonly stats: Stats<N>;
}
