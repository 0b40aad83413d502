import type { Family } from '../net/address.js';
import type { CreateOptionName, SetType } from './types.js';

/** One comma-separated part of an entry. */
export type EntryPart =
  /** one address or a range of them (IPSET_ATTR_IP; IP_TO or CIDR for ranges, which IPv4 alone has) */
  | 'ip'
  /** exactly one address (IPSET_ATTR_IP) */
  | 'host'
  /** a network in first place, or an IPv4 range (IPSET_ATTR_IP, CIDR, IP_TO) */
  | 'net'
  /** protocol and port or ports: `tcp:80` (IPSET_ATTR_PROTO, PORT, PORT_TO) */
  | 'protocolPort'
  /** a port or ports without protocol (IPSET_ATTR_PORT, PORT_TO) */
  | 'port'
  /** the second address (IPSET_ATTR_IP2) */
  | 'ip2'
  /** a network in second place, or an IPv4 range (IPSET_ATTR_IP2, CIDR2, IP2_TO) */
  | 'net2'
  /** a hardware address (IPSET_ATTR_ETHER) */
  | 'mac'
  /** the same, which may be left out: the first packet of the address fills it in */
  | 'optionalMac'
  /** a packet mark (IPSET_ATTR_MARK) */
  | 'mark'
  /** an interface, or with `physdev:` in front the port of a bridge (IPSET_ATTR_IFACE) */
  | 'iface'
  /** a set (IPSET_ATTR_NAME) */
  | 'set';

/** Words behind the key that only some types know. */
export type EntryFlag = 'nomatch' | 'physdev' | 'wildcard' | 'before' | 'after';

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
  readonly flags: readonly EntryFlag[];
  /** A `/0` can be stored. */
  readonly zeroPrefix: boolean;
  /** Which options of `create` it takes. */
  readonly options: readonly CreateOptionName[];
  /**
   * The lowest revision that carries what entries of the type can be (SCTP, ranges, `nomatch`, `wildcard`), where the kernel has it. The
   * kernel looks at the revision only to accept or refuse the create, other tools to know how to print the set.
   */
  readonly revision: number;
  /** The lowest revision with which the tools know an option; 0 for those that are not here. */
  readonly revisionOf: Readonly<Partial<Record<CreateOptionName, number>>>;
  /** An entry, for messages. */
  readonly example: Readonly<Record<Family, string>>;
}

/** What each line of the table below says; the rest follows from the name. */
interface Line {
  readonly parts: readonly EntryPart[];
  readonly flags?: readonly EntryFlag[];
  readonly zeroPrefix?: boolean;
  /** Besides those of the kind. */
  readonly options?: readonly CreateOptionName[];
  readonly revision?: number;
  readonly revisionOf: SetTypeSpec['revisionOf'];
  readonly example: string | readonly [inet: string, inet6: string];
}

const BOTH = ['inet', 'inet6'] as const;
const EXTENSIONS = ['timeout', 'counters', 'comment', 'skbinfo'] as const;
const KIND_OPTIONS: Readonly<Record<SetKind, readonly CreateOptionName[]>> = {
  hash: [
    'family',
    'hashSize',
    'maxElements',
    ...EXTENSIONS.slice(0, 3),
    'forceadd',
    'skbinfo',
    'bucketSize',
    'initialValue',
  ],
  bitmap: ['range', ...EXTENSIONS],
  list: ['size', ...EXTENSIONS],
};
/** Revisions that came with counters, comments, forceadd, skbinfo and the hash's own parameters, in this order. */
function hashRevisions(
  counters: number,
  comment: number,
  forceadd: number,
  skbinfo: number,
  bucket: number,
): SetTypeSpec['revisionOf'] {
  return { counters, comment, forceadd, skbinfo, bucketSize: bucket, initialValue: bucket };
}
const STEADY = { counters: 1, comment: 2, skbinfo: 3 };
const MASKS = ['netmask', 'bitmask'] as const;

function specOf(name: SetType, line: Line): SetTypeSpec {
  const kind = name.slice(0, name.indexOf(':')) as SetKind;
  const addresses = line.parts.some((part) => ['ip', 'host', 'net'].includes(part));
  const options = KIND_OPTIONS[kind].filter((option) => option !== 'family' || addresses);
  const [inet, inet6] = typeof line.example === 'string' ? [line.example, line.example] : line.example;
  return {
    name,
    kind,
    families: !addresses ? [] : kind === 'bitmap' ? ['inet'] : BOTH,
    parts: line.parts,
    flags: line.flags ?? [],
    zeroPrefix: line.zeroPrefix ?? false,
    options: [...options, ...(line.options ?? [])],
    revision: line.revision ?? 0,
    revisionOf: line.revisionOf,
    example: { inet, inet6 },
  };
}

const NOMATCH = ['nomatch'] as const;

/** One description per type; everything else in this folder is derived from it. Source: net/netfilter/ipset/ip_set_*.c. */
const LINES: Readonly<Record<SetType, Line>> = {
  'bitmap:ip': { parts: ['ip'], options: ['netmask'], revisionOf: STEADY, example: '10.0.0.1' },
  'bitmap:ip,mac': {
    parts: ['host', 'optionalMac'],
    revisionOf: STEADY,
    example: '10.0.0.1,00:11:22:AA:BB:CC',
  },
  'bitmap:port': { parts: ['port'], revisionOf: STEADY, example: '80' },
  'hash:ip': {
    parts: ['ip'],
    options: MASKS,
    revisionOf: { ...hashRevisions(1, 2, 3, 4, 5), bitmask: 6 },
    example: ['10.0.0.1', '2001:db8::1'],
  },
  'hash:ip,mac': {
    parts: ['host', 'mac'],
    revisionOf: hashRevisions(0, 0, 0, 0, 1),
    example: ['10.0.0.1,00:11:22:AA:BB:CC', '2001:db8::1,00:11:22:AA:BB:CC'],
  },
  'hash:ip,mark': {
    parts: ['ip', 'mark'],
    options: ['markMask'],
    revisionOf: hashRevisions(0, 0, 1, 2, 3),
    example: ['10.0.0.1,0x00000063', '2001:db8::1,0x00000063'],
  },
  'hash:ip,port': {
    parts: ['ip', 'protocolPort'],
    options: MASKS,
    revision: 1,
    revisionOf: { ...hashRevisions(2, 3, 4, 5, 6), netmask: 7, bitmask: 7 },
    example: ['10.0.0.1,tcp:80', '2001:db8::1,tcp:80'],
  },
  'hash:ip,port,ip': {
    parts: ['ip', 'protocolPort', 'ip2'],
    revision: 1,
    revisionOf: hashRevisions(2, 3, 4, 5, 6),
    example: ['10.0.0.1,tcp:80,10.1.0.1', '2001:db8::1,tcp:80,2001:db8::2'],
  },
  'hash:ip,port,net': {
    parts: ['ip', 'protocolPort', 'net2'],
    flags: NOMATCH,
    revision: 3,
    revisionOf: hashRevisions(4, 5, 6, 7, 8),
    example: ['10.0.0.1,tcp:80,10.1.0.0/16', '2001:db8::1,tcp:80,2001:db8:1::/48'],
  },
  'hash:mac': { parts: ['mac'], revisionOf: hashRevisions(0, 0, 0, 0, 1), example: '00:11:22:AA:BB:CC' },
  'hash:net': {
    parts: ['net'],
    flags: NOMATCH,
    revision: 2,
    revisionOf: hashRevisions(3, 4, 5, 6, 7),
    example: ['10.0.0.0/8', '2001:db8::/32'],
  },
  'hash:net,iface': {
    parts: ['net', 'iface'],
    flags: ['nomatch', 'physdev', 'wildcard'],
    zeroPrefix: true,
    revision: 7,
    revisionOf: hashRevisions(3, 4, 5, 6, 8),
    example: ['10.0.0.0/8,eth0', '2001:db8::/32,eth0'],
  },
  'hash:net,net': {
    parts: ['net', 'net2'],
    flags: NOMATCH,
    options: MASKS,
    revisionOf: { ...hashRevisions(0, 0, 1, 2, 3), netmask: 4, bitmask: 4 },
    example: ['10.0.0.0/8,10.1.0.0/16', '2001:db8::/32,2001:db8:1::/48'],
  },
  'hash:net,port': {
    parts: ['net', 'protocolPort'],
    flags: NOMATCH,
    revision: 3,
    revisionOf: hashRevisions(4, 5, 6, 7, 8),
    example: ['10.0.0.0/8,tcp:80', '2001:db8::/32,tcp:80'],
  },
  'hash:net,port,net': {
    parts: ['net', 'protocolPort', 'net2'],
    flags: NOMATCH,
    zeroPrefix: true,
    revisionOf: hashRevisions(0, 0, 1, 2, 3),
    example: ['10.0.0.0/8,tcp:80,10.1.0.0/16', '2001:db8::/32,tcp:80,2001:db8:1::/48'],
  },
  'list:set': { parts: ['set'], flags: ['before', 'after'], revisionOf: STEADY, example: 'web' },
};

/** All set types, in the order of the kernel's table of names. */
export const SET_TYPE_NAMES: readonly SetType[] = Object.keys(LINES) as SetType[];

/** What is known about each type. */
export const SET_TYPES: Readonly<Record<SetType, SetTypeSpec>> = Object.fromEntries(
  SET_TYPE_NAMES.map((name) => [name, specOf(name, LINES[name])]),
) as Record<SetType, SetTypeSpec>;

/** The description of a type name, undefined when there is no such type. */
export function findSetType(name: string): SetTypeSpec | undefined {
  return isSetType(name) ? SET_TYPES[name] : undefined;
}

/** True for the names of set types. */
export function isSetType(name: string): name is SetType {
  return Object.hasOwn(LINES, name);
}

/** `ip_set_hash_ipport` for `hash:ip,port`: the name of its kernel module. */
export function moduleName(type: string): string {
  return `ip_set_${type.replace(':', '_').replaceAll(',', '')}`;
}
