import fc from 'fast-check';
import { isValidation } from '../../../src/errors.js';
import { type Family, formatAddress } from '../../../src/net/address.js';
import { currentRules } from '../../../src/rules/kube/current.js';
import { classicRules } from '../../../src/rules/kube/classic.js';
import type { LocalDetector } from '../../../src/rules/kube/input.js';
import { KUBE_SETS, kubeSetName, type KubeSetName } from '../../../src/rules/kube/names.js';
import { nftTable } from '../../../src/rules/nft/compile.js';
import type { NftSetType, RuleSetContent } from '../../../src/rules/nft/elements.js';
import { nftRules } from '../../../src/rules/nft/statement.js';
import type { NftTable } from '../../../src/rules/nft/types.js';
import type { Rule, RuleSet } from '../../../src/rules/types.js';

/** Few addresses and ports, so that entries meet: equal ones, and networks inside each other. */
const address = (family: Family): fc.Arbitrary<string> =>
  fc
    .integer({ min: 0, max: 20 })
    .map((n) => (family === 'inet' ? `203.0.113.${n}` : n === 0 ? '::' : `2001:db8::${n.toString(16)}`));

const network = (family: Family): fc.Arbitrary<string> => {
  const size = family === 'inet' ? 4 : 16;
  return fc.oneof(
    fc.constantFrom(
      ...(family === 'inet'
        ? ['0.0.0.0/0', '0.0.0.0/1', '128.0.0.0/1', '10.0.0.0/8', '10.1.0.0/16', '10.1.2.3/32', '10.1.2.0/31']
        : ['::/0', '::/1', '8000::/1', '2001:db8::/32', '2001:db8:1::/48', '2001:db8:1::7/128']),
    ),
    fc
      .tuple(fc.uint8Array({ minLength: size, maxLength: size }), fc.integer({ min: 0, max: size * 8 }))
      .map(([bytes, prefix]) => `${formatAddress(bytes, family)}/${prefix}`),
  );
};

const entry = (type: NftSetType, family: Family): fc.Arbitrary<string> => {
  const ip = address(family);
  const number = fc.constantFrom('1', '53', '80', '443', '65535');
  const port = fc.tuple(fc.constantFrom('tcp', 'udp', 'sctp'), number).map((parts) => parts.join(':'));
  const joined = (...parts: readonly fc.Arbitrary<string>[]): fc.Arbitrary<string> =>
    fc.tuple(...parts).map((words) => words.join(','));
  switch (type) {
    case 'hash:ip':
      return ip;
    case 'hash:ip,port':
      return joined(ip, port);
    case 'hash:ip,port,ip':
      return joined(ip, port, ip);
    case 'hash:ip,port,net':
      return joined(ip, port, network(family));
    case 'bitmap:port':
      return number;
  }
};

/** Contents of all KUBE sets. */
export const setsOf = (family: Family): fc.Arbitrary<RuleSetContent[]> =>
  fc.tuple(
    ...(Object.keys(KUBE_SETS) as KubeSetName[]).map((name) => {
      const { type } = KUBE_SETS[name];
      return fc
        .array(entry(type, family), { maxLength: 6 })
        .map((entries) => ({ name: kubeSetName(name, family), type, entries }));
    }),
  );

const detector = (family: Family): fc.Arbitrary<LocalDetector> =>
  fc.constantFrom<LocalDetector>(
    { mode: 'ClusterCIDR', cidr: family === 'inet' ? '10.244.0.0/16' : 'fd00::/48' },
    { mode: 'NodeCIDR', cidr: family === 'inet' ? '10.244.1.1/32' : 'fd00::1/128' },
    { mode: 'BridgeInterface', interface: 'cni0' },
    { mode: 'InterfaceNamePrefix', prefix: 'veth' },
  );

/** Rules of either profile, for any configuration, with what is in their sets. */
export const profileOf = (family: Family): fc.Arbitrary<{ rules: RuleSet; sets: RuleSetContent[] }> =>
  fc
    .record({
      classic: fc.boolean(),
      sets: setsOf(family),
      masqueradeAll: fc.boolean(),
      masqueradeBit: fc.integer({ min: 0, max: 14 }),
      detector: fc.option(detector(family), { nil: undefined }),
      flag: fc.boolean(),
      refused: fc.array(
        fc.record({
          address: address(family),
          protocol: fc.constantFrom('tcp' as const, 'udp' as const, 'sctp' as const),
          port: fc.constantFrom(1, 80, 65_535),
        }),
        { maxLength: 3 },
      ),
    })
    .map(({ classic, sets, masqueradeAll, masqueradeBit, detector: localDetector, flag, refused }) => {
      const filled = sets.filter(({ entries }) => entries.length > 0).map(({ name }) => name);
      const input = {
        family,
        masqueradeAll,
        masqueradeBit,
        ...(localDetector === undefined ? {} : { localDetector }),
        nonEmptySets: new Set(
          (Object.keys(KUBE_SETS) as KubeSetName[]).filter((name) =>
            filled.includes(kubeSetName(name, family)),
          ),
        ),
      };
      const rules = classic
        ? classicRules({ ...input, dropMarked: flag })
        : currentRules({ ...input, randomFully: flag, refusedFromNode: refused });
      return { rules, sets };
    });

/** A table of either profile. */
export const nftTableOf = (family: Family): fc.Arbitrary<NftTable> =>
  profileOf(family).map(({ rules, sets }) => nftTable(rules, sets));

/** Can nft say this rule, given sets of these names that are `hash:ip,port,ip`? */
export function isSayable(rule: Rule, family: Family, sets: readonly string[]): boolean {
  try {
    const types = new Map(sets.map((name) => [name, 'hash:ip,port,ip'] as const));
    nftRules(rule, { family, table: 'filter', sets: types }, 'rule');
    return true;
  } catch (err) {
    if (isValidation(err)) return false;
    throw err;
  }
}
