import { DaemonParts, IpvsDaemon, IpvsOp, IpvsParts } from '../native/records.js';
import { LITTLE_ENDIAN, textAt, viewOf } from './codec.js';
import { DAEMON_STATE } from './daemon-settings.js';

const ESRCH = -3;
const EEXIST = -17;
const ENODEV = -19;
const EINVAL = -22;
const EAFNOSUPPORT = -97;

/** Ethernet, less the headers of UDP and IP. */
const MTU = 1500;
const HEADERS = { inet: 28, inet6: 48 } as const;
/** What a backup makes room for at least (ip_vs_sync.c). */
const BACKUP_MINIMUM = 1024;
const DEFAULT_GROUP = [224, 0, 0, 81] as const;
const DEFAULT_PORT = 8848;

/** What the surroundings say about a daemon that is to start. */
export interface FakeSurroundings {
  readonly ipv6: boolean;
  /** Names of the interfaces of the namespace. */
  readonly interfaces: ReadonlySet<string>;
  /** There is a real server of another address family than its virtual server. */
  readonly mixed: boolean;
}

/** The sync daemons of the fake kernel: checks of ip_vs_genl_new_daemon and start_sync_thread, in their order. Nothing is sent. */
export class FakeDaemons {
  /** IpvsDaemon records by state. */
  readonly #running = new Map<number, Uint8Array>();

  get running(): boolean {
    return this.#running.size > 0;
  }

  /** IpvsDaemon records, the master first. */
  records(): Uint8Array {
    return Buffer.concat(Object.values(DAEMON_STATE).flatMap((state) => this.#running.get(state) ?? []));
  }

  /** @returns 0, or a negative errno. */
  start(record: Uint8Array, surroundings: FakeSurroundings): number {
    const view = viewOf(record);
    const device = textAt(record, IpvsOp.daemonInterface, 16);
    if (((record[IpvsOp.parts] ?? 0) & IpvsParts.daemon) === 0 || device === '') return EINVAL;
    const parts = record[IpvsOp.daemonParts] ?? 0;
    const first = record[IpvsOp.daemonGroup] ?? 0;
    if ((parts & DaemonParts.daemonGroup4) !== 0 && (first < 224 || first > 239)) return EINVAL;
    const six = (parts & (DaemonParts.daemonGroup4 | DaemonParts.daemonGroup6)) === DaemonParts.daemonGroup6;
    if (six && !surroundings.ipv6) return EAFNOSUPPORT;
    if (six && first !== 0xff) return EINVAL;
    if (surroundings.mixed) return EINVAL;
    if (!surroundings.interfaces.has(device)) return ENODEV;
    const state = view.getUint32(IpvsOp.daemonState, LITTLE_ENDIAN);
    if (this.#running.has(state)) return EEXIST;
    if (state !== DAEMON_STATE.master && state !== DAEMON_STATE.backup) return EINVAL;
    this.#running.set(state, daemonRecord(record, state, six));
    return 0;
  }

  /** @returns 0, or a negative errno. */
  stop(record: Uint8Array): number {
    if (((record[IpvsOp.parts] ?? 0) & IpvsParts.daemon) === 0) return EINVAL;
    const state = viewOf(record).getUint32(IpvsOp.daemonState, LITTLE_ENDIAN);
    if (state !== DAEMON_STATE.master && state !== DAEMON_STATE.backup) return EINVAL;
    return this.#running.delete(state) ? 0 : ESRCH;
  }
}

function daemonRecord(op: Uint8Array, state: number, six: boolean): Uint8Array {
  const bytes = new Uint8Array(IpvsDaemon.size);
  const view = viewOf(bytes);
  const from = viewOf(op);
  const parts = op[IpvsOp.daemonParts] ?? 0;
  const has = (part: number): boolean => (parts & part) !== 0;
  view.setUint32(IpvsDaemon.state, state, LITTLE_ENDIAN);
  view.setUint32(IpvsDaemon.syncId, from.getUint32(IpvsOp.daemonSyncId, LITTLE_ENDIAN), LITTLE_ENDIAN);
  bytes.set(op.subarray(IpvsOp.daemonInterface, IpvsOp.daemonInterface + 16), IpvsDaemon.interface);
  if (has(DaemonParts.daemonGroup4 | DaemonParts.daemonGroup6)) {
    const size = six ? 16 : 4;
    bytes.set(op.subarray(IpvsOp.daemonGroup, IpvsOp.daemonGroup + size), IpvsDaemon.group);
  } else {
    bytes.set(DEFAULT_GROUP, IpvsDaemon.group);
  }
  view.setUint16(IpvsDaemon.maxLen, messageLength(op, state, six), LITTLE_ENDIAN);
  view.setUint16(
    IpvsDaemon.port,
    has(DaemonParts.daemonPort) ? from.getUint16(IpvsOp.daemonPort, LITTLE_ENDIAN) : DEFAULT_PORT,
    LITTLE_ENDIAN,
  );
  bytes[IpvsDaemon.ttl] = has(DaemonParts.daemonTtl) ? (op[IpvsOp.daemonTtl] ?? 1) : 1;
  bytes[IpvsDaemon.parts] =
    DaemonParts.daemonMaxLen |
    (six ? DaemonParts.daemonGroup6 : DaemonParts.daemonGroup4) |
    DaemonParts.daemonPort |
    DaemonParts.daemonTtl;
  return bytes;
}

/** Longest payload: that of the interface by default; a backup takes at least 1 KiB. */
function messageLength(op: Uint8Array, state: number, six: boolean): number {
  const wanted = viewOf(op).getUint16(IpvsOp.daemonMaxLen, LITTLE_ENDIAN);
  const chosen = ((op[IpvsOp.daemonParts] ?? 0) & DaemonParts.daemonMaxLen) !== 0 && wanted !== 0;
  const length = chosen ? wanted : MTU - HEADERS[six ? 'inet6' : 'inet'];
  const least = state === DAEMON_STATE.backup ? BACKUP_MINIMUM : 1;
  return Math.min(Math.max(length, least), 65_535 - HEADERS[six ? 'inet6' : 'inet']);
}
