import { integerIn } from '../../net/number.js';
import type { Jump, Match, Rule, TableName, Target } from '../types.js';
import type { KubeRulesInput, LocalDetector } from './input.js';

/** Words in which the profiles are written. */
export const ACCEPT: Target = { target: 'accept' };
export const RETURN: Target = { target: 'return' };
export const DROP: Target = { target: 'drop' };

export const jumpTo = (chain: string): Target => ({ target: 'jump', chain });
export const comment = (text: string): Match => ({ match: 'comment', text });
export const rule = (target: Target, ...matches: readonly Match[]): Rule => ({ matches, target });

/** Marks packets that are to be masqueraded. */
export const MASQ: Target = jumpTo('KUBE-MARK-MASQ');

export const LOCAL_DESTINATION: Match = { match: 'addrtype', side: 'dst', type: 'LOCAL' };

/**
 * From other machines: through no bridge, behind which containers are, and not from the node itself. What comes to an external IP so
 * is for the virtual server here; from anywhere else only when the address is one of this node.
 */
export const FROM_OUTSIDE: readonly Match[] = [
  { match: 'physdevIsIn', not: true },
  { match: 'addrtype', side: 'src', type: 'LOCAL', not: true },
];

export function jump(table: TableName, from: string, text: string, to: string): Jump {
  return { table, from, rule: rule(jumpTo(to), comment(text)) };
}

export const bitMark = (bit: number): number => (1 << bit) >>> 0;
/** mark |= value */
export const setMark = (value: number): Target => ({ target: 'mark', value, mask: value });

/** The mark of packets to be masqueraded. @throws ValidationError */
export function masqueradeMark(input: KubeRulesInput): number {
  return bitMark(integerIn(input.masqueradeBit, 0, 31, 'masqueradeBit'));
}

/** A packet that does not come from a pod of this node. */
export function notFromPod(detector: LocalDetector): Match {
  switch (detector.mode) {
    case 'ClusterCIDR':
    case 'NodeCIDR':
      return { match: 'source', cidr: detector.cidr, not: true };
    case 'BridgeInterface':
      return { match: 'inInterface', name: detector.interface, not: true };
    case 'InterfaceNamePrefix':
      return { match: 'inInterface', name: `${detector.prefix}+`, not: true };
  }
}
