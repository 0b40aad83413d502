import { type Family, tryParseAddress } from '../net/address.js';
import {
  isObject,
  type Json,
  listAt,
  objectAt,
  objectsAt,
  optionalText,
  textAt,
  textsByKey,
} from '../proxy/fields.js';
import type { NodeFacts } from '../proxy/index.js';

/** What is read of a Node (v1). */
export interface NodeObject {
  readonly name: string;
  readonly labels: Readonly<Record<string, string>>;
  readonly podCIDRs: readonly string[];
  /** The first `InternalIP` of each family. */
  readonly primaryIPs: readonly string[];
  /** Not about to go: neither deleted, nor marked for it by the cluster autoscaler. Load balancers are told so. */
  readonly eligible: boolean;
}

/** The cluster autoscaler's taint of a node that it is about to remove; what kube-proxy's health check looks for too. */
const TO_BE_DELETED = 'ToBeDeletedByClusterAutoscaler';

/**
 * Read a Node (v1).
 * @throws ValidationError with the path of the first bad field.
 */
export function parseNode(object: Json): NodeObject {
  const metadata = objectAt(object, 'metadata', '');
  const spec = objectAt(object, 'spec', '');
  const primaryIPs = new Map<Family, string>();
  for (const [item, path] of objectsAt(objectAt(object, 'status', ''), 'addresses', 'status')) {
    const address = optionalText(item, 'address', path) ?? '';
    const family = tryParseAddress(address)?.family;
    if (item['type'] === 'InternalIP' && family !== undefined && !primaryIPs.has(family))
      primaryIPs.set(family, address);
  }
  const taints = listAt(spec, 'taints', 'spec').filter(isObject);
  const podCIDRs = listAt(spec, 'podCIDRs', 'spec').filter((text) => typeof text === 'string');
  const podCIDR = optionalText(spec, 'podCIDR', 'spec') ?? '';
  return {
    name: textAt(metadata, 'name', 'metadata'),
    labels: textsByKey(metadata, 'labels', 'metadata'),
    podCIDRs: podCIDRs.length === 0 && podCIDR !== '' ? [podCIDR] : podCIDRs,
    primaryIPs: [...primaryIPs.values()],
    eligible:
      (metadata['deletionTimestamp'] ?? undefined) === undefined &&
      !taints.some(({ key }) => key === TO_BE_DELETED),
  };
}

/** What a Node object says that the kernel of the node does not. */
export function nodeFacts({ labels, podCIDRs, primaryIPs }: NodeObject): Partial<NodeFacts> {
  return { labels, podCIDRs, ...(primaryIPs.length === 0 ? {} : { primaryIPs }) };
}
