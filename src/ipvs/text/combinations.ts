import { refuse } from './command-line-error.js';
import type { Tunnel } from '../types.js';
import type { CommandName, OptionName } from './switches.js';

type TunnelType = Tunnel['type'];

/** Which options a command takes. What is not named is refused. */
interface Combination {
  readonly required: readonly OptionName[];
  readonly allowed: readonly OptionName[];
  /** Of these at most one. */
  readonly exclusive?: readonly OptionName[];
}

const SERVICE: Combination = {
  required: ['service-address'],
  allowed: ['scheduler', 'persistent', 'netmask', 'ops', 'pe', 'sched-flags'],
};
const SERVER: Combination = {
  required: ['service-address', 'real-server'],
  allowed: [
    'forwarding-method',
    'weight',
    'u-threshold',
    'l-threshold',
    'tun-type',
    'tun-port',
    'tun-nocsum',
    'tun-csum',
    'tun-remcsum',
  ],
};
const NOTHING: Combination = { required: [], allowed: [] };

const COMBINATIONS: Readonly<Record<Exclude<CommandName, 'help' | 'version'>, Combination>> = {
  'add-service': SERVICE,
  'edit-service': SERVICE,
  'delete-service': { required: ['service-address'], allowed: [] },
  flush: NOTHING,
  restore: NOTHING,
  save: { required: [], allowed: ['numeric'] },
  'add-server': SERVER,
  'edit-server': SERVER,
  'delete-server': { required: ['service-address', 'real-server'], allowed: [] },
  list: {
    required: [],
    allowed: [
      'numeric',
      'stats',
      'rate',
      'thresholds',
      'persistent-conn',
      'nosort',
      'syncid',
      'exact',
      'tun-info',
    ],
    exclusive: ['connection', 'service-address', 'timeout', 'daemon'],
  },
  zero: { required: [], allowed: ['service-address'] },
  set: NOTHING,
  'start-daemon': {
    required: [],
    allowed: ['mcast-interface', 'syncid', 'mcast-group', 'mcast-port', 'mcast-ttl', 'sync-maxlen'],
  },
  'stop-daemon': { required: [], allowed: ['syncid'] },
};

/** The order in which options are looked at, which decides the complaint that is made of several. */
const ORDER: readonly OptionName[] = [
  'numeric',
  'connection',
  'service-address',
  'scheduler',
  'persistent',
  'netmask',
  'real-server',
  'forwarding-method',
  'weight',
  'u-threshold',
  'l-threshold',
  'mcast-interface',
  'timeout',
  'daemon',
  'stats',
  'rate',
  'thresholds',
  'persistent-conn',
  'nosort',
  'syncid',
  'exact',
  'ops',
  'pe',
  'sched-flags',
  'mcast-group',
  'mcast-port',
  'mcast-ttl',
  'sync-maxlen',
  'tun-info',
  'tun-type',
  'tun-port',
  'tun-nocsum',
  'tun-csum',
  'tun-remcsum',
];

/** Refuse a command with options that do not go with it, or without those that it needs. @throws CommandLineError */
export function checkCombination(
  command: Exclude<CommandName, 'help' | 'version'>,
  given: ReadonlySet<OptionName>,
): void {
  check(given, ORDER, COMBINATIONS[command], `the '${command}' command`);
}

/** What an encapsulation takes besides its type. */
const TUNNELS: Readonly<Record<TunnelType, Combination>> = {
  ipip: NOTHING,
  gue: { required: ['tun-port'], allowed: [], exclusive: ['tun-nocsum', 'tun-csum', 'tun-remcsum'] },
  gre: { required: [], allowed: [], exclusive: ['tun-nocsum', 'tun-csum'] },
};
const TUNNEL_ORDER: readonly OptionName[] = ['tun-port', 'tun-nocsum', 'tun-csum', 'tun-remcsum'];

/** Refuse an encapsulation with options that it has no use for, or without the port that it needs. @throws CommandLineError */
export function checkTunnel(type: TunnelType, given: ReadonlySet<OptionName>): void {
  check(given, TUNNEL_ORDER, TUNNELS[type], `the '${type}' tunnel type`);
}

function check(
  given: ReadonlySet<OptionName>,
  order: readonly OptionName[],
  { required, allowed, exclusive = [] }: Combination,
  owner: string,
): void {
  let chosen: OptionName | undefined;
  for (const option of order) {
    if (!given.has(option)) {
      if (required.includes(option)) refuse(`You need to supply the '${option}' option for ${owner}`);
    } else if (exclusive.includes(option)) {
      if (chosen !== undefined) {
        refuse(`The option '${option}' conflicts with the '${chosen}' option in ${owner}`);
      }
      chosen = option;
    } else if (!required.includes(option) && !allowed.includes(option)) {
      refuse(`Illegal '${option}' option with ${owner}`);
    }
  }
}
