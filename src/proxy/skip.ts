import type { Family } from '../net/address.js';
import type { Service } from './model.js';

/** Something that is not programmed, and why. */
export interface Skipped {
  /** `Service shop/web` */
  readonly object: string;
  /** Field that is the reason; empty when it is the whole object. */
  readonly path: string;
  readonly reason: string;
  /** True for what nobody expects to be programmed: a headless Service, one of another family or for another service proxy. */
  readonly intended: boolean;
}

/** Which service-proxy implementation a Service is for; ours is the one without a name. */
const PROXY_NAME_LABEL = 'service.kubernetes.io/service-proxy-name';

/** Why a whole Service is not programmed, in any family; undefined when it is. */
export function reasonToSkip(service: Service): Omit<Skipped, 'object'> | undefined {
  const proxy = service.labels[PROXY_NAME_LABEL];
  if (proxy !== undefined)
    return {
      path: `metadata.labels.${PROXY_NAME_LABEL}`,
      reason: `it is for another service proxy, ${proxy}`,
      intended: true,
    };
  if (service.type === 'ExternalName')
    return {
      path: 'spec.type',
      reason: 'an ExternalName is an alias in the DNS, with nothing to program',
      intended: true,
    };
  if (service.headless)
    return {
      path: 'spec.clusterIP',
      reason: 'a headless Service has no address to program',
      intended: true,
    };
  if (service.clusterIPs.length === 0)
    return { path: 'spec.clusterIP', reason: 'it has no cluster IP', intended: false };
  return undefined;
}

/** For a Service that has no cluster IP of a family: its other addresses of the family do not count either. */
export function noClusterIP(family: Family): Omit<Skipped, 'object'> {
  const name = family === 'inet' ? 'IPv4' : 'IPv6';
  return { path: 'spec.clusterIPs', reason: `it has no ${name} cluster IP`, intended: true };
}
