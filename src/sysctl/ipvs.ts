import { isNotFound, UnsupportedError, ValidationError } from '../errors.js';
import type { CallOptions } from '../netlink/types.js';
import type { Sysctl, SysctlChange } from './types.js';

/** Values of the sysctls below net.ipv4.vs, by the kernel's own names. */
export interface IpvsSysctlValues {
  /** Drop rate of `drop_packet` 3. */
  readonly am_droprate: number;
  /** Pages of free memory below which the automatic defences (modes 1 and 2) begin. */
  readonly amemthresh: number;
  /** While a backup sync daemon runs, do not balance. */
  readonly backup_only: boolean;
  /** Forward to the original address where no cache server is available (services by mark, such as transparent proxies). */
  readonly cache_bypass: boolean;
  /** Load factor of the table of connections. */
  readonly conn_lfactor: number;
  /** A new connection on a port that a former one used: 0 goes where that went, bit 0 schedules it anew when safe, bit 1 also in FIN_WAIT. */
  readonly conn_reuse_mode: number;
  /** Keep the conntrack entries of balanced connections, for rules that look at them. */
  readonly conntrack: boolean;
  /** Only in debug builds. */
  readonly debug_level: number;
  /** Drop half-open entries at random: 0 never, 1 and 2 when memory is short, 3 always. */
  readonly drop_entry: number;
  /** Drop every n-th packet: as above. */
  readonly drop_packet: number;
  /** CPUs of the estimation threads, such as `0-3,6`. */
  readonly est_cpulist: string;
  /** Nice value of the estimation threads. */
  readonly est_nice: number;
  /** Expire connections whose real server was removed, instead of dropping their packets until they time out. */
  readonly expire_nodest_conn: boolean;
  /** Do not use persistence templates that lead to a real server of weight 0: its clients go elsewhere. */
  readonly expire_quiescent_template: boolean;
  /** Leave packets of protocols that are not balanced alone for good. */
  readonly ignore_tunneled: boolean;
  /** Answer with ICMP errors to packets of real servers that belong to no connection. */
  readonly nat_icmp_send: boolean;
  /** Answer oversized packets that may not be fragmented with FRAG_NEEDED. */
  readonly pmtu_disc: boolean;
  /** Estimate rates. Counters stand still without. */
  readonly run_estimation: boolean;
  /** Schedule ICMP errors as if they were connections. */
  readonly schedule_icmp: boolean;
  /** Stricter states of TCP: 0 never, 1 and 2 when memory is short, 3 always. */
  readonly secure_tcp: number;
  /** Make SCTP connections of any packet. */
  readonly sloppy_sctp: boolean;
  /** Make TCP connections of any packet, not only of SYN. */
  readonly sloppy_tcp: boolean;
  /** Look up the route of rewritten replies again. */
  readonly snat_reroute: boolean;
  /** Load factor of the table of virtual servers. */
  readonly svc_lfactor: number;
  /** Of persistent virtual servers synchronise only templates. */
  readonly sync_persist_mode: boolean;
  /** Threads and UDP ports of a sync daemon: a power of two. Takes effect when a daemon is started. */
  readonly sync_ports: number;
  /** Messages that may wait to be sent. */
  readonly sync_qlen_max: number;
  /** Seconds after which an unchanged connection is sent again; 0 counts packets instead. */
  readonly sync_refresh_period: number;
  readonly sync_retries: number;
  /** Buffer of the sync daemons' sockets in bytes; 0 for the default of the system. */
  readonly sync_sock_size: number;
  /** Packets before a connection is synchronised first, and between synchronisations; the first is less than the second, unless that is 0. */
  readonly sync_threshold: readonly [threshold: number, period: number];
  readonly sync_version: number;
}

/** Name of a sysctl below net.ipv4.vs. */
export type IpvsSysctlName = keyof IpvsSysctlValues;

/** What is known of one of them. */
export interface IpvsSysctlInfo {
  readonly kind: 'boolean' | 'integer' | 'pair' | 'text';
  /** Of integers, inclusive. */
  readonly min?: number;
  readonly max?: number;
  /** In a fresh network namespace; absent where it depends on the machine. */
  readonly default?: boolean | number | string | readonly [number, number];
  /** First kernel that has it; absent for those older than 3.9. */
  readonly since?: string;
}

const INT_MAX = 0x7fffffff;
const off: IpvsSysctlInfo = { kind: 'boolean', default: false };
const on: IpvsSysctlInfo = { kind: 'boolean', default: true };
const integer = (min: number, max: number, initial?: number): IpvsSysctlInfo => ({
  kind: 'integer',
  min,
  max,
  ...(initial === undefined ? {} : { default: initial }),
});
const since = (kernel: string, info: IpvsSysctlInfo): IpvsSysctlInfo => ({ ...info, since: kernel });

/**
 * All sysctls of IPVS. Ranges are those that the kernel enforces, or beyond which a value means nothing (net/netfilter/ipvs/ip_vs_ctl.c,
 * Documentation/networking/ipvs-sysctl.rst).
 */
export const IPVS_SYSCTLS: Readonly<Record<IpvsSysctlName, IpvsSysctlInfo>> = {
  am_droprate: integer(1, INT_MAX, 10),
  amemthresh: integer(0, INT_MAX, 1024),
  backup_only: since('3.9', off),
  cache_bypass: off,
  conn_lfactor: since('newer than 6.18', integer(-INT_MAX, INT_MAX)),
  conn_reuse_mode: since('4.1', integer(0, 3, 1)),
  conntrack: off,
  debug_level: integer(0, INT_MAX, 0),
  drop_entry: integer(0, 3, 0),
  drop_packet: integer(0, 3, 0),
  est_cpulist: since('6.2', { kind: 'text' }),
  est_nice: since('6.2', integer(-20, 19, 0)),
  expire_nodest_conn: off,
  expire_quiescent_template: off,
  ignore_tunneled: since('4.4', off),
  nat_icmp_send: off,
  pmtu_disc: on,
  run_estimation: since('5.16', on),
  schedule_icmp: since('4.4', off),
  secure_tcp: integer(0, 3, 0),
  sloppy_sctp: since('3.11', off),
  sloppy_tcp: since('3.11', off),
  snat_reroute: on,
  svc_lfactor: since('newer than 6.18', integer(-INT_MAX, INT_MAX)),
  sync_persist_mode: since('3.11', off),
  sync_ports: integer(1, 64, 1),
  sync_qlen_max: integer(0, Number.MAX_SAFE_INTEGER),
  sync_refresh_period: integer(0, INT_MAX, 0),
  sync_retries: integer(0, 3, 0),
  sync_sock_size: integer(0, INT_MAX, 0),
  sync_threshold: { kind: 'pair', default: [3, 50] },
  sync_version: integer(0, 1, 1),
};

const NAMES = Object.keys(IPVS_SYSCTLS) as readonly IpvsSysctlName[];

/** The sysctls of IPVS in one network namespace, typed. */
export interface IpvsSysctls {
  /** All that the running kernel has. */
  all(options?: CallOptions): Promise<Partial<IpvsSysctlValues>>;
  /** Undefined where the running kernel has none of this name (or no ip_vs). @throws ValidationError for a name that is none */
  get<Name extends IpvsSysctlName>(
    name: Name,
    options?: CallOptions,
  ): Promise<IpvsSysctlValues[Name] | undefined>;
  /**
   * Write those that differ, in the order given, and say what was there. All values are checked before the first one is written; not
   * atomic when the kernel refuses one.
   * @throws ValidationError, UnsupportedError where the running kernel has none of this name, PermissionError
   */
  set(values: Partial<IpvsSysctlValues>, options?: CallOptions): Promise<readonly SysctlChange[]>;
}

const path = (name: IpvsSysctlName): string => `net/ipv4/vs/${name}`;

/** The sysctls of IPVS among all others. */
export function ipvsSysctls(sysctl: Pick<Sysctl, 'get' | 'set'>): IpvsSysctls {
  const get = async <Name extends IpvsSysctlName>(
    name: Name,
    options?: CallOptions,
  ): Promise<IpvsSysctlValues[Name] | undefined> => {
    const info = infoOf(name, 'name');
    const text = await sysctl.get(path(name), options);
    return text === undefined ? undefined : (parse(info, text) as IpvsSysctlValues[Name]);
  };
  return {
    get,
    all: async (options) => {
      const found = await Promise.all(NAMES.map(async (name) => [name, await get(name, options)] as const));
      return Object.fromEntries(found.filter(([, value]) => value !== undefined));
    },
    set: async (values, options) => {
      const given: unknown = values;
      if (typeof given !== 'object' || given === null || Array.isArray(given)) {
        throw new ValidationError('values', 'an object of sysctls and their values', given);
      }
      const writes = Object.entries(given).flatMap(([name, value]: [string, unknown]) =>
        value === undefined ? [] : [{ name, info: infoOf(name, name), value }],
      );
      const texts = writes.map(({ name, info, value }) => format(info, value, name));
      const changes: SysctlChange[] = [];
      for (const [i, { name, info }] of writes.entries()) {
        try {
          changes.push(await sysctl.set(path(name as IpvsSysctlName), texts[i] ?? '', options));
        } catch (err) {
          throw isNotFound(err) ? missing(name, info, err) : err;
        }
      }
      return changes;
    },
  };
}

function infoOf(name: string, where: string): IpvsSysctlInfo {
  if (!Object.hasOwn(IPVS_SYSCTLS, name)) {
    throw new ValidationError(where, `the name of a sysctl below net.ipv4.vs: ${NAMES.join(', ')}`, name);
  }
  return IPVS_SYSCTLS[name as IpvsSysctlName];
}

function missing(name: string, info: IpvsSysctlInfo, cause: unknown): UnsupportedError {
  return new UnsupportedError({
    code: 'ENOENT',
    errno: -2,
    operation: 'sysctl.set',
    target: `net/ipv4/vs/${name}`,
    meaning: 'the running kernel has no such entry',
    hint:
      info.since === undefined
        ? 'modprobe ip_vs; some entries depend on how the kernel was built'
        : `it came with Linux ${info.since}; and ip_vs has to be loaded`,
    cause,
  });
}

function parse(info: IpvsSysctlInfo, text: string): boolean | number | string | readonly [number, number] {
  switch (info.kind) {
    case 'boolean':
      return Number(text) !== 0;
    case 'integer':
      return Number(text);
    case 'text':
      return text;
    case 'pair': {
      const [first = 0, second = 0] = text.split(/\s+/).map(Number);
      return [first, second];
    }
  }
}

/** @throws ValidationError naming the sysctl */
function format(info: IpvsSysctlInfo, value: unknown, name: string): string {
  switch (info.kind) {
    case 'boolean':
      if (typeof value === 'boolean') return value ? '1' : '0';
      throw new ValidationError(name, 'true or false', value);
    case 'integer': {
      const { min = 0, max = INT_MAX } = info;
      if (!isInteger(value) || value < min || value > max) {
        throw new ValidationError(name, `an integer from ${String(min)} to ${String(max)}`, value);
      }
      if (name === 'sync_ports' && (value & (value - 1)) !== 0) {
        throw new ValidationError(name, 'a power of two', value);
      }
      return String(value);
    }
    case 'text':
      if (typeof value === 'string' && /^[0-9,-]+$/.test(value)) return value;
      throw new ValidationError(name, 'a list of CPUs such as 0-3,6', value);
    case 'pair': {
      const parts: readonly unknown[] = Array.isArray(value) ? value : [];
      const [first, second, ...more] = parts;
      const fits = isInteger(first) && isInteger(second) && more.length === 0 && first >= 0 && second >= 0;
      if (fits && (first < second || second === 0)) return `${String(first)} ${String(second)}`;
      throw new ValidationError(
        name,
        'two integers from 0 on, the first below the second one (or 0 as the second one)',
        value,
      );
    }
  }
}

function isInteger(value: unknown): value is number {
  return typeof value === 'number' && Number.isInteger(value);
}
