import type {
  Connection,
  IpvsInfo,
  IpvsTimeouts,
  RealServerState,
  Stats,
  SyncDaemon,
  Tunnel,
  VirtualServerState,
} from '../types.js';
import type { ListFormat } from './command.js';
import { flagNames, SCHEDULER_FLAGS } from './scheduler-flags.js';
import { type DisplayNames, spellEndpoint } from './spelling.js';

/** A virtual server with its real servers, in the order in which they are to be printed. 64-bit counters are exact. */
export interface ListedServer extends VirtualServerState<bigint> {
  readonly realServers: readonly RealServerState<bigint>[];
}

/** Width of the column of `ADDRESS:PORT`. */
const ENDPOINT_WIDTH = 28;
const COUNTER_WIDTH = 8;

const FORWARDING: Readonly<Record<RealServerState['forwarding'], string>> = {
  masq: 'Masq',
  local: 'Local',
  tunnel: 'Tunnel',
  dr: 'Route',
  // What C's printf makes of a missing name.
  bypass: '(null)',
};

const CHECKSUM: Readonly<Record<NonNullable<Tunnel['checksum']>, string>> = {
  none: '-c',
  csum: '+c',
  remcsum: 'r+c',
};

/** The table as `ipvsadm -L` prints it, with a line about the module when `info` is given. */
export function formatTable(
  servers: Iterable<ListedServer>,
  info: IpvsInfo | undefined,
  format: ListFormat,
  names: DisplayNames,
): string {
  const columns = columnsOf(format);
  const lines =
    info === undefined
      ? []
      : [`IP Virtual Server version ${info.version} (size=${String(info.connectionTableSize)})`];
  lines.push(...columns.titles);
  for (const server of servers) {
    const name = spellServer(server, names);
    lines.push(`${PROTOCOL_TITLE[server.protocol ?? 'fwmark'].padEnd(4)} ${columns.server(name, server)}`);
    for (const real of server.realServers) {
      const endpoint = spellEndpoint(real.address, real.port, server.protocol, names, 'table');
      lines.push(`  -> ${columns.realServer(endpoint.padEnd(ENDPOINT_WIDTH), real)}`);
    }
  }
  return lines.map((line) => `${line}\n`).join('');
}

const PROTOCOL_TITLE = { tcp: 'TCP', udp: 'UDP', sctp: 'SCTP', fwmark: 'FWM' } as const;

/** What makes one table different from another. */
interface Columns {
  readonly titles: readonly string[];
  server(name: string, server: ListedServer): string;
  realServer(name: string, server: RealServerState<bigint>): string;
}

/** Of several, the first that is asked for counts. */
function columnsOf(format: ListFormat): Columns {
  if (format.stats) return totals(format);
  if (format.rate) return rates(format);
  if (format.thresholds) return THRESHOLDS;
  if (format.persistentConnections) return PERSISTENT;
  return format.tunnels ? TUNNELS : PLAIN;
}

const cells = (...values: readonly (readonly [value: number | string, width: number])[]): string =>
  values.map(([value, width]) => String(value).padEnd(width)).join(' ');

const settings = (name: string, server: ListedServer): string => `${name} ${spellSettings(server)}`;

const PLAIN: Columns = {
  titles: [
    'Prot LocalAddress:Port Scheduler Flags',
    '  -> RemoteAddress:Port           Forward Weight ActiveConn InActConn',
  ],
  server: settings,
  realServer: (name, { forwarding, weight, activeConnections, inactiveConnections }) =>
    `${name} ${cells([FORWARDING[forwarding], 7], [weight, 6], [activeConnections, 10], [inactiveConnections, 10])}`,
};

const TUNNELS: Columns = {
  titles: [
    'Prot LocalAddress:Port Scheduler Flags',
    '  -> RemoteAddress:Port           Forward TunnelInfo    Weight ActiveConn InActConn',
  ],
  server: settings,
  realServer: (name, { forwarding, tunnel, weight, activeConnections, inactiveConnections }) =>
    `${name} ${cells(
      [FORWARDING[forwarding], 7],
      [tunnel === undefined ? 'n/a' : spellTunnel(tunnel), 13],
      [weight, 6],
      [activeConnections, 10],
      [inactiveConnections, 10],
    )}`,
};

const THRESHOLDS: Columns = {
  titles: [
    'Prot LocalAddress:Port            Uthreshold Lthreshold ActiveConn InActConn ',
    '  -> RemoteAddress:Port',
  ],
  server: settings,
  realServer: (name, { upperThreshold, lowerThreshold, activeConnections, inactiveConnections }) =>
    `${name} ${cells([upperThreshold, 10], [lowerThreshold, 10], [activeConnections, 10], [inactiveConnections, 10])}`,
};

const PERSISTENT: Columns = {
  titles: [
    'Prot LocalAddress:Port            Weight    PersistConn ActiveConn InActConn ',
    '  -> RemoteAddress:Port',
  ],
  server: settings,
  realServer: (name, { weight, persistentConnections, activeConnections, inactiveConnections }) =>
    `${name} ${cells([weight, 9], [persistentConnections, 11], [activeConnections, 10], [inactiveConnections, 10])}`,
};

function totals({ exact }: ListFormat): Columns {
  const counters = ({ stats }: { readonly stats: Stats<bigint> }): string =>
    [stats.connections, stats.packetsIn, stats.packetsOut, stats.bytesIn, stats.bytesOut]
      .map((value) => spellCounter(value, exact))
      .join('');
  return {
    titles: [
      'Prot LocalAddress:Port               Conns   InPkts  OutPkts  InBytes OutBytes',
      '  -> RemoteAddress:Port',
    ],
    server: (name, server) => name.padEnd(ENDPOINT_WIDTH) + counters(server),
    realServer: (name, server) => name + counters(server),
  };
}

function rates({ exact }: ListFormat): Columns {
  const counters = ({ rate }: Stats<bigint>, exactCounts: boolean): string =>
    [
      ...[rate.connections, rate.packetsIn, rate.packetsOut].map((value) => spellCounter(value, exactCounts)),
      ...[rate.bytesIn, rate.bytesOut].map((value) => spellCounter(value, exact)),
    ].join('');
  return {
    titles: [
      'Prot LocalAddress:Port                 CPS    InPPS   OutPPS    InBPS   OutBPS',
      '  -> RemoteAddress:Port',
    ],
    server: (name, { stats }) => name.padEnd(ENDPOINT_WIDTH) + counters(stats, exact),
    // Connections and packets per second of a real server are never abbreviated.
    realServer: (name, { stats }) => name + counters(stats, true),
  };
}

const UNITS: readonly (readonly [below: bigint, divisor: bigint, unit: string])[] = [
  [100_000_000n, 1n, ''],
  [1_000_000_000n, 1_000n, 'K'],
  [100_000_000_000n, 1_000_000n, 'M'],
  [100_000_000_000_000n, 1_000_000_000n, 'G'],
];

/** A counter in nine columns: from 100,000,000 on in thousands, millions … (cut, not rounded), unless it is to be exact. */
export function spellCounter(value: bigint, exact: boolean): string {
  if (exact) return ` ${String(value).padStart(COUNTER_WIDTH)}`;
  const [, divisor, unit] = UNITS.find(([below]) => value < below) ?? [0n, 1_000_000_000_000n, 'T'];
  return `${String(value / divisor)}${unit}`.padStart(COUNTER_WIDTH + 1);
}

function spellServer(server: ListedServer, names: DisplayNames): string {
  const { protocol, address = '', port = 0, fwmark = 0, family } = server;
  if (protocol !== undefined) return spellEndpoint(address, port, protocol, names, 'table');
  // As a signed number: marks from 2^31 on are negative.
  return `${String(fwmark | 0)}${family === 'inet6' ? ' IPv6' : ''}`;
}

function spellTunnel({ type, port = 0, checksum = 'none' }: Tunnel): string {
  switch (type) {
    case 'ipip':
      return type;
    case 'gue':
      return `${type}:${String(port)}:${CHECKSUM[checksum]}`;
    case 'gre':
      return `${type}:${CHECKSUM[checksum]}`;
  }
}

function spellSettings({ scheduler, flags, family, persistence, onePacket }: ListedServer): string {
  const words: string[] = [scheduler];
  if ((flags & SCHEDULER_FLAGS) !== 0) words.push(`(${flagNames(flags, scheduler).join(',')})`);
  if (persistence !== false) {
    const { timeout, netmask, engine } = persistence;
    words.push(`persistent ${String(timeout)}`);
    if (netmask !== undefined && netmask !== (family === 'inet6' ? 128 : '255.255.255.255')) {
      words.push(`mask ${String(netmask)}`);
    }
    if (engine !== undefined) words.push(`pe ${engine}`);
  }
  if (onePacket) words.push('ops');
  return words.join(' ');
}

/** What `ipvsadm -L --timeout` prints. */
export function formatTimeouts({ tcp, tcpFin, udp }: IpvsTimeouts): string {
  return `Timeout (tcp tcpfin udp): ${String(tcp)} ${String(tcpFin)} ${String(udp)}\n`;
}

/** What `ipvsadm -L --daemon` prints. */
export function formatDaemons(daemons: Iterable<SyncDaemon>): string {
  return Array.from(
    daemons,
    ({ role, interface: device, syncId, maxLength, group, port, ttl }) =>
      `${role} sync daemon (mcast=${device}, syncid=${String(syncId)}, maxlen=${String(maxLength)}, ` +
      `group=${group}, port=${String(port)}, ttl=${String(ttl)})\n`,
  ).join('');
}

/** The titles of `ipvsadm -L -c`. */
export function formatConnectionTitles({ persistentConnections }: ListFormat): string {
  const engine = persistentConnections ? '        pe name          pe_data' : '';
  return `IPVS connection entries\npro expire state       source             virtual            destination${engine}\n`;
}

/** One line of `ipvsadm -L -c`. */
export function formatConnection(
  connection: Connection,
  { persistentConnections }: ListFormat,
  names: DisplayNames,
): string {
  const { protocol, expires, state, client, virtual, server, engine } = connection;
  const transport = protocol === 'tcp' || protocol === 'udp' || protocol === 'sctp' ? protocol : undefined;
  const [from, to, destination = ''] = [client, virtual, server].map(({ address, port }) =>
    spellEndpoint(address, port, transport, names),
  );
  const time = `${twoDigits(Math.floor(expires / 60))}:${twoDigits(expires % 60)}`;
  const last =
    persistentConnections && engine !== undefined
      ? cells([destination, 16], [engine.name, 18], [engine.data, 0])
      : destination;
  return `${cells([protocol.toUpperCase(), 3], [time, 6], [state, 11], [from ?? '', 18], [to ?? '', 18])} ${last}\n`;
}

function twoDigits(value: number): string {
  return String(value).padStart(2, '0');
}
