import { ClosedError, ValidationError } from '../errors.js';
import { AF, parseAddress } from '../net/address.js';
import type { IpvsStats } from '../native/records.js';
import { Failure, IpvsConfig, IpvsDest, IpvsOp, IpvsParts, IpvsService } from '../native/records.js';
import type {
  CallOptions,
  Channel,
  ChannelCounters,
  DumpRequest,
  Reply,
  RunRequest,
} from '../netlink/types.js';
import {
  IpvsCommand,
  LITTLE_ENDIAN,
  tableOf,
  textAt,
  unpackDestination,
  unpackServiceId,
  unpackServiceSettings,
  unpackStats,
  readNumber,
  serviceState,
  viewOf,
} from './codec.js';
import {
  FakeTable,
  newestFirst,
  type FakeAnswer,
  type FakeDestination,
  type FakeMachine,
  type FakeService,
  type FakeStats,
} from './fake-table.js';
import { parseRealServer, parseVirtualServer } from './identity.js';
import { formatSave } from './save.js';
import type { RealServerRef, VirtualServerRef } from './types.js';

/** What the fake kernel can do. */
export interface FakeIpvsOptions {
  /** Schedulers that it has (or could load). Default: all that Linux has. */
  readonly schedulers?: readonly string[];
  /** Persistence engines. Default `sip`. */
  readonly engines?: readonly string[];
  /** False: every IPv6 request is refused with EAFNOSUPPORT. Default true. */
  readonly ipv6?: boolean;
  /** False: every request is refused with EPERM, as for a process without CAP_NET_ADMIN. Default true. */
  readonly capable?: boolean;
  /** False: `lo` is down, so IPv4 real servers are refused with EINVAL. Default true. */
  readonly loopback?: boolean;
  /** Ticks per second, which bound the connection timeouts. Default 250. */
  readonly hz?: number;
  /** Interfaces that sync daemons can use. Default `lo` and `eth0`. */
  readonly interfaces?: readonly string[];
}

/** A request as a fault hook sees it. */
export interface FakeRequest {
  /** IPVS_CMD_* number. */
  readonly command: number;
  /** Scheduler named by the request; empty where it names none. */
  readonly scheduler: string;
  /** The whole IpvsOp record. */
  readonly record: Uint8Array;
}

/** Decides whether a request fails: the errno (of either sign), or undefined to let it pass. */
export type FakeFaults = (request: FakeRequest, index: number) => number | undefined;

/** What can be observed of a real server; what is omitted stays. */
export interface FakeConnections {
  readonly activeConnections?: number;
  readonly inactiveConnections?: number;
  readonly persistentConnections?: number;
}

/** Counters in the words of `Stats`; what is omitted stays. */
export type FakeCounters = Partial<Readonly<Record<keyof Omit<typeof IpvsStats, 'size'>, number | bigint>>>;

/** The fake kernel behind a channel. */
export interface FakeIpvsChannel extends Channel {
  /** Called for each request before the table sees it; `index` is its position in the run (0 for a dump). */
  faults: FakeFaults | undefined;
  /** What the kernel can do; may be changed between calls. */
  machine: FakeMachine;
  /** The table as `ipvsadm -Sn` would print it. */
  save(): string;
  /** What /proc/net/ip_vs_conn would say: its titles, and the lines that a test puts behind them. */
  connectionTable: string;
  /** Pretend that a real server has connections, as traffic would. @throws ValidationError when it does not exist */
  setConnections(
    virtualServer: VirtualServerRef,
    realServer: RealServerRef,
    connections: FakeConnections,
  ): void;
  /** Pretend that traffic was counted, for a virtual server or one of its real servers. @throws ValidationError as above */
  setCounters(
    virtualServer: VirtualServerRef,
    realServer: RealServerRef | undefined,
    counters: FakeCounters,
  ): void;
}

/** Every scheduler of Linux 6.12. */
const SCHEDULERS = [
  'rr',
  'wrr',
  'lc',
  'wlc',
  'lblc',
  'lblcr',
  'dh',
  'sh',
  'sed',
  'nq',
  'fo',
  'ovf',
  'mh',
  'twos',
];
/** Requests that the native side puts into one send, roughly: 64 KiB of messages of some 200 bytes. */
const WINDOW = 256;

/**
 * A channel to an IPVS table in memory.
 *
 * It answers records exactly as the native side does with a kernel behind it: the same errno from the same checks in the same order,
 * answers of `get` requests by index, destinations newest first. Its counters count what the native side would: one send per window
 * of pipelined requests; bytes are those of the records, since no netlink is encoded.
 */
export function fakeIpvsChannel(options: FakeIpvsOptions = {}): FakeIpvsChannel {
  return new FakeChannel({
    schedulers: new Set(options.schedulers ?? SCHEDULERS),
    engines: new Set(options.engines ?? ['sip']),
    ipv6: options.ipv6 ?? true,
    capable: options.capable ?? true,
    loopback: options.loopback ?? true,
    hz: options.hz ?? 250,
    interfaces: new Set(options.interfaces ?? ['lo', 'eth0']),
  });
}

class FakeChannel implements FakeIpvsChannel {
  readonly subsystem = 'ipvs';
  machine: FakeMachine;
  faults: FakeFaults | undefined;
  connectionTable = 'Pro FromIP   FPrt ToIP     TPrt DestIP   DPrt State       Expires PEName PEData\n';
  readonly #table = new FakeTable();
  readonly #counters = { sends: 0, receives: 0, messages: 0, bytesSent: 0, bytesReceived: 0, dumps: 0 };
  #queue: Promise<unknown> = Promise.resolve();
  #closed = false;

  constructor(machine: FakeMachine) {
    this.machine = machine;
  }

  run(request: RunRequest, options: CallOptions = {}): Promise<Reply> {
    return this.#enqueue(options, () => this.#run(request));
  }

  dump(request: DumpRequest, options: CallOptions = {}): Promise<Reply> {
    return this.#enqueue(options, () => this.#dump(request));
  }

  counters(): ChannelCounters {
    return { ...this.#counters, overruns: 0, sockets: this.#closed ? 0 : 1 };
  }

  async close(): Promise<void> {
    const last = this.#queue;
    this.#closed = true;
    await last;
  }

  save(): string {
    const reply = this.#listing(true);
    const services = tableOf(reply.IpvsService, IpvsService.size);
    const destinations = tableOf(reply.IpvsDest, IpvsDest.size);
    const children = new Map<number, ReturnType<typeof unpackDestination<number>>[]>();
    for (let i = 0; i < destinations.length; i++) {
      const offset = i * IpvsDest.size;
      const parent = destinations.view.getUint32(offset + IpvsDest.service, LITTLE_ENDIAN);
      const held = children.get(parent) ?? [];
      held.push(unpackDestination(destinations, offset, readNumber));
      children.set(parent, held);
    }
    return formatSave(
      Array.from({ length: services.length }, (_, i) => {
        const offset = i * IpvsService.size;
        const id = unpackServiceId(services, offset);
        if (id === undefined) return [];
        const state = serviceState(
          id,
          unpackServiceSettings(services, offset, id.family),
          unpackStats(services.view, offset + IpvsService.stats, readNumber),
        );
        return [{ ...state, realServers: children.get(i) ?? [] }];
      }).flat(),
    );
  }

  setConnections(
    virtualServer: VirtualServerRef,
    realServer: RealServerRef,
    connections: FakeConnections,
  ): void {
    Object.assign(this.#destination(virtualServer, realServer), connections);
  }

  setCounters(
    virtualServer: VirtualServerRef,
    realServer: RealServerRef | undefined,
    counters: FakeCounters,
  ): void {
    const target =
      realServer === undefined ? this.#service(virtualServer) : this.#destination(virtualServer, realServer);
    target.stats = target.stats.map((value, i) => {
      const given = COUNTERS[i] === undefined ? undefined : counters[COUNTERS[i]];
      return given === undefined ? value : BigInt(given);
    });
  }

  #service(ref: VirtualServerRef): FakeService {
    const id = parseVirtualServer(ref);
    const services = this.#table.services();
    const { bytes } = tableOf(packServices(services), IpvsService.size);
    const index = services.findIndex(
      (_, i) => unpackServiceId(tableOf(bytes, IpvsService.size), i * IpvsService.size)?.url === id.url,
    );
    const service = services[index];
    if (service === undefined) throw new ValidationError('virtualServer', 'one of the table', id.url);
    return service;
  }

  #destination(virtualServer: VirtualServerRef, realServer: RealServerRef): FakeDestination {
    const service = this.#service(virtualServer);
    const id = parseRealServer(realServer, parseVirtualServer(virtualServer));
    const { bytes } = parseAddress(id.address, 'address');
    const destination = newestFirst(service).find(
      (held) =>
        held.family === AF[id.family] &&
        held.port === id.port &&
        bytes.every((byte, i) => byte === held.address[i]),
    );
    if (destination === undefined) {
      throw new ValidationError('realServer', 'one of the virtual server', id.address);
    }
    return destination;
  }

  #enqueue(options: CallOptions, job: () => Reply): Promise<Reply> {
    const start = async (): Promise<Reply> => {
      options.signal?.throwIfAborted();
      // As with a worker thread behind it, nothing is answered in the same turn.
      await Promise.resolve();
      return job();
    };
    if (this.#closed) return Promise.reject(new ClosedError('the channel'));
    const answer = this.#queue.then(start, start);
    this.#queue = answer.catch(() => undefined);
    return answer;
  }

  #answer(record: Uint8Array, index: number): FakeAnswer {
    const fault = this.faults?.(
      {
        command: viewOf(record).getUint32(IpvsOp.command, LITTLE_ENDIAN),
        scheduler: textAt(record, IpvsOp.scheduler, 16),
        record,
      },
      index,
    );
    if (fault !== undefined) return { errno: -Math.abs(fault) };
    return this.#table.execute(record, this.machine);
  }

  #run(request: RunRequest): Reply {
    if (request.shape !== 'IpvsOp') throw new TypeError(`an ipvs channel runs IpvsOp, not ${request.shape}`);
    if (request.records.byteLength % IpvsOp.size !== 0) throw new TypeError('records: not whole records');
    const count = request.records.byteLength / IpvsOp.size;
    const failures: Uint8Array[] = [];
    const services: Uint8Array[] = [];
    const configs: Uint8Array[] = [];
    let settled = 0;
    while (settled < count) {
      const index = settled++;
      const at = index * IpvsOp.size;
      const answer = this.#answer(request.records.subarray(at, at + IpvsOp.size), index);
      if (answer.errno !== 0) {
        failures.push(failureRecord(index, answer.errno));
        if (request.stopOnError === true) break;
      } else if (answer.service !== undefined) {
        services.push(serviceRecord(answer.service, index));
      } else if (answer.config !== undefined || answer.info !== undefined) {
        configs.push(configRecord(answer, index));
      }
    }
    const sends = request.stopOnError === true ? settled : Math.ceil(settled / WINDOW);
    return this.#count(
      sends,
      settled,
      request.records.byteLength,
      reply({
        settled,
        failures: Buffer.concat(failures),
        IpvsService: Buffer.concat(services),
        IpvsConfig: Buffer.concat(configs),
      }),
    );
  }

  #dump({ record }: DumpRequest): Reply {
    if (record.byteLength !== IpvsOp.size) throw new TypeError('record: not one IpvsOp');
    this.#counters.dumps++;
    const fault = this.faults?.(
      { command: viewOf(record).getUint32(IpvsOp.command, LITTLE_ENDIAN), scheduler: '', record },
      0,
    );
    if (fault !== undefined || !this.machine.capable) {
      return this.#count(1, 1, record.byteLength, reply({ error: -Math.abs(fault ?? 1) }));
    }
    const command = viewOf(record).getUint32(IpvsOp.command, LITTLE_ENDIAN);
    if (command === IpvsCommand.getDest) {
      const held = this.#table.destinationsOf(record).map((destination) => ({ destination, service: 0 }));
      return this.#count(1, 1, record.byteLength, reply({ settled: 1, IpvsDest: packDestinations(held) }));
    }
    if (command === IpvsCommand.getDaemon) {
      const answer = reply({ settled: 1, IpvsDaemon: this.#table.daemons() });
      return this.#count(1, 1, record.byteLength, answer);
    }
    if (command !== IpvsCommand.getService) {
      return this.#count(1, 1, record.byteLength, reply({ error: -95 }));
    }
    const withDestinations = ((record[IpvsOp.parts] ?? 0) & IpvsParts.withDestinations) !== 0;
    // One dump for the services, one for the destinations of each.
    const dumps = withDestinations ? 1 + this.#table.services().length : 1;
    this.#counters.dumps += dumps - 1;
    const listing = this.#listing(withDestinations);
    if (record[IpvsOp.quick] === 1) forgetDetails(listing.IpvsDest);
    return this.#count(dumps, dumps, record.byteLength, listing);
  }

  #listing(withDestinations: boolean): Reply {
    const services = this.#table.services();
    const held = services.flatMap((service, i) =>
      withDestinations ? newestFirst(service).map((destination) => ({ destination, service: i })) : [],
    );
    return reply({
      settled: 1,
      IpvsService: packServices(services),
      IpvsDest: packDestinations(held),
    });
  }

  #count(sends: number, messages: number, bytes: number, answer: Reply): Reply {
    this.#counters.sends += sends;
    this.#counters.receives += sends;
    this.#counters.messages += messages;
    this.#counters.bytesSent += bytes;
    for (const table of [answer.failures, answer.IpvsService, answer.IpvsDest, answer.IpvsConfig]) {
      this.#counters.bytesReceived += table?.byteLength ?? 0;
    }
    return answer;
  }
}

/** Fields of an IpvsStats record, by offset / 8. */
const COUNTERS: readonly (keyof FakeCounters)[] = [
  'connections',
  'packetsIn',
  'packetsOut',
  'bytesIn',
  'bytesOut',
  'connectionsPerSecond',
  'packetsInPerSecond',
  'packetsOutPerSecond',
  'bytesInPerSecond',
  'bytesOutPerSecond',
];

function reply(parts: Partial<Reply>): Reply {
  return {
    settled: 0,
    overrun: false,
    error: 0,
    interrupted: false,
    failures: new Uint8Array(0),
    heap: new Uint8Array(0),
    ...parts,
  };
}

function packServices(services: readonly FakeService[]): Uint8Array {
  const bytes = new Uint8Array(services.length * IpvsService.size);
  const view = viewOf(bytes);
  for (const [i, service] of services.entries()) writeService(bytes, view, i * IpvsService.size, service, 0);
  return bytes;
}

function packDestinations(
  held: readonly { readonly destination: FakeDestination; readonly service: number }[],
): Uint8Array {
  const bytes = new Uint8Array(held.length * IpvsDest.size);
  const view = viewOf(bytes);
  for (const [i, { destination, service }] of held.entries()) {
    writeDestination(bytes, view, i * IpvsDest.size, destination, service);
  }
  return bytes;
}

/** What the socket options of IPVS do not tell. */
function forgetDetails(destinations: Uint8Array = new Uint8Array(0)): void {
  for (let at = 0; at < destinations.byteLength; at += IpvsDest.size) {
    destinations.fill(0, at + IpvsDest.tunnelPort, at + IpvsDest.size);
  }
}

function failureRecord(index: number, errno: number): Uint8Array {
  const bytes = new Uint8Array(Failure.size);
  const view = viewOf(bytes);
  view.setUint32(Failure.index, index, LITTLE_ENDIAN);
  view.setInt32(Failure.code, errno, LITTLE_ENDIAN);
  return bytes;
}

function writeText(bytes: Uint8Array, offset: number, text: string): void {
  bytes.set(Buffer.from(text, 'latin1'), offset);
}

function writeStats(view: DataView, offset: number, stats: FakeStats): void {
  for (const [i, value] of stats.entries()) view.setBigUint64(offset + 8 * i, value, LITTLE_ENDIAN);
}

function serviceRecord(service: FakeService, op: number): Uint8Array {
  const bytes = new Uint8Array(IpvsService.size);
  writeService(bytes, viewOf(bytes), 0, service, op);
  return bytes;
}

function writeService(bytes: Uint8Array, view: DataView, at: number, service: FakeService, op: number): void {
  const u16 = (field: number, value: number): void => view.setUint16(at + field, value, LITTLE_ENDIAN);
  const u32 = (field: number, value: number): void => view.setUint32(at + field, value, LITTLE_ENDIAN);
  u32(IpvsService.op, op);
  u16(IpvsService.family, service.family);
  if (service.fwmark === 0) {
    u16(IpvsService.protocol, service.protocol);
    u16(IpvsService.port, service.port);
    bytes.set(service.address, at + IpvsService.address);
  } else {
    // Reported without protocol, address and port.
    u32(IpvsService.fwmark, service.fwmark);
    bytes[at + IpvsService.byFwmark] = 1;
  }
  bytes[at + IpvsService.stats64] = 1;
  u32(IpvsService.flags, service.flags);
  u32(IpvsService.timeout, service.timeout);
  bytes.set(service.netmask, at + IpvsService.netmask);
  writeText(bytes, at + IpvsService.scheduler, service.scheduler);
  writeText(bytes, at + IpvsService.engine, service.engine);
  writeStats(view, at + IpvsService.stats, service.stats);
}

function writeDestination(
  bytes: Uint8Array,
  view: DataView,
  at: number,
  held: FakeDestination,
  service: number,
): void {
  const u16 = (field: number, value: number): void => view.setUint16(at + field, value, LITTLE_ENDIAN);
  const u32 = (field: number, value: number): void => view.setUint32(at + field, value, LITTLE_ENDIAN);
  u32(IpvsDest.service, service);
  u16(IpvsDest.family, held.family);
  u16(IpvsDest.port, held.port);
  bytes.set(held.address, at + IpvsDest.address);
  u32(IpvsDest.forwarding, held.forwarding);
  view.setInt32(at + IpvsDest.weight, held.weight, LITTLE_ENDIAN);
  u32(IpvsDest.upperThreshold, held.upperThreshold);
  u32(IpvsDest.lowerThreshold, held.lowerThreshold);
  u32(IpvsDest.activeConnections, held.activeConnections);
  u32(IpvsDest.inactiveConnections, held.inactiveConnections);
  u32(IpvsDest.persistentConnections, held.persistentConnections);
  u16(IpvsDest.tunnelPort, held.tunnelPort);
  u16(IpvsDest.tunnelFlags, held.tunnelFlags);
  bytes[at + IpvsDest.tunnelType] = held.tunnelType;
  bytes[at + IpvsDest.stats64] = 1;
  writeStats(view, at + IpvsDest.stats, held.stats);
}

function configRecord(answer: FakeAnswer, op: number): Uint8Array {
  const bytes = new Uint8Array(IpvsConfig.size);
  const view = viewOf(bytes);
  const [tcp, tcpFin, udp] = answer.config ?? [0, 0, 0];
  const [version, size] = answer.info ?? [0, 0];
  view.setUint32(IpvsConfig.op, op, LITTLE_ENDIAN);
  view.setUint32(IpvsConfig.tcpTimeout, tcp, LITTLE_ENDIAN);
  view.setUint32(IpvsConfig.tcpFinTimeout, tcpFin, LITTLE_ENDIAN);
  view.setUint32(IpvsConfig.udpTimeout, udp, LITTLE_ENDIAN);
  view.setUint32(IpvsConfig.version, version, LITTLE_ENDIAN);
  view.setUint32(IpvsConfig.connectionTableSize, size, LITTLE_ENDIAN);
  return bytes;
}
