import { LineCounter, parseAllDocuments } from 'yaml';
import { isValidation, ValidationError } from '../errors.js';
import { formatAddress, parseAddress } from '../net/address.js';
import { DETECT_LOCAL_MODES, type ProxyConfig } from './config.js';
import { parseDuration, parseMilliseconds } from './duration.js';
import {
  below,
  booleanAt,
  isObject,
  type Json,
  listAt,
  objectAt,
  optionalText,
  textAt,
  wordAt,
} from './fields.js';
import type { ManifestText } from './manifests.js';
import { nodeName } from './node.js';

/** What matters only to a process that keeps running. What is not there, or means "the default" (an empty text, a period of 0), is left out. */
export interface RunSettings {
  /** `ipvs.syncPeriod`, in milliseconds. */
  readonly syncPeriod?: number;
  /** `ipvs.minSyncPeriod`, in milliseconds. */
  readonly minSyncPeriod?: number;
  readonly healthzBindAddress?: string;
  readonly metricsBindAddress?: string;
  /** `clientConnection.kubeconfig` */
  readonly kubeconfig?: string;
}

/** What a KubeProxyConfiguration says, as far as it matters here. Absent fields are left to defaults, as an empty text is. */
export interface KubeProxySettings {
  readonly config: Partial<ProxyConfig>;
  /** `hostnameOverride` */
  readonly nodeName?: string;
  /** `bindAddress`: the node's own address of that family, whatever else is known of the node. Canonical. */
  readonly bindAddress?: string;
  readonly run: RunSettings;
  /** Fields that are valid and mean nothing here: those of other proxy modes and platforms, of the machine's connection tracking. */
  readonly unused: readonly string[];
}

const KIND = 'KubeProxyConfiguration';
const GROUP = 'kubeproxy.config.k8s.io';
const VERSION = `${GROUP}/v1alpha1`;

/** Fields of other concerns: they may be there, and are not looked into. */
const UNUSED = [
  'bindAddressHardFail',
  'configSyncPeriod',
  'conntrack',
  'enableProfiling',
  'featureGates',
  'linux',
  'logging',
  'nftables',
  'oomScoreAdj',
  'portRange',
  'resourceContainer',
  'showHiddenMetricsForVersion',
  'udpIdleTimeout',
  'windows',
  'windowsRunAsService',
  'winkernel',
] as const;

const USED = [
  'apiVersion',
  'kind',
  'bindAddress',
  'clientConnection',
  'clusterCIDR',
  'detectLocal',
  'detectLocalMode',
  'healthzBindAddress',
  'hostnameOverride',
  'iptables',
  'ipvs',
  'metricsBindAddress',
  'mode',
  'nodePortAddresses',
] as const;

const IPVS = [
  'syncPeriod',
  'minSyncPeriod',
  'scheduler',
  'excludeCIDRs',
  'strictARP',
  'tcpTimeout',
  'tcpFinTimeout',
  'udpTimeout',
] as const;
const IPTABLES = [
  'masqueradeBit',
  'masqueradeAll',
  'localhostNodePorts',
  'syncPeriod',
  'minSyncPeriod',
] as const;
const DETECT_LOCAL = ['bridgeInterface', 'interfaceNamePrefix'] as const;

/** Fields of the client's connection; only the first is looked at. */
const CLIENT_CONNECTION = ['kubeconfig', 'acceptContentTypes', 'contentType', 'qps', 'burst'] as const;

/** @throws ValidationError for a key that KubeProxyConfiguration does not have: a slip of the pen must not pass for a default. */
function refuseUnknown(object: Json, known: readonly string[], path: string): void {
  for (const [key, value] of Object.entries(object)) {
    if (!known.includes(key))
      throw new ValidationError(below(path, key), `no such field; known are ${known.join(', ')}`, value);
  }
}

function textsAt(parent: Json, key: string, path: string): string[] {
  return listAt(parent, key, path).map((item, i) => {
    if (typeof item === 'string') return item;
    throw new ValidationError(`${below(path, key)}[${i}]`, 'text', item);
  });
}

const isGiven = (parent: Json, key: string): boolean => (parent[key] ?? undefined) !== undefined;

/** Networks of the pods: one text, the families with a comma between them. */
export function splitList(text: string): string[] {
  return text
    .split(',')
    .map((part) => part.trim())
    .filter((part) => part !== '');
}

/**
 * Read a KubeProxyConfiguration (kubeproxy.config.k8s.io/v1alpha1) that was parsed already.
 * @throws ValidationError naming the field: another kind, another mode than IPVS, an unknown field, a bad value.
 */
export function parseKubeProxyConfiguration(value: unknown): KubeProxySettings {
  if (!isObject(value)) throw new ValidationError('', `a ${KIND}`, value);
  if (textAt(value, 'kind', '') !== KIND) throw new ValidationError('kind', KIND, value['kind']);
  if (textAt(value, 'apiVersion', '') !== VERSION)
    throw new ValidationError('apiVersion', VERSION, value['apiVersion']);
  refuseUnknown(value, [...USED, ...UNUSED], '');
  // The API's "default for the platform" is the empty mode; whoever gives the file to this program has chosen.
  const mode = optionalText(value, 'mode', '') ?? '';
  if (mode !== 'ipvs' && mode !== '') throw new ValidationError('mode', 'ipvs, or nothing', mode);

  const ipvs = objectAt(value, 'ipvs', '');
  const iptables = objectAt(value, 'iptables', '');
  const detect = objectAt(value, 'detectLocal', '');
  refuseUnknown(ipvs, IPVS, 'ipvs');
  refuseUnknown(iptables, IPTABLES, 'iptables');
  refuseUnknown(detect, DETECT_LOCAL, 'detectLocal');

  const seconds = (key: string): number => parseDuration(ipvs[key] ?? '0s', `ipvs.${key}`);
  for (const key of ['syncPeriod', 'minSyncPeriod']) parseDuration(iptables[key] ?? '0s', `iptables.${key}`);
  booleanAt(iptables, 'localhostNodePorts', 'iptables', false);
  const timeouts = {
    tcp: seconds('tcpTimeout'),
    tcpFin: seconds('tcpFinTimeout'),
    udp: seconds('udpTimeout'),
  };

  const given: { -readonly [Key in keyof ProxyConfig]?: ProxyConfig[Key] } = {};
  const clusterCIDR = splitList(optionalText(value, 'clusterCIDR', '') ?? '');
  if (clusterCIDR.length > 0) given.clusterCIDR = clusterCIDR;
  if (isGiven(value, 'detectLocalMode') && value['detectLocalMode'] !== '')
    given.detectLocalMode = wordAt(value, 'detectLocalMode', '', DETECT_LOCAL_MODES, 'ClusterCIDR');
  for (const key of DETECT_LOCAL) {
    const name = optionalText(detect, key, 'detectLocal') ?? '';
    if (name !== '') given[key] = name;
  }
  const scheduler = optionalText(ipvs, 'scheduler', 'ipvs') ?? '';
  if (scheduler !== '') given.scheduler = scheduler;
  if (isGiven(ipvs, 'excludeCIDRs')) given.excludeCIDRs = textsAt(ipvs, 'excludeCIDRs', 'ipvs');
  if (isGiven(ipvs, 'strictARP')) given.strictARP = booleanAt(ipvs, 'strictARP', 'ipvs', false);
  if (Object.values(timeouts).some((timeout) => timeout > 0)) given.timeouts = timeouts;
  if (isGiven(iptables, 'masqueradeAll'))
    given.masqueradeAll = booleanAt(iptables, 'masqueradeAll', 'iptables', false);
  if (isGiven(iptables, 'masqueradeBit'))
    given.masqueradeBit = numberAt(iptables, 'masqueradeBit', 'iptables');
  if (isGiven(value, 'nodePortAddresses')) given.nodePortAddresses = textsAt(value, 'nodePortAddresses', '');

  const name = nodeName(optionalText(value, 'hostnameOverride', '') ?? '', 'hostnameOverride');
  const bindAddress = parseBindAddress(optionalText(value, 'bindAddress', '') ?? '', 'bindAddress');
  return {
    config: given,
    run: runSettings(value, ipvs),
    ...(name === undefined ? {} : { nodeName: name }),
    ...(bindAddress === undefined ? {} : { bindAddress }),
    unused: UNUSED.filter((key) => isGiven(value, key)),
  };
}

/**
 * The address that kube-proxy takes for the node's own of its family; undefined where it has no choice: nothing, `0.0.0.0`, `::`.
 * @throws ValidationError for what is no address.
 */
export function parseBindAddress(text: string, path: string): string | undefined {
  if (text === '') return undefined;
  const { bytes, family } = parseAddress(text, path);
  return bytes.every((byte) => byte === 0) ? undefined : formatAddress(bytes, family);
}

function runSettings(value: Json, ipvs: Json): RunSettings {
  const client = objectAt(value, 'clientConnection', '');
  refuseUnknown(client, CLIENT_CONNECTION, 'clientConnection');
  const run: { -readonly [Key in keyof RunSettings]: RunSettings[Key] } = {};
  for (const key of ['syncPeriod', 'minSyncPeriod'] as const) {
    const period = parseMilliseconds(ipvs[key] ?? '0s', `ipvs.${key}`);
    if (period > 0) run[key] = period;
  }
  const { syncPeriod = 30_000, minSyncPeriod = 0 } = run;
  if (minSyncPeriod > syncPeriod)
    throw new ValidationError(
      'ipvs.minSyncPeriod',
      'no more than ipvs.syncPeriod (default: 30s)',
      ipvs['minSyncPeriod'],
    );
  for (const key of ['healthzBindAddress', 'metricsBindAddress'] as const) {
    const address = optionalText(value, key, '') ?? '';
    if (address !== '') run[key] = address;
  }
  const kubeconfig = optionalText(client, 'kubeconfig', 'clientConnection') ?? '';
  if (kubeconfig !== '') run.kubeconfig = kubeconfig;
  return run;
}

function numberAt(parent: Json, key: string, path: string): number {
  const value = parent[key];
  if (typeof value === 'number') return value;
  throw new ValidationError(below(path, key), 'a number', value);
}

/** Where fields of the configuration are in {@link ProxyConfig}: how an error of `proxyConfig()` is to be said to whoever wrote the file. */
export const CONFIG_FIELDS: Readonly<Record<string, string>> = {
  masqueradeAll: 'iptables.masqueradeAll',
  masqueradeBit: 'iptables.masqueradeBit',
  scheduler: 'ipvs.scheduler',
  excludeCIDRs: 'ipvs.excludeCIDRs',
  strictARP: 'ipvs.strictARP',
  bridgeInterface: 'detectLocal.bridgeInterface',
  interfaceNamePrefix: 'detectLocal.interfaceNamePrefix',
};

/**
 * Read the text of a configuration file, YAML or JSON. It may hold other documents too, as the files of kubeadm do; one has to be a
 * KubeProxyConfiguration.
 * @throws ValidationError naming file, line and field.
 */
export function readKubeProxyConfiguration({ file, text }: ManifestText): KubeProxySettings {
  const lines = new LineCounter();
  const documents = parseAllDocuments(text, { lineCounter: lines, logLevel: 'error' });
  const at = (offset: number): string => `${file}:${lines.linePos(offset).line}`;
  for (const { errors } of documents) {
    const [error] = errors;
    if (error === undefined) continue;
    const [what = ''] = error.message.split('\n');
    throw new ValidationError(at(error.pos[0]), 'YAML or JSON', what.replace(/:$/, ''), { cause: error });
  }
  const kinds: readonly unknown[] = documents.map((document) => document.get('kind'));
  const ours = documents.filter((_, i) => kinds[i] === KIND);
  const [document] = ours;
  if (document === undefined || ours.length > 1) {
    throw new ValidationError(file, `one document of kind ${KIND}`, kinds);
  }
  try {
    return parseKubeProxyConfiguration(document.toJS());
  } catch (err) {
    if (!isValidation(err)) {
      // Aliases that lead nowhere or multiply without end.
      const why = err instanceof Error ? err.message : String(err);
      throw new ValidationError(at(document.range[0]), 'YAML or JSON', why, { cause: err });
    }
    const node: unknown = document.getIn(
      err.path.split(/[.[\]]+/).filter((key) => key !== ''),
      true,
    );
    const range =
      isObject(node) && Array.isArray(node['range']) ? Number(node['range'][0]) : document.range[0];
    throw new ValidationError(`${at(range)}: ${err.path}`, err.expected, err.received, { cause: err });
  }
}
