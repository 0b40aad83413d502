import fc from 'fast-check';
import { beforeEach, describe, expect, it } from 'vitest';
import { CommandError } from '../../../src/errors.js';
import { Proxier, type SyncReport } from '../../../src/proxier/index.js';
import { desired, formatOperation, kubeScope, observe, plan, proxyConfig } from '../../../src/proxy/index.js';
import { type FakeKernel, fakeKernel } from '../../../src/testing.js';
import { contentsOf } from '../plan/states.js';
import { endpoint, type Fields, ingress, NODE, service, slice } from '../proxy/objects.js';
import { objects } from './objects.js';

const config = proxyConfig({ families: ['inet'], clusterCIDR: ['10.244.0.0/16'], rules: 'nft' });

let kernel: FakeKernel;
beforeEach(() => {
  kernel = fakeKernel();
});

const make = (): Proxier => new Proxier(kernel, config, { node: NODE, health: false });
const lines = ({ operations }: SyncReport): string[] => operations.map(formatOperation);

interface Wish {
  readonly name: string;
  readonly clusterIP: string;
  readonly balancer: string;
  readonly ranges: readonly string[];
  readonly protocol: string;
  readonly local: boolean;
}

const balancer = ({ name, clusterIP, balancer: ip, ranges, protocol, local }: Wish): Fields[] => [
  service(
    name,
    {
      type: 'LoadBalancer',
      clusterIP,
      ports: [{ name: 'http', port: 80, protocol, nodePort: name === 'a' ? 30080 : 30081 }],
      loadBalancerSourceRanges: ranges,
      externalTrafficPolicy: local ? 'Local' : 'Cluster',
    },
    ingress(ip),
  ),
  slice(name, [endpoint('10.244.1.1', 'node-a'), endpoint('10.244.2.1')], {
    metadata: { namespace: 'shop', name, labels: { 'kubernetes.io/service-name': name } },
    ports: [{ name: 'http', port: 8080, protocol }],
  }),
];
const WISH: Wish = {
  name: 'a',
  clusterIP: '10.96.0.1',
  balancer: '203.0.113.1',
  ranges: ['10.0.0.0/8'],
  protocol: 'TCP',
  local: false,
};

const upsert = (proxier: Proxier, wish: Wish): void => {
  const { services, slices } = objects(balancer(wish));
  for (const one of services) proxier.upsertService(one);
  for (const one of slices) proxier.upsertSlice(one);
};
const remove = (proxier: Proxier, name: string): void => {
  proxier.removeService({ namespace: 'shop', name });
  proxier.removeSlice({ namespace: 'shop', name });
};

/** What is still to be done, when everything is looked at. */
async function rest(wishes: Iterable<Wish>): Promise<string> {
  const { services, slices } = objects([...wishes].flatMap(balancer));
  const state = desired(services, slices, NODE, config);
  const scope = kubeScope(config);
  return plan(state, await observe(kernel, scope, state), scope).toString();
}

describe('a proxier with nft', () => {
  it('changes elements only, without reading the table', async () => {
    const proxier = make();
    proxier.replace([], []);
    await proxier.sync();
    upsert(proxier, WISH);
    await proxier.sync();
    let reads = 0;
    kernel.fake.nft.fault = (call) => {
      if (call === 'read') reads++;
      return undefined;
    };
    upsert(proxier, { ...WISH, ranges: ['10.1.0.0/16', '198.51.100.0/24'] });
    const change = await proxier.sync();
    expect(change.error).toBeUndefined();
    expect(lines(change)).toEqual([
      '~ nft inet: add KUBE-LOAD-BALANCER-SOURCE-CIDR-TCP { 203.0.113.1 . 80 . 198.51.100.0/24 }',
      '~ nft inet: delete KUBE-LOAD-BALANCER-SOURCE-CIDR-TCP { 203.0.113.1 . 80 . 10.0.0.0/8 }; add KUBE-LOAD-BALANCER-SOURCE-CIDR-TCP { 203.0.113.1 . 80 . 10.1.0.0/16 }',
    ]);
    expect(reads).toBe(0);
    expect((await kernel.ipset.list()).map(({ name }) => name)).toEqual(['IPVS-OWNED']);
  });

  it('has after each change what comparing everything would give, and nothing when all is gone', async () => {
    const wish: fc.Arbitrary<Wish> = fc.record({
      name: fc.constantFrom('a', 'b'),
      clusterIP: fc.constantFrom('10.96.0.1', '10.96.0.2'),
      balancer: fc.constantFrom('203.0.113.1', '203.0.113.2'),
      ranges: fc.uniqueArray(
        fc.constantFrom('10.0.0.0/8', '10.1.0.0/16', '10.1.2.0/24', '0.0.0.0/0', '192.0.2.11/32'),
        { maxLength: 4 },
      ),
      protocol: fc.constantFrom('TCP', 'UDP', 'SCTP'),
      local: fc.boolean(),
    });
    const step = fc.oneof(wish, fc.record({ gone: fc.constantFrom('a', 'b') }));
    await fc.assert(
      fc.asyncProperty(fc.array(step, { minLength: 1, maxLength: 5 }), async (steps) => {
        kernel = fakeKernel();
        const proxier = make();
        proxier.replace([], []);
        await proxier.sync();
        const wishes = new Map<string, Wish>();
        for (const each of steps) {
          if ('gone' in each) {
            wishes.delete(each.gone);
            remove(proxier, each.gone);
          } else {
            wishes.set(each.name, each);
            upsert(proxier, each);
          }
          const report = await proxier.sync();
          expect(report.error).toBeUndefined();
          expect(report.kind).toBe('incremental');
          expect(await rest(wishes.values())).toBe('');
        }
        expect((await proxier.cleanup()).ok).toBe(true);
        expect(contentsOf(kernel)).toEqual(contentsOf(fakeKernel()));
      }),
      { numRuns: 40 },
    );
  });

  it('compares everything again when a transaction is refused, since the table is not what it was', async () => {
    const proxier = make();
    proxier.replace([], []);
    await proxier.sync();
    upsert(proxier, WISH);
    kernel.fake.nft.fault = (call) =>
      call === 'apply' ? new CommandError({ argv: ['nft'], exitCode: 1, stderr: 'no' }) : undefined;
    expect((await proxier.sync()).error).toBeInstanceOf(CommandError);
    kernel.fake.nft.fault = undefined;
    expect(await proxier.sync()).toMatchObject({ kind: 'full' });
    expect(proxier.status.state).toBe('healthy');
    expect(await rest([WISH])).toBe('');
  });

  it('goes on with the wanted back end when leftovers of the other one would not go', async () => {
    const { services, slices } = objects(balancer(WISH));
    const start = async (rules: 'iptables' | 'nft'): Promise<Proxier> => {
      const proxier = new Proxier(kernel, { ...config, rules }, { node: NODE, health: false });
      proxier.replace(services, slices);
      await proxier.sync();
      return proxier;
    };
    await start('iptables');
    kernel.fake.runner.fault = (argv) =>
      argv[0] === 'iptables-restore' ? { exitCode: 4, stdout: '', stderr: 'no' } : undefined;
    const nft = await start('nft');
    expect(nft.status.state).toBe('degraded');
    upsert(nft, { ...WISH, balancer: '203.0.113.2' });
    const change = await nft.sync();
    expect(change.kind).toBe('incremental');
    expect(change.operations.map(({ op }) => op)).not.toContain('applyRules');
    expect(change.operations.map(({ op }) => op)).not.toContain('createSet');
    expect(change.error).toBeUndefined();
    kernel.fake.runner.fault = undefined;
    expect((await nft.sync({ full: true })).error).toBeUndefined();
    expect(await rest([{ ...WISH, balancer: '203.0.113.2' }])).toBe('');

    kernel.fake.nft.fault = (call) =>
      call === 'apply' ? new CommandError({ argv: ['nft'], exitCode: 1, stderr: 'no' }) : undefined;
    const iptables = await start('iptables');
    expect(iptables.status.state).toBe('degraded');
    upsert(iptables, { ...WISH, balancer: '203.0.113.3' });
    const next = await iptables.sync();
    expect(next.kind).toBe('incremental');
    expect(next.error).toBeUndefined();
  });

  it('takes over from iptables without closing a service', async () => {
    const before = new Proxier(kernel, { ...config, rules: 'iptables' }, { node: NODE, health: false });
    const { services, slices } = objects(balancer(WISH));
    before.replace(services, slices);
    await before.sync();
    const after = make();
    after.replace(services, slices);
    const report = await after.sync();
    expect(report.error).toBeUndefined();
    expect([...new Set(report.operations.map(({ op }) => op))]).toEqual([
      'applyNft',
      'applyRules',
      'destroySet',
    ]);
    expect(await rest([WISH])).toBe('');
  });
});
