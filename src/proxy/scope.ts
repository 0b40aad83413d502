import type { Family } from '../net/address.js';
import type { OwnershipScope } from '../plan/types.js';
import { KUBE_CHAINS } from '../rules/kube/names.js';
import type { ProxyConfig } from './config.js';
import { KUBE_INTERFACE } from './node.js';
import { kubeSetNames } from './sets.js';

/** Set in which the virtual servers that we made are recorded, per family. */
const RECORD: Readonly<Record<Family, string>> = { inet: 'IPVS-OWNED', inet6: 'IPVS-6-OWNED' };

/** What belongs to the proxier: the reserved names of sets, chains, the nft tables and the interface, and the virtual servers on record. */
export function kubeScope(config: Pick<ProxyConfig, 'families' | 'excludeCIDRs'>): OwnershipScope {
  return {
    families: config.families.map((family) => ({
      family,
      sets: kubeSetNames(family),
      chains: KUBE_CHAINS,
      nft: true,
      record: RECORD[family],
    })),
    interface: KUBE_INTERFACE,
    exclude: config.excludeCIDRs,
  };
}
