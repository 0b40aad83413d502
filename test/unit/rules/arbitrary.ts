import fc from 'fast-check';
import type { Family } from '../../../src/net/address.js';
import { formatAddress } from '../../../src/net/address.js';
import type { Match, Rule, RuleSet, Target } from '../../../src/rules/types.js';

const u32 = fc.oneof(
  fc.constantFrom(0, 1, 0x4000, 0x8000, 0xffffffff),
  fc.integer({ min: 0, max: 0xffffffff }),
);

const cidr = (family: Family): fc.Arbitrary<string> => {
  const size = family === 'inet' ? 4 : 16;
  return fc
    .tuple(fc.uint8Array({ minLength: size, maxLength: size }), fc.integer({ min: 1, max: size * 8 }))
    .map(([bytes, prefix]) => `${formatAddress(bytes, family)}/${prefix}`);
};

/** Printable names that iptables takes unquoted. */
const word = (max: number): fc.Arbitrary<string> =>
  fc
    .array(fc.constantFrom(...'ABCXYZabcxyz0189_-.+:/@#,;=*?[]{}()<>|~^%&$'.split('')), {
      minLength: 1,
      maxLength: max,
    })
    .map((chars) => chars.join(''))
    .filter((name) => !/^[-!]/.test(name));

export const commentText: fc.Arbitrary<string> = fc
  .oneof(
    fc.string({ unit: 'grapheme', maxLength: 40 }),
    fc.string({
      unit: fc.constantFrom('"', "'", '\\', ' ', '\t', '-', '!', 'j', 't', 'm', '#', ':', 'ü'),
      maxLength: 20,
    }),
  )

  .filter((text) => text !== '' && text !== '!' && !/[\0\n\r]|^-/.test(text));

const maybeNot = <T extends object>(arbitrary: fc.Arbitrary<T>): fc.Arbitrary<T & { not?: true }> =>
  fc.tuple(arbitrary, fc.boolean()).map(([value, not]) => (not ? { ...value, not: true as const } : value));

const ipvs = (family: Family): fc.Arbitrary<Match> =>
  fc.record({
    match: fc.constant('ipvs' as const),
    address: cidr(family).map((text) => text.replace(/\/\d+$/, '')),
    protocol: fc.constantFrom('tcp' as const, 'udp' as const, 'sctp' as const),
    port: fc.integer({ min: 0, max: 65_535 }),
  });

/** One of each of the matches that stand for fields of the rule, then others in any number and order. */
const matches = (family: Family): fc.Arbitrary<Match[]> => {
  const optional = (arbitrary: fc.Arbitrary<Match>): fc.Arbitrary<Match[]> =>
    fc.option(arbitrary, { nil: undefined }).map((match) => (match === undefined ? [] : [match]));
  const side = fc.constantFrom('src' as const, 'dst' as const);
  const fields = fc.tuple(
    optional(maybeNot(cidr(family).map((c) => ({ match: 'source', cidr: c }) as const))),
    optional(maybeNot(cidr(family).map((c) => ({ match: 'destination', cidr: c }) as const))),
    optional(
      maybeNot(
        fc
          .constantFrom('eth0', 'cni0', 'veth+', 'br-1.100', 'a')
          .map((name) => ({ match: 'inInterface', name }) as const),
      ),
    ),
    optional(
      fc
        .constantFrom('tcp' as const, 'udp' as const, 'sctp' as const)
        .map((protocol) => ({ match: 'protocol', protocol }) as const),
    ),
  );
  const others = fc.array(
    fc.oneof(
      commentText.map((text) => ({ match: 'comment', text }) as const),
      maybeNot(
        fc
          .tuple(word(31), fc.array(side, { minLength: 1, maxLength: 3 }))
          .map(([set, directions]) => ({ match: 'set', set, directions }) as const),
      ),
      maybeNot(fc.tuple(u32, u32).map(([value, mask]) => ({ match: 'mark', value, mask }) as const)),
      maybeNot(fc.constant({ match: 'physdevIsIn' } as const)),
      maybeNot(side.map((s) => ({ match: 'addrtype', side: s, type: 'LOCAL' }) as const)),
      fc
        .subarray(['INVALID', 'NEW', 'RELATED', 'ESTABLISHED'] as const, { minLength: 1 })
        .map((states) => ({ match: 'conntrack', states }) as const),
      ipvs(family),
    ),
    { maxLength: 4 },
  );
  return fc.tuple(fields, others).map(([some, rest]) => [...some.flat(), ...rest]);
};

const target = (chains: readonly string[]): fc.Arbitrary<Target> =>
  fc.oneof(
    fc.constantFrom(...chains).map((chain) => ({ target: 'jump', chain }) as const),
    fc
      .constantFrom('accept' as const, 'drop' as const, 'return' as const, 'reject' as const)
      .map((name) => ({ target: name })),
    fc.constantFrom<Target>({ target: 'masquerade' }, { target: 'masquerade', randomFully: true }),
    fc.tuple(u32, u32).map(([value, mask]) => ({ target: 'mark', value, mask }) as const),
  );

export const family: fc.Arbitrary<Family> = fc.constantFrom('inet', 'inet6');

/** A rule in normal form: what reading back gives. */
export const ruleOf = (of: Family, chains: readonly string[] = ['CHAIN-A']): fc.Arbitrary<Rule> =>
  fc.record({ matches: matches(of), target: target(chains) });

/** Targets that iptables refuses in a table. */
const REFUSED = { nat: ['drop', 'reject'], filter: ['masquerade'] } as const;

const CHAINS = ['OURS-A', 'OURS-B', 'OURS-C'];

/** Rules of up to three chains per table, with jumps into them from base chains. */
export const ruleSetOf = (of: Family): fc.Arbitrary<RuleSet> =>
  fc
    .subarray(['nat', 'filter'] as const)
    .chain((tables) =>
      fc.tuple(
        ...tables.map((table) =>
          fc.subarray(CHAINS, { minLength: 1 }).chain((names) =>
            fc.record({
              chains: fc.tuple(
                ...names.map((name) =>
                  fc
                    .array(
                      ruleOf(of, names).filter(({ target: { target: t } }) =>
                        REFUSED[table].every((no) => no !== t),
                      ),
                      { maxLength: 4 },
                    )
                    .map((rules) => ({ table, name, rules })),
                ),
              ),
              jumps: fc
                .uniqueArray(
                  fc.tuple(fc.constantFrom('INPUT', 'OUTPUT'), fc.constantFrom(...names), fc.boolean()),
                  {
                    maxLength: 4,
                    selector: (x) => x.join(),
                  },
                )
                .map((list) =>
                  list.map(([from, chain, comment]) => ({
                    table,
                    from,
                    rule: {
                      matches: comment ? [{ match: 'comment' as const, text: `to ${chain}` }] : [],
                      target: { target: 'jump' as const, chain },
                    },
                  })),
                ),
            }),
          ),
        ),
      ),
    )
    .map((parts) => ({
      family: of,
      chains: parts.flatMap((part) => part.chains),
      jumps: parts.flatMap((part) => part.jumps),
    }));

export const OUR_CHAINS: readonly { readonly table: 'nat' | 'filter'; readonly name: string }[] = (
  ['nat', 'filter'] as const
).flatMap((table) => CHAINS.map((name) => ({ table, name })));
