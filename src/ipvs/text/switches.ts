import type { Forwarding } from '../types.js';

/**
 * The words of ipvsadm's command line. Names are those that its messages use; where a message names an option otherwise than its
 * long switch does (`sched-flags` is `--sched-flags`, `service-address` is `-t`), the name here is the message's.
 */

/** What an invocation does; its first option says so. */
export type CommandName =
  | 'add-service'
  | 'edit-service'
  | 'delete-service'
  | 'flush'
  | 'restore'
  | 'save'
  | 'add-server'
  | 'edit-server'
  | 'delete-server'
  | 'list'
  | 'zero'
  | 'set'
  | 'start-daemon'
  | 'stop-daemon'
  | 'help'
  | 'version';

/** What goes with a command. */
export type OptionName =
  | 'numeric'
  | 'connection'
  | 'service-address'
  | 'scheduler'
  | 'persistent'
  | 'netmask'
  | 'real-server'
  | 'forwarding-method'
  | 'weight'
  | 'u-threshold'
  | 'l-threshold'
  | 'mcast-interface'
  | 'timeout'
  | 'daemon'
  | 'stats'
  | 'rate'
  | 'thresholds'
  | 'persistent-conn'
  | 'nosort'
  | 'syncid'
  | 'exact'
  | 'ops'
  | 'pe'
  | 'sched-flags'
  | 'mcast-group'
  | 'mcast-port'
  | 'mcast-ttl'
  | 'sync-maxlen'
  | 'tun-type'
  | 'tun-port'
  | 'tun-nocsum'
  | 'tun-csum'
  | 'tun-remcsum'
  | 'tun-info';

/** What a switch means. */
export type Meaning =
  | { readonly command: CommandName }
  | { readonly option: 'service-address'; readonly service: ServiceKind }
  | { readonly option: 'forwarding-method'; readonly forwarding: Forwarding }
  | { readonly option: Exclude<OptionName, 'service-address' | 'forwarding-method'> }
  /** Changes the address family of a firewall mark. */
  | { readonly modifier: 'ipv6' }
  /** Does nothing: sorting is the default. */
  | { readonly modifier: 'sort' };

/** What `-t`, `-u`, `--sctp-service` and `-f` name. */
export type ServiceKind = 'tcp' | 'udp' | 'sctp' | 'fwmark';

/** A switch: `--long`, perhaps `-s`, perhaps with an argument. */
export interface Switch {
  readonly long: string;
  readonly short?: string;
  readonly argument: 'none' | 'required' | 'optional';
  readonly meaning: Meaning;
}

type Argument = Switch['argument'];

function toSwitch(long: string, short: string, argument: Argument, meaning: Meaning): Switch {
  return { long, ...(short === '' ? {} : { short }), argument, meaning };
}

function command(long: string, short: string, name: CommandName, argument: Argument = 'none'): Switch {
  return toSwitch(long, short, argument, { command: name });
}

function service(long: string, short: string, kind: ServiceKind): Switch {
  return toSwitch(long, short, 'required', { option: 'service-address', service: kind });
}

function forwarding(long: string, short: string, method: Forwarding): Switch {
  return toSwitch(long, short, 'none', { option: 'forwarding-method', forwarding: method });
}

function option(
  name: Exclude<OptionName, 'service-address' | 'forwarding-method'>,
  short = '',
  argument: Argument = 'none',
): Switch {
  return toSwitch(name, short, argument, { option: name });
}

/** Every switch of ipvsadm 1.31. */
export const SWITCHES: readonly Switch[] = [
  command('add-service', 'A', 'add-service'),
  command('edit-service', 'E', 'edit-service'),
  command('delete-service', 'D', 'delete-service'),
  command('clear', 'C', 'flush'),
  command('list', 'L', 'list'),
  command('list', 'l', 'list'),
  command('zero', 'Z', 'zero'),
  command('add-server', 'a', 'add-server'),
  command('edit-server', 'e', 'edit-server'),
  command('delete-server', 'd', 'delete-server'),
  command('restore', 'R', 'restore'),
  command('save', 'S', 'save'),
  command('set', '', 'set'),
  command('start-daemon', '', 'start-daemon', 'required'),
  command('stop-daemon', '', 'stop-daemon', 'required'),
  command('help', 'h', 'help'),
  command('version', 'v', 'version'),
  service('tcp-service', 't', 'tcp'),
  service('udp-service', 'u', 'udp'),
  service('sctp-service', '', 'sctp'),
  service('fwmark-service', 'f', 'fwmark'),
  option('scheduler', 's', 'required'),
  option('persistent', 'p', 'optional'),
  option('netmask', 'M', 'required'),
  option('real-server', 'r', 'required'),
  forwarding('masquerading', 'm', 'masq'),
  forwarding('ipip', 'i', 'tunnel'),
  forwarding('gatewaying', 'g', 'dr'),
  option('weight', 'w', 'required'),
  option('u-threshold', 'x', 'required'),
  option('l-threshold', 'y', 'required'),
  option('numeric', 'n'),
  option('connection', 'c'),
  option('mcast-interface', '', 'required'),
  option('mcast-group', '', 'required'),
  option('mcast-port', '', 'required'),
  option('mcast-ttl', '', 'required'),
  option('sync-maxlen', '', 'required'),
  option('syncid', '', 'required'),
  option('timeout'),
  option('daemon'),
  option('stats'),
  option('rate'),
  option('thresholds'),
  option('persistent-conn'),
  option('tun-info'),
  option('nosort'),
  { long: 'sort', argument: 'none', meaning: { modifier: 'sort' } },
  option('exact'),
  { long: 'ipv6', short: '6', argument: 'none', meaning: { modifier: 'ipv6' } },
  option('ops', 'o'),
  option('pe', '', 'required'),
  option('sched-flags', 'b', 'required'),
  option('tun-type', '', 'required'),
  option('tun-port', '', 'required'),
  option('tun-nocsum'),
  option('tun-csum'),
  option('tun-remcsum'),
];
