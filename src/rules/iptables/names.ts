import { ValidationError } from '../../errors.js';

/** Longest chain name that iptables takes (XT_EXTENSION_MAXNAMELEN - 1). */
const CHAIN_NAME_MAX = 28;
/** Longest set name (IPSET_MAXNAMELEN - 1 of linux/netfilter/ipset/ip_set.h). */
const SET_NAME_MAX = 31;
/** Longest interface name (IFNAMSIZ - 1). */
const INTERFACE_NAME_MAX = 15;

// These words are never quoted by iptables-save, so they must not need it.
const WORD = /^[\x21\x23-\x26\x28-\x5b\x5d-\x7e]+$/;

/** A chain name that iptables takes. @throws ValidationError naming `path`. */
export function chainName(name: string, path: string): string {
  if (!WORD.test(name) || name.length > CHAIN_NAME_MAX || /^[-!]/.test(name)) {
    throw new ValidationError(
      path,
      `a chain name of 1 to ${CHAIN_NAME_MAX} printable characters that does not begin with - or !`,
      name,
    );
  }
  return name;
}

/** A set name that fits into a rule. @throws ValidationError naming `path`. */
export function setName(name: string, path: string): string {
  if (!WORD.test(name) || name.length > SET_NAME_MAX || /^[-!]/.test(name)) {
    throw new ValidationError(path, `a set name of 1 to ${SET_NAME_MAX} printable characters`, name);
  }
  return name;
}

/** An interface name, or a prefix with `+` behind it. @throws ValidationError naming `path`. */
export function interfaceName(name: string, path: string): string {
  if (!WORD.test(name) || name.length > INTERFACE_NAME_MAX || name === '+' || /[/:]|^[-!]/.test(name)) {
    throw new ValidationError(
      path,
      `an interface name of 1 to ${INTERFACE_NAME_MAX} characters, or a prefix and +`,
      name,
    );
  }
  return name;
}
