import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { apply, nothing, observe, plan } from '../../../src/plan/index.js';
import type { DesiredState, OwnershipScope } from '../../../src/plan/types.js';
import { desired, kubeScope, parseNodeFacts, proxyConfig, readManifests } from '../../../src/proxy/index.js';
import { type FakeKernel, fakeKernel } from '../../../src/testing.js';
import { addStrangers } from '../../support/strangers.js';
import { mortalKernel } from '../../support/mortal-kernel.js';
import { CLUSTER_FILE, NODE_FACTS_FILE } from '../../support/sample-cluster.js';
import { contentsOf, SCOPE, state } from './states.js';

const WEB = 'tcp://10.96.0.10:80';
const DNS = 'udp://10.96.0.53:53';
const one = state({
  servers: { [WEB]: ['10.244.1.2:8080', '10.244.1.3:8080'], [DNS]: ['10.244.1.2:5353'] },
  entries: ['10.96.0.10,tcp:80', '10.96.0.53,udp:53'],
  bound: ['10.96.0.10', '10.96.0.53'],
  rules: 'OURS-A',
});
const other: DesiredState = {
  ...state({
    servers: { [WEB]: ['10.244.1.3:8080', '10.244.1.4:8080'], 'tcp://10.96.0.20:443': ['10.244.1.5:8443'] },
    attributes: { scheduler: 'wrr', persistence: { timeout: 300 } },
    entries: ['10.96.0.10,tcp:80', '10.96.0.20,tcp:443'],
    sets: [{ name: 'OURS-B', type: 'hash:ip,port', family: 'inet', entries: ['10.96.0.20,tcp:443'] }],
    bound: ['10.96.0.10', '10.96.0.20'],
    rules: 'OURS-B',
  }),
  sysctls: [{ name: 'net/ipv4/ip_forward', value: '1' }],
};

interface Way {
  readonly scope: OwnershipScope;
  readonly from: DesiredState;
  readonly to: DesiredState;
  readonly vip: string;
  readonly setPrefix: string;
}

const planFor = async (kernel: FakeKernel, wanted: DesiredState, scope: OwnershipScope) =>
  plan(wanted, await observe(kernel, scope, wanted), scope);

/** A kernel with strangers in it that an apply has taken to `from`. */
async function start({
  scope,
  from,
  vip,
  setPrefix,
}: Way): Promise<{ kernel: FakeKernel; theirs: readonly string[] }> {
  const kernel = fakeKernel();
  await addStrangers(kernel, vip, setPrefix);
  const theirs = contentsOf(kernel);
  const report = await apply(kernel, await planFor(kernel, from, scope));
  expect(report.ok).toBe(true);
  return { kernel, theirs };
}

/** Kill the apply of `to` at everything that it does, one after the other; then finish the work, or clean up. */
async function killEverywhere(way: Way, step = 1): Promise<number> {
  const { scope, to } = way;
  const straight = await start(way);
  await apply(straight.kernel, await planFor(straight.kernel, to, scope));
  const goal = contentsOf(straight.kernel);

  let deaths = 0;
  for (let lives = 0; ; lives += step) {
    const { kernel, theirs } = await start(way);
    const mortal = mortalKernel(kernel, lives);
    const report = await apply(mortal.kernel, await planFor(kernel, to, scope));
    if (!mortal.dead) {
      expect(report.ok).toBe(true);
      expect(contentsOf(kernel)).toEqual(goal);
      return deaths;
    }
    deaths++;
    expect(report.ok).toBe(false);
    expect(contentsOf(kernel)).toEqual(expect.arrayContaining([...theirs]));

    // Whoever comes next finishes the work, and a second one has nothing to do.
    const healing = await apply(kernel, await planFor(kernel, to, scope));
    expect(healing.results.filter(({ status }) => status !== 'done')).toEqual([]);
    expect(contentsOf(kernel)).toEqual(goal);
    expect((await planFor(kernel, to, scope)).toString()).toBe('');

    // Or takes everything away, straight from where it was killed.
    const again = await start(way);
    const second = mortalKernel(again.kernel, lives);
    await apply(second.kernel, await planFor(again.kernel, to, scope));
    const cleanup = await apply(again.kernel, await planFor(again.kernel, nothing(), scope));
    expect(cleanup.results.filter(({ status }) => status !== 'done')).toEqual([]);
    expect(contentsOf(again.kernel)).toEqual(theirs);
  }
}

const generic = { scope: SCOPE, vip: '10.96.0.10', setPrefix: 'OURS-' };

describe('an apply that is killed at any operation is finished by the next one, and nothing of others is touched', () => {
  it('on the way in', async () => {
    expect(await killEverywhere({ ...generic, from: nothing(), to: one })).toBeGreaterThan(15);
  });

  it('from one state to another', async () => {
    expect(await killEverywhere({ ...generic, from: one, to: other })).toBeGreaterThan(15);
  });

  it('on the way out', async () => {
    expect(await killEverywhere({ ...generic, from: other, to: nothing() })).toBeGreaterThan(6);
  });

  it('with nft', async () => {
    const [from, to] = [one, other].map((each): DesiredState => ({ ...each, rules: 'nft' }));
    if (from === undefined || to === undefined) throw new Error('two states');
    expect(await killEverywhere({ ...generic, from: nothing(), to: from })).toBeGreaterThan(8);
    expect(await killEverywhere({ ...generic, from, to })).toBeGreaterThan(8);
    expect(await killEverywhere({ ...generic, from: to, to: nothing() })).toBeGreaterThan(6);
  });

  it('from iptables to nft and back', async () => {
    const nft: DesiredState = { ...other, rules: 'nft' };
    expect(await killEverywhere({ ...generic, from: one, to: nft })).toBeGreaterThan(12);
    expect(await killEverywhere({ ...generic, from: nft, to: one })).toBeGreaterThan(12);
  });

  it.each(['iptables', 'nft'] as const)('with the sample cluster, both families, %s', async (rules) => {
    const config = proxyConfig({ clusterCIDR: ['10.244.0.0/16'], rules });
    const node = parseNodeFacts(JSON.parse(readFileSync(NODE_FACTS_FILE, 'utf8')));
    const { services, slices } = readManifests([
      { file: CLUSTER_FILE, text: readFileSync(CLUSTER_FILE, 'utf8') },
    ]);
    const full = desired(services, slices, node, config);
    const vip = full.families[0]?.boundAddresses[0] ?? '';
    const kube = { scope: kubeScope(config), vip, setPrefix: 'KUBE-' };
    // Every thirteenth operation: a prime, so that all kinds are met.
    expect(await killEverywhere({ ...kube, from: nothing(), to: full }, 13)).toBeGreaterThan(5);
    expect(await killEverywhere({ ...kube, from: full, to: nothing() }, 13)).toBeGreaterThan(1);
  });
});
