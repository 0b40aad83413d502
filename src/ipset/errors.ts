import {
  AlreadyExistsError,
  BusyError,
  InvalidArgumentError,
  NetlinkError,
  NotFoundError,
  OutcomeUnknownError,
  PermissionError,
  ProtocolError,
  SetFullError,
  SetTypeMismatchError,
  UnsupportedError,
  errnoName,
  type ExtendedAck,
  type NetlinkErrorInit,
} from '../errors.js';
import { findSetType, moduleName, type SetKind } from './set-types.js';

/** ip_set's private error numbers, positive (linux/netfilter/ipset/ip_set.h and, from 4352 on, its ip_set_{bitmap,hash,list}.h). */
export const IpsetErr = {
  protocol: 4097,
  findType: 4098,
  maxSets: 4099,
  busy: 4100,
  existSetname2: 4101,
  typeMismatch: 4102,
  exist: 4103,
  invalidCidr: 4104,
  invalidNetmask: 4105,
  invalidFamily: 4106,
  timeout: 4107,
  referenced: 4108,
  ipaddrIpv4: 4109,
  ipaddrIpv6: 4110,
  counter: 4111,
  comment: 4112,
  invalidMarkmask: 4113,
  skbinfo: 4114,
  bitmaskNetmaskExcl: 4115,
  /** the first of those whose meaning depends on the kind of set */
  typeSpecific: 4352,
} as const;

/** Constructor of a decision, with what the answer means and what to do about it. */
interface Verdict {
  readonly error: new (init: NetlinkErrorInit) => NetlinkError;
  readonly code: string;
  readonly meaning: string;
  readonly hint?: string;
}

const LISTED_HINT =
  'a listing that is under way holds the set too and ends by itself; `iptables-save | grep match-set` finds rules';

const RECREATE_HINT =
  'create a set with the option under another name, fill it, swap the two and destroy the old one';

const GENERIC: Readonly<Record<number, Verdict>> = {
  4097: {
    error: InvalidArgumentError,
    code: 'IPSET_ERR_PROTOCOL',
    meaning: 'the kernel found the request malformed for this set',
    hint: 'a set of this name with another type or family than expected gives this answer: open it again with get()',
  },
  4098: {
    error: UnsupportedError,
    code: 'IPSET_ERR_FIND_TYPE',
    meaning: 'the kernel does not know this set type, or not with this family and revision',
  },
  4099: {
    error: NetlinkError,
    code: 'IPSET_ERR_MAX_SETS',
    meaning: 'the namespace holds as many sets as the kernel allows',
    hint: 'destroy sets, or load ip_set with a higher max_sets',
  },
  4100: {
    error: BusyError,
    code: 'IPSET_ERR_BUSY',
    meaning: 'the set is in use: a firewall rule or a list:set refers to it, or it is being listed',
    hint: `remove the rule first; ${LISTED_HINT}`,
  },
  4101: {
    error: AlreadyExistsError,
    code: 'IPSET_ERR_EXIST_SETNAME2',
    meaning: 'a set of the new name exists',
  },
  4102: {
    error: SetTypeMismatchError,
    code: 'IPSET_ERR_TYPE_MISMATCH',
    meaning: 'the two sets are of types or families that cannot be swapped',
    hint: 'create the temporary set with the type and family of the other one',
  },
  4103: {
    error: AlreadyExistsError,
    code: 'IPSET_ERR_EXIST',
    meaning: 'the entry is in the set already',
  },
  4104: {
    error: InvalidArgumentError,
    code: 'IPSET_ERR_INVALID_CIDR',
    meaning: 'the prefix length is not one that this set type stores',
    hint: 'a /0 is stored as its two halves: 0.0.0.0/1 and 128.0.0.0/1, or ::/1 and 8000::/1',
  },
  4105: { error: InvalidArgumentError, code: 'IPSET_ERR_INVALID_NETMASK', meaning: 'the netmask is invalid' },
  4106: {
    error: InvalidArgumentError,
    code: 'IPSET_ERR_INVALID_FAMILY',
    meaning: 'the set type does not exist in this family',
  },
  4107: {
    error: InvalidArgumentError,
    code: 'IPSET_ERR_TIMEOUT',
    meaning: 'the set was created without timeout support',
    hint: RECREATE_HINT,
  },
  4108: {
    error: BusyError,
    code: 'IPSET_ERR_REFERENCED',
    meaning: 'the set cannot be renamed: a firewall rule or a list:set refers to it, or it is being listed',
    hint: `swap() exchanges contents without touching references; ${LISTED_HINT}`,
  },
  4109: {
    error: InvalidArgumentError,
    code: 'IPSET_ERR_IPADDR_IPV4',
    meaning: 'an IPv4 address was expected and not given',
  },
  4110: {
    error: InvalidArgumentError,
    code: 'IPSET_ERR_IPADDR_IPV6',
    meaning: 'an IPv6 address was expected and not given',
  },
  4111: {
    error: InvalidArgumentError,
    code: 'IPSET_ERR_COUNTER',
    meaning: 'the set was created without counters',
    hint: RECREATE_HINT,
  },
  4112: {
    error: InvalidArgumentError,
    code: 'IPSET_ERR_COMMENT',
    meaning: 'the set was created without comments',
    hint: RECREATE_HINT,
  },
  4113: { error: InvalidArgumentError, code: 'IPSET_ERR_INVALID_MARKMASK', meaning: 'the mark mask is zero' },
  4114: {
    error: InvalidArgumentError,
    code: 'IPSET_ERR_SKBINFO',
    meaning: 'the set was created without skbinfo',
    hint: RECREATE_HINT,
  },
  4115: {
    error: InvalidArgumentError,
    code: 'IPSET_ERR_BITMASK_NETMASK_EXCL',
    meaning: 'netmask and bitmask exclude each other',
  },
};

const BY_KIND: Readonly<Record<SetKind, Readonly<Record<number, Verdict>>>> = {
  bitmap: {
    4352: {
      error: InvalidArgumentError,
      code: 'IPSET_ERR_BITMAP_RANGE',
      meaning: 'the entry is outside the range of the set',
      hint: 'the range is fixed when the set is created; header.range shows it',
    },
    4353: {
      error: InvalidArgumentError,
      code: 'IPSET_ERR_BITMAP_RANGE_SIZE',
      meaning: 'the range is larger than the 65536 entries that a bitmap can hold',
    },
  },
  hash: {
    4352: {
      error: SetFullError,
      code: 'IPSET_ERR_HASH_FULL',
      meaning: 'the set is full: it is at its maxelem, or its hash cannot grow',
      hint: 'raise maxElements: create a larger set under another name, fill it, swap the two and destroy the old one',
    },
    4353: {
      error: InvalidArgumentError,
      code: 'IPSET_ERR_HASH_ELEM',
      meaning: 'an address, mark or hardware address of all zeros cannot be stored in a hash of this type',
    },
    4354: {
      error: InvalidArgumentError,
      code: 'IPSET_ERR_INVALID_PROTO',
      meaning: 'the protocol is invalid',
    },
    4355: {
      error: InvalidArgumentError,
      code: 'IPSET_ERR_MISSING_PROTO',
      meaning: 'the entry needs a protocol beside its port',
    },
    4356: {
      error: InvalidArgumentError,
      code: 'IPSET_ERR_HASH_RANGE_UNSUPPORTED',
      meaning: 'ranges are not supported in inet6 sets',
    },
    4357: {
      error: InvalidArgumentError,
      code: 'IPSET_ERR_HASH_RANGE',
      meaning: 'the range covers the whole address space',
    },
  },
  list: {
    4352: {
      error: NotFoundError,
      code: 'IPSET_ERR_NAME',
      meaning: 'the set to be made a member does not exist',
    },
    4353: {
      error: InvalidArgumentError,
      code: 'IPSET_ERR_LOOP',
      meaning: 'a list:set cannot hold a list:set',
    },
    4354: {
      error: InvalidArgumentError,
      code: 'IPSET_ERR_BEFORE',
      meaning: 'the position names no reference set',
    },
    4355: { error: NotFoundError, code: 'IPSET_ERR_NAMEREF', meaning: 'the reference set does not exist' },
    4356: { error: SetFullError, code: 'IPSET_ERR_LIST_FULL', meaning: 'the list is full' },
    4357: {
      error: NotFoundError,
      code: 'IPSET_ERR_REF_EXIST',
      meaning: 'the reference set is not a member of the list',
    },
  },
};

const ERRNO: Readonly<Record<number, Omit<Verdict, 'code'>>> = {
  1: {
    error: PermissionError,
    meaning: 'not permitted',
    hint: 'ipset needs CAP_NET_ADMIN in the user namespace that owns the network namespace',
  },
  2: { error: NotFoundError, meaning: 'there is no set of this name' },
  12: {
    error: NetlinkError,
    meaning: 'the kernel has not enough memory',
    hint: 'a smaller hashSize or range needs less',
  },
  16: {
    error: BusyError,
    meaning: 'the set is being listed just now',
    hint: 'try again: a listing ends by itself',
  },
  17: { error: AlreadyExistsError, meaning: 'a set of this name exists' },
  22: { error: InvalidArgumentError, meaning: 'the kernel found a value invalid' },
  34: { error: InvalidArgumentError, meaning: 'the range has more entries than this kernel takes at once' },
  90: { error: NetlinkError, meaning: 'a bucket of the set does not fit a netlink message' },
  93: {
    error: UnsupportedError,
    meaning: 'the kernel has no netfilter netlink',
    hint: 'load nfnetlink and ip_set: modprobe ip_set',
  },
  105: {
    error: OutcomeUnknownError,
    meaning: 'the kernel dropped replies, so what took effect is not known',
    hint: 'read the set again, or repeat with `exist`',
  },
};

/** Where an answer came from: decides what its number means. */
export interface AnswerContext {
  /** `ipset.add` … */
  readonly operation: string;
  /** `set web`, `set web entry 10.0.0.1` */
  readonly target?: string;
  /** Type of the set, where it is known. */
  readonly type?: string;
  readonly extack?: ExtendedAck | undefined;
  readonly position?: number;
  readonly applied?: number;
}

/** What a number means for an operation. The same number means different things per operation and kind of set. */
function verdictOf(code: number, context: AnswerContext): Verdict {
  const number = Math.abs(code);
  const { operation, type } = context;
  const kind: SetKind | undefined =
    type === undefined ? undefined : (findSetType(type)?.kind ?? kindOfName(type));
  if (number === 4352 && type === 'hash:net,iface' && operation === 'ipset.add') {
    return {
      ...known(BY_KIND.hash[number]),
      meaning:
        'the set is full: it is at its maxelem, or holds 64 entries of this network, which is the most',
    };
  }
  if (number >= IpsetErr.typeSpecific && kind !== undefined) {
    const verdict = BY_KIND[kind][number];
    if (verdict !== undefined) return verdict;
  }
  if (number === IpsetErr.findType && type !== undefined) {
    return { ...known(GENERIC[number]), hint: `load its module: modprobe ${moduleName(type)}` };
  }
  if (number === IpsetErr.exist && operation === 'ipset.delete') {
    return { error: NotFoundError, code: 'IPSET_ERR_EXIST', meaning: 'the entry is not in the set' };
  }
  if (number === IpsetErr.existSetname2 && operation === 'ipset.swap') {
    return {
      error: NotFoundError,
      code: 'IPSET_ERR_EXIST_SETNAME2',
      meaning: 'the second set does not exist',
    };
  }
  if (number === 22 && type === 'hash:ip,port' && operation === 'ipset.add') {
    return {
      error: InvalidArgumentError,
      code: 'EINVAL',
      meaning: 'the kernel found a value invalid',
      hint: 'kernels from 6.2 on store no all-zero address in hash:ip,port',
    };
  }
  const generic = GENERIC[number];
  if (generic !== undefined) return generic;
  const errno = ERRNO[number];
  // hash:ip,mac answers a positive 1 for a bad address; every other positive number would be a broken reply.
  if (errno !== undefined && code < 0) return { ...errno, code: errnoName(code) };
  if (code > 0 && type === 'hash:ip,mac') {
    return {
      error: InvalidArgumentError,
      code: 'IPSET_ERR_PROTOCOL',
      meaning:
        'the kernel found the entry malformed for this set, or the set lacks an option that it carries',
      hint: 'this set type answers with a bare 1: header shows family, timeout, counters, comment and skbinfo',
    };
  }
  if (code > 0) {
    return {
      error: ProtocolError,
      code: `IPSET_CODE_${String(code)}`,
      meaning: 'the kernel gave an odd answer',
    };
  }
  return {
    error: NetlinkError,
    code: number >= 4096 ? `IPSET_ERR_${String(number)}` : errnoName(code),
    meaning: 'the kernel refused the request',
  };
}

function known(verdict: Verdict | undefined): Verdict {
  return verdict ?? { error: NetlinkError, code: 'UNKNOWN', meaning: 'the kernel refused the request' };
}

/** `hash` for `hash:net`: the types that this package does not speak have kinds too. */
function kindOfName(type: string): SetKind | undefined {
  const kind = type.slice(0, type.indexOf(':'));
  return kind === 'hash' || kind === 'bitmap' || kind === 'list' ? kind : undefined;
}

/** The error for a kernel's answer: class, name, meaning and remedy by number × operation × kind of set. */
export function ipsetError(code: number, context: AnswerContext): NetlinkError {
  const verdict = verdictOf(code, context);
  return new verdict.error({
    code: verdict.code,
    errno: code,
    operation: context.operation,
    meaning: verdict.meaning,
    ...(context.target === undefined ? {} : { target: context.target }),
    ...(verdict.hint === undefined ? {} : { hint: verdict.hint }),
    ...(context.extack === undefined ? {} : { extack: context.extack }),
    ...(context.position === undefined ? {} : { position: context.position }),
    ...(context.applied === undefined ? {} : { applied: context.applied }),
  });
}

/** A set of the name exists, but it is not what the caller takes it for. */
export function mismatchError(operation: string, name: string, has: string, wanted: string): NetlinkError {
  return new SetTypeMismatchError({
    code: 'EEXIST',
    errno: -17,
    operation,
    target: `set ${name}`,
    meaning: `it exists as ${has}, wanted was ${wanted}`,
    hint: 'use another name, or destroy it first if nothing refers to it',
  });
}
