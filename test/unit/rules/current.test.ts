import { describe, expect, it } from 'vitest';
import { diffRules, isEmptyDiff, noRules } from '../../../src/rules/diff.js';
import { pickRuleSet, readSave } from '../../../src/rules/iptables/reader.js';
import { restoreText, saveText } from '../../../src/rules/iptables/writer.js';
import { currentRules } from '../../../src/rules/kube/current.js';
import type { CurrentRulesInput, LocalDetector } from '../../../src/rules/kube/input.js';
import { KUBE_CHAINS, KUBE_SETS, kubeSetName, type KubeSetName } from '../../../src/rules/kube/names.js';
import { CURRENT_CASES, CURRENT_IPVS_CASES, golden } from './cases.js';

const input = (sets: readonly KubeSetName[], more: Partial<CurrentRulesInput> = {}): CurrentRulesInput => ({
  family: 'inet',
  masqueradeAll: false,
  masqueradeBit: 14,
  nonEmptySets: new Set(sets),
  ...more,
});

/** Rules by `table chain`, as iptables-save prints them behind the chain's name. */
function rulesOf(given: CurrentRulesInput): Map<string, string[]> {
  const out = new Map<string, string[]>();
  let table = '';
  for (const line of saveText(currentRules(given)).split('\n')) {
    if (line.startsWith('*')) table = line.slice(1);
    if (line.startsWith(':')) out.set(`${table} ${line.slice(1).split(' ')[0] ?? ''}`, []);
    const [, chain = '', rule = ''] = /^-A (\S+) (.*)$/.exec(line) ?? [];
    out.get(`${table} ${chain}`)?.push(rule);
  }
  return out;
}

const set = (name: string, comment: string, directions: string): string =>
  `-m comment --comment "Kubernetes ${comment}" -m set --match-set ${name} ${directions}`;

/** By set: the rules that are there only when it has members, with their chain. */
const IF_SET: Readonly<Record<KubeSetName, readonly (readonly [chain: string, rule: string])[]>> = {
  'KUBE-LOOP-BACK': [
    [
      'nat KUBE-POSTROUTING',
      `${set('KUBE-LOOP-BACK', 'endpoints dst ip:port, source ip for solving hairpin purpose', 'dst,dst,src')} -j MASQUERADE`,
    ],
  ],
  'KUBE-CLUSTER-IP': [
    [
      'nat KUBE-SERVICES',
      `${set('KUBE-CLUSTER-IP', 'service cluster ip + port for masquerade purpose', 'src,dst')} -j KUBE-MARK-MASQ`,
    ],
    ['nat KUBE-SERVICES', '-m set --match-set KUBE-CLUSTER-IP dst,dst -j ACCEPT'],
  ],
  'KUBE-EXTERNAL-IP': [
    '-j KUBE-MARK-MASQ',
    '-m physdev ! --physdev-is-in -m addrtype ! --src-type LOCAL -j ACCEPT',
    '-m addrtype --dst-type LOCAL -j ACCEPT',
  ].map((rest) => [
    'nat KUBE-SERVICES',
    `${set('KUBE-EXTERNAL-IP', 'service external ip + port for masquerade and filter purpose', 'dst,dst')} ${rest}`,
  ]),
  'KUBE-EXTERNAL-IP-LOCAL': [
    '-m physdev ! --physdev-is-in -m addrtype ! --src-type LOCAL -j ACCEPT',
    '-m addrtype --dst-type LOCAL -j ACCEPT',
  ].map((rest) => [
    'nat KUBE-SERVICES',
    `${set('KUBE-EXTERNAL-IP-LOCAL', 'service external ip + port with externalTrafficPolicy=local', 'dst,dst')} ${rest}`,
  ]),
  'KUBE-LOAD-BALANCER': [
    [
      'nat KUBE-SERVICES',
      `${set('KUBE-LOAD-BALANCER', 'service lb portal', 'dst,dst')} -j KUBE-LOAD-BALANCER`,
    ],
    ['nat KUBE-SERVICES', '-m set --match-set KUBE-LOAD-BALANCER dst,dst -j ACCEPT'],
  ],
  'KUBE-LOAD-BALANCER-LOCAL': [
    [
      'nat KUBE-LOAD-BALANCER',
      `${set('KUBE-LOAD-BALANCER-LOCAL', 'service load balancer ip + port with externalTrafficPolicy=local', 'dst,dst')} -j RETURN`,
    ],
  ],
  'KUBE-LOAD-BALANCER-FW': [
    [
      'filter KUBE-PROXY-FIREWALL',
      `${set('KUBE-LOAD-BALANCER-FW', 'service load balancer ip + port for load balancer with sourceRange', 'dst,dst')} -j KUBE-SOURCE-RANGES-FIREWALL`,
    ],
  ],
  'KUBE-LOAD-BALANCER-SOURCE-CIDR': [
    [
      'filter KUBE-SOURCE-RANGES-FIREWALL',
      `${set('KUBE-LOAD-BALANCER-SOURCE-CIDR', 'service load balancer ip + port + source cidr for packet filter purpose', 'dst,dst,src')} -j RETURN`,
    ],
  ],
  'KUBE-LOAD-BALANCER-SOURCE-IP': [
    [
      'filter KUBE-SOURCE-RANGES-FIREWALL',
      `${set('KUBE-LOAD-BALANCER-SOURCE-IP', 'service load balancer ip + port + source IP for packet filter purpose', 'dst,dst,src')} -j RETURN`,
    ],
  ],
  'KUBE-NODE-PORT-TCP': [
    [
      'nat KUBE-NODE-PORT',
      `-p tcp ${set('KUBE-NODE-PORT-TCP', 'nodeport TCP port for masquerade purpose', 'dst')} -j KUBE-MARK-MASQ`,
    ],
  ],
  'KUBE-NODE-PORT-LOCAL-TCP': [
    [
      'nat KUBE-NODE-PORT',
      `-p tcp ${set('KUBE-NODE-PORT-LOCAL-TCP', 'nodeport TCP port with externalTrafficPolicy=local', 'dst')} -j RETURN`,
    ],
  ],
  'KUBE-NODE-PORT-UDP': [
    [
      'nat KUBE-NODE-PORT',
      `-p udp ${set('KUBE-NODE-PORT-UDP', 'nodeport UDP port for masquerade purpose', 'dst')} -j KUBE-MARK-MASQ`,
    ],
  ],
  'KUBE-NODE-PORT-LOCAL-UDP': [
    [
      'nat KUBE-NODE-PORT',
      `-p udp ${set('KUBE-NODE-PORT-LOCAL-UDP', 'nodeport UDP port with externalTrafficPolicy=local', 'dst')} -j RETURN`,
    ],
  ],
  'KUBE-NODE-PORT-SCTP-HASH': [
    [
      'nat KUBE-NODE-PORT',
      `-p sctp ${set('KUBE-NODE-PORT-SCTP-HASH', "nodeport SCTP port for masquerade purpose with type \\'hash ip:port\\'", 'dst,dst')} -j KUBE-MARK-MASQ`,
    ],
  ],
  'KUBE-NODE-PORT-LOCAL-SCTP-HASH': [
    [
      'nat KUBE-NODE-PORT',
      `-p sctp ${set('KUBE-NODE-PORT-LOCAL-SCTP-HASH', "nodeport SCTP port with externalTrafficPolicy=local with type \\'hash ip:port\\'", 'dst,dst')} -j RETURN`,
    ],
  ],
  // These two are named by rules that are always there.
  'KUBE-HEALTH-CHECK-NODE-PORT': [],
  'KUBE-IPVS-IPS': [],
};

const ALL = Object.keys(KUBE_SETS) as KubeSetName[];
/** What is left of `more` without the rules of `less`, per chain. */
function extra(more: Map<string, string[]>, less: Map<string, string[]>): (readonly [string, string])[] {
  return [...more].flatMap(([chain, rules]) => {
    const rest = [...(less.get(chain) ?? [])];
    return rules
      .filter((rule) => {
        const at = rest.indexOf(rule);
        if (at >= 0) rest.splice(at, 1);
        return at < 0;
      })
      .map((rule) => [chain, rule] as const);
  });
}

describe('current profile', () => {
  it.each([...CURRENT_CASES, ...CURRENT_IPVS_CASES])(
    'writes $name byte for byte',
    ({ name, input: given }) => {
      expect(saveText(currentRules(given))).toBe(golden(name));
    },
  );

  it.each(ALL)('has the rules about %s when it has members, and only then', (name) => {
    const none = rulesOf(input([]));
    const everything = rulesOf(input(ALL));
    expect(extra(rulesOf(input([name])), none)).toEqual(IF_SET[name]);
    expect(extra(none, rulesOf(input([name])))).toEqual([]);
    expect(extra(everything, rulesOf(input(ALL.filter((other) => other !== name))))).toEqual(IF_SET[name]);
  });

  it('names every set in IPv6 as the kernel keeps it, and in the same rules', () => {
    const six = rulesOf(input(ALL, { family: 'inet6' }));
    const four = rulesOf(input(ALL));
    for (const [chain, rules] of four) {
      const renamed = rules.map((rule) =>
        rule
          .replace(/(?<=--match-set )\S+/, (name) => kubeSetName(name as KubeSetName, 'inet6'))
          .replace('127.0.0.0/8', '::1/128')
          .replace('icmp-port', 'icmp6-port'),
      );
      expect(six.get(chain)).toEqual(renamed);
    }
    expect(JSON.stringify([...six])).toContain('KUBE-6-LOAD-BALANCER-SOURCE-CID dst');
    expect(JSON.stringify([...six])).toContain('KUBE-6-NODE-PORT-LOCAL-SCTP-HAS dst');
  });

  const about = 'service cluster ip + port for masquerade purpose';
  it.each<[string, Partial<CurrentRulesInput>, string]>([
    ['masqueradeAll', { masqueradeAll: true }, set('KUBE-CLUSTER-IP', about, 'dst,dst')],
    [
      'masqueradeAll with a detector',
      { masqueradeAll: true, localDetector: { mode: 'ClusterCIDR', cidr: '10.0.0.0/8' } },
      set('KUBE-CLUSTER-IP', about, 'dst,dst'),
    ],
    ...(
      [
        [{ mode: 'ClusterCIDR', cidr: '10.244.0.0/16' }, '! -s 10.244.0.0/16'],
        [{ mode: 'NodeCIDR', cidr: '10.244.3.0/24' }, '! -s 10.244.3.0/24'],
        [{ mode: 'BridgeInterface', interface: 'cni0' }, '! -i cni0'],
        [{ mode: 'InterfaceNamePrefix', prefix: 'veth' }, '! -i veth+'],
      ] as const satisfies readonly (readonly [LocalDetector, string])[]
    ).map(([localDetector, text]): [string, Partial<CurrentRulesInput>, string] => [
      localDetector.mode,
      { localDetector },
      `${text} ${set('KUBE-CLUSTER-IP', about, 'dst,dst')}`,
    ]),
    ['nothing', {}, set('KUBE-CLUSTER-IP', about, 'src,dst')],
  ])('marks what comes to a cluster IP, with %s', (_, more, expected) => {
    expect(rulesOf(input(['KUBE-CLUSTER-IP'], more)).get('nat KUBE-SERVICES')?.[1]).toBe(
      `${expected} -j KUBE-MARK-MASQ`,
    );
  });

  it.each([
    [0, '0x1'],
    [14, '0x4000'],
    [31, '0x80000000'],
  ])('uses mark bit %i everywhere', (masqueradeBit, mark) => {
    const rules = rulesOf(input([], { masqueradeBit }));
    expect(rules.get('nat KUBE-MARK-MASQ')).toEqual([`-j MARK --set-xmark ${mark}/${mark}`]);
    expect(rules.get('nat KUBE-POSTROUTING')?.slice(0, 2)).toEqual([
      `-m mark ! --mark ${mark}/${mark} -j RETURN`,
      `-j MARK --set-xmark ${mark}/0x0`,
    ]);
    expect(rules.get('filter KUBE-FORWARD')?.[0]).toBe(
      `-m comment --comment "kubernetes forwarding rules" -m mark --mark ${mark}/${mark} -j ACCEPT`,
    );
  });

  it('chooses source ports at random unless told otherwise, never for pods that reach themselves', () => {
    const last = (more: Partial<CurrentRulesInput>): string[] | undefined =>
      rulesOf(input(['KUBE-LOOP-BACK'], more)).get('nat KUBE-POSTROUTING');
    expect(last({})?.at(-1)).toMatch(/-j MASQUERADE --random-fully$/);
    expect(last({ randomFully: false })?.at(-1)).toMatch(/-j MASQUERADE$/);
    expect(last({})?.[0]).toMatch(/-j MASQUERADE$/);
  });

  it('refuses a port to the node itself once, in the canonical form of its address', () => {
    const refusedFromNode = [
      { address: '2001:DB8::0:1', protocol: 'tcp', port: 80 },
      { address: '2001:db8::1', protocol: 'tcp', port: 80 },
    ] as const;
    const rules = rulesOf(input([], { family: 'inet6', refusedFromNode }));
    expect(rules.get('filter KUBE-IPVS-OUT-FILTER')).toEqual([
      '-s 2001:db8::1/128 -m ipvs --vproto 6 --vaddr 2001:db8::1 --vport 80 -j DROP',
    ]);
  });

  it('leaves KUBE-IPVS-OUT-FILTER empty where the kernel has no match for it', () => {
    const refusedFromNode = [{ address: '203.0.113.1', protocol: 'udp', port: 53 }] as const;
    const rules = currentRules(input([], { refusedFromNode, ipvsMatch: false }));
    expect(rules.chains.find(({ name }) => name === 'KUBE-IPVS-OUT-FILTER')?.rules).toEqual([]);
    expect(saveText(rules)).not.toContain('-m ipvs');
  });

  it.each([
    ['masqueradeBit', { masqueradeBit: 32 }],
    ['refusedFromNode[0].address', { refusedFromNode: [{ address: '::1', protocol: 'tcp', port: 1 }] }],
    ['refusedFromNode[0].port', { refusedFromNode: [{ address: '10.0.0.1', protocol: 'tcp', port: 0 }] }],
  ] as const)('refuses a bad %s by name', (path, more) => {
    expect(() => currentRules(input([], more))).toThrow(expect.objectContaining({ path }) as Error);
  });

  it('is read back as what was wanted, and is all that cleanup removes', () => {
    for (const { input: given } of [...CURRENT_CASES, ...CURRENT_IPVS_CASES]) {
      const wanted = currentRules(given);
      const actual = pickRuleSet(readSave(saveText(wanted), given.family), given.family, KUBE_CHAINS);
      expect(isEmptyDiff(diffRules(wanted, actual))).toBe(true);
      const cleanup = diffRules(noRules(given.family), actual);
      expect(cleanup.removeChains).toHaveLength(wanted.chains.length);
      expect(cleanup.removeJumps).toHaveLength(wanted.jumps.length);
    }
  });

  it('declares its chains in the order of kube-proxy', () => {
    const text = restoreText(diffRules(currentRules(input(ALL)), noRules('inet')));
    expect(text.split('\n').filter((line) => /^[:*]/.test(line))).toEqual([
      '*nat',
      ':KUBE-SERVICES - [0:0]',
      ':KUBE-POSTROUTING - [0:0]',
      ':KUBE-NODE-PORT - [0:0]',
      ':KUBE-LOAD-BALANCER - [0:0]',
      ':KUBE-MARK-MASQ - [0:0]',
      '*filter',
      ':KUBE-FORWARD - [0:0]',
      ':KUBE-NODE-PORT - [0:0]',
      ':KUBE-PROXY-FIREWALL - [0:0]',
      ':KUBE-SOURCE-RANGES-FIREWALL - [0:0]',
      ':KUBE-IPVS-FILTER - [0:0]',
      ':KUBE-IPVS-OUT-FILTER - [0:0]',
    ]);
  });
});
