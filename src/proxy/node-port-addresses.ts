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

  const addresses = new Set<string>();
  for (const { name, addresses: own } of node.interfaces) {
    if (name === KUBE_INTERFACE) continue;
    for (const address of own) {
      const parsed = parseAddress(address, 'address');
      if (parsed.family !== family || isLoopback(address)) continue;
      if (everywhere ? isLinkLocal6(address) : !cidrs.some((cidr) => cidrContains(cidr, parsed.bytes)))
        continue;
      addresses.add(address);
    }
  }
  // Facts without interfaces say nothing about where node ports could be; the node's own address is surely one place.
  if (node.interfaces.length === 0) {
    const own = primaryIP(node, family);
    if (
      own !== undefined &&
      (everywhere || cidrs.some((c) => cidrContains(c, parseAddress(own, 'address').bytes)))
    )
      addresses.add(own);
  }
  return [...addresses];
}
