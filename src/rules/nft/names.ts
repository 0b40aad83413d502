import { ValidationError } from '../../errors.js';
import type { Family } from '../../net/address.js';
import type { Protocol } from '../../net/protocol.js';
import type { TableName } from '../types.js';
import type { NftHook } from './types.js';

/** Our table. One per family, so that each is replaced by itself, and of a name that no other program uses. */
export const NFT_TABLE = 'kube-ipvs';

/** nft's names of the families. */
export const NFT_FAMILY: Readonly<Record<Family, 'ip' | 'ip6'>> = { inet: 'ip', inet6: 'ip6' };

/** `table ip kube-ipvs` and the like, without the first word. */
export const tableOf = (family: Family): string => `${NFT_FAMILY[family]} ${NFT_TABLE}`;

// No word of nft's language has a capital letter, so that such names never need quotes.
const NAME = /^(?=.*[A-Z])[A-Za-z_.][A-Za-z0-9/_.-]*$/;
const NAME_MAX = 127;

function name(text: string, path: string): string {
  if (!NAME.test(text) || text.length > NAME_MAX)
    throw new ValidationError(
      path,
      'a name of letters, at least one of them a capital, digits and / _ . -',
      text,
    );
  return text;
}

/** Name of a set, as it is. @throws ValidationError naming `path`. */
export function setName(text: string, path: string): string {
  return name(text, path);
}

/** Name of the set of one protocol, where there is one for each: `KUBE-LOAD-BALANCER-SOURCE-CIDR-TCP`. */
export const setNameFor = (protocol: Protocol, set: string): string => `${set}-${protocol.toUpperCase()}`;

/**
 * Name of a chain: `nat-KUBE-SERVICES`. There are no tables inside a table of nft, and the same name may be in use in both of them.
 * @throws ValidationError naming `path`.
 */
export function chainName(table: TableName, chain: string, path: string): string {
  return `${table}-${name(chain, path)}`;
}

const at = (type: NftHook['type'], hook: NftHook['hook'], priority: number): NftHook => ({
  type,
  hook,
  priority,
});

/**
 * Base chains that jumps may start from. Priorities are those of iptables, but for filter OUTPUT: IPVS gives packets of the node their new
 * destination at output -98, and nft has no match that recognises a virtual server afterwards. So our chain comes right
 * before it, after nat OUTPUT (-100), and sees virtual addresses. At input IPVS comes last (99), behind filter INPUT.
 */
const HOOKS: Readonly<Record<TableName, Readonly<Record<string, NftHook>>>> = {
  nat: {
    PREROUTING: at('nat', 'prerouting', -100),
    INPUT: at('nat', 'input', 100),
    OUTPUT: at('nat', 'output', -100),
    POSTROUTING: at('nat', 'postrouting', 100),
  },
  filter: {
    INPUT: at('filter', 'input', 0),
    FORWARD: at('filter', 'forward', 0),
    OUTPUT: at('filter', 'output', -99),
  },
};

/** The hook of a base chain. @throws ValidationError when the table has no such chain. */
export function hookOf(table: TableName, chain: string, path: string): NftHook {
  const hook = HOOKS[table][chain];
  if (hook === undefined)
    throw new ValidationError(path, `one of ${Object.keys(HOOKS[table]).join(', ')}`, chain);
  return hook;
}
