import { forwardingOf } from './destination-settings.js';
import {
  compareDestinations,
  compareServices,
  parseRealServer,
  parseVirtualServer,
  type ServiceId,
} from './identity.js';
import { hasNamedFlags, ServiceFlag } from './service-settings.js';
import { type DisplayNames, NUMERIC, spellEndpoint } from './text/spelling.js';
import type {
  Forwarding,
  RealServerAttributes,
  RealServerSpec,
  SchedulerFlags,
  VirtualServerAttributes,
  VirtualServerSpec,
} from './types.js';

/** Options of {@link formatSave}. */
export interface SaveOptions {
  /**
   * Write connection thresholds (`-x`, `-y`) too. `ipvsadm -Sn` loses them, although `ipvsadm -R` reads them. Default false.
   */
  readonly thresholds?: boolean;
  /** Names to write in place of addresses and ports, as `ipvsadm -S` does. Default: numbers only. */
  readonly names?: DisplayNames;
  /** `sorted` (default), or the order in which servers and real servers come. */
  readonly order?: 'sorted' | 'given';
}

/**
 * Virtual servers and their real servers as the text that `ipvsadm -Sn` prints and `ipvsadm -R` reads (seen with ipvsadm 1.31).
 * Takes states as `list()` returns them as well as specs, in any order; sorted as ipvsadm sorts unless told otherwise.
 *
 * It differs from ipvsadm where ipvsadm's own text could not be read back: firewall marks from 2^31 on are not written as negative
 * numbers, and scheduler flags that `sh` and `mh` have no name for are written as `flag-3`. Forwarding `bypass` has no switch and is
 * written as ipvsadm does, `(null)`; `local` is written as `-g`, which is what the kernel makes of it for an address of its own.
 *
 * @throws ValidationError naming `servers[i]` for an identity that makes no sense.
 */
export function formatSave(servers: Iterable<VirtualServerSpec>, options: SaveOptions = {}): string {
  const { names = NUMERIC, order = 'sorted' } = options;
  // Only identities are checked: what a kernel has is printed, whether this package would have written it or not.
  const entries = Array.from(servers, (server, i) => ({
    id: parseVirtualServer(server, `servers[${String(i)}]`),
    server,
    path: `servers[${String(i)}].realServers`,
  }));
  const lines: string[] = [];
  if (order === 'sorted') entries.sort((a, b) => compareServices(a.id, b.id));
  for (const { id, server, path } of entries) {
    const service = serviceArguments(id, names);
    lines.push(`-A ${service}${settingsArguments(server, id)}`);
    const realServers = (server.realServers ?? []).map((spec, i) => ({
      id: parseRealServer(spec, id, `${path}[${String(i)}]`),
      attributes: attributesOf(spec),
    }));
    if (order === 'sorted') realServers.sort((a, b) => compareDestinations(a.id, b.id));
    for (const real of realServers) {
      const name = spellEndpoint(real.id.address, real.id.port, id.protocol, names);
      const tail = destinationArguments(real.attributes) + limits(real.attributes, options);
      lines.push(`-a ${service} -r ${name}${tail}`);
    }
  }
  return lines.map((line) => `${line}\n`).join('');
}

function attributesOf(spec: RealServerSpec): RealServerAttributes {
  return typeof spec === 'string' ? {} : spec;
}

const PROTOCOL_SWITCH = { tcp: '-t', udp: '-u', sctp: '--sctp-service' } as const;

function serviceArguments(id: ServiceId, names: DisplayNames): string {
  if (id.fwmark !== undefined) return `-f ${String(id.fwmark)}${id.family === 'inet6' ? ' -6' : ''}`;
  return `${PROTOCOL_SWITCH[id.protocol]} ${spellEndpoint(id.address, id.port, id.protocol, names)}`;
}

function settingsArguments(server: VirtualServerAttributes, { family }: ServiceId): string {
  const { scheduler = 'wlc', schedulerFlags = {}, persistence = false, onePacket = false } = server;
  const parts = [`-s ${scheduler}`];
  if (persistence !== false) {
    const { timeout, netmask, engine } = persistence;
    parts.push(`-p ${String(timeout)}`);
    const widest = family === 'inet' ? '255.255.255.255' : 128;
    if (netmask !== undefined && netmask !== widest) parts.push(`-M ${String(netmask)}`);
    if (engine !== undefined) parts.push(`--pe ${engine}`);
  }
  if (onePacket) parts.push('-o');
  const names = flagNames(schedulerFlags, scheduler);
  if (names.length > 0) parts.push(`-b ${names.join(',')}`);
  return ` ${parts.join(' ')}`;
}

function flagNames({ fallback, port, raw = 0 }: SchedulerFlags, scheduler: string): readonly string[] {
  const names = hasNamedFlags(scheduler)
    ? [`${scheduler}-fallback`, `${scheduler}-port`, 'flag-3']
    : ['flag-1', 'flag-2', 'flag-3'];
  const on = [
    fallback === true || (raw & ServiceFlag.scheduler1) !== 0,
    port === true || (raw & ServiceFlag.scheduler2) !== 0,
    (raw & ServiceFlag.scheduler3) !== 0,
  ];
  return names.filter((_, i) => on[i]);
}

const FORWARDING_SWITCH: Readonly<Record<Forwarding, string>> = {
  masq: '-m',
  local: '-g',
  tunnel: '-i',
  dr: '-g',
  bypass: '(null)',
};

function destinationArguments(attributes: RealServerAttributes): string {
  const forwarding = forwardingOf(attributes.forwarding ?? 'masq') ?? 'masq';
  const { weight = 1 } = attributes;
  return ` ${FORWARDING_SWITCH[forwarding]} -w ${String(weight)}${forwarding === 'tunnel' ? tunnelArguments(attributes) : ''}`;
}

function tunnelArguments({ tunnel = { type: 'ipip' } }: RealServerAttributes): string {
  const { type, port, checksum = 'none' } = tunnel;
  if (type === 'ipip') return ' --tun-type ipip';
  const sum = checksum === 'none' ? '--tun-nocsum' : `--tun-${checksum}`;
  return port === undefined
    ? ` --tun-type ${type} ${sum}`
    : ` --tun-type ${type} --tun-port ${String(port)} ${sum}`;
}

function limits(attributes: RealServerAttributes, options: SaveOptions): string {
  if (options.thresholds !== true) return '';
  const { upperThreshold = 0, lowerThreshold = 0 } = attributes;
  return (
    (upperThreshold === 0 ? '' : ` -x ${String(upperThreshold)}`) +
    (lowerThreshold === 0 ? '' : ` -y ${String(lowerThreshold)}`)
  );
}
