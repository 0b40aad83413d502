import { type Command, InvalidArgumentError, Option } from 'commander';
import type { KernelOptions } from '../kernel/types.js';
import {
  DETECT_LOCAL_MODES,
  type DetectLocalMode,
  type Profile,
  PROFILES,
  RULES_BACKENDS,
  type RulesBackend,
} from '../proxy/index.js';

/** Options of every command that looks at a kernel. */
export interface KernelFlags {
  readonly netns?: string;
}

/** Options of every command that works inside the ownership scope. */
export interface ScopeFlags {
  readonly config?: string;
  readonly family?: 'ipv4' | 'ipv6' | 'dual';
  readonly ipvsExcludeCidrs?: readonly string[];
}

/** Options of every command that computes desired state. Names are those of kube-proxy where it has the option. */
export interface StateFlags extends ScopeFlags {
  readonly filename: readonly string[];
  readonly strict?: boolean;
  readonly nodeFacts?: string;
  readonly hostnameOverride?: string;
  readonly bindAddress?: string;
  readonly profile?: Profile;
  readonly rules?: RulesBackend;
  readonly clusterCidr?: readonly string[];
  readonly detectLocalMode?: DetectLocalMode;
  readonly podBridgeInterface?: string;
  readonly podInterfaceNamePrefix?: string;
  readonly masqueradeAll?: boolean;
  readonly iptablesMasqueradeBit?: number;
  readonly ipvsScheduler?: string;
  readonly ipvsStrictArp?: boolean;
  readonly ipvsTcpTimeout?: string;
  readonly ipvsTcpfinTimeout?: string;
  readonly ipvsUdpTimeout?: string;
  readonly ipvsSyncPeriod?: string;
  readonly ipvsMinSyncPeriod?: string;
  readonly nodeportAddresses?: readonly string[];
  readonly dropMarked?: boolean;
}

const list = (text: string, before: readonly string[] | undefined): readonly string[] => [
  ...(before ?? []),
  ...text
    .split(',')
    .map((part) => part.trim())
    .filter((part) => part !== ''),
];

const collect = (text: string, before: readonly string[] | undefined): readonly string[] => [
  ...(before ?? []),
  text,
];

function integer(text: string): number {
  if (!/^\d+$/.test(text)) throw new InvalidArgumentError('It is not a number.');
  return Number(text);
}

/** Options that are on or off, and can be turned off again where a configuration file turned them on. */
const SWITCHES = ['masquerade-all', 'ipvs-strict-arp'] as const;

/** kube-proxy's way of saying on and off, `--masquerade-all=false`, as the option parser says it. */
export function plainSwitches(argv: readonly string[]): string[] {
  return argv.map((word) => {
    const [, name, value] = /^--([a-z-]+)=(true|false)$/.exec(word) ?? [];
    if (!SWITCHES.some((known) => known === name)) return word;
    return value === 'true' ? `--${name ?? ''}` : `--no-${name ?? ''}`;
  });
}

/** `--netns` */
export function addKernelOptions(command: Command): Command {
  return command.option(
    '--netns <name>',
    'network namespace: a name under /run/netns, or a path (default: the one of this process)',
  );
}

/** `--config`, `--family`, `--ipvs-exclude-cidrs` */
export function addScopeOptions(command: Command): Command {
  return command
    .option('--config <file>', 'KubeProxyConfiguration, YAML or JSON; flags win over it')
    .addOption(
      new Option(
        '--family <family>',
        'address families; one that is left out is not touched (default: dual)',
      ).choices(['ipv4', 'ipv6', 'dual']),
    )
    .option('--ipvs-exclude-cidrs <cidrs>', 'virtual servers at these networks are never removed', list);
}

/** `-f`, and how strictly manifests are read. */
function addManifestOptions(command: Command, required: boolean): Command {
  const manifests = new Option(
    '-f, --filename <path>',
    'manifests: a file, a directory, or - for standard input; may be given several times',
  ).argParser(collect);
  return command
    .addOption(manifests.makeOptionMandatory(required))
    .option('--strict', 'an object that is left out is an error (default: it is reported)')
    .option('--node-facts <file>', 'JSON that describes the node (default: this machine; see docs/cli.md)')
    .option(
      '--hostname-override <name>',
      'name of the node (default: that of the node facts, or the host name)',
    )
    .option(
      '--bind-address <address>',
      'the node’s own address of its family, for source ranges and primary (default: that of the node facts, or the first)',
    );
}

/** How services are programmed. */
function addProxyOptions(command: Command): Command {
  command
    .addOption(
      new Option('--profile <name>', 'which rules and sets are written (default: classic)').choices(PROFILES),
    )
    .addOption(
      new Option('--rules <program>', 'what holds rules and sets (default: iptables, with ipset)').choices(
        RULES_BACKENDS,
      ),
    )
    .addOption(new Option('--proxy-mode <mode>', 'accepted for kube-proxy’s sake').choices(['ipvs']))
    .option('--cluster-cidr <cidrs>', 'networks of the pods, at most one per family', list)
    .addOption(
      new Option(
        '--detect-local-mode <mode>',
        'how pods are recognised; others are masqueraded (default: ClusterCIDR)',
      ).choices(DETECT_LOCAL_MODES),
    )
    .option('--pod-bridge-interface <name>', 'bridge of the pods, for BridgeInterface')
    .option(
      '--pod-interface-name-prefix <text>',
      'beginning of the names of the pods’ interfaces, for InterfaceNamePrefix',
    )
    .option('--masquerade-all', 'masquerade everything that goes to a cluster IP')
    .option(
      '--iptables-masquerade-bit <bit>',
      'bit of the packet mark that means masquerade (default: 14)',
      integer,
    )
    .option('--ipvs-scheduler <name>', 'scheduler of the virtual servers (default: rr)')
    .option('--ipvs-strict-arp', 'answer ARP only for addresses of the interface that was asked')
    .option('--ipvs-tcp-timeout <duration>', 'timeout of idle TCP connections; 0 leaves it (default: 0)')
    .option('--ipvs-tcpfin-timeout <duration>', 'timeout of TCP connections after FIN; 0 leaves it')
    .option('--ipvs-udp-timeout <duration>', 'timeout of UDP flows; 0 leaves it')
    .option(
      '--ipvs-sync-period <duration>',
      'proxy: everything is compared at least this often (default: 30s)',
    )
    .option(
      '--ipvs-min-sync-period <duration>',
      'proxy: changes are programmed at most this often (default: 0s)',
    )
    .option(
      '--nodeport-addresses <cidrs>',
      'where node ports are served: networks, or primary (default: everywhere)',
      list,
    )
    .option('--no-drop-marked', 'classic profile: leave it to others to drop what source ranges refuse');
  // Behind the options that they turn off: defined alone, they would turn them on by default.
  for (const name of SWITCHES) command.addOption(new Option(`--no-${name}`).hideHelp());
  return command;
}

/** `-f` and everything that says how services are programmed. */
export function addStateOptions(
  command: Command,
  options: { /** Whether manifests have to be given. Default true. */ readonly required?: boolean } = {},
): Command {
  return addProxyOptions(addManifestOptions(addScopeOptions(command), options.required ?? true));
}

/** Kernel options from flags. */
export function kernelOptions({ netns }: KernelFlags): KernelOptions {
  return netns === undefined ? {} : { netns };
}
