import { readFileSync } from 'node:fs';
import type { ClassicRulesInput, CurrentRulesInput } from '../../../src/rules/kube/input.js';
import { KUBE_SETS, type KubeSetName } from '../../../src/rules/kube/names.js';

const input = (sets: readonly KubeSetName[], more: Partial<ClassicRulesInput> = {}): ClassicRulesInput => ({
  family: 'inet',
  masqueradeAll: false,
  masqueradeBit: 14,
  nonEmptySets: new Set(sets),
  ...more,
});

/** The five documented cases, by the name of their golden file. */
export const CLASSIC_CASES: readonly { readonly name: string; readonly input: ClassicRulesInput }[] = [
  { name: 'classic-1-masquerade-all', input: input(['KUBE-CLUSTER-IP'], { masqueradeAll: true }) },
  {
    name: 'classic-2-cluster-cidr',
    input: input(['KUBE-CLUSTER-IP'], { localDetector: { mode: 'ClusterCIDR', cidr: '10.244.16.0/24' } }),
  },
  {
    name: 'classic-3-load-balancer-source-ranges-local',
    input: input([
      'KUBE-LOAD-BALANCER',
      'KUBE-LOAD-BALANCER-LOCAL',
      'KUBE-LOAD-BALANCER-FW',
      'KUBE-LOAD-BALANCER-SOURCE-CIDR',
      // A cluster IP is always there; without masqueradeAll or a cluster CIDR it has no rules.
      'KUBE-CLUSTER-IP',
    ]),
  },
  {
    name: 'classic-4-node-port-tcp-local',
    input: input(['KUBE-NODE-PORT-TCP', 'KUBE-NODE-PORT-LOCAL-TCP', 'KUBE-CLUSTER-IP']),
  },
  { name: 'classic-5-external-ip', input: input(['KUBE-EXTERNAL-IP', 'KUBE-CLUSTER-IP']) },
];

const ALL: readonly KubeSetName[] = [
  'KUBE-CLUSTER-IP',
  'KUBE-EXTERNAL-IP',
  'KUBE-LOAD-BALANCER',
  'KUBE-LOAD-BALANCER-LOCAL',
  'KUBE-LOAD-BALANCER-FW',
  'KUBE-LOAD-BALANCER-SOURCE-CIDR',
  'KUBE-LOAD-BALANCER-SOURCE-IP',
  'KUBE-NODE-PORT-TCP',
  'KUBE-NODE-PORT-LOCAL-TCP',
  'KUBE-NODE-PORT-UDP',
  'KUBE-NODE-PORT-LOCAL-UDP',
  'KUBE-NODE-PORT-SCTP-HASH',
  'KUBE-NODE-PORT-LOCAL-SCTP-HASH',
];

/** Everything at once, in both families, with the drop rule. */
export const COMBINED_CASES: typeof CLASSIC_CASES = [
  {
    name: 'classic-combined',
    input: input(ALL, { localDetector: { mode: 'ClusterCIDR', cidr: '10.244.0.0/16' }, dropMarked: true }),
  },
  {
    name: 'classic-combined-inet6',
    input: input(ALL, {
      family: 'inet6',
      localDetector: { mode: 'ClusterCIDR', cidr: 'fd00:10:244::/56' },
      dropMarked: true,
    }),
  },
];

const ALL_CURRENT = Object.keys(KUBE_SETS) as KubeSetName[];

const current = (more: Partial<CurrentRulesInput> = {}): CurrentRulesInput => ({
  family: 'inet',
  masqueradeAll: false,
  masqueradeBit: 14,
  nonEmptySets: new Set(),
  ...more,
});

/** The current profile with nothing and with everything, in both families. */
export const CURRENT_CASES: readonly { readonly name: string; readonly input: CurrentRulesInput }[] = [
  { name: 'current-empty', input: current() },
  { name: 'current-empty-inet6', input: current({ family: 'inet6' }) },
  {
    name: 'current-all',
    input: current({
      nonEmptySets: new Set(ALL_CURRENT),
      localDetector: { mode: 'ClusterCIDR', cidr: '10.244.0.0/16' },
    }),
  },
  {
    name: 'current-all-inet6',
    input: current({
      family: 'inet6',
      nonEmptySets: new Set(ALL_CURRENT),
      localDetector: { mode: 'InterfaceNamePrefix', prefix: 'veth' },
      masqueradeBit: 20,
      randomFully: false,
    }),
  },
];

/** As above, with rules that need xt_ipvs. */
export const CURRENT_IPVS_CASES: typeof CURRENT_CASES = [
  {
    name: 'current-refused-from-node',
    input: current({
      nonEmptySets: new Set(ALL_CURRENT),
      refusedFromNode: [
        { address: '203.0.113.10', protocol: 'tcp', port: 80 },
        { address: '203.0.113.10', protocol: 'udp', port: 53 },
        { address: '203.0.113.11', protocol: 'sctp', port: 5060 },
      ],
    }),
  },
  {
    name: 'current-refused-from-node-inet6',
    input: current({
      family: 'inet6',
      refusedFromNode: [{ address: '2001:db8::10', protocol: 'tcp', port: 443 }],
    }),
  },
];

/** Text of a golden file: what iptables-save prints, without remarks. */
export function golden(name: string): string {
  return readFileSync(new URL(`../../golden/rules/${name}.save`, import.meta.url), 'utf8');
}
