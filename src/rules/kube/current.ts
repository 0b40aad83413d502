import { canonicalAddress } from '../../net/address.js';
import { portNumber } from '../../net/number.js';
import { parseProtocol } from '../../net/protocol.js';
import type { Chain, Match, Rule, RuleSet, SetDirection } from '../types.js';
import {
  ACCEPT,
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
import type { CurrentRulesInput } from './input.js';
import { KUBE_SETS, type KubeSetName, kubeSetName, NODE_PORT_SETS } from './names.js';

/** Virtual addresses whose ports the filter lets through; everything else at a virtual address is refused. */
const OPEN = [
  'KUBE-LOAD-BALANCER',
  'KUBE-CLUSTER-IP',
  'KUBE-EXTERNAL-IP',
  'KUBE-EXTERNAL-IP-LOCAL',
  'KUBE-HEALTH-CHECK-NODE-PORT',
] as const satisfies readonly KubeSetName[];

class CurrentProfile {
  readonly #input: CurrentRulesInput;
  readonly #mark: number;

  constructor(input: CurrentRulesInput) {
    this.#input = input;
    this.#mark = masqueradeMark(input);
  }

  #set(name: KubeSetName, directions: readonly SetDirection[] = KUBE_SETS[name].directions): Match {
    return { match: 'set', set: kubeSetName(name, this.#input.family), directions };
  }

  /** The set and its comment, as most rules have them. */
  #about(name: KubeSetName, directions?: readonly SetDirection[]): Match[] {
    return [comment(KUBE_SETS[name].comment), this.#set(name, directions)];
  }

  /** Rules that are only there when the set has members. */
  #ifSet(name: KubeSetName, ...rules: readonly Rule[]): readonly Rule[] {
    return this.#input.nonEmptySets.has(name) ? rules : [];
  }

  #clusterIP(): Rule {
    const { masqueradeAll, localDetector } = this.#input;
    if (masqueradeAll) return rule(MASQ, ...this.#about('KUBE-CLUSTER-IP'));
    if (localDetector !== undefined)
      return rule(MASQ, ...this.#about('KUBE-CLUSTER-IP'), notFromPod(localDetector));
    // For a connection of the node to a cluster IP the kernel takes that address as the source, too. The reply has to find back.
    return rule(MASQ, ...this.#about('KUBE-CLUSTER-IP', ['src', 'dst']));
  }

  #external(name: 'KUBE-EXTERNAL-IP' | 'KUBE-EXTERNAL-IP-LOCAL'): readonly Rule[] {
    return this.#ifSet(
      name,
      rule(ACCEPT, ...this.#about(name), ...FROM_OUTSIDE),
      rule(ACCEPT, ...this.#about(name), LOCAL_DESTINATION),
    );
  }

  services(): readonly Rule[] {
    return [
      rule(RETURN, { match: 'source', cidr: this.#input.family === 'inet' ? '127.0.0.0/8' : '::1/128' }),
      ...this.#ifSet(
        'KUBE-LOAD-BALANCER',
        rule(jumpTo('KUBE-LOAD-BALANCER'), ...this.#about('KUBE-LOAD-BALANCER')),
      ),
      ...this.#ifSet('KUBE-CLUSTER-IP', this.#clusterIP()),
      ...this.#ifSet('KUBE-EXTERNAL-IP', rule(MASQ, ...this.#about('KUBE-EXTERNAL-IP'))),
      ...this.#external('KUBE-EXTERNAL-IP'),
      ...this.#external('KUBE-EXTERNAL-IP-LOCAL'),
      rule(jumpTo('KUBE-NODE-PORT'), LOCAL_DESTINATION),
      // Last: what was marked above must still come so far, and nat rules of others must not touch it afterwards.
      ...this.#ifSet('KUBE-CLUSTER-IP', rule(ACCEPT, this.#set('KUBE-CLUSTER-IP'))),
      ...this.#ifSet('KUBE-LOAD-BALANCER', rule(ACCEPT, this.#set('KUBE-LOAD-BALANCER'))),
    ];
  }

  postrouting(): readonly Rule[] {
    const mark = this.#mark;
    const randomFully = this.#input.randomFully ?? true;
    return [
      ...this.#ifSet('KUBE-LOOP-BACK', rule({ target: 'masquerade' }, ...this.#about('KUBE-LOOP-BACK'))),
      rule(RETURN, { match: 'mark', value: mark, mask: mark, not: true }),
      // A packet that comes here a second time is not masqueraded twice.
      rule({ target: 'mark', value: mark, mask: 0 }),
      rule(
        randomFully ? { target: 'masquerade', randomFully } : { target: 'masquerade' },
        comment('kubernetes service traffic requiring SNAT'),
      ),
    ];
  }

  natNodePorts(): readonly Rule[] {
    return NODE_PORT_SETS.flatMap(({ protocol, local, all }) => {
      const match: Match = { match: 'protocol', protocol };
      return [
        ...this.#ifSet(local, rule(RETURN, match, ...this.#about(local))),
        ...this.#ifSet(all, rule(MASQ, match, ...this.#about(all))),
      ];
    });
  }

  loadBalancer(): readonly Rule[] {
    const local = 'KUBE-LOAD-BALANCER-LOCAL';
    return [...this.#ifSet(local, rule(RETURN, ...this.#about(local))), rule(MASQ)];
  }

  markMasq(): readonly Rule[] {
    return [rule(setMark(this.#mark))];
  }

  forward(): readonly Rule[] {
    return [
      rule(ACCEPT, comment('kubernetes forwarding rules'), {
        match: 'mark',
        value: this.#mark,
        mask: this.#mark,
      }),
      rule(ACCEPT, comment('kubernetes forwarding conntrack rule'), {
        match: 'conntrack',
        states: ['RELATED', 'ESTABLISHED'],
      }),
    ];
  }

  healthChecks(): readonly Rule[] {
    return [rule(ACCEPT, ...this.#about('KUBE-HEALTH-CHECK-NODE-PORT'))];
  }

  proxyFirewall(): readonly Rule[] {
    const name = 'KUBE-LOAD-BALANCER-FW';
    return this.#ifSet(name, rule(jumpTo('KUBE-SOURCE-RANGES-FIREWALL'), ...this.#about(name)));
  }

  sourceRanges(): readonly Rule[] {
    const allowed = ['KUBE-LOAD-BALANCER-SOURCE-CIDR', 'KUBE-LOAD-BALANCER-SOURCE-IP'] as const;
    return [...allowed.flatMap((name) => this.#ifSet(name, rule(RETURN, ...this.#about(name)))), rule(DROP)];
  }

  /** Every virtual address is one of the node's own, so that programs of the node would answer at all of its ports. */
  virtualAddresses(): readonly Rule[] {
    return [
      ...OPEN.map((name) => rule(RETURN, this.#set(name))),
      rule({ target: 'reject' }, { match: 'conntrack', states: ['NEW'] }, this.#set('KUBE-IPVS-IPS')),
    ];
  }

  /**
   * Connections of the node to a virtual address of its own have that address as their source as well, and do not pass INPUT, where source
   * ranges are looked at.
   */
  refusedFromNode(): readonly Rule[] {
    const { family, refusedFromNode = [], ipvsMatch = true } = this.#input;
    const rules = new Map<string, Rule>();
    for (const [i, given] of refusedFromNode.entries()) {
      const path = `refusedFromNode[${i}]`;
      const address = canonicalAddress(given.address, `${path}.address`, family);
      const port = portNumber(given.port, `${path}.port`, 1);
      const protocol = parseProtocol(given.protocol, `${path}.protocol`);
      const cidr = `${address}/${family === 'inet' ? 32 : 128}`;
      rules.set(
        `${address} ${protocol} ${port}`,
        rule(DROP, { match: 'source', cidr }, { match: 'ipvs', address, protocol, port }),
      );
    }
    return ipvsMatch ? [...rules.values()] : [];
  }
}

/**
 * Rules of the current profile: those of kube-proxy's IPVS mode since Kubernetes 1.28 or so, in its order, with its names and
 * comments. Pure. Every chain is always there, even when it is empty, and every set of {@link KUBE_SETS} has to exist. Call it once
 * per family:
 *
 * ```ts
 * currentRules({
 *   family: 'inet',
 *   masqueradeAll: false,
 *   masqueradeBit: 14,
 *   localDetector: { mode: 'ClusterCIDR', cidr: '10.244.0.0/16' },
 *   nonEmptySets: new Set(['KUBE-CLUSTER-IP', 'KUBE-IPVS-IPS']),
 *   refusedFromNode: [{ address: '203.0.113.10', protocol: 'tcp', port: 80 }],
 * });
 * ```
 *
 * A detector of a network is given only when there is one of this family.
 * @throws ValidationError for a mark bit that is out of range, and for addresses and ports that are none of this family.
 */
export function currentRules(input: CurrentRulesInput): RuleSet {
  const profile = new CurrentProfile(input);
  const nat = (name: string, rules: readonly Rule[]): Chain => ({ table: 'nat', name, rules });
  const filter = (name: string, rules: readonly Rule[]): Chain => ({ table: 'filter', name, rules });
  const portals = 'kubernetes service portals';
  const access = 'kubernetes ipvs access filter';
  return {
    family: input.family,
    chains: [
      nat('KUBE-SERVICES', profile.services()),
      nat('KUBE-POSTROUTING', profile.postrouting()),
      nat('KUBE-NODE-PORT', profile.natNodePorts()),
      nat('KUBE-LOAD-BALANCER', profile.loadBalancer()),
      nat('KUBE-MARK-MASQ', profile.markMasq()),
      filter('KUBE-FORWARD', profile.forward()),
      filter('KUBE-NODE-PORT', profile.healthChecks()),
      filter('KUBE-PROXY-FIREWALL', profile.proxyFirewall()),
      filter('KUBE-SOURCE-RANGES-FIREWALL', profile.sourceRanges()),
      filter('KUBE-IPVS-FILTER', profile.virtualAddresses()),
      filter('KUBE-IPVS-OUT-FILTER', profile.refusedFromNode()),
    ],
    // As they come to stand on a node that had none, where kube-proxy puts each in front of those before it.
    jumps: [
      jump('nat', 'OUTPUT', portals, 'KUBE-SERVICES'),
      jump('nat', 'PREROUTING', portals, 'KUBE-SERVICES'),
      jump('nat', 'POSTROUTING', 'kubernetes postrouting rules', 'KUBE-POSTROUTING'),
      jump('filter', 'FORWARD', 'kube-proxy firewall rules', 'KUBE-PROXY-FIREWALL'),
      jump('filter', 'FORWARD', 'kubernetes forwarding rules', 'KUBE-FORWARD'),
      jump('filter', 'INPUT', access, 'KUBE-IPVS-FILTER'),
      jump('filter', 'INPUT', 'kube-proxy firewall rules', 'KUBE-PROXY-FIREWALL'),
      jump('filter', 'INPUT', 'kubernetes health check rules', 'KUBE-NODE-PORT'),
      jump('filter', 'OUTPUT', access, 'KUBE-IPVS-OUT-FILTER'),
    ],
  };
}
