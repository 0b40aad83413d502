import { type Command, InvalidArgumentError, Option } from 'commander';
import { readFile } from 'node:fs/promises';
import { isValidation, ValidationError } from '../errors.js';
import type { Kernel, KernelOptions } from '../kernel/types.js';
import {
  deriveNodeFacts,
  nodeFactsFrom,
  type NodeFacts,
  parseNodeFacts,
  proxyConfig,
  type ProxyConfig,
} from '../proxy/index.js';
import type { CliContext } from './io.js';

/** Options of every command that looks at a kernel. */
export interface KernelFlags {
  readonly netns?: string;
}

/** Options of every command that works inside the ownership scope. */
export interface ScopeFlags {
  readonly family?: 'ipv4' | 'ipv6';
  readonly ipvsExcludeCidrs?: readonly string[];
}

/** Options of every command that computes desired state. */
export interface StateFlags extends ScopeFlags {
  readonly filename: readonly string[];
  readonly strict?: boolean;
  readonly nodeFacts?: string;
  readonly hostnameOverride?: string;
  readonly clusterCidr?: readonly string[];
  readonly masqueradeAll?: boolean;
  readonly masqueradeBit?: number;
  readonly ipvsScheduler?: string;
  readonly nodeportAddresses?: readonly string[];
  readonly ipvsStrictArp?: boolean;
  readonly dropMarked: boolean;
}

const list = (text: string, before: readonly string[] | undefined): readonly string[] => [
  ...(before ?? []),
  ...text.split(',').map((part) => part.trim()),
];

const collect = (text: string, before: readonly string[] | undefined): readonly string[] => [
  ...(before ?? []),
  text,
];

function integer(text: string): number {
  if (!/^\d+$/.test(text)) throw new InvalidArgumentError('It is not a number.');
  return Number(text);
}

/** `--netns` */
export function addKernelOptions(command: Command): Command {
  return command.option(
    '--netns <name>',
    'network namespace: a name under /run/netns, or a path (default: the one of this process)',
  );
}

/** `--family`, `--ipvs-exclude-cidrs` */
export function addScopeOptions(command: Command): Command {
  return command
    .addOption(
      new Option('--family <family>', 'only this address family; the other is not touched').choices([
        'ipv4',
        'ipv6',
      ]),
    )
    .option('--ipvs-exclude-cidrs <cidrs>', 'virtual servers at these networks are never removed', list);
}

/** `-f` and everything that says how services are programmed; kube-proxy's names where it has one. */
export function addStateOptions(command: Command): Command {
  return addScopeOptions(
    command
      .requiredOption(
        '-f, --filename <path>',
        'manifests: a file, a directory, or - for standard input; may be given several times',
        collect,
      )
      .option('--strict', 'a bad object is an error (default: it is reported and left out)')
      .option('--node-facts <file>', 'JSON that describes the node (default: this machine; see docs/cli.md)')
      .option(
        '--hostname-override <name>',
        'name of the node (default: that of the node facts, or the host name)',
      ),
  )
    .option(
      '--cluster-cidr <cidrs>',
      'networks of the pods, at most one per family; others are masqueraded',
      list,
    )
    .option('--masquerade-all', 'masquerade everything that goes to a cluster IP')
    .option('--masquerade-bit <bit>', 'bit of the packet mark that means masquerade (default: 14)', integer)
    .option('--ipvs-scheduler <name>', 'scheduler of the virtual servers (default: rr)')
    .option(
      '--nodeport-addresses <cidrs>',
      'where node ports are served: networks, or primary (default: everywhere)',
      list,
    )
    .option('--ipvs-strict-arp', 'answer ARP only for addresses of the interface that was asked')
    .option('--no-drop-marked', 'leave it to others to drop what source ranges refuse');
}

/** What a reader typed, by the names that configuration fields have in messages. */
const FLAG_OF: Readonly<Record<string, string>> = {
  clusterCIDR: '--cluster-cidr',
  masqueradeBit: '--masquerade-bit',
  scheduler: '--ipvs-scheduler',
  nodePortAddresses: '--nodeport-addresses',
  excludeCIDRs: '--ipvs-exclude-cidrs',
};

/** What was given, without what was not: an absent flag is a default, not `undefined`. */
function definedOnly(config: {
  readonly [K in keyof ProxyConfig]: ProxyConfig[K] | undefined;
}): Partial<ProxyConfig> {
  return Object.fromEntries(Object.entries(config).filter(([, value]) => value !== undefined));
}

/** Configuration from flags. @throws ValidationError naming the flag. */
export function configFromFlags(flags: Partial<StateFlags>): ProxyConfig {
  try {
    return proxyConfig(
      definedOnly({
        profile: undefined,
        families: flags.family === undefined ? undefined : [flags.family === 'ipv4' ? 'inet' : 'inet6'],
        masqueradeAll: flags.masqueradeAll,
        masqueradeBit: flags.masqueradeBit,
        clusterCIDR: flags.clusterCidr,
        scheduler: flags.ipvsScheduler,
        nodePortAddresses: flags.nodeportAddresses,
        excludeCIDRs: flags.ipvsExcludeCidrs,
        strictARP: flags.ipvsStrictArp,
        timeouts: undefined,
        dropMarked: flags.dropMarked,
      }),
    );
  } catch (err) {
    if (!isValidation(err)) throw err;
    const path = err.path.replace(/^\w+/, (field) => FLAG_OF[field] ?? field);
    throw new ValidationError(path, err.expected, err.received, { cause: err });
  }
}

/** Kernel options from flags. */
export function kernelOptions({ netns }: KernelFlags): KernelOptions {
  return netns === undefined ? {} : { netns };
}

async function readNodeFacts(file: string): Promise<NodeFacts> {
  const text = await readFile(file, 'utf8');
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch (err) {
    const why = err instanceof Error ? err.message : String(err);
    throw new ValidationError(file, `JSON (${why})`, text.slice(0, 40), { cause: err });
  }
  try {
    return parseNodeFacts(value);
  } catch (err) {
    throw isValidation(err) ? new ValidationError(`${file}: ${err.path}`, err.expected, err.received) : err;
  }
}

/** The node: from `--node-facts`, from the kernel's namespace, or, without a kernel, from what this process can see. */
export async function nodeFromFlags(
  flags: Pick<StateFlags, 'nodeFacts' | 'hostnameOverride'>,
  { dependencies }: CliContext,
  kernel: Kernel | undefined,
): Promise<NodeFacts> {
  const hostname = dependencies.hostname();
  const node =
    flags.nodeFacts !== undefined
      ? await readNodeFacts(flags.nodeFacts)
      : kernel !== undefined
        ? await deriveNodeFacts(kernel, hostname)
        : nodeFactsFrom(hostname, dependencies.interfaces());
  return flags.hostnameOverride === undefined ? node : { ...node, name: flags.hostnameOverride };
}
