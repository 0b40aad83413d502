import { isValidation, ValidationError } from '../errors.js';
import {
  CONFIG_FIELDS,
  type KubeProxySettings,
  parseDuration,
  proxyConfig,
  type ProxyConfig,
  readKubeProxyConfiguration,
} from '../proxy/index.js';
import type { StateFlags } from './options.js';
import { readTextFile } from '../watch/text-file.js';

/** What a reader typed, by the names that configuration fields have in messages. */
const FLAG_OF: Readonly<Record<string, string>> = {
  profile: '--profile',
  rules: '--rules',
  masqueradeAll: '--masquerade-all',
  masqueradeBit: '--iptables-masquerade-bit',
  clusterCIDR: '--cluster-cidr',
  detectLocalMode: '--detect-local-mode',
  bridgeInterface: '--pod-bridge-interface',
  interfaceNamePrefix: '--pod-interface-name-prefix',
  scheduler: '--ipvs-scheduler',
  nodePortAddresses: '--nodeport-addresses',
  excludeCIDRs: '--ipvs-exclude-cidrs',
  strictARP: '--ipvs-strict-arp',
};

/** What was given, without what was not: an absent flag is a default, not `undefined`. */
function definedOnly(config: {
  readonly [K in keyof ProxyConfig]: ProxyConfig[K] | undefined;
}): Partial<ProxyConfig> {
  return Object.fromEntries(Object.entries(config).filter(([, value]) => value !== undefined));
}

/** Timeouts of which some are given by flags; the others are those of the file. */
function timeoutsOf(
  flags: Partial<StateFlags>,
  file: Partial<ProxyConfig>,
): ProxyConfig['timeouts'] | undefined {
  const seconds = (text: string | undefined, flag: string): number | undefined =>
    text === undefined ? undefined : parseDuration(text, flag);
  const tcp = seconds(flags.ipvsTcpTimeout, '--ipvs-tcp-timeout');
  const tcpFin = seconds(flags.ipvsTcpfinTimeout, '--ipvs-tcpfin-timeout');
  const udp = seconds(flags.ipvsUdpTimeout, '--ipvs-udp-timeout');
  if ((tcp ?? tcpFin ?? udp) === undefined) return undefined;
  const before = file.timeouts ?? { tcp: 0, tcpFin: 0, udp: 0 };
  return { tcp: tcp ?? before.tcp, tcpFin: tcpFin ?? before.tcpFin, udp: udp ?? before.udp };
}

function families(family: StateFlags['family']): ProxyConfig['families'] | undefined {
  switch (family) {
    case 'ipv4':
      return ['inet'];
    case 'ipv6':
      return ['inet6'];
    case 'dual':
      return ['inet', 'inet6'];
    case undefined:
      return undefined;
  }
}

/** Configuration, and what else `--config` says. */
export interface ConfigAndFile {
  readonly config: ProxyConfig;
  readonly file: KubeProxySettings | undefined;
}

/**
 * Configuration from `--config` and flags, which win.
 * @throws ValidationError naming the flag, or the file with its field; what reading the file throws.
 */
export async function configFromFlags(flags: Partial<StateFlags>): Promise<ConfigAndFile> {
  const path = flags.config;
  const file =
    path === undefined
      ? undefined
      : readKubeProxyConfiguration({ file: path, text: await readTextFile(path) });
  // They matter to `ipvs proxy`; the commands that run once take the same command line.
  for (const [text, flag] of [
    [flags.ipvsSyncPeriod, '--ipvs-sync-period'],
    [flags.ipvsMinSyncPeriod, '--ipvs-min-sync-period'],
  ] as const) {
    if (text !== undefined) parseDuration(text, flag);
  }
  const given = definedOnly({
    profile: flags.profile,
    rules: flags.rules,
    families: families(flags.family),
    masqueradeAll: flags.masqueradeAll,
    masqueradeBit: flags.iptablesMasqueradeBit,
    clusterCIDR: flags.clusterCidr,
    detectLocalMode: flags.detectLocalMode,
    bridgeInterface: flags.podBridgeInterface,
    interfaceNamePrefix: flags.podInterfaceNamePrefix,
    scheduler: flags.ipvsScheduler,
    nodePortAddresses: flags.nodeportAddresses,
    excludeCIDRs: flags.ipvsExcludeCidrs,
    strictARP: flags.ipvsStrictArp,
    timeouts: timeoutsOf(flags, file?.config ?? {}),
    dropMarked: flags.dropMarked,
    // Not chosen by people: plan and apply ask the kernel.
    ipvsMatch: undefined,
  });
  try {
    return { config: proxyConfig({ ...file?.config, ...given }), file };
  } catch (err) {
    if (!isValidation(err)) throw err;
    const [field = ''] = /^\w+/.exec(err.path) ?? [];
    const name =
      field in given || path === undefined
        ? (FLAG_OF[field] ?? field)
        : `${path}: ${CONFIG_FIELDS[field] ?? field}`;
    throw new ValidationError(name + err.path.slice(field.length), err.expected, err.received, {
      cause: err,
    });
  }
}
