import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { apply, nothing } from '../../../src/plan/index.js';
import { fakeKernel } from '../../../src/testing.js';
import { type Contents, contentsOf, planFor, state } from './states.js';

const octet = fc.integer({ min: 1, max: 6 });
const url = fc
  .tuple(fc.constantFrom('tcp', 'udp'), octet, fc.constantFrom(80, 443))
  .map(([protocol, last, port]) => `${protocol}://10.96.0.${last}:${port}`);
const realServer = octet.map((last) => `10.244.1.${last}:8080`);
const entry = fc
  .tuple(octet, fc.constantFrom('tcp', 'udp'), fc.constantFrom(80, 443))
  .map(([last, protocol, port]) => `10.96.0.${last},${protocol}:${port}`);

const contents: fc.Arbitrary<Contents> = fc
  .record({
    servers: fc.dictionary(url, fc.uniqueArray(realServer, { maxLength: 4 }), { maxKeys: 5 }),
    scheduler: fc.constantFrom('rr', 'wlc', 'mh'),
    persistence: fc.constantFrom(false as const, { timeout: 300 }),
    entries: fc.uniqueArray(entry, { maxLength: 6 }),
    bound: fc.uniqueArray(
      octet.map((last) => `10.96.0.${last}`),
      { maxLength: 4 },
    ),
    rules: fc.boolean(),
    backend: fc.constantFrom('iptables' as const, 'nft' as const),
  })
  .map(({ servers, scheduler, persistence, entries, bound, rules, backend }) => ({
    servers,
    attributes: { scheduler, persistence },
    entries,
    bound,
    backend,
    ...(rules ? { rules: 'OURS-A' } : {}),
  }));

describe('plan and apply', () => {
  it('lead from any state to any other in one step, and then there is nothing to do', async () => {
    await fc.assert(
      fc.asyncProperty(contents, contents, async (from, to) => {
        const kernel = fakeKernel();
        for (const desired of [state(from), state(to)]) {
          const report = await apply(kernel, await planFor(kernel, desired));
          expect(report.results.filter(({ status }) => status !== 'done')).toEqual([]);
          expect((await planFor(kernel, desired)).toString()).toBe('');
        }
        // The way does not matter, only where it leads: a fresh kernel that is taken there at once holds the same.
        const direct = fakeKernel();
        await apply(direct, await planFor(direct, state(to)));
        const servers = async (k: typeof kernel) =>
          (await k.ipvs.list({ realServers: true })).map(({ url, scheduler, persistence, realServers }) => [
            url,
            scheduler,
            persistence,
            realServers.map(({ address, port, weight }) => [address, port, weight]),
          ]);
        expect(await servers(kernel)).toEqual(await servers(direct));
        expect(contentsOf(kernel).filter((line) => line.startsWith('nft'))).toEqual(
          contentsOf(direct).filter((line) => line.startsWith('nft')),
        );
        // And back to nothing.
        await apply(kernel, await planFor(kernel, nothing()));
        expect(await kernel.ipvs.list()).toEqual([]);
        expect(await kernel.ipset.list()).toEqual([]);
        expect(kernel.fake.nft.dump()).toBe('');
        expect(await kernel.link.get('ours0')).toBeUndefined();
      }),
      { numRuns: 60 },
    );
  });

  it('can be undone: the inverse of a plan leads back, and its inverse forth again', async () => {
    await fc.assert(
      fc.asyncProperty(contents, contents, fc.boolean(), async (from, to, clean) => {
        const kernel = fakeKernel();
        await apply(kernel, await planFor(kernel, state(from)));
        const before = contentsOf(kernel);
        const plan = await planFor(kernel, clean ? nothing() : state(to));
        await apply(kernel, plan);
        const after = contentsOf(kernel);
        for (const [steps, dump] of [
          [plan.inverse(), before],
          [plan.inverse().inverse(), after],
        ] as const) {
          const report = await apply(kernel, steps);
          expect(report.results.filter(({ status }) => status !== 'done')).toEqual([]);
          expect(contentsOf(kernel)).toEqual(dump);
        }
      }),
      { numRuns: 60 },
    );
  });

  it('never touch a stranger’s virtual servers, wherever they are', async () => {
    const strangers = fc.uniqueArray(url, { minLength: 1, maxLength: 4 });
    await fc.assert(
      fc.asyncProperty(strangers, contents, contents, async (theirs, from, to) => {
        const kernel = fakeKernel();
        for (const each of theirs)
          await (await kernel.ipvs.add(each, { scheduler: 'sh' })).add('192.0.2.9:9');
        const seen = async () =>
          (await kernel.ipvs.list({ realServers: true }))
            .filter(({ url: each }) => theirs.includes(each))
            .map(({ url: each, scheduler, realServers }) => [
              each,
              scheduler,
              realServers.map((r) => r.address),
            ]);
        const before = await seen();
        for (const desired of [state(from), state(to), nothing()]) {
          await apply(kernel, await planFor(kernel, desired));
          expect(await seen()).toEqual(before);
        }
      }),
      { numRuns: 30 },
    );
  });
});
