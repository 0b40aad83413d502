import type { Conntrack } from '../conntrack/types.js';
import type { Ipset } from '../ipset/types.js';
import type { Ipvs } from '../ipvs/types.js';
import type { Link } from '../link/types.js';
import type { CallOptions } from '../netlink/types.js';
import type { Nft } from '../rules/nft/types.js';
import type { Rules } from '../rules/types.js';
import type { Sysctl } from '../sysctl/types.js';

/** Which network namespace: a name under /run/netns or a path, or that of a process, or an open descriptor. */
export type NetnsRef = string | { readonly pid: number } | { readonly fd: number };

/** Options of `openKernel`. */
export interface KernelOptions {
  /** Default: the namespace of this process. */
  readonly netns?: NetnsRef;
}

/**
 * Whether a part of the kernel that may be a module can be had. `loaded` and `builtin` are certain. `loadable`: there is a module file for
 * the running kernel, which loads it when it is first named (unless the file does not fit, or a policy forbids it). `absent`: no
 * such file, or loading was switched off. `unknown`: the module files are not to be seen, as in a container; the host may have it.
 */
export type ModuleState = 'loaded' | 'builtin' | 'loadable' | 'absent' | 'unknown';

/** Programs that people use beside this package; only rules need some of them. */
export type Tool =
  | 'conntrack'
  | 'ip'
  | 'ip6tables-restore'
  | 'ipset'
  | 'iptables-restore'
  | 'iptables-save'
  | 'ipvsadm'
  | 'modprobe'
  | 'nft';

/**
 * What is usable in this namespace, found out without running a program and without loading schedulers or set types. Asking loads ip_vs and
 * ip_set themselves where they are modules that are not loaded yet.
 */
export interface Features {
  /** The ip_vs family answers, or the reason why it does not. */
  readonly ipvs:
    | {
        readonly available: true;
        /** Of the module: `1.2.1`. */
        readonly version: string;
        /** Buckets; 0 on 7.2 while the namespace has no virtual server. */
        readonly connectionTableSize: number;
        /** By name, those that Linux has. `none` can always be had. */
        readonly schedulers: Readonly<Record<string, ModuleState>>;
        /** Persistence engines, by name. */
        readonly engines: Readonly<Record<string, ModuleState>>;
        /** Real servers of another address family than their virtual server. This and the next three go by the release (a vendor's kernel may have more). */
        readonly mixedFamilies: boolean;
        /** 64-bit counters. */
        readonly stats64: boolean;
        /** Encapsulations gue and gre. */
        readonly tunnels: boolean;
        readonly tunnelChecksums: boolean;
      }
    | { readonly available: false; readonly reason: string };
  /** The ipset subsystem answers; set types with the revisions that the kernel offers. */
  readonly ipset:
    | {
        readonly available: true;
        readonly protocol: number;
        readonly types: Readonly<Record<string, { readonly min: number; readonly max: number } | undefined>>;
      }
    | { readonly available: false; readonly reason: string };
  /** Of the running kernel: `6.1.0-56-cloud-amd64`. */
  readonly release: string;
  /** This process has CAP_NET_ADMIN in its own user namespace. */
  readonly netAdmin: boolean;
  /** Its user namespace is the initial one, where IPVS wants the capability. Undefined where /proc does not say. */
  readonly initialUserNamespace: boolean | undefined;
  /** Programs by their path; undefined for those that PATH (and /usr/sbin, /sbin) do not have. */
  readonly tools: Readonly<Record<Tool, string | undefined>>;
}

/** One network namespace of the running kernel. Subsystems open their sockets on first use. */
export interface Kernel extends AsyncDisposable {
  /** What the namespace was opened by: `self`, a path, `pid 1`, `fd 7`. */
  readonly netns: string;
  readonly ipvs: Ipvs;
  readonly ipset: Ipset;
  readonly link: Link;
  readonly conntrack: Conntrack;
  readonly rules: Rules;
  /** Rules and sets as a table of nft: the other way to have them. */
  readonly nft: Nft;
  readonly sysctl: Sysctl;
  /** What is usable here. Never fails for what is missing: that is in the answer. */
  features(options?: CallOptions): Promise<Features>;
  /** Waits for calls under way, then closes all sockets. Closing twice is fine. */
  close(): Promise<void>;
}
