import { AF, type Family, familyOf, formatAddress, parseAddress } from '../net/address.js';
import { PROTOCOL_NUMBER, protocolName } from '../net/protocol.js';
import {
  DaemonParts,
  IpvsConfig,
  IpvsDest,
  IpvsOp,
  IpvsParts,
  IpvsService,
  IpvsStats,
} from '../native/records.js';
import { addressId, type DestinationId, fwmarkId, type ServiceId } from './identity.js';
import { DAEMON_STATE, type DaemonSettings } from './daemon-settings.js';
import { type DestinationSettings, FORWARDINGS, describeTunnel } from './destination-settings.js';
import { describeService, type ServiceSettings, ServiceFlag } from './service-settings.js';
import type {
  IpvsInfo,
  IpvsTimeouts,
  RealServerState,
  Stats,
  SyncDaemonRole,
  VirtualServerState,
} from './types.js';

/** IPVS_CMD_* of linux/ip_vs.h, those that are sent. */
export const IpvsCommand = {
  newService: 1,
  setService: 2,
  delService: 3,
  getService: 4,
  newDest: 5,
  setDest: 6,
  delDest: 7,
  getDest: 8,
  newDaemon: 9,
  delDaemon: 10,
  getDaemon: 11,
  setConfig: 12,
  getConfig: 13,
  getInfo: 15,
  zero: 16,
  flush: 17,
} as const;

/** One request to the kernel, in values; {@link packRequests} makes a record of it. */
export type KernelRequest =
  | {
      readonly command: 'newService' | 'setService';
      readonly service: ServiceId;
      readonly settings: ServiceSettings;
    }
  | { readonly command: 'delService' | 'getService'; readonly service: ServiceId }
  | {
      readonly command: 'newDest' | 'setDest';
      readonly service: ServiceId;
      readonly destination: DestinationId;
      readonly settings: DestinationSettings;
    }
  | { readonly command: 'delDest'; readonly service: ServiceId; readonly destination: DestinationId }
  /** Dump: the destinations of one service. */
  | { readonly command: 'getDest'; readonly service: ServiceId }
  /** Dump: all services. */
  | { readonly command: 'listServices'; readonly withDestinations: boolean }
  /** Dump: all services with their destinations, these without counters and tunnels. */
  | { readonly command: 'listLoads' }
  | { readonly command: 'setConfig'; readonly timeouts: IpvsTimeouts }
  | { readonly command: 'zero'; readonly service?: ServiceId }
  | { readonly command: 'newDaemon'; readonly daemon: DaemonSettings }
  | { readonly command: 'delDaemon'; readonly role: SyncDaemonRole }
  /** Dump. */
  | { readonly command: 'getDaemon' }
  | { readonly command: 'getConfig' | 'getInfo' | 'flush' };

/** Records are in the machine's own byte order. */
export const LITTLE_ENDIAN: boolean = new Uint8Array(Uint16Array.of(1).buffer)[0] === 1;

/** A view of a record table. Tables come from C++ and need not be aligned for typed arrays. */
export function viewOf(bytes: Uint8Array): DataView {
  return new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
}

/** Records of `IpvsOp`, one per request, in order. */
export function packRequests(requests: readonly KernelRequest[]): Uint8Array {
  const bytes = new Uint8Array(requests.length * IpvsOp.size);
  const writer = new RequestWriter(bytes);
  for (const request of requests) writer.write(request);
  return bytes;
}

/** Writes requests into zeroed memory, one record after the other. */
export class RequestWriter {
  readonly #bytes: Uint8Array;
  readonly #view: DataView;
  #at = 0;

  constructor(bytes: Uint8Array) {
    this.#bytes = bytes;
    this.#view = viewOf(bytes);
  }

  write(request: KernelRequest): void {
    const at = this.#at;
    this.#at += IpvsOp.size;
    this.#u32(
      at + IpvsOp.command,
      IpvsCommand[
        request.command === 'listServices' || request.command === 'listLoads' ? 'getService' : request.command
      ],
    );
    let parts = 0;
    const service = 'service' in request ? request.service : undefined;
    if (service !== undefined) {
      this.#service(at, service);
      parts |= IpvsParts.serviceIdentity;
    }
    switch (request.command) {
      case 'newService':
      case 'setService':
        parts |= IpvsParts.serviceAttributes;
        this.#serviceSettings(at, request.service.family, request.settings);
        // An absent engine removes the one that the service has (SET overwrites).
        if (request.settings.engine !== '') parts |= IpvsParts.serviceEngine;
        break;
      case 'newDest':
      case 'setDest':
        parts |= IpvsParts.destIdentity | IpvsParts.destAttributes;
        this.#destination(at, request.destination);
        this.#destinationSettings(at, request.settings);
        break;
      case 'delDest':
        parts |= IpvsParts.destIdentity;
        this.#destination(at, request.destination);
        break;
      case 'listServices':
        if (request.withDestinations) parts |= IpvsParts.withDestinations;
        break;
      case 'listLoads':
        parts |= IpvsParts.withDestinations;
        this.#bytes[at + IpvsOp.quick] = 1;
        break;
      case 'setConfig':
        parts |= IpvsParts.config;
        this.#u32(at + IpvsOp.tcpTimeout, request.timeouts.tcp);
        this.#u32(at + IpvsOp.tcpFinTimeout, request.timeouts.tcpFin);
        this.#u32(at + IpvsOp.udpTimeout, request.timeouts.udp);
        break;
      case 'newDaemon':
        parts |= IpvsParts.daemon;
        this.#daemon(at, request.daemon);
        break;
      case 'delDaemon':
        parts |= IpvsParts.daemon;
        this.#u32(at + IpvsOp.daemonState, DAEMON_STATE[request.role]);
        break;
      default:
        break;
    }
    this.#bytes[at + IpvsOp.parts] = parts;
  }

  #u16(offset: number, value: number): void {
    this.#view.setUint16(offset, value, LITTLE_ENDIAN);
  }

  #u32(offset: number, value: number): void {
    this.#view.setUint32(offset, value, LITTLE_ENDIAN);
  }

  #service(at: number, id: ServiceId): void {
    this.#u16(at + IpvsOp.family, AF[id.family]);
    if (id.fwmark !== undefined) {
      this.#u32(at + IpvsOp.fwmark, id.fwmark);
      this.#bytes[at + IpvsOp.byFwmark] = 1;
      return;
    }
    this.#u16(at + IpvsOp.protocol, PROTOCOL_NUMBER[id.protocol]);
    this.#u16(at + IpvsOp.port, id.port);
    this.#bytes.set(parseAddress(id.address, 'address').bytes, at + IpvsOp.address);
  }

  #serviceSettings(at: number, family: Family, settings: ServiceSettings): void {
    this.#u32(at + IpvsOp.flags, settings.flags);
    // All bits: what is sent is the whole word, whatever the service had.
    this.#u32(at + IpvsOp.flagsMask, 0xffffffff);
    this.#u32(at + IpvsOp.timeout, settings.timeout);
    this.#view.setUint32(at + IpvsOp.netmask, settings.netmask, family === 'inet6' && LITTLE_ENDIAN);
    this.#text(at + IpvsOp.scheduler, settings.scheduler);
    this.#text(at + IpvsOp.engine, settings.engine);
  }

  #destination(at: number, id: DestinationId): void {
    this.#u16(at + IpvsOp.destFamily, AF[id.family]);
    this.#u16(at + IpvsOp.destPort, id.port);
    this.#bytes.set(parseAddress(id.address, 'address').bytes, at + IpvsOp.destAddress);
  }

  #destinationSettings(at: number, settings: DestinationSettings): void {
    this.#u32(at + IpvsOp.forwarding, FORWARDINGS.indexOf(settings.forwarding));
    this.#view.setInt32(at + IpvsOp.weight, settings.weight, LITTLE_ENDIAN);
    this.#u32(at + IpvsOp.upperThreshold, settings.upperThreshold);
    this.#u32(at + IpvsOp.lowerThreshold, settings.lowerThreshold);
    this.#bytes[at + IpvsOp.tunnelType] = settings.tunnelType;
    this.#u16(at + IpvsOp.tunnelPort, settings.tunnelPort);
    this.#u16(at + IpvsOp.tunnelFlags, settings.tunnelFlags);
  }

  #daemon(
    at: number,
    { role, syncId, interface: device, maxLength, group, port, ttl }: DaemonSettings,
  ): void {
    this.#u32(at + IpvsOp.daemonState, DAEMON_STATE[role]);
    this.#u32(at + IpvsOp.daemonSyncId, syncId);
    this.#text(at + IpvsOp.daemonInterface, device);
    let parts = 0;
    if (maxLength !== undefined) {
      parts |= DaemonParts.daemonMaxLen;
      this.#u16(at + IpvsOp.daemonMaxLen, maxLength);
    }
    if (group !== undefined) {
      parts |= group.family === 'inet6' ? DaemonParts.daemonGroup6 : DaemonParts.daemonGroup4;
      this.#bytes.set(group.bytes, at + IpvsOp.daemonGroup);
    }
    if (port !== undefined) {
      parts |= DaemonParts.daemonPort;
      this.#u16(at + IpvsOp.daemonPort, port);
    }
    if (ttl !== undefined) {
      parts |= DaemonParts.daemonTtl;
      this.#bytes[at + IpvsOp.daemonTtl] = ttl;
    }
    this.#bytes[at + IpvsOp.daemonParts] = parts;
  }

  /** Names are checked to be short ASCII before they come here; the rest of the field is zero. */
  #text(offset: number, text: string): void {
    for (let i = 0; i < text.length; i++) this.#bytes[offset + i] = text.charCodeAt(i);
  }
}

/** A NUL-padded field as text. */
export function textAt(bytes: Uint8Array, offset: number, size: number): string {
  let text = '';
  for (let i = offset; i < offset + size; i++) {
    const c = bytes[i] ?? 0;
    if (c === 0) break;
    text += String.fromCharCode(c);
  }
  return text;
}

/** How a 64-bit counter is read. */
export type ReadCounter<N extends number | bigint> = (view: DataView, offset: number) => N;

/** As a double: exact up to 2^53, then rounded. */
export const readNumber: ReadCounter<number> = (view, offset) => {
  const low = view.getUint32(offset + (LITTLE_ENDIAN ? 0 : 4), LITTLE_ENDIAN);
  const high = view.getUint32(offset + (LITTLE_ENDIAN ? 4 : 0), LITTLE_ENDIAN);
  return high === 0 ? low : high * 0x100000000 + low;
};

/** As a bigint: always exact. */
export const readBigint: ReadCounter<bigint> = (view, offset) => view.getBigUint64(offset, LITTLE_ENDIAN);

/** An `IpvsStats` at `offset`. */
export function unpackStats<N extends number | bigint>(
  view: DataView,
  offset: number,
  read: ReadCounter<N>,
): Stats<N> {
  return {
    connections: read(view, offset + IpvsStats.connections),
    packetsIn: read(view, offset + IpvsStats.packetsIn),
    packetsOut: read(view, offset + IpvsStats.packetsOut),
    bytesIn: read(view, offset + IpvsStats.bytesIn),
    bytesOut: read(view, offset + IpvsStats.bytesOut),
    rate: {
      connections: read(view, offset + IpvsStats.connectionsPerSecond),
      packetsIn: read(view, offset + IpvsStats.packetsInPerSecond),
      packetsOut: read(view, offset + IpvsStats.packetsOutPerSecond),
      bytesIn: read(view, offset + IpvsStats.bytesInPerSecond),
      bytesOut: read(view, offset + IpvsStats.bytesOutPerSecond),
    },
  };
}

/** Stats of something that has seen nothing yet. */
export function zeroStats<N extends number | bigint>(read: ReadCounter<N>): Stats<N> {
  return unpackStats(new DataView(new ArrayBuffer(IpvsStats.size)), 0, read);
}

/** A table of records with the views that reading takes. */
export interface Table {
  readonly bytes: Uint8Array;
  readonly view: DataView;
  readonly length: number;
}

/** A record table of a reply; absent ones are empty. */
export function tableOf(bytes: Uint8Array | undefined, size: number): Table {
  const held = bytes ?? new Uint8Array(0);
  return { bytes: held, view: viewOf(held), length: Math.floor(held.byteLength / size) };
}

/** Whether {@link unpackServiceId} has an answer. */
export function isNamedService({ bytes, view }: Table, offset: number): boolean {
  return (
    familyOf(view.getUint16(offset + IpvsService.family, LITTLE_ENDIAN)) !== undefined &&
    (bytes[offset + IpvsService.byFwmark] === 1 ||
      protocolName(view.getUint16(offset + IpvsService.protocol, LITTLE_ENDIAN)) !== undefined)
  );
}

/** Identity in an `IpvsService` at `offset`; undefined for a protocol that this package has no name for. */
export function unpackServiceId({ bytes, view }: Table, offset: number): ServiceId | undefined {
  const family = familyOf(view.getUint16(offset + IpvsService.family, LITTLE_ENDIAN));
  if (family === undefined) return undefined;
  if (bytes[offset + IpvsService.byFwmark] === 1) {
    return fwmarkId(family, view.getUint32(offset + IpvsService.fwmark, LITTLE_ENDIAN));
  }
  const protocol = protocolName(view.getUint16(offset + IpvsService.protocol, LITTLE_ENDIAN));
  if (protocol === undefined) return undefined;
  const address = formatAddress(bytes, family, offset + IpvsService.address);
  return addressId(protocol, family, address, view.getUint16(offset + IpvsService.port, LITTLE_ENDIAN));
}

/** Settings in an `IpvsService` at `offset`. */
export function unpackServiceSettings(
  { bytes, view }: Table,
  offset: number,
  family: Family,
): ServiceSettings {
  return {
    scheduler: textAt(bytes, offset + IpvsService.scheduler, 16),
    flags: (view.getUint32(offset + IpvsService.flags, LITTLE_ENDIAN) & ~ServiceFlag.hashed) >>> 0,
    timeout: view.getUint32(offset + IpvsService.timeout, LITTLE_ENDIAN),
    netmask: view.getUint32(offset + IpvsService.netmask, family === 'inet6' && LITTLE_ENDIAN),
    engine: textAt(bytes, offset + IpvsService.engine, 24),
  };
}

/** State in the words of the public interface. */
export function serviceState<N extends number | bigint>(
  id: ServiceId,
  settings: ServiceSettings,
  stats: Stats<N>,
): VirtualServerState<N> {
  return {
    url: id.url,
    family: id.family,
    ...(id.fwmark === undefined
      ? { protocol: id.protocol, address: id.address, port: id.port }
      : { fwmark: id.fwmark }),
    ...describeService(settings, id.family),
    stats,
  };
}

/** Identity in an `IpvsDest` at `offset`. */
export function unpackDestinationId({ bytes, view }: Table, offset: number): DestinationId {
  const family = familyOf(view.getUint16(offset + IpvsDest.family, LITTLE_ENDIAN)) ?? 'inet';
  return {
    family,
    address: formatAddress(bytes, family, offset + IpvsDest.address),
    port: view.getUint16(offset + IpvsDest.port, LITTLE_ENDIAN),
  };
}

/**
 * Settings in an `IpvsDest` at `offset`. Forwarding numbers 5 to 7, which the kernel stores and forwards nothing for, read as
 * `bypass`.
 */
export function unpackDestinationSettings({ bytes, view }: Table, offset: number): DestinationSettings {
  const forwarding =
    FORWARDINGS[view.getUint32(offset + IpvsDest.forwarding, LITTLE_ENDIAN) & 0x7] ?? 'bypass';
  const tunnelled = forwarding === 'tunnel';
  return {
    forwarding,
    weight: view.getInt32(offset + IpvsDest.weight, LITTLE_ENDIAN),
    upperThreshold: view.getUint32(offset + IpvsDest.upperThreshold, LITTLE_ENDIAN),
    lowerThreshold: view.getUint32(offset + IpvsDest.lowerThreshold, LITTLE_ENDIAN),
    tunnelType: tunnelled ? (bytes[offset + IpvsDest.tunnelType] ?? 0) : 0,
    tunnelPort: tunnelled ? view.getUint16(offset + IpvsDest.tunnelPort, LITTLE_ENDIAN) : 0,
    tunnelFlags: tunnelled ? view.getUint16(offset + IpvsDest.tunnelFlags, LITTLE_ENDIAN) : 0,
  };
}

/** State in the words of the public interface, from settings and what was observed beside them. */
export function destinationState<N extends number | bigint>(
  id: DestinationId,
  settings: DestinationSettings,
  observed: Pick<
    RealServerState<N>,
    'activeConnections' | 'inactiveConnections' | 'persistentConnections' | 'stats'
  >,
): RealServerState<N> {
  // The tunnel last, so that the many without one share a shape.
  const state = {
    address: id.address,
    family: id.family,
    port: id.port,
    weight: settings.weight,
    forwarding: settings.forwarding,
    upperThreshold: settings.upperThreshold,
    lowerThreshold: settings.lowerThreshold,
    activeConnections: observed.activeConnections,
    inactiveConnections: observed.inactiveConnections,
    persistentConnections: observed.persistentConnections,
    stats: observed.stats,
  };
  return settings.forwarding === 'tunnel' ? { ...state, tunnel: describeTunnel(settings) } : state;
}

/** An `IpvsDest` at `offset`, in the words of the public interface. */
export function unpackDestination<N extends number | bigint>(
  table: Table,
  offset: number,
  read: ReadCounter<N>,
): RealServerState<N> {
  const { view } = table;
  return destinationState(unpackDestinationId(table, offset), unpackDestinationSettings(table, offset), {
    activeConnections: view.getUint32(offset + IpvsDest.activeConnections, LITTLE_ENDIAN),
    inactiveConnections: view.getUint32(offset + IpvsDest.inactiveConnections, LITTLE_ENDIAN),
    persistentConnections: view.getUint32(offset + IpvsDest.persistentConnections, LITTLE_ENDIAN),
    stats: unpackStats(view, offset + IpvsDest.stats, read),
  });
}

/** Answer to `getConfig`. */
export function unpackTimeouts({ view }: Table, offset: number): IpvsTimeouts {
  return {
    tcp: view.getUint32(offset + IpvsConfig.tcpTimeout, LITTLE_ENDIAN),
    tcpFin: view.getUint32(offset + IpvsConfig.tcpFinTimeout, LITTLE_ENDIAN),
    udp: view.getUint32(offset + IpvsConfig.udpTimeout, LITTLE_ENDIAN),
  };
}

/** Answer to `getInfo`. The version is three bytes: 0x010201 is 1.2.1. */
export function unpackInfo({ view }: Table, offset: number): IpvsInfo {
  const version = view.getUint32(offset + IpvsConfig.version, LITTLE_ENDIAN);
  return {
    version: [version >>> 16, version >>> 8, version].map((part) => String(part & 0xff)).join('.'),
    connectionTableSize: view.getUint32(offset + IpvsConfig.connectionTableSize, LITTLE_ENDIAN),
  };
}

/**
 * Order of two `IpvsService` records: that of {@link import('./identity.js').compareServices}, read from the bytes.
 */
export function compareServiceRecords(table: Table, a: number, b: number): number {
  const { bytes, view } = table;
  const fwmark =
    (bytes[a + IpvsService.byFwmark] ?? 0) - (bytes[b + IpvsService.byFwmark] ?? 0) ||
    view.getUint32(a + IpvsService.fwmark, LITTLE_ENDIAN) -
      view.getUint32(b + IpvsService.fwmark, LITTLE_ENDIAN);
  if (fwmark !== 0) return fwmark;
  const family =
    view.getUint16(a + IpvsService.family, LITTLE_ENDIAN) -
    view.getUint16(b + IpvsService.family, LITTLE_ENDIAN);
  if (family !== 0 || bytes[a + IpvsService.byFwmark] === 1) return family;
  return (
    view.getUint16(a + IpvsService.protocol, LITTLE_ENDIAN) -
      view.getUint16(b + IpvsService.protocol, LITTLE_ENDIAN) ||
    compareBytes(bytes, a + IpvsService.address, b + IpvsService.address) ||
    view.getUint16(a + IpvsService.port, LITTLE_ENDIAN) - view.getUint16(b + IpvsService.port, LITTLE_ENDIAN)
  );
}

/** Order of two `IpvsDest` records: family, address, port. */
export function compareDestinationRecords({ bytes, view }: Table, a: number, b: number): number {
  return (
    view.getUint16(a + IpvsDest.family, LITTLE_ENDIAN) - view.getUint16(b + IpvsDest.family, LITTLE_ENDIAN) ||
    compareBytes(bytes, a + IpvsDest.address, b + IpvsDest.address) ||
    view.getUint16(a + IpvsDest.port, LITTLE_ENDIAN) - view.getUint16(b + IpvsDest.port, LITTLE_ENDIAN)
  );
}

/** Addresses take 16 bytes in records, IPv4 ones with zeros behind. */
function compareBytes(bytes: Uint8Array, a: number, b: number): number {
  for (let i = 0; i < 16; i++) {
    const difference = (bytes[a + i] ?? 0) - (bytes[b + i] ?? 0);
    if (difference !== 0) return difference;
  }
  return 0;
}
