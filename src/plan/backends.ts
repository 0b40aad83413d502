import type { RulesBackend } from './types.js';

/** What can hold rules and sets: iptables with ipset, or nft. */
export const RULES_BACKENDS: readonly RulesBackend[] = ['iptables', 'nft'];
