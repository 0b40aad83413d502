import { ValidationError } from '../../errors.js';
import type { Protocol } from '../../net/protocol.js';
import type { Chain, Match, Rule, RuleSet } from '../types.js';
import {
  ACCEPT,
  bitMark,
  comment,
  DROP,
  FROM_OUTSIDE,
  jump,
  jumpTo,
  LOCAL_DESTINATION,
  MASQ,
  masqueradeMark,
  notFromPod,
  RETURN,
  rule,
  setMark,
} from './build.js';
import type { ClassicRulesInput } from './input.js';
import { KUBE_SETS, type KubeSetName, kubeSetName, NODE_PORT_SETS } from './names.js';

/** The mark that the kubelet dropped (its iptablesDropBit, 15 by default). */
export const DROP_BIT = 15;

/** A set test of this family, as a match of the rules. */
type SetMatch = (name: KubeSetName) => Match;

function nodePortRules(input: ClassicRulesInput, set: SetMatch): { jumps: Rule[]; returns: Rule[] } {
  const has = (name: KubeSetName): boolean => input.nonEmptySets.has(name);
  // The bitmaps hold bare port numbers, and the kernel compares them with ports of TCP and UDP alike. The documented rule has no
  // protocol, which does no harm while only one of the two is in use; with both, each rule must say which one it means.
  const both = has('KUBE-NODE-PORT-TCP') && has('KUBE-NODE-PORT-UDP');
  const which = (protocol: Protocol): Match[] =>
    both && protocol !== 'sctp' ? [{ match: 'protocol', protocol }] : [];
  const used = NODE_PORT_SETS.filter(({ all }) => has(all));
  return {
    jumps: used.map(({ all, protocol }) => rule(jumpTo('KUBE-NODE-PORT'), ...which(protocol), set(all))),
    returns: used
      .filter(({ local }) => has(local))
      .map(({ local, protocol }) => rule(RETURN, ...which(protocol), set(local))),
  };
}

function services(input: ClassicRulesInput, set: SetMatch, nodePorts: readonly Rule[]): Rule[] {
  const has = (name: KubeSetName): boolean => input.nonEmptySets.has(name);
  const notPod = input.localDetector === undefined ? undefined : notFromPod(input.localDetector);
  const out: Rule[] = [];
  const accepts: Rule[] = [];

  if (has('KUBE-LOAD-BALANCER')) {
    out.push(rule(jumpTo('KUBE-LOAD-BALANCER'), set('KUBE-LOAD-BALANCER')));
    accepts.push(rule(ACCEPT, set('KUBE-LOAD-BALANCER')));
  }
  out.push(...nodePorts);
  if (has('KUBE-CLUSTER-IP') && (input.masqueradeAll || notPod !== undefined)) {
    const who = input.masqueradeAll || notPod === undefined ? [] : [notPod];
    out.push(rule(MASQ, ...who, set('KUBE-CLUSTER-IP')));
    accepts.unshift(rule(ACCEPT, set('KUBE-CLUSTER-IP')));
  }
  if (has('KUBE-EXTERNAL-IP')) {
    const external = set('KUBE-EXTERNAL-IP');
    out.push(
      rule(MASQ, external),
      rule(ACCEPT, external, ...FROM_OUTSIDE),
      rule(ACCEPT, external, LOCAL_DESTINATION),
    );
  }
  return [...out, ...accepts];
}

/**
 * Rules of the classic profile: those of the five cases in the documentation of kube-proxy's IPVS mode (about Kubernetes 1.11 to
 * 1.19), exactly, and their combination. Which cases apply follows from the sets that have members:
 *
 * 1. masqueradeAll and 2. cluster CIDR: KUBE-CLUSTER-IP.
 * 3. LoadBalancer: KUBE-LOAD-BALANCER; source ranges: KUBE-LOAD-BALANCER-FW, and KUBE-LOAD-BALANCER-SOURCE-IP where a range holds the node
 *    itself; Local policy: KUBE-LOAD-BALANCER-LOCAL.
 * 4. NodePort: KUBE-NODE-PORT-TCP, -UDP, -SCTP-HASH; Local policy: the KUBE-NODE-PORT-LOCAL- ones.
 * 5. External IP: KUBE-EXTERNAL-IP.
 *
 * In KUBE-SERVICES: load balancer, node ports, cluster IP, external IP, then what is accepted. Pure; only chains that something
 * leads to are there. With `dropMarked`, a chain in the filter table drops what the source ranges refused (docs/rules.md).
 * @throws ValidationError for a mark bit that is out of range or taken by dropping, or a network of the other family.
 */
export function classicRules(input: ClassicRulesInput): RuleSet {
  const { family } = input;
  const has = (name: KubeSetName): boolean => input.nonEmptySets.has(name);
  const set: SetMatch = (name) => ({
    match: 'set',
    set: kubeSetName(name, family),
    directions: KUBE_SETS[name].directions,
  });
  const masquerade = masqueradeMark(input);
  const dropped = bitMark(DROP_BIT);
  const firewall = has('KUBE-LOAD-BALANCER') && has('KUBE-LOAD-BALANCER-FW');
  if (firewall && masquerade === dropped) {
    throw new ValidationError(
      'masqueradeBit',
      `a bit other than ${DROP_BIT}, which means drop`,
      input.masqueradeBit,
    );
  }

  const chains: Chain[] = [];
  const nat = (name: string, ...rules: readonly Rule[]): void =>
    void chains.push({ table: 'nat', name, rules });
  const nodePorts = nodePortRules(input, set);

  nat('KUBE-SERVICES', ...services(input, set, nodePorts.jumps));
  nat(
    'KUBE-POSTROUTING',
    rule({ target: 'masquerade' }, comment('kubernetes service traffic requiring SNAT'), {
      match: 'mark',
      value: masquerade,
      mask: masquerade,
    }),
    rule({ target: 'masquerade' }, set('KUBE-LOOP-BACK')),
  );
  if (nodePorts.jumps.length > 0) nat('KUBE-NODE-PORT', ...nodePorts.returns, rule(MASQ));
  if (has('KUBE-LOAD-BALANCER')) {
    nat(
      'KUBE-LOAD-BALANCER',
      ...(firewall ? [rule(jumpTo('KUBE-FIREWALL'), set('KUBE-LOAD-BALANCER-FW'))] : []),
      ...(has('KUBE-LOAD-BALANCER-LOCAL') ? [rule(RETURN, set('KUBE-LOAD-BALANCER-LOCAL'))] : []),
      rule(MASQ),
    );
  }
  if (firewall) {
    const own = 'KUBE-LOAD-BALANCER-SOURCE-IP';
    nat(
      'KUBE-FIREWALL',
      rule(RETURN, set('KUBE-LOAD-BALANCER-SOURCE-CIDR')),
      // What the node itself sends there has the virtual address as its source, which no range holds.
      ...(has(own) ? [rule(RETURN, set(own))] : []),
      rule(jumpTo('KUBE-MARK-DROP')),
    );
  }
  nat('KUBE-MARK-MASQ', rule(setMark(masquerade)));
  if (firewall) nat('KUBE-MARK-DROP', rule(setMark(dropped)));

  const jumps = [
    jump('nat', 'PREROUTING', 'kubernetes service portals', 'KUBE-SERVICES'),
    jump('nat', 'OUTPUT', 'kubernetes service portals', 'KUBE-SERVICES'),
    jump('nat', 'POSTROUTING', 'kubernetes postrouting rules', 'KUBE-POSTROUTING'),
  ];
  if (firewall && input.dropMarked === true) {
    const name = 'KUBE-PROXY-FIREWALL';
    chains.push({
      table: 'filter',
      name,
      rules: [rule(DROP, { match: 'mark', value: dropped, mask: dropped })],
    });
    for (const from of ['INPUT', 'FORWARD', 'OUTPUT'])
      jumps.push(jump('filter', from, 'kube-proxy firewall rules', name));
  }
  return { family, chains, jumps };
}
