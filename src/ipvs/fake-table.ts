import { IpvsOp, IpvsParts } from '../native/records.js';
import { IpvsCommand, LITTLE_ENDIAN, textAt, viewOf } from './codec.js';
import { ServiceFlag } from './service-settings.js';

/** Counters of a service or destination in the fake, in the order of the `IpvsStats` record. */
export type FakeStats = readonly bigint[];

/** Number of counters in an `IpvsStats` record. */
export const STATS = 10;

/** A destination as the fake kernel keeps it: numbers and bytes, as they came. */
export interface FakeDestination {
  readonly family: number;
  readonly port: number;
  readonly address: Uint8Array;
  forwarding: number;
  weight: number;
  upperThreshold: number;
  lowerThreshold: number;
  tunnelType: number;
  tunnelPort: number;
  tunnelFlags: number;
  activeConnections: number;
  inactiveConnections: number;
  persistentConnections: number;
  stats: FakeStats;
}

/** A service as the fake kernel keeps it. */
export interface FakeService {
  readonly family: number;
  readonly protocol: number;
  readonly port: number;
  readonly address: Uint8Array;
  readonly fwmark: number;
  readonly byFwmark: boolean;
  flags: number;
  timeout: number;
  netmask: Uint8Array;
  scheduler: string;
  engine: string;
  stats: FakeStats;
  /** Newest first, as the kernel dumps them. */
  readonly destinations: FakeDestination[];
}

/** What the fake kernel has besides the table. */
export interface FakeMachine {
  /** Schedulers that can be had; `none` always can. */
  readonly schedulers: ReadonlySet<string>;
  /** Persistence engines that can be had. */
  readonly engines: ReadonlySet<string>;
  readonly ipv6: boolean;
  /** CAP_NET_ADMIN in the initial user namespace. */
  readonly capable: boolean;
  /** `lo` is up; while it is not, IPv4 addresses look like broadcast ones. */
  readonly loopback: boolean;
  /** Ticks per second; bounds the connection timeouts. */
  readonly hz: number;
}

/** Answer of the fake kernel to one request. */
export interface FakeAnswer {
  /** 0, or negative. */
  readonly errno: number;
  /** To a GET_SERVICE. */
  readonly service?: FakeService;
  /** To a GET_CONFIG. */
  readonly config?: readonly [tcp: number, tcpFin: number, udp: number];
  /** To a GET_INFO. */
  readonly info?: readonly [version: number, size: number];
}

const EPERM = -1;
const ENOENT = -2;
const ESRCH = -3;
const EEXIST = -17;
const EINVAL = -22;
const ERANGE = -34;
const EOPNOTSUPP = -95;
const EAFNOSUPPORT = -97;

const AF_INET = 2;
const AF_INET6 = 10;
const TCP = 6;
const INT_MAX = 0x7fffffff;
const FORWARDING_MASK = 0x7;
const TUNNEL = 2;
const GUE = 1;
const VERSION = 0x010201;
const CONNECTION_TABLE = 4096;

const NOTHING: FakeStats = Array.from({ length: STATS }, () => 0n);
const OK: FakeAnswer = { errno: 0 };

/** One IpvsOp record with names for its fields. */
class Request {
  readonly #bytes: Uint8Array;
  readonly #view: DataView;

  constructor(record: Uint8Array) {
    this.#bytes = record;
    this.#view = viewOf(record);
  }

  has(part: number): boolean {
    return (this.u8(IpvsOp.parts) & part) === part;
  }

  u8(offset: number): number {
    return this.#view.getUint8(offset);
  }

  u16(offset: number): number {
    return this.#view.getUint16(offset, LITTLE_ENDIAN);
  }

  u32(offset: number): number {
    return this.#view.getUint32(offset, LITTLE_ENDIAN);
  }

  s32(offset: number): number {
    return this.#view.getInt32(offset, LITTLE_ENDIAN);
  }

  bytes(offset: number, size: number): Uint8Array {
    return this.#bytes.slice(offset, offset + size);
  }

  text(offset: number, size: number): string {
    return textAt(this.#bytes, offset, size);
  }
}

function hex(bytes: Uint8Array): string {
  return Buffer.from(bytes).toString('hex');
}

/** The part of an address that the family compares, the rest zero. */
function significant(bytes: Uint8Array, family: number): Uint8Array {
  const out = new Uint8Array(16);
  out.set(family === AF_INET6 ? bytes : bytes.subarray(0, 4));
  return out;
}

/** Services are keyed by (family, mark) or by (family, protocol, address, port). */
function serviceKey(request: Request): string {
  const family = request.u16(IpvsOp.family);
  const mark = request.u8(IpvsOp.byFwmark) === 1 ? request.u32(IpvsOp.fwmark) : 0;
  if (mark !== 0) return `${String(family)} mark ${String(mark)}`;
  // Mark 0 is not refused: it reaches the TCP service 0.0.0.0:0.
  const byMark = request.u8(IpvsOp.byFwmark) === 1;
  const protocol = byMark ? TCP : request.u16(IpvsOp.protocol);
  const address = byMark ? new Uint8Array(16) : significant(request.bytes(IpvsOp.address, 16), family);
  const port = byMark ? 0 : request.u16(IpvsOp.port);
  return `${String(family)} ${String(protocol)} ${hex(address)} ${String(port)}`;
}

function destinationKey(family: number, address: Uint8Array, port: number): string {
  return `${String(family)} ${hex(significant(address, family))} ${String(port)}`;
}

/**
 * The IPVS table of a network namespace, in memory: every command checks what ip_vs_ctl.c checks, in its order, and answers with
 * the same errno (read in 6.1 and 6.12, and compared by the contract suite).
 */
export class FakeTable {
  readonly #services = new Map<string, FakeService>();
  /** Destinations that were removed, by service and destination: adding one again brings its connections back. */
  readonly #trash = new Map<string, FakeDestination>();
  #timeouts: [number, number, number] = [900, 120, 300];

  /** Services, oldest first. The kernel's order is that of a hash table; callers sort. */
  services(): readonly FakeService[] {
    return [...this.#services.values()];
  }

  /** Run one IpvsOp record. */
  execute(record: Uint8Array, machine: FakeMachine): FakeAnswer {
    const request = new Request(record);
    const command = request.u32(IpvsOp.command);
    if (!Object.values<number>(IpvsCommand).includes(command) || command === IpvsCommand.getDest) {
      // GET_DEST exists as a dump only. (The sync daemons are not simulated.)
      return { errno: EOPNOTSUPP };
    }
    if (!machine.capable) return { errno: EPERM };
    switch (command) {
      case IpvsCommand.flush:
        for (const [key, service] of this.#services) this.#bury(key, service);
        this.#services.clear();
        return OK;
      case IpvsCommand.setConfig:
        return this.#setConfig(request, machine);
      case IpvsCommand.getConfig:
        return { errno: 0, config: this.#timeouts };
      case IpvsCommand.getInfo:
        return { errno: 0, info: [VERSION, CONNECTION_TABLE] };
      case IpvsCommand.zero:
        if (!request.has(IpvsParts.serviceIdentity)) {
          for (const service of this.#services.values()) zero(service);
          return OK;
        }
        return this.#onService(command, request, machine);
      default:
        return this.#onService(command, request, machine);
    }
  }

  /** The destinations that a dump of one service lists; none for a service that is not there. */
  destinationsOf(record: Uint8Array): readonly FakeDestination[] {
    return this.#services.get(serviceKey(new Request(record)))?.destinations ?? [];
  }

  #setConfig(request: Request, machine: FakeMachine): FakeAnswer {
    const given = [IpvsOp.tcpTimeout, IpvsOp.tcpFinTimeout, IpvsOp.udpTimeout].map((at) => request.u32(at));
    if (given.some((seconds) => seconds > Math.floor(INT_MAX / machine.hz))) return { errno: EINVAL };
    const [tcp, fin, udp] = this.#timeouts;
    const [newTcp = 0, newFin = 0, newUdp = 0] = given;
    this.#timeouts = [newTcp || tcp, newFin || fin, newUdp || udp];
    return OK;
  }

  #onService(command: number, request: Request, machine: FakeMachine): FakeAnswer {
    if (!request.has(IpvsParts.serviceIdentity)) return { errno: EINVAL };
    const family = request.u16(IpvsOp.family);
    if (family !== AF_INET && !(family === AF_INET6 && machine.ipv6)) return { errno: EAFNOSUPPORT };
    const whole = command === IpvsCommand.newService || command === IpvsCommand.setService;
    // Checked before existence.
    if (whole && !request.has(IpvsParts.serviceAttributes)) return { errno: EINVAL };
    const key = serviceKey(request);
    const service = this.#services.get(key);
    if (command === IpvsCommand.newService) {
      return service === undefined ? this.#addService(key, request, machine) : { errno: EEXIST };
    }
    if (service === undefined) return { errno: ESRCH };
    switch (command) {
      case IpvsCommand.setService:
        return setService(service, request, machine);
      case IpvsCommand.delService:
        this.#bury(key, service);
        this.#services.delete(key);
        return OK;
      case IpvsCommand.getService:
        return { errno: 0, service };
      case IpvsCommand.zero:
        zero(service);
        return OK;
      default:
        return this.#onDestination(command, key, service, request, machine);
    }
  }

  #addService(key: string, request: Request, machine: FakeMachine): FakeAnswer {
    const refused = checkService(request, machine);
    if (refused !== 0) return { errno: refused };
    const mark = request.u8(IpvsOp.byFwmark) === 1 ? request.u32(IpvsOp.fwmark) : 0;
    const byMark = request.u8(IpvsOp.byFwmark) === 1;
    const service: FakeService = {
      family: request.u16(IpvsOp.family),
      protocol: byMark ? TCP : request.u16(IpvsOp.protocol),
      port: byMark ? 0 : request.u16(IpvsOp.port),
      address: byMark
        ? new Uint8Array(16)
        : significant(request.bytes(IpvsOp.address, 16), request.u16(IpvsOp.family)),
      fwmark: mark,
      byFwmark: mark !== 0,
      flags: 0,
      timeout: 0,
      netmask: new Uint8Array(4),
      scheduler: '',
      engine: '',
      stats: NOTHING,
      destinations: [],
    };
    overwrite(service, request);
    this.#services.set(key, service);
    return OK;
  }

  #onDestination(
    command: number,
    key: string,
    service: FakeService,
    request: Request,
    machine: FakeMachine,
  ): FakeAnswer {
    const whole = command !== IpvsCommand.delDest;
    if (!request.has(IpvsParts.destIdentity)) return { errno: EINVAL };
    if (whole && !request.has(IpvsParts.destAttributes)) return { errno: EINVAL };
    const family = request.u16(IpvsOp.destFamily) || service.family;
    if (family !== AF_INET && !(family === AF_INET6 && machine.ipv6)) return { errno: EAFNOSUPPORT };
    const forwarding = request.u32(IpvsOp.forwarding) & FORWARDING_MASK;
    if (whole && family !== service.family && forwarding !== TUNNEL) return { errno: EINVAL };
    const address = significant(request.bytes(IpvsOp.destAddress, 16), family);
    const port = request.u16(IpvsOp.destPort);
    const name = destinationKey(family, address, port);
    const index = service.destinations.findIndex(
      (held) => destinationKey(held.family, held.address, held.port) === name,
    );
    const held = service.destinations[index];
    if (command === IpvsCommand.delDest) {
      if (held === undefined) return { errno: ENOENT };
      service.destinations.splice(index, 1);
      this.#trash.set(`${key} -> ${name}`, held);
      return OK;
    }
    const refused = checkDestination(request);
    if (refused !== 0) return { errno: refused };
    if (command === IpvsCommand.setDest) {
      if (held === undefined) return { errno: ENOENT };
      overwriteDestination(held, request);
      return OK;
    }
    if (held !== undefined) return { errno: EEXIST };
    const buried = this.#trash.get(`${key} -> ${name}`);
    if (buried === undefined && !isUsable(address, family, machine)) return { errno: EINVAL };
    const destination: FakeDestination = buried ?? {
      family,
      port,
      address,
      forwarding: 0,
      weight: 0,
      upperThreshold: 0,
      lowerThreshold: 0,
      tunnelType: 0,
      tunnelPort: 0,
      tunnelFlags: 0,
      activeConnections: 0,
      inactiveConnections: 0,
      persistentConnections: 0,
      stats: NOTHING,
    };
    this.#trash.delete(`${key} -> ${name}`);
    overwriteDestination(destination, request);
    service.destinations.unshift(destination);
    return OK;
  }

  #bury(key: string, service: FakeService): void {
    for (const held of service.destinations) {
      this.#trash.set(`${key} -> ${destinationKey(held.family, held.address, held.port)}`, held);
    }
  }
}

function zero(service: FakeService): void {
  service.stats = NOTHING;
  for (const destination of service.destinations) destination.stats = NOTHING;
}

/** Scheduler, then engine, then the IPv6 prefix. */
function checkService(request: Request, machine: FakeMachine): number {
  const scheduler = request.text(IpvsOp.scheduler, 16);
  if (scheduler !== 'none' && !machine.schedulers.has(scheduler)) return ENOENT;
  const engine = engineOf(request);
  if (engine !== '' && !machine.engines.has(engine)) return ENOENT;
  if (request.u16(IpvsOp.family) === AF_INET6) {
    const prefix = request.u32(IpvsOp.netmask);
    if (prefix < 1 || prefix > 128) return EINVAL;
  }
  return 0;
}

function setService(service: FakeService, request: Request, machine: FakeMachine): FakeAnswer {
  const refused = checkService(request, machine);
  if (refused !== 0) return { errno: refused };
  overwrite(service, request);
  return OK;
}

/** An absent engine is no engine. */
function engineOf(request: Request): string {
  return request.has(IpvsParts.serviceEngine) ? request.text(IpvsOp.engine, 24) : '';
}

/** Everything is overwritten, of the flags only what the mask names. */
function overwrite(service: FakeService, request: Request): void {
  const mask = request.u32(IpvsOp.flagsMask);
  service.flags = ((service.flags & ~mask) | (request.u32(IpvsOp.flags) & mask) | ServiceFlag.hashed) >>> 0;
  service.timeout = request.u32(IpvsOp.timeout);
  service.netmask = request.bytes(IpvsOp.netmask, 4);
  service.scheduler = request.text(IpvsOp.scheduler, 16);
  service.engine = engineOf(request);
}

function checkDestination(request: Request): number {
  if (request.s32(IpvsOp.weight) < 0) return ERANGE;
  const upper = request.u32(IpvsOp.upperThreshold);
  if (request.u32(IpvsOp.lowerThreshold) > upper) return ERANGE;
  if (upper > INT_MAX) return EINVAL;
  if (request.u8(IpvsOp.tunnelType) === GUE && request.u16(IpvsOp.tunnelPort) === 0) return EINVAL;
  return 0;
}

function overwriteDestination(destination: FakeDestination, request: Request): void {
  destination.forwarding = request.u32(IpvsOp.forwarding) & FORWARDING_MASK;
  destination.weight = request.s32(IpvsOp.weight);
  destination.upperThreshold = request.u32(IpvsOp.upperThreshold);
  destination.lowerThreshold = request.u32(IpvsOp.lowerThreshold);
  destination.tunnelType = request.u8(IpvsOp.tunnelType);
  destination.tunnelPort = request.u16(IpvsOp.tunnelPort);
  destination.tunnelFlags = request.u16(IpvsOp.tunnelFlags);
}

/**
 * Whether an address can be a real server: local or unicast from where the namespace looks. The fake knows no addresses of its
 * own, so link-local IPv6 ones are never local.
 */
function isUsable(address: Uint8Array, family: number, machine: FakeMachine): boolean {
  const [first = 0, second = 0] = address;
  if (address.every((byte) => byte === 0)) return false;
  if (family === AF_INET) return machine.loopback && first !== 0 && first < 224;
  return first !== 0xff && !(first === 0xfe && (second & 0xc0) === 0x80);
}
