import { expect, it } from 'vitest';
import type { Kernel } from '../../src/kernel/types.js';
import { apply, nothing, type Plan } from '../../src/plan/index.js';
import type { DesiredState } from '../../src/plan/types.js';
import { describeOn } from '../support/backends.js';
import { type Contents, planFor, SCOPE, state } from '../unit/plan/states.js';

const programs = (contents: Contents, rules: 'iptables' | 'nft' = 'nft'): DesiredState => ({
  ...state({ rules: 'OURS-A', ...contents }),
  rules,
  // Without an interface, and without virtual servers, it runs where there is neither dummy nor ip_vs.
  interface: false,
});
const ranges = (...networks: string[]): Contents => ({
  entries: ['10.96.0.10,tcp:80'],
  sets: [
    {
      name: 'OURS-B',
      type: 'hash:ip,port,net',
      family: 'inet',
      entries: networks.map((network) => `10.96.0.10,tcp:80,${network}`),
    },
  ],
});

const make = async (kernel: Kernel, desired: DesiredState): Promise<Plan> => {
  const steps = await planFor(kernel, desired);
  const report = await apply(kernel, steps);
  expect(report.results.filter(({ status }) => status !== 'done')).toEqual([]);
  expect((await planFor(kernel, desired)).toString()).toBe('');
  return steps;
};
const nftLines = (steps: Plan): string[] =>
  steps
    .toString()
    .split('\n')
    .filter((line) => line.includes('nft'));

describeOn(['ipset', 'link', 'rules', 'nft'], 'plan and apply with nft', (open) => {
  it('make the table as it is wanted, change elements only, and come back by the inverse', async () => {
    const kernel = await open();
    await make(kernel, programs(ranges('10.0.0.0/8')));
    const before = await kernel.nft.read('inet');
    const next = programs({ ...ranges('10.1.0.0/16', '192.0.2.0/24'), entries: ['10.96.0.11,tcp:80'] });
    const steps = await make(kernel, next);
    expect(nftLines(steps)).toEqual([
      '~ nft inet: add OURS-A { 10.96.0.11 . tcp . 80 }; add OURS-B-TCP { 10.96.0.10 . 80 . 192.0.2.0/24 }',
      '~ nft inet: delete OURS-A { 10.96.0.10 . tcp . 80 }; delete OURS-B-TCP { 10.96.0.10 . 80 . 10.0.0.0/8 }; add OURS-B-TCP { 10.96.0.10 . 80 . 10.1.0.0/16 }',
    ]);
    const back = await apply(kernel, steps.inverse());
    expect(back.ok).toBe(true);
    expect(await kernel.nft.read('inet')).toEqual(before);

    await make(kernel, nothing());
    expect(await kernel.nft.read('inet')).toBeUndefined();
  });

  it('change a set between wider and narrower networks in whatever order', async () => {
    const kernel = await open();
    for (const networks of [
      ['10.1.0.0/16'],
      ['0.0.0.0/0'],
      ['10.1.2.0/24', '10.2.0.0/16'],
      ['10.0.0.0/8', '11.0.0.0/8'],
      [],
    ])
      await make(kernel, programs(ranges(...networks)));
  });

  it('bring a table of the form with the protocol among the ranges to the present one, at no moment without rules', async () => {
    const kernel = await open();
    const desired = programs(ranges('10.0.0.0/8'));
    await make(kernel, desired);
    const present = await kernel.nft.read('inet');
    const lookUp = { text: 'ip daddr . ip protocol . th dport . ip saddr @OURS-B return' };
    const chain = present?.chains.find(({ name }) => name === 'nat-OURS') ?? { name: '', rules: [] };
    await kernel.nft.apply({
      family: 'inet',
      replace: false,
      addSets: [
        {
          name: 'OURS-B',
          key: ['ipv4_addr', 'inet_proto', 'inet_service', 'ipv4_addr'],
          interval: true,
          elements: ['10.96.0.10 . tcp . 80 . 10.0.0.0/8'],
        },
      ],
      deleteElements: [],
      addElements: [],
      writeChains: [{ ...chain, rules: [...chain.rules, lookUp] }],
      removeChains: [],
      removeSets: ['OURS-B-TCP', 'OURS-B-UDP', 'OURS-B-SCTP'],
    });
    expect(nftLines(await make(kernel, desired))).toEqual([
      '~ nft inet: sets OURS-B-TCP OURS-B-UDP OURS-B-SCTP; add OURS-B-TCP { 10.96.0.10 . 80 . 10.0.0.0/8 }; write nat-OURS',
      '~ nft inet: remove sets OURS-B',
    ]);
    expect(await kernel.nft.read('inet')).toEqual(present);
  });

  it('go from iptables to nft and back, and leave nothing of the other one', async () => {
    const kernel = await open();
    const chains = SCOPE.families[0]?.chains ?? [];
    const both = async () => ({
      iptables: (await kernel.rules.read('inet', chains)).chains.length,
      sets: (await kernel.ipset.list()).length,
      nft: (await kernel.nft.read('inet'))?.chains.length ?? 0,
    });
    const contents = ranges('10.0.0.0/8');
    await make(kernel, programs(contents, 'iptables'));
    expect(await both()).toEqual({ iptables: 1, sets: 3, nft: 0 });
    const steps = await make(kernel, programs(contents));
    expect(steps.operations.map(({ op }) => op)).toEqual([
      'applyNft',
      'applyRules',
      'destroySet',
      'destroySet',
    ]);
    // What is left is the record of virtual servers.
    expect(await both()).toEqual({ iptables: 0, sets: 1, nft: 2 });
    await make(kernel, programs(contents, 'iptables'));
    expect(await both()).toEqual({ iptables: 1, sets: 3, nft: 0 });
    await make(kernel, programs(contents));
    await make(kernel, nothing());
    expect(await both()).toEqual({ iptables: 0, sets: 0, nft: 0 });
  });

  it('report a transaction that the kernel refuses since the table changed, and heal', async () => {
    const kernel = await open();
    await make(kernel, programs(ranges('10.0.0.0/8')));
    const next = programs(ranges('192.0.2.0/24'));
    const steps = await planFor(kernel, next);
    await make(kernel, nothing());
    const report = await apply(kernel, steps);
    expect(report.results.map(({ operation, status }) => [operation.op, status])).toEqual([
      ['applyNft', 'failed'],
      ['applyNft', 'skipped'],
    ]);
    await make(kernel, next);
  });
});
