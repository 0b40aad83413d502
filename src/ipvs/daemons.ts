import { DaemonParts, IpvsDaemon } from '../native/records.js';
import { formatAddress } from '../net/address.js';
import type { CallOptions } from '../netlink/types.js';
import { LITTLE_ENDIAN, type Table, textAt } from './codec.js';
import { DAEMON_STATE, parseDaemonRole, parseDaemonSpec } from './daemon-settings.js';
import type { Exchange } from './exchange.js';
import { checkOptions } from './objects.js';
import type { SyncDaemon, SyncDaemonRole, SyncDaemons, SyncDaemonSpec } from './types.js';

const ESRCH = -3;

/** The sync daemons behind an exchange. */
export function syncDaemons(exchange: Exchange): SyncDaemons {
  return {
    start: async (spec: SyncDaemonSpec, options: CallOptions = {}): Promise<void> => {
      checkOptions(options);
      const daemon = parseDaemonSpec(spec);
      const result = await exchange.run([{ command: 'newDaemon', daemon }], options);
      const error = result.errorOf(0, 'startDaemon', { daemon });
      if (error !== undefined) throw error;
    },
    stop: async (
      role: SyncDaemonRole,
      options: CallOptions & { readonly ifRunning?: boolean } = {},
    ): Promise<boolean> => {
      checkOptions(options, ['ifRunning']);
      const daemon = { role: parseDaemonRole(role, 'role') };
      const result = await exchange.run([{ command: 'delDaemon', role: daemon.role }], options);
      const outcome = result.outcomes.of(0);
      if (options.ifRunning === true && typeof outcome === 'object' && outcome.errno === ESRCH) return false;
      const error = result.errorOf(0, 'stopDaemon', { daemon });
      if (error !== undefined) throw error;
      return true;
    },
    list: async (options: CallOptions = {}): Promise<SyncDaemon[]> => {
      checkOptions(options);
      const table = await exchange.listDaemons(options);
      return Array.from({ length: table.length }, (_, i) => unpackDaemon(table, i * IpvsDaemon.size)).sort(
        (a, b) => DAEMON_STATE[a.role] - DAEMON_STATE[b.role],
      );
    },
  };
}

/** An `IpvsDaemon` at `offset`. A kernel before 4.3 says nothing of multicasts: it has the defaults. */
function unpackDaemon({ bytes, view }: Table, offset: number): SyncDaemon {
  const parts = bytes[offset + IpvsDaemon.parts] ?? 0;
  const has = (part: number): boolean => (parts & part) !== 0;
  const group = has(DaemonParts.daemonGroup6)
    ? formatAddress(bytes, 'inet6', offset + IpvsDaemon.group)
    : has(DaemonParts.daemonGroup4)
      ? formatAddress(bytes, 'inet', offset + IpvsDaemon.group)
      : '224.0.0.81';
  return {
    role:
      view.getUint32(offset + IpvsDaemon.state, LITTLE_ENDIAN) === DAEMON_STATE.backup ? 'backup' : 'master',
    interface: textAt(bytes, offset + IpvsDaemon.interface, 16),
    syncId: view.getUint32(offset + IpvsDaemon.syncId, LITTLE_ENDIAN),
    maxLength: has(DaemonParts.daemonMaxLen)
      ? view.getUint16(offset + IpvsDaemon.maxLen, LITTLE_ENDIAN)
      : 1472,
    group,
    port: has(DaemonParts.daemonPort) ? view.getUint16(offset + IpvsDaemon.port, LITTLE_ENDIAN) : 8848,
    ttl: has(DaemonParts.daemonTtl) ? (bytes[offset + IpvsDaemon.ttl] ?? 1) : 1,
  };
}
