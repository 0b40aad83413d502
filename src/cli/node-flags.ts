import { isValidation, ValidationError } from '../errors.js';
import { tryParseAddress } from '../net/address.js';
import type { Kernel } from '../kernel/types.js';
import {
  deriveNodeFacts,
  type KubeProxySettings,
  nodeFactsFrom,
  type NodeFacts,
  nodeName,
  parseBindAddress,
  parseNodeFacts,
} from '../proxy/index.js';
import type { CliContext } from './io.js';
import type { StateFlags } from './options.js';
import { readTextFile } from '../watch/text-file.js';

async function readNodeFacts(file: string): Promise<NodeFacts> {
  const text = await readTextFile(file);
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

/** The node's addresses, where one of them is said to be its own. */
function withOwnAddress(addresses: readonly string[], own: string | undefined): readonly string[] {
  if (own === undefined) return addresses;
  const family = tryParseAddress(own)?.family;
  return [own, ...addresses.filter((address) => tryParseAddress(address)?.family !== family)];
}

/**
 * The node: from `--node-facts`, from the kernel's namespace, or, without a kernel, from what this process can see.
 * @param file What the configuration file says of it; `--hostname-override` and `--bind-address` win.
 * @param object What its Node object says, which `--node-facts` wins over.
 */
export async function nodeFromFlags(
  flags: Pick<StateFlags, 'nodeFacts' | 'hostnameOverride' | 'bindAddress'>,
  { dependencies }: CliContext,
  kernel: Kernel | undefined,
  file: Pick<KubeProxySettings, 'nodeName' | 'bindAddress'> = {},
  object: Partial<NodeFacts> = {},
): Promise<NodeFacts> {
  const hostname = dependencies.hostname();
  const node =
    flags.nodeFacts !== undefined
      ? await readNodeFacts(flags.nodeFacts)
      : kernel !== undefined
        ? { ...(await deriveNodeFacts(kernel, hostname)), ...object }
        : nodeFactsFrom(hostname, dependencies.interfaces());
  const own =
    flags.bindAddress === undefined
      ? file.bindAddress
      : parseBindAddress(flags.bindAddress, '--bind-address');
  return {
    ...node,
    name: nodeName(flags.hostnameOverride ?? '', '--hostname-override') ?? file.nodeName ?? node.name,
    primaryIPs: withOwnAddress(node.primaryIPs, own),
  };
}
