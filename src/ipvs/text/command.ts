import type { Family } from '../../net/address.js';
import type {
  AddressIdentity,
  Forwarding,
  FwmarkIdentity,
  IpvsTimeouts,
  Persistence,
  RealServerAttributes,
  SchedulerFlags,
  SyncDaemonRole,
  Tunnel,
} from '../types.js';
import { checkCombination, checkTunnel } from './combinations.js';
import { CommandLineError, refuse } from './command-line-error.js';
import { type DaemonArguments, readDaemonOption } from './daemon-options.js';
import { type Endpoint, type NameSource, parseEndpoint, parseHost } from './endpoint.js';
import { decimal, leadingInteger } from './numbers.js';
import { type Scanned, Scanner } from './scan.js';
import { parseSchedulerFlags } from './scheduler-flags.js';
import type { CommandName, OptionName, ServiceKind } from './switches.js';

/** A command that does something with the kernel. */
type ActingCommand = Exclude<CommandName, 'help' | 'version'>;

/** A virtual server as a command line names it. */
export type CommandService = AddressIdentity | (FwmarkIdentity & { readonly family: Family });

/** What `-A` and `-E` set: everything, since what is not given has its default. */
export interface CommandServiceAttributes {
  readonly scheduler: string;
  readonly schedulerFlags: SchedulerFlags;
  readonly persistence: Persistence | false;
  readonly onePacket: boolean;
}

/** A real server as a command line names it. */
export interface CommandServer {
  readonly address: string;
  readonly port: number;
}

/** What `-a` and `-e` set: everything, since what is not given has its default. */
export type CommandServerAttributes = Required<Omit<RealServerAttributes, 'tunnel'>> &
  Pick<RealServerAttributes, 'tunnel'>;

/** How a listing looks. */
export interface ListFormat {
  readonly numeric: boolean;
  readonly stats: boolean;
  readonly rate: boolean;
  readonly exact: boolean;
  readonly thresholds: boolean;
  readonly persistentConnections: boolean;
  readonly tunnels: boolean;
  readonly sorted: boolean;
}

/** A command line that makes sense. */
export type AdmCommand =
  | {
      readonly command: 'add-service' | 'edit-service';
      readonly service: CommandService;
      readonly attributes: CommandServiceAttributes;
    }
  | { readonly command: 'delete-service'; readonly service: CommandService }
  | {
      readonly command: 'add-server' | 'edit-server';
      readonly service: CommandService;
      readonly server: CommandServer;
      readonly attributes: CommandServerAttributes;
    }
  | {
      readonly command: 'delete-server';
      readonly service: CommandService;
      readonly server: CommandServer;
    }
  | { readonly command: 'zero'; readonly service?: CommandService }
  | {
      readonly command: 'list';
      readonly view: 'table' | 'connections' | 'timeouts' | 'daemons';
      readonly service?: CommandService;
      readonly format: ListFormat;
    }
  | { readonly command: 'save'; readonly numeric: boolean }
  | { readonly command: 'set'; readonly timeouts: IpvsTimeouts }
  | {
      readonly command: 'start-daemon';
      readonly role: SyncDaemonRole;
      readonly daemon: DaemonArguments;
    }
  | { readonly command: 'stop-daemon'; readonly role: SyncDaemonRole }
  | { readonly command: 'flush' }
  | { readonly command: 'restore' }
  | { readonly command: 'help' }
  | { readonly command: 'version' };

/** Seconds that `-p` without an argument means. (The manual page says 300; the tool does this.) */
export const DEFAULT_PERSISTENCE = 360;
/** 31 days, in seconds. */
const MAX_TIMEOUT = 2_678_400;
const INT_MAX = 0x7fffffff;
/** The kernel's limits, to which the tool cuts names without a word. */
const MAX_SCHEDULER = 15;
const MAX_ENGINE = 16;

const NO_TIMEOUTS: IpvsTimeouts = { tcp: 0, tcpFin: 0, udp: 0 };
const DEFAULT_SCHEDULER = 'wlc';
const TUNNEL_OPTIONS = ['tun-type', 'tun-port', 'tun-nocsum', 'tun-csum', 'tun-remcsum'] as const;

/** What the tool says where it finds no command. */
export const USAGE = "Try `ipvsadm -h' or 'ipvsadm --help' for more information.";

/**
 * Read a command line as ipvsadm 1.31 does: the same words, the same defaults, the same order of checks, the same messages.
 *
 * @param words The words behind the program's name.
 * @throws CommandLineError
 */
export function parseCommand(words: readonly string[], names: NameSource): AdmCommand {
  const scanner = new Scanner(words);
  const first = firstOption(scanner);
  if (first === undefined || !('command' in first.meaning)) throw new CommandLineError('usage', USAGE);
  const { command } = first.meaning;
  if (command === 'help') return { command };
  if (command === 'version') return { command };
  const role = daemonRole(command, first.argument);
  const line = new CommandLine(names);
  for (let option = scanner.next(); option !== undefined; option = scanner.next()) line.take(option);
  const operands = [...scanner.leftover];
  const timeouts = command === 'set' ? timeoutOperands(operands.splice(0, 3)) : NO_TIMEOUTS;
  const [unexpected] = operands;
  if (unexpected !== undefined) refuse(`unexpected argument ${unexpected}`);
  return line.finish(command, role, timeouts);
}

/** The tool asks for help when it cannot read its first option. */
function firstOption(scanner: Scanner): Scanned | undefined {
  try {
    return scanner.next();
  } catch (err) {
    if (err instanceof CommandLineError) return undefined;
    throw err;
  }
}

function daemonRole(command: CommandName, argument: string | undefined): SyncDaemonRole {
  if (command !== 'start-daemon' && command !== 'stop-daemon') return 'master';
  if (argument === 'master' || argument === 'backup') return argument;
  refuse(
    command === 'start-daemon'
      ? 'illegal start-daemon parameter specified'
      : 'illegal start_daemon specified',
  );
}

function timeoutOperands(operands: readonly string[]): IpvsTimeouts {
  if (operands.length < 3) refuse('--set option requires 3 timeout values');
  const [tcp = 0, tcpFin = 0, udp = 0] = operands.map((text) => timeout(text, 0));
  return { tcp, tcpFin, udp };
}

function timeout(text: string, min: number): number {
  return decimal(text, min, MAX_TIMEOUT) ?? refuse(`invalid timeout value \`${text}' specified`);
}

/** What the options read so far say. Some of them mean something else when they come in another order. */
class CommandLine {
  readonly #names: NameSource;
  readonly #given = new Set<OptionName>();
  #service: CommandService | undefined;
  #netmask: string | number = '255.255.255.255';
  #scheduler = '';
  #schedulerFlags = '';
  #persistence = 0;
  #engine = '';
  #server: Endpoint | undefined;
  #serverPort = 0;
  #forwarding: Forwarding = 'dr';
  #weight = 1;
  #upperThreshold = 0;
  #lowerThreshold = 0;
  #tunnelType: Tunnel['type'] = 'ipip';
  #tunnelPort = 0;
  #daemon: DaemonArguments = {};

  constructor(names: NameSource) {
    this.#names = names;
  }

  take({ meaning, argument, word }: Scanned): void {
    if ('command' in meaning) refuse(`invalid option \`${word}'`);
    if ('modifier' in meaning) {
      if (meaning.modifier === 'ipv6') this.#takeIpv6();
      return;
    }
    if (this.#given.has(meaning.option)) refuse(`multiple '${meaning.option}' options specified`);
    this.#given.add(meaning.option);
    switch (meaning.option) {
      case 'service-address':
        this.#takeService(meaning.service, argument ?? '');
        break;
      case 'forwarding-method':
        this.#forwarding = meaning.forwarding;
        break;
      case 'persistent':
        this.#persistence = argument === undefined ? DEFAULT_PERSISTENCE : timeout(argument, 1);
        break;
      default:
        this.#takeText(meaning.option, argument ?? '');
    }
  }

  #takeText(option: OptionName, text: string): void {
    switch (option) {
      case 'scheduler':
        this.#scheduler = text.slice(0, MAX_SCHEDULER);
        break;
      case 'sched-flags':
        this.#schedulerFlags = text;
        break;
      case 'netmask':
        this.#netmask = this.#parseNetmask(text);
        break;
      case 'pe':
        this.#engine = text.slice(0, MAX_ENGINE);
        break;
      case 'real-server':
        this.#takeServer(text);
        break;
      case 'weight':
        this.#weight = decimal(text, 0, INT_MAX) ?? refuse('illegal weight specified');
        break;
      case 'u-threshold':
        this.#upperThreshold = decimal(text, 0, INT_MAX) ?? refuse('illegal u_threshold specified');
        break;
      case 'l-threshold':
        this.#lowerThreshold = decimal(text, 0, INT_MAX) ?? refuse('illegal l_threshold specified');
        break;
      case 'tun-type':
        if (text !== 'ipip' && text !== 'gue' && text !== 'gre') refuse('illegal tunnel type specified');
        this.#tunnelType = text;
        break;
      case 'tun-port':
        this.#tunnelPort = decimal(text, 1, 65_535) ?? refuse('illegal tunnel port specified');
        break;
      default:
        this.#daemon = { ...this.#daemon, ...readDaemonOption(option, text) };
    }
  }

  #takeService(kind: ServiceKind, text: string): void {
    if (kind === 'fwmark') {
      const fwmark = decimal(text, 1, 0xffffffff) ?? refuse(`invalid fwmark value \`${text}' specified`);
      this.#service = { fwmark, family: 'inet' };
      return;
    }
    const endpoint =
      parseEndpoint(text, kind, this.#names) ?? refuse('illegal virtual server address[:port] specified');
    this.#service = { protocol: kind, address: endpoint.address, port: endpoint.port ?? 0 };
    // A mask that came before is lost here, one that comes later is a prefix length.
    if (endpoint.family === 'inet6') this.#netmask = 128;
  }

  #takeIpv6(): void {
    // The second line break is the tool's.
    if (this.#service === undefined || !('fwmark' in this.#service)) refuse('-6 used before -f\n');
    this.#service = { ...this.#service, family: 'inet6' };
    this.#netmask = 128;
  }

  #parseNetmask(text: string): string | number {
    if (this.#family() === 'inet6') {
      const length = leadingInteger(text);
      return length >= 1 && length <= 128 ? length : refuse('illegal ipv6 netmask specified');
    }
    return parseHost(text, this.#names) ?? refuse('illegal virtual server persistent mask specified');
  }

  #takeServer(text: string): void {
    // A firewall mark stands for TCP when the name of a port is looked up.
    const service = this.#service;
    const protocol = service === undefined ? undefined : 'fwmark' in service ? 'tcp' : service.protocol;
    const server =
      parseEndpoint(text, protocol, this.#names) ?? refuse('illegal real server address[:port] specified');
    this.#server = server;
    // That of the virtual server named so far: none when -r comes first.
    this.#serverPort = server.port ?? this.#servicePort();
  }

  #servicePort(): number {
    return this.#service !== undefined && 'port' in this.#service ? this.#service.port : 0;
  }

  #family(): Family {
    const service = this.#service;
    if (service === undefined) return 'inet';
    return 'fwmark' in service ? service.family : service.address.includes(':') ? 'inet6' : 'inet';
  }

  /** Check what was read as a whole. */
  finish(command: ActingCommand, role: SyncDaemonRole, timeouts: IpvsTimeouts): AdmCommand {
    const flags = parseSchedulerFlags(this.#schedulerFlags, this.#scheduler);
    checkCombination(command, this.#given);
    switch (command) {
      case 'add-service':
      case 'edit-service':
        return { command, ...this.#whole(flags) };
      case 'delete-service':
        return { command, service: this.#named() };
      case 'add-server':
      case 'edit-server':
        return { command, ...this.#serverWhole() };
      case 'delete-server':
        return { command, service: this.#named(), server: this.#serverNamed() };
      case 'zero':
        return { command, ...(this.#service === undefined ? {} : { service: this.#service }) };
      case 'list':
        return this.#list();
      case 'save':
        return { command, numeric: this.#given.has('numeric') };
      case 'set':
        return { command, timeouts };
      case 'start-daemon':
        return { command, role, daemon: this.#daemon };
      case 'stop-daemon':
        return { command, role };
      case 'flush':
        return { command };
      case 'restore':
        return { command };
    }
  }

  /** Only behind `checkCombination`, which refuses a command without it. */
  #named(): CommandService {
    if (this.#service === undefined) throw new TypeError('no virtual server');
    return this.#service;
  }

  #serverNamed(): CommandServer {
    if (this.#server === undefined) throw new TypeError('no real server');
    return { address: this.#server.address, port: this.#serverPort };
  }

  #whole(flags: number): {
    readonly service: CommandService;
    readonly attributes: CommandServiceAttributes;
  } {
    const service = this.#named();
    const persistent = this.#given.has('persistent');
    const onePacket = this.#given.has('ops');
    if ('port' in service) {
      if (service.port === 0 && !persistent) refuse('Zero port specified for non-persistent service');
      if (onePacket && service.protocol !== 'udp') {
        refuse('One-Packet Scheduling is only for UDP virtual services');
      }
    }
    return {
      service,
      attributes: {
        scheduler: this.#scheduler === '' ? DEFAULT_SCHEDULER : this.#scheduler,
        schedulerFlags: flags === 0 ? {} : { raw: flags },
        persistence: persistent
          ? {
              timeout: this.#persistence,
              netmask: this.#netmask,
              ...(this.#engine === '' ? {} : { engine: this.#engine }),
            }
          : false,
        onePacket,
      },
    };
  }

  #serverWhole(): {
    readonly service: CommandService;
    readonly server: CommandServer;
    readonly attributes: CommandServerAttributes;
  } {
    const service = this.#named();
    const { address, port } = this.#serverNamed();
    const forwarding = this.#forwarding;
    if ((this.#server?.family ?? 'inet') !== this.#family() && forwarding !== 'tunnel') {
      refuse('Different address family is allowed only for tunneling servers');
    }
    const tunnelled = TUNNEL_OPTIONS.some((option) => this.#given.has(option));
    if (tunnelled && forwarding !== 'tunnel') refuse('Tunnel options conflict with forward method');
    checkTunnel(this.#tunnelType, this.#given);
    return {
      service,
      // Nothing rewrites ports on these ways, so the tool takes that of the virtual server.
      server: { address, port: 'port' in service && forwarding !== 'masq' ? service.port : port },
      attributes: {
        forwarding,
        weight: this.#weight,
        upperThreshold: this.#upperThreshold,
        lowerThreshold: this.#lowerThreshold,
        ...(forwarding === 'tunnel' ? { tunnel: this.#tunnel() } : {}),
      },
    };
  }

  #tunnel(): Tunnel {
    const checksum = this.#given.has('tun-csum')
      ? 'csum'
      : this.#given.has('tun-remcsum')
        ? 'remcsum'
        : 'none';
    return {
      type: this.#tunnelType,
      ...(this.#tunnelPort === 0 ? {} : { port: this.#tunnelPort }),
      ...(checksum === 'none' ? {} : { checksum }),
    };
  }

  #list(): AdmCommand {
    const given = this.#given;
    const view = given.has('connection')
      ? 'connections'
      : given.has('timeout')
        ? 'timeouts'
        : given.has('daemon')
          ? 'daemons'
          : 'table';
    const columns = ['stats', 'rate', 'thresholds', ...(view === 'connections' ? [] : ['persistent-conn'])];
    if (view !== 'table' && columns.some((name) => given.has(name as OptionName))) {
      refuse('options conflicts in the list command');
    }
    return {
      command: 'list',
      view,
      ...(this.#service === undefined ? {} : { service: this.#service }),
      format: {
        numeric: given.has('numeric'),
        stats: given.has('stats'),
        rate: given.has('rate'),
        exact: given.has('exact'),
        thresholds: given.has('thresholds'),
        persistentConnections: given.has('persistent-conn'),
        tunnels: given.has('tun-info'),
        sorted: !given.has('nosort'),
      },
    };
  }
}
