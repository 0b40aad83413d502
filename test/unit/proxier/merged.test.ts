import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { DesiredState } from '../../../src/plan/types.js';
import { MergedState } from '../../../src/proxier/merged.js';
import { ObjectStore } from '../../../src/proxier/store.js';
import { desired, proxyConfig } from '../../../src/proxy/index.js';
import { endpoint, ingress, NODE, service, slice } from '../proxy/objects.js';
import { objects } from './objects.js';

/** Nothing but content: entries, servers and addresses sorted. */
const canonical = (state: DesiredState) => ({
  families: state.families.map(({ family, virtualServers, sets, rules, boundAddresses }) => ({
    family,
    virtualServers: virtualServers.map((spec) => JSON.stringify(spec)).sort(),
    sets: sets.map((set) => ({ ...set, entries: [...set.entries].sort() })),
    rules,
    boundAddresses: [...boundAddresses].sort(),
  })),
  sysctls: state.sysctls,
  timeouts: state.timeouts,
});

/** A Service that may want what others want too. */
const wish = fc.record({
  name: fc.constantFrom('a', 'b', 'c', 'd'),
  clusterIP: fc.constantFrom('10.96.0.1', '10.96.0.2'),
  port: fc.constantFrom(80, 443),
  protocol: fc.constantFrom('TCP', 'UDP', 'SCTP'),
  external: fc.uniqueArray(fc.constantFrom('192.0.2.1', '192.0.2.2', '192.0.2.11'), { maxLength: 2 }),
  nodePort: fc.constantFrom(undefined, 30080, 30081),
  balancer: fc.boolean(),
  local: fc.boolean(),
  endpoints: fc.uniqueArray(fc.constantFrom('10.244.1.2', '10.244.1.3', '10.244.2.4'), { maxLength: 3 }),
});
type Wish = typeof wish extends fc.Arbitrary<infer T> ? T : never;

const objectsFor = (want: Wish) =>
  objects([
    service(
      want.name,
      {
        clusterIP: want.clusterIP,
        type: want.balancer ? 'LoadBalancer' : want.nodePort === undefined ? 'ClusterIP' : 'NodePort',
        ports: [
          {
            name: 'http',
            port: want.port,
            protocol: want.protocol,
            ...(want.nodePort === undefined ? {} : { nodePort: want.nodePort }),
          },
        ],
        externalIPs: want.external,
        ...(want.local ? { externalTrafficPolicy: 'Local' } : {}),
        ...(want.balancer ? { loadBalancerSourceRanges: ['198.51.100.0/24'] } : {}),
      },
      want.balancer ? ingress('203.0.113.1') : {},
    ),
    slice(
      want.name,
      want.endpoints.map((address) =>
        endpoint(address, address.startsWith('10.244.1.') ? 'node-a' : 'node-b'),
      ),
      {
        metadata: { namespace: 'shop', name: want.name, labels: { 'kubernetes.io/service-name': want.name } },
        ports: [{ name: 'http', port: 8080, protocol: want.protocol }],
      },
    ),
  ]);

describe('the state that is kept up to date Service by Service', () => {
  it('is what desired() computes from everything, whatever came and went before', () => {
    const profile = fc.constantFrom('classic' as const, 'current' as const);
    const step = fc.oneof(wish, fc.record({ gone: fc.constantFrom('a', 'b', 'c', 'd') }));
    fc.assert(
      fc.property(
        profile,
        fc.array(fc.array(step, { maxLength: 3 }), { maxLength: 8 }),
        (chosen, batches) => {
          const config = proxyConfig({ profile: chosen, clusterCIDR: ['10.244.0.0/16'] });
          const store = new ObjectStore();
          const merged = new MergedState(store, NODE, config);
          for (const batch of batches) {
            for (const each of batch) {
              if ('gone' in each) {
                store.removeService({ namespace: 'shop', name: each.gone });
                store.removeSlice({ namespace: 'shop', name: each.gone });
                continue;
              }
              const { services, slices } = objectsFor(each);
              for (const one of services) store.upsertService(one);
              for (const one of slices) store.upsertSlice(one);
            }
            const before = canonical(merged.state());
            const changes = merged.update(store.takeDirty());
            const names = [...store.serviceNames];
            const whole = desired(
              names.map((name) => store.service(name)!),
              names.flatMap((name) => store.slicesOf(name)),
              merged.node,
              config,
            );
            const after = canonical(merged.state());
            expect(after).toEqual(canonical(whole));
            // And the change is the difference between before and after.
            for (const change of changes) {
              const of = (state: typeof after) =>
                state.families.find(({ family }) => family === change.family)!;
              const minus = (a: readonly string[], b: readonly string[]) => a.filter((x) => !b.includes(x));
              const [was, is] = [of(before), of(after)];
              expect([...change.addedAddresses].sort()).toEqual(minus(is.boundAddresses, was.boundAddresses));
              expect([...change.removedAddresses].sort()).toEqual(
                minus(was.boundAddresses, is.boundAddresses),
              );
              const entriesOf = (state: typeof was, name: string) =>
                state.sets.find((set) => set.name === name)?.entries ?? [];
              for (const name of new Set([...was.sets, ...is.sets].map((set) => set.name))) {
                const [a, b] = [entriesOf(was, name), entriesOf(is, name)];
                expect([...(change.addedEntries.get(name) ?? [])].sort()).toEqual(minus(b, a));
                expect([...(change.removedEntries.get(name) ?? [])].sort()).toEqual(minus(a, b));
              }
            }
          }
        },
      ),
      { numRuns: 80 },
    );
  });

  it('computes only the Service that changed and those that want the same address', () => {
    const store = new ObjectStore();
    const merged = new MergedState(store, NODE, proxyConfig());
    const text = Array.from({ length: 50 }, (_, i) => service(`s${i}`, { clusterIP: `10.96.1.${i}` }));
    for (const one of objects([...text, service('rival', { clusterIP: '10.96.1.7' })]).services)
      store.upsertService(one);
    merged.update(store.takeDirty());
    const before = merged.computed;
    for (const one of objects([slice('s3', [endpoint('10.244.2.2')])]).slices) store.upsertSlice(one);
    merged.update(store.takeDirty());
    expect(merged.computed - before).toBe(1);
    for (const one of objects([slice('s7', [endpoint('10.244.2.2')])]).slices) store.upsertSlice(one);
    merged.update(store.takeDirty());
    expect(merged.computed - before).toBe(3);
  });
});
