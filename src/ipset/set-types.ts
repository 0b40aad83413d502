import type { Family } from '../net/address.js';
import type { SetType } from './types.js';

/** One comma-separated part of an entry. */
export type EntryPart =
  /** the first address (IPSET_ATTR_IP) */
  | 'ip'
  /** protocol and port: `tcp:80` (IPSET_ATTR_PROTO, IPSET_ATTR_PORT) */
  | 'protocolPort'
  /** the second address (IPSET_ATTR_IP2) */
  | 'ip2'
  /** a network in second place (IPSET_ATTR_IP2, IPSET_ATTR_CIDR2) */
  | 'net2'
  /** a port without protocol (IPSET_ATTR_PORT) */
  | 'port';

/** The groups of kernel set types: they decide what the create options and the private error codes mean. */
export type SetKind = 'hash' | 'bitmap' | 'list';

/** What this package knows about a set type. Pure: the same on every machine. */
export interface SetTypeSpec {
  readonly name: SetType;
  readonly kind: SetKind;
  /** Families that the kernel accepts; none: the type has no family and is created with AF_UNSPEC. */
  readonly families: readonly Family[];
  /** In the order of the text form. */
  readonly parts: readonly EntryPart[];
  /** Which options of `create` it takes. */
  readonly options: readonly ('family' | 'hashSize' | 'maxElements' | 'range')[];
  /**
   * The lowest revision that carries what this package sends: for types with a port, SCTP and UDPLITE; for those with a network,
   * `nomatch`. The kernel looks at the revision only to accept or refuse the create.
   */
  readonly revision: number;
  /** Accepts the `nomatch` flag: an exception from the networks around it. */
  readonly nomatch: boolean;
  /** An entry, for messages. */
  readonly example: Readonly<Record<Family, string>>;
}

const FAMILIES = ['inet', 'inet6'] as const;
const HASH_OPTIONS = ['family', 'hashSize', 'maxElements'] as const;

/** One description per type; everything else in this folder is derived from it. Source: net/netfilter/ipset/ip_set_*.c. */
export const SET_TYPES: Readonly<Record<SetType, SetTypeSpec>> = {
  'hash:ip': {
    name: 'hash:ip',
    kind: 'hash',
    families: FAMILIES,
    parts: ['ip'],
    options: HASH_OPTIONS,
    revision: 0,
    nomatch: false,
    example: { inet: '10.0.0.1', inet6: '2001:db8::1' },
  },
  'hash:ip,port': {
    name: 'hash:ip,port',
    kind: 'hash',
    families: FAMILIES,
    parts: ['ip', 'protocolPort'],
    options: HASH_OPTIONS,
    revision: 1,
    nomatch: false,
    example: { inet: '10.0.0.1,tcp:80', inet6: '2001:db8::1,tcp:80' },
  },
  'hash:ip,port,ip': {
    name: 'hash:ip,port,ip',
    kind: 'hash',
    families: FAMILIES,
    parts: ['ip', 'protocolPort', 'ip2'],
    options: HASH_OPTIONS,
    revision: 1,
    nomatch: false,
    example: { inet: '10.0.0.1,tcp:80,10.1.0.1', inet6: '2001:db8::1,tcp:80,2001:db8::2' },
  },
  'hash:ip,port,net': {
    name: 'hash:ip,port,net',
    kind: 'hash',
    families: FAMILIES,
    parts: ['ip', 'protocolPort', 'net2'],
    options: HASH_OPTIONS,
    revision: 3,
    nomatch: true,
    example: { inet: '10.0.0.1,tcp:80,10.1.0.0/16', inet6: '2001:db8::1,tcp:80,2001:db8:1::/48' },
  },
  'bitmap:port': {
    name: 'bitmap:port',
    kind: 'bitmap',
    families: [],
    parts: ['port'],
    options: ['range'],
    revision: 0,
    nomatch: false,
    example: { inet: '80', inet6: '80' },
  },
};

/** The description of a type name, undefined when this package does not speak the type. */
export function findSetType(name: string): SetTypeSpec | undefined {
  return isSetType(name) ? SET_TYPES[name] : undefined;
}

/** True for the names of the types that this package speaks. */
export function isSetType(name: string): name is SetType {
  return Object.hasOwn(SET_TYPES, name);
}

/** `set_hash_ipport` for `hash:ip,port`: the kernel module is `ip_` and this. */
export function moduleName(type: string): string {
  return `ip_set_${type.replace(':', '_').replaceAll(',', '')}`;
}
