import { ValidationError } from '../errors.js';
import type { Kernel } from '../kernel/types.js';
import { canonicalAddress, type Family, parseAddress, tryParseAddress } from '../net/address.js';
import { formatCidr, parseCidr } from '../net/cidr.js';
import type { CallOptions } from '../netlink/types.js';
import { isObject, listAt, objectsAt, optionalText, textAt, textsByKey } from './fields.js';

/** An interface of the node and its addresses. */
export interface NodeInterface {
  readonly name: string;
  /** Canonical, without prefix lengths. */
  readonly addresses: readonly string[];
  /** Networks on the interface (`192.0.2.0/24`), of the addresses whose prefix length is known. */
  readonly networks?: readonly string[];
}

/** What is known about the node that is programmed. */
export interface NodeFacts {
  /** Name of the Node object; endpoints with this `nodeName` are local. */
  readonly name: string;
  /** Of the Node object; `topology.kubernetes.io/zone` is looked at. */
  readonly labels: Readonly<Record<string, string>>;
  readonly podCIDRs: readonly string[];
  /** The node's own address, at most one per family. */
  readonly primaryIPs: readonly string[];
  /** Interfaces with their addresses; loopback and ours may be among them. */
  readonly interfaces: readonly NodeInterface[];
}

/** The dummy interface that virtual addresses are bound to. */
export const KUBE_INTERFACE = 'kube-ipvs0';

/** An IPv4 address in its IPv6 form counts as IPv4, as it does to Kubernetes. */
function unmapped(address: string): string {
  return address.startsWith('::ffff:') && address.includes('.') ? address.slice('::ffff:'.length) : address;
}

const LOOPBACK_4 = 127;

/** 127.0.0.0/8 and ::1. */
export function isLoopback(address: string): boolean {
  const parsed = tryParseAddress(address);
  return parsed?.family === 'inet' ? parsed.bytes[0] === LOOPBACK_4 : address === '::1';
}

/** fe80::/10 */
export function isLinkLocal6(address: string): boolean {
  const parsed = tryParseAddress(address);
  if (parsed?.family !== 'inet6') return false;
  return parsed.bytes[0] === 0xfe && ((parsed.bytes[1] ?? 0) & 0xc0) === 0x80;
}

/**
 * The name that a node is to have instead of the machine's, as kube-proxy reads it: without blanks around it, in lower case. Undefined for the
 * empty text, which asks for none.
 * @throws ValidationError for blanks.
 */
export function nodeName(text: string, path: string): string | undefined {
  const name = text.trim().toLowerCase();
  if (name === '' && text !== '') throw new ValidationError(path, 'the name of a node', text);
  return name === '' ? undefined : name;
}

/** The node's own address of a family. */
export function primaryIP(node: NodeFacts, family: Family): string | undefined {
  return node.primaryIPs.find((address) => tryParseAddress(address)?.family === family);
}

/**
 * Check node facts that come from outside (`--node-facts`): an object with `name`, and optionally `labels`, `podCIDRs`,
 * `primaryIPs` and `interfaces: [{ name, addresses }]`. Addresses may carry a prefix length.
 * @throws ValidationError with the path of the first bad field.
 */
export function parseNodeFacts(value: unknown): NodeFacts {
  if (!isObject(value))
    throw new ValidationError('node', 'an object with name, primaryIPs, interfaces', value);
  const known = ['name', 'labels', 'podCIDRs', 'primaryIPs', 'interfaces'];
  for (const key of Object.keys(value)) {
    if (!known.includes(key)) throw new ValidationError(key, `one of ${known.join(', ')}`, value[key]);
  }
  const addressesOf = (list: readonly unknown[], path: string): string[] =>
    list.map((item, i) => {
      const text = typeof item === 'string' ? item.replace(/\/\d+$/, '') : item;
      return unmapped(canonicalAddress(text, `${path}[${i}]`));
    });
  const primaryIPs = addressesOf(listAt(value, 'primaryIPs', ''), 'primaryIPs');
  const families = primaryIPs.map((address) => parseAddress(address, 'primaryIPs').family);
  if (new Set(families).size !== families.length)
    throw new ValidationError('primaryIPs', 'at most one address per family', primaryIPs);
  return {
    name: textAt(value, 'name', ''),
    labels: textsByKey(value, 'labels', ''),
    podCIDRs: listAt(value, 'podCIDRs', '').map((text, i) => formatCidr(parseCidr(text, `podCIDRs[${i}]`))),
    primaryIPs,
    interfaces: objectsAt(value, 'interfaces', '').map(([item, path]) => {
      const given = listAt(item, 'addresses', path);
      const addresses = addressesOf(given, `${path}.addresses`);
      const networks = given.flatMap((text, i) =>
        typeof text === 'string' && text.includes('/')
          ? [formatCidr(parseCidr(text, `${path}.addresses[${i}]`))]
          : [],
      );
      return {
        name: optionalText(item, 'name', path) ?? '',
        addresses,
        ...(networks.length === 0 ? {} : { networks }),
      };
    }),
  };
}

/**
 * Node facts from a list of interfaces, as `os.networkInterfaces()` has them. The primary address of a family is the first one that is
 * neither loopback nor link-local nor bound to {@link KUBE_INTERFACE}. Labels and pod networks are not known here.
 */
export function nodeFactsFrom(hostname: string, interfaces: readonly NodeInterface[]): NodeFacts {
  const facts = parseNodeFacts({ name: hostname.trim().toLowerCase(), interfaces });
  const primary = new Map<Family, string>();
  for (const { name, addresses } of facts.interfaces) {
    for (const address of name === KUBE_INTERFACE ? [] : addresses) {
      const { family } = parseAddress(address, 'address');
      if (!primary.has(family) && !isLoopback(address) && !isLinkLocal6(address))
        primary.set(family, address);
    }
  }
  return { ...facts, primaryIPs: [...primary.values()] };
}

/** As {@link nodeFactsFrom}, for the interfaces of the kernel's network namespace. */
export async function deriveNodeFacts(
  kernel: Kernel,
  hostname: string,
  options: CallOptions = {},
): Promise<NodeFacts> {
  const interfaces = new Map<string, string[]>();
  for (const { link, address, prefix } of await kernel.link.addresses(undefined, options)) {
    const addresses = interfaces.get(link);
    const text = `${address}/${prefix}`;
    if (addresses === undefined) interfaces.set(link, [text]);
    else addresses.push(text);
  }
  return nodeFactsFrom(
    hostname,
    [...interfaces].map(([name, addresses]) => ({ name, addresses })),
  );
}
