import type { VirtualServer } from '../../ipvs/types.js';
import { joinHostPort } from '../../net/address.js';
import { formatTable } from './table.js';

/** Scheduler, its flags and persistence: `sh (port) persistent 600s`. */
function settings({ scheduler, schedulerFlags, persistence, onePacket }: VirtualServer): string {
  const flags = [
    schedulerFlags.fallback === true ? 'fallback' : '',
    schedulerFlags.port === true ? 'port' : '',
    schedulerFlags.raw === undefined ? '' : `0x${schedulerFlags.raw.toString(16)}`,
  ].filter((flag) => flag !== '');
  return [
    scheduler,
    flags.length === 0 ? '' : `(${flags.join(',')})`,
    persistence === false ? '' : `persistent ${persistence.timeout}s`,
    onePacket ? 'one-packet' : '',
  ]
    .filter((word) => word !== '')
    .join(' ');
}

/** Virtual servers with their real servers, as a table for people. */
export function serversTable(servers: readonly VirtualServer[]): string {
  const right = { align: 'right' } as const;
  return formatTable(
    [
      { title: 'SERVER' },
      { title: 'SCHEDULER / FORWARDING' },
      { title: 'WEIGHT', ...right },
      { title: 'ACTIVE', ...right },
      { title: 'INACTIVE', ...right },
      { title: 'CONNECTIONS', ...right },
    ],
    servers.flatMap((server) => [
      [server.url, settings(server), '', '', '', String(server.stats.connections)],
      ...server.realServers.map((real) => [
        `  -> ${joinHostPort(real.address, real.port)}`,
        real.forwarding,
        String(real.weight),
        String(real.activeConnections),
        String(real.inactiveConnections),
        String(real.stats.connections),
      ]),
    ]),
  );
}

/** Virtual servers as plain data: the state of each, without the verbs of handles. */
export function serversJson(servers: readonly VirtualServer[]): unknown {
  return servers.map((server) => ({
    url: server.url,
    family: server.family,
    ...(server.fwmark === undefined
      ? { protocol: server.protocol, address: server.address, port: server.port }
      : { fwmark: server.fwmark }),
    scheduler: server.scheduler,
    schedulerFlags: server.schedulerFlags,
    flags: server.flags,
    persistence: server.persistence,
    onePacket: server.onePacket,
    stats: server.stats,
    realServers: server.realServers.map((real) => ({
      address: real.address,
      family: real.family,
      port: real.port,
      weight: real.weight,
      forwarding: real.forwarding,
      ...(real.tunnel === undefined ? {} : { tunnel: real.tunnel }),
      upperThreshold: real.upperThreshold,
      lowerThreshold: real.lowerThreshold,
      activeConnections: real.activeConnections,
      inactiveConnections: real.inactiveConnections,
      persistentConnections: real.persistentConnections,
      stats: real.stats,
    })),
  }));
}
