import type { Conntrack } from '../conntrack/types.js';
import type { Ipset } from '../ipset/types.js';
import type { Ipvs } from '../ipvs/types.js';
import type { Link } from '../link/types.js';
import type { CallOptions } from '../netlink/types.js';
import type { Rules } from '../rules/types.js';
import type { Sysctl } from '../sysctl/types.js';

/** Which network namespace: a name under /run/netns or a path, or that of a process, or an open descriptor. */
export type NetnsRef = string | { readonly pid: number } | { readonly fd: number };

/** Options of `openKernel`. */
export interface KernelOptions {
  /** Default: the namespace of this process. */
  readonly netns?: NetnsRef;
}

/** What is usable in this namespace, found out without running a program. */
export interface Features {
  /** The ip_vs family answers. */
  readonly ipvs:
    | { readonly available: true; readonly version: string }
    | { readonly available: false; readonly reason: string };
  /** The ipset subsystem answers; set types with the revisions that the kernel offers. */
  readonly ipset:
    | {
        readonly available: true;
        readonly protocol: number;
        readonly types: Readonly<Record<string, { readonly min: number; readonly max: number } | undefined>>;
      }
    | { readonly available: false; readonly reason: string };
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
  readonly sysctl: Sysctl;
  features(options?: CallOptions): Promise<Features>;
  /** Waits for calls under way, then closes all sockets. Closing twice is fine. */
  close(): Promise<void>;
}
