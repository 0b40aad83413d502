import type { Family } from '../net/address.js';
import { parseAddress } from '../net/address.js';
import { cidrContains, parseCidr } from '../net/cidr.js';
import type { ProxyConfig } from './config.js';
import { isLinkLocal6, isLoopback, KUBE_INTERFACE, type NodeFacts, primaryIP } from './node.js';

/**
 * Addresses of the node on which node ports are served. Loopback never is: IPVS cannot send from 127.0.0.1 to a pod. An address
 * that is on {@link KUBE_INTERFACE} and on a real interface is the node's own.
 */
export function nodePortAddresses(
  config: Pick<ProxyConfig, 'nodePortAddresses'>,
  node: NodeFacts,
  family: Family,
): readonly string[] {
  if (config.nodePortAddresses.includes('primary')) {
    const address = primaryIP(node, family);
    return address === undefined ? [] : [address];
  }
  const cidrs = config.nodePortAddresses
    .map((text, i) => parseCidr(text, `nodePortAddresses[${i}]`))
    .filter((cidr) => cidr.family === family);
  const everywhere = cidrs.length === 0 || cidrs.some(({ prefix }) => prefix === 0);

  // Facts without interfaces say nothing about where node ports could be; the node's own address is surely one place.
  const interfaces =
    node.interfaces.length > 0 ? node.interfaces : [{ name: '', addresses: node.primaryIPs }];
  const addresses = new Set<string>();
  for (const { name, addresses: own } of interfaces) {
    if (name === KUBE_INTERFACE) continue;
    for (const address of own) {
      const parsed = parseAddress(address, 'address');
      if (parsed.family !== family || isLoopback(address)) continue;
      if (everywhere ? isLinkLocal6(address) : !cidrs.some((cidr) => cidrContains(cidr, parsed.bytes)))
        continue;
      addresses.add(address);
    }
  }
  return [...addresses];
}
