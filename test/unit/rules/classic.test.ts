import { describe, expect, it } from 'vitest';
import { classicRules } from '../../../src/rules/kube/classic.js';
import type { ClassicRulesInput } from '../../../src/rules/kube/input.js';
import { KUBE_CHAINS, KUBE_SETS, kubeSetName, type KubeSetName } from '../../../src/rules/kube/names.js';
import { saveText } from '../../../src/rules/iptables/writer.js';
import { CLASSIC_CASES, COMBINED_CASES, golden } from './cases.js';

const lines = (input: ClassicRulesInput, chain: string): string[] =>
  saveText(classicRules(input))
    .split('\n')
    .filter((line) => line.startsWith(`-A ${chain} `));

const input = (sets: readonly KubeSetName[], more: Partial<ClassicRulesInput> = {}): ClassicRulesInput => ({
  family: 'inet',
  masqueradeAll: false,
  masqueradeBit: 14,
  nonEmptySets: new Set(sets),
  ...more,
});

describe('classic profile', () => {
  it.each([...CLASSIC_CASES, ...COMBINED_CASES])('writes $name byte for byte', ({ name, input: given }) => {
    expect(saveText(classicRules(given))).toBe(golden(name));
  });

  it('has only the three jumps, the mark and masquerading when there are no services', () => {
    const rules = classicRules(input([]));
    expect(rules.chains.map((chain) => [chain.name, chain.rules.length])).toEqual([
      ['KUBE-SERVICES', 0],
      ['KUBE-POSTROUTING', 2],
      ['KUBE-MARK-MASQ', 1],
    ]);
    expect(rules.jumps.map((jump) => jump.from)).toEqual(['PREROUTING', 'OUTPUT', 'POSTROUTING']);
  });

  it('masquerades everything when masqueradeAll and a cluster CIDR are both given', () => {
    expect(
      lines(
        input(['KUBE-CLUSTER-IP'], {
          masqueradeAll: true,
          localDetector: { mode: 'ClusterCIDR', cidr: '10.0.0.0/8' },
        }),
        'KUBE-SERVICES',
      )[0],
    ).toBe('-A KUBE-SERVICES -m set --match-set KUBE-CLUSTER-IP dst,dst -j KUBE-MARK-MASQ');
  });

  it('tells pods by their interface where there is no cluster CIDR', () => {
    expect(
      lines(
        input(['KUBE-CLUSTER-IP'], { localDetector: { mode: 'InterfaceNamePrefix', prefix: 'veth' } }),
        'KUBE-SERVICES',
      )[0],
    ).toBe('-A KUBE-SERVICES ! -i veth+ -m set --match-set KUBE-CLUSTER-IP dst,dst -j KUBE-MARK-MASQ');
  });

  it('leaves the firewall out without source ranges and RETURN out without Local policy', () => {
    expect(lines(input(['KUBE-LOAD-BALANCER']), 'KUBE-LOAD-BALANCER')).toEqual([
      '-A KUBE-LOAD-BALANCER -j KUBE-MARK-MASQ',
    ]);
    expect(lines(input(['KUBE-LOAD-BALANCER', 'KUBE-LOAD-BALANCER-FW']), 'KUBE-LOAD-BALANCER')).toEqual([
      '-A KUBE-LOAD-BALANCER -m set --match-set KUBE-LOAD-BALANCER-FW dst,dst -j KUBE-FIREWALL',
      '-A KUBE-LOAD-BALANCER -j KUBE-MARK-MASQ',
    ]);
  });

  it('lets the node itself through the firewall where a range holds it', () => {
    const sets: KubeSetName[] = ['KUBE-LOAD-BALANCER', 'KUBE-LOAD-BALANCER-FW'];
    expect(lines(input([...sets, 'KUBE-LOAD-BALANCER-SOURCE-IP']), 'KUBE-FIREWALL')).toEqual([
      '-A KUBE-FIREWALL -m set --match-set KUBE-LOAD-BALANCER-SOURCE-CIDR dst,dst,src -j RETURN',
      '-A KUBE-FIREWALL -m set --match-set KUBE-LOAD-BALANCER-SOURCE-IP dst,dst,src -j RETURN',
      '-A KUBE-FIREWALL -j KUBE-MARK-DROP',
    ]);
  });

  it('writes UDP node ports as TCP ones, and names the protocol only where both exist', () => {
    expect(lines(input(['KUBE-NODE-PORT-UDP']), 'KUBE-SERVICES')).toEqual([
      '-A KUBE-SERVICES -m set --match-set KUBE-NODE-PORT-UDP dst -j KUBE-NODE-PORT',
    ]);
    expect(
      lines(
        input(['KUBE-NODE-PORT-UDP', 'KUBE-NODE-PORT-TCP', 'KUBE-NODE-PORT-LOCAL-UDP']),
        'KUBE-NODE-PORT',
      ),
    ).toEqual([
      '-A KUBE-NODE-PORT -p udp -m set --match-set KUBE-NODE-PORT-LOCAL-UDP dst -j RETURN',
      '-A KUBE-NODE-PORT -j KUBE-MARK-MASQ',
    ]);
  });

  it('drops marked packets in the filter table on request, and only where something marks them', () => {
    const filter = (given: ClassicRulesInput): string[] =>
      classicRules(given)
        .jumps.filter((jump) => jump.table === 'filter')
        .map((jump) => jump.from);
    const sets: KubeSetName[] = ['KUBE-LOAD-BALANCER', 'KUBE-LOAD-BALANCER-FW'];
    expect(filter(input(sets))).toEqual([]);
    expect(filter(input(sets, { dropMarked: true }))).toEqual(['INPUT', 'FORWARD', 'OUTPUT']);
    expect(filter(input(['KUBE-LOAD-BALANCER'], { dropMarked: true }))).toEqual([]);
  });

  it('uses the mark of the given bit, 31 included', () => {
    expect(lines(input([], { masqueradeBit: 31 }), 'KUBE-MARK-MASQ')).toEqual([
      '-A KUBE-MARK-MASQ -j MARK --set-xmark 0x80000000/0x80000000',
    ]);
  });

  it.each([-1, 32, 1.5, Number.NaN])('refuses %s as a mark bit', (masqueradeBit) => {
    expect(() => classicRules(input([], { masqueradeBit }))).toThrow(/masqueradeBit/);
  });

  it('refuses the bit that means drop when something has to be dropped', () => {
    const sets: KubeSetName[] = ['KUBE-LOAD-BALANCER', 'KUBE-LOAD-BALANCER-FW'];
    expect(() => classicRules(input(sets, { masqueradeBit: 15 }))).toThrow(/other than 15/);
    expect(() => classicRules(input([], { masqueradeBit: 15 }))).not.toThrow();
  });

  it('refuses a cluster CIDR of the other family when the rules are written', () => {
    expect(() =>
      saveText(
        classicRules(
          input(['KUBE-CLUSTER-IP'], { localDetector: { mode: 'ClusterCIDR', cidr: 'fd00::/8' } }),
        ),
      ),
    ).toThrow(/IPv4 network/);
  });

  it('writes no chain that cleanup would not find', () => {
    for (const { input: given } of [...CLASSIC_CASES, ...COMBINED_CASES]) {
      for (const { table, name } of classicRules(given).chains)
        expect(KUBE_CHAINS).toContainEqual({ table, name });
    }
  });
});

describe('set names', () => {
  it('cuts IPv6 names to 31 characters', () => {
    expect(kubeSetName('KUBE-CLUSTER-IP', 'inet')).toBe('KUBE-CLUSTER-IP');
    expect(kubeSetName('KUBE-CLUSTER-IP', 'inet6')).toBe('KUBE-6-CLUSTER-IP');
    expect(kubeSetName('KUBE-LOAD-BALANCER-SOURCE-CIDR', 'inet6')).toBe('KUBE-6-LOAD-BALANCER-SOURCE-CID');
    expect(kubeSetName('KUBE-NODE-PORT-LOCAL-SCTP-HASH', 'inet6')).toBe('KUBE-6-NODE-PORT-LOCAL-SCTP-HAS');
  });

  it('stay different from each other when cut', () => {
    const names = Object.keys(KUBE_SETS) as KubeSetName[];
    expect(new Set(names.map((name) => kubeSetName(name, 'inet6'))).size).toBe(17);
  });
});
