import { IpvsOp, IpvsParts } from '../native/records.js';
import { IpvsCommand, LITTLE_ENDIAN, textAt, viewOf } from './codec.js';
import { FakeDaemons } from './fake-daemons.js';
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
  /** 0: by address. */
  readonly fwmark: number;
  flags: number;
  timeout: number;
  netmask: Uint8Array;
  scheduler: string;
  engine: string;
  stats: FakeStats;
  /** By identity, oldest first. */
  readonly destinations: Map<string, FakeDestination>;
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
  /** Names of the interfaces of the namespace, through which sync daemons can multicast. */
  readonly interfaces: ReadonlySet<string>;
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

  /** A view, which is gone when the call has ended. */
  bytes(offset: number, size: number): Uint8Array {
    return this.#bytes.subarray(offset, offset + size);
  }

  text(offset: number, size: number): string {
    return textAt(this.#bytes, offset, size);
  }
}

/** The part of an address that the family compares: IPv4 has the first four bytes, whatever is behind. */
function significant(bytes: Uint8Array, family: number): Uint8Array {
  return family === AF_INET6 ? bytes : bytes.subarray(0, 4);
}

/** The same in 16 bytes, the rest zero: how addresses are kept and reported. */
function padded(bytes: Uint8Array, family: number): Uint8Array {
  const out = new Uint8Array(16);
  out.set(significant(bytes, family));
  return out;
}

function key(family: number, bytes: Uint8Array, port: number): string {
  const { buffer, byteOffset, byteLength } = significant(bytes, family);
  return `${String(family)} ${String(port)} ${Buffer.from(buffer, byteOffset, byteLength).toString('latin1')}`;
}

const ANY_ADDRESS = new Uint8Array(16);

/** Identity of the service that a request names. Mark 0 is not refused: it reaches the TCP service 0.0.0.0:0. */
function serviceIdentity(
  request: Request,
): Pick<FakeService, 'family' | 'protocol' | 'port' | 'address' | 'fwmark'> & { readonly key: string } {
  const family = request.u16(IpvsOp.family);
  if (request.u8(IpvsOp.byFwmark) === 1) {
    const fwmark = request.u32(IpvsOp.fwmark);
    const name =
      fwmark === 0
        ? `${String(TCP)} ${key(family, ANY_ADDRESS, 0)}`
        : `mark ${String(family)} ${String(fwmark)}`;
    return { family, protocol: TCP, port: 0, address: ANY_ADDRESS, fwmark, key: name };
  }
  const protocol = request.u16(IpvsOp.protocol);
  const port = request.u16(IpvsOp.port);
  const address = request.bytes(IpvsOp.address, 16);
  return {
    family,
    protocol,
    port,
    address,
    fwmark: 0,
    key: `${String(protocol)} ${key(family, address, port)}`,
  };
}

/**
 * The IPVS table of a network namespace, in memory: every command checks what ip_vs_ctl.c checks, in its order, and answers with
 * the same errno (read in 6.1 and 6.12, and compared by the contract suite).
 */
export class FakeTable {
  readonly #services = new Map<string, FakeService>();
  /** Destinations that were removed, by service and destination: adding one again brings its connections back. */
  readonly #trash = new Map<string, FakeDestination>();
  readonly #daemons = new FakeDaemons();
  #timeouts: [number, number, number] = [900, 120, 300];

  /** The sync daemons that run, as `IpvsDaemon` records. */
  daemons(): Uint8Array {
    return this.#daemons.records();
  }

  /** Services, oldest first. The kernel's order is that of a hash table; callers sort. */
  services(): readonly FakeService[] {
    return [...this.#services.values()];
  }

  /** Run one IpvsOp record. */
  execute(record: Uint8Array, machine: FakeMachine): FakeAnswer {
    const request = new Request(record);
    const command = request.u32(IpvsOp.command);
    const known = Object.values<number>(IpvsCommand).includes(command);
    // These two exist as dumps only.
    if (!known || command === IpvsCommand.getDest || command === IpvsCommand.getDaemon) {
      return { errno: EOPNOTSUPP };
    }
    if (!machine.capable) return { errno: EPERM };
    switch (command) {
      case IpvsCommand.flush:
        for (const [name, service] of this.#services) this.#bury(name, service);
        this.#services.clear();
        return OK;
      case IpvsCommand.newDaemon:
        return { errno: this.#daemons.start(record, { ...machine, mixed: this.#hasMixed() }) };
      case IpvsCommand.delDaemon:
        return { errno: this.#daemons.stop(record) };
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
    const service = this.#services.get(serviceIdentity(new Request(record)).key);
    return service === undefined ? [] : newestFirst(service);
  }

  /** Sync messages have no room for a real server of another family than its virtual server. */
  #hasMixed(): boolean {
    return this.services().some((service) =>
      newestFirst(service).some(({ family }) => family !== service.family),
    );
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
    const identity = serviceIdentity(request);
    const service = this.#services.get(identity.key);
    if (command === IpvsCommand.newService) {
      return service === undefined ? this.#addService(identity, request, machine) : { errno: EEXIST };
    }
    if (service === undefined) return { errno: ESRCH };
    switch (command) {
      case IpvsCommand.setService:
        return setService(service, request, machine);
      case IpvsCommand.delService:
        this.#bury(identity.key, service);
        this.#services.delete(identity.key);
        return OK;
      case IpvsCommand.getService:
        return { errno: 0, service };
      case IpvsCommand.zero:
        zero(service);
        return OK;
      default:
        return this.#onDestination(command, identity.key, service, request, machine);
    }
  }

  #addService(
    identity: ReturnType<typeof serviceIdentity>,
    request: Request,
    machine: FakeMachine,
  ): FakeAnswer {
    const refused = checkService(request, machine);
    if (refused !== 0) return { errno: refused };
    const { family, protocol, port, address, fwmark, key: name } = identity;
    const service: FakeService = {
      family,
      protocol,
      port,
      address: padded(address, family),
      fwmark,
      flags: 0,
      timeout: 0,
      netmask: new Uint8Array(4),
      scheduler: '',
      engine: '',
      stats: NOTHING,
      destinations: new Map(),
    };
    overwrite(service, request);
    this.#services.set(name, service);
    return OK;
  }

  #onDestination(
    command: number,
    serviceName: string,
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
    const mixed = family !== service.family;
    if (whole && mixed && (forwarding !== TUNNEL || this.#daemons.running)) return { errno: EINVAL };
    const address = request.bytes(IpvsOp.destAddress, 16);
    const port = request.u16(IpvsOp.destPort);
    const name = key(family, address, port);
    const held = service.destinations.get(name);
    if (command === IpvsCommand.delDest) {
      if (held === undefined) return { errno: ENOENT };
      service.destinations.delete(name);
      this.#trash.set(`${serviceName} -> ${name}`, held);
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
    const buried = this.#trash.get(`${serviceName} -> ${name}`);
    if (buried === undefined && !isUsable(address, family, machine)) return { errno: EINVAL };
    const destination = buried ?? newDestination(family, port, padded(address, family));
    this.#trash.delete(`${serviceName} -> ${name}`);
    overwriteDestination(destination, request);
    service.destinations.set(name, destination);
    return OK;
  }

  #bury(serviceName: string, service: FakeService): void {
    for (const [name, held] of service.destinations) this.#trash.set(`${serviceName} -> ${name}`, held);
  }
}

/** The order in which the kernel dumps destinations. */
export function newestFirst(service: FakeService): readonly FakeDestination[] {
  return [...service.destinations.values()].reverse();
}

function newDestination(family: number, port: number, address: Uint8Array): FakeDestination {
  return {
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
}

function zero(service: FakeService): void {
  service.stats = NOTHING;
  for (const destination of service.destinations.values()) destination.stats = NOTHING;
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
  service.netmask = request.bytes(IpvsOp.netmask, 4).slice();
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
  if (significant(address, family).every((byte) => byte === 0)) return false;
  if (family === AF_INET) return machine.loopback && first !== 0 && first < 224;
  return first !== 0xff && !(first === 0xfe && (second & 0xc0) === 0x80);
}
