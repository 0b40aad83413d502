import { readFile } from 'node:fs/promises';
import { isValidation, ValidationError } from '../errors.js';
import type { Kernel } from '../kernel/types.js';
import { deriveNodeFacts, nodeFactsFrom, type NodeFacts, parseNodeFacts } from '../proxy/index.js';
import type { CliContext } from './io.js';
import type { StateFlags } from './options.js';

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

/**
 * The node: from `--node-facts`, from the kernel's namespace, or, without a kernel, from what this process can see.
 * @param name Of the configuration file; `--hostname-override` wins.
 */
export async function nodeFromFlags(
  flags: Pick<StateFlags, 'nodeFacts' | 'hostnameOverride'>,
  { dependencies }: CliContext,
  kernel: Kernel | undefined,
  name?: string,
): Promise<NodeFacts> {
  const hostname = dependencies.hostname();
  const node =
    flags.nodeFacts !== undefined
      ? await readNodeFacts(flags.nodeFacts)
      : kernel !== undefined
        ? await deriveNodeFacts(kernel, hostname)
        : nodeFactsFrom(hostname, dependencies.interfaces());
  const override = flags.hostnameOverride ?? name;
  // As kube-proxy: names of nodes have neither blanks around them nor capitals.
  return override === undefined ? node : { ...node, name: override.trim().toLowerCase() };
}
