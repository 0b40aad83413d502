import type { CallOptions } from '../netlink/types.js';
import type { IpvsSysctls } from './ipvs.js';

/** What writing one sysctl did. */
export interface SysctlChange {
  /** Dotted or slashed name as given: `net.ipv4.vs.conntrack`. */
  readonly name: string;
  /** What was there before. */
  readonly before: string;
  /** What is there now, read back: the kernel may round or bound a value. */
  readonly after: string;
  /** Whether it was written and came out different. */
  readonly changed: boolean;
}

export type { IpvsSysctlInfo, IpvsSysctlName, IpvsSysctls, IpvsSysctlValues } from './ipvs.js';

/** Sysctls of one network namespace (files under /proc/sys/net, read and written inside that namespace). */
export interface Sysctl {
  /** Trimmed text; undefined when the kernel has no such entry. Names use dots or slashes; a slash keeps dots inside a part. */
  get(name: string, options?: CallOptions): Promise<string | undefined>;
  /** Write when different, and report what was there. @throws NotFoundError, PermissionError, InvalidArgumentError. */
  set(name: string, value: string | number, options?: CallOptions): Promise<SysctlChange>;
  /** Those of IPVS, by name and type. */
  readonly ipvs: IpvsSysctls;
}
