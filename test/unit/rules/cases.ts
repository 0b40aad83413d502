import { readFileSync } from 'node:fs';
import type { KubeRulesInput } from '../../../src/rules/kube/input.js';
import type { KubeSetName } from '../../../src/rules/kube/names.js';

const input = (sets: readonly KubeSetName[], more: Partial<KubeRulesInput> = {}): KubeRulesInput => ({
  family: 'inet',
  masqueradeAll: false,
  masqueradeBit: 14,
  nonEmptySets: new Set(sets),
  ...more,
});

/** The five documented cases, by the name of their golden file. */
export const CLASSIC_CASES: readonly { readonly name: string; readonly input: KubeRulesInput }[] = [
  { name: 'classic-1-masquerade-all', input: input(['KUBE-CLUSTER-IP'], { masqueradeAll: true }) },
  { name: 'classic-2-cluster-cidr', input: input(['KUBE-CLUSTER-IP'], { clusterCIDR: '10.244.16.0/24' }) },
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
    input: input(ALL, { clusterCIDR: '10.244.0.0/16', dropMarked: true }),
  },
  {
    name: 'classic-combined-inet6',
    input: input(ALL, { family: 'inet6', clusterCIDR: 'fd00:10:244::/56', dropMarked: true }),
  },
];

/** Text of a golden file: what iptables-save prints, without remarks. */
export function golden(name: string): string {
  return readFileSync(new URL(`../../golden/rules/${name}.save`, import.meta.url), 'utf8');
}
