/**
 * The demo: a small cluster out of network namespaces, examples/cluster.yaml programmed into one node, and real requests through
 * every Service, each with what was expected and what came. Started by scripts/demo.
 */
import { openKernel, type Kernel } from '../../src/index.js';
import { apply, nothing, observe, plan, type ApplyReport, type Plan } from '../../src/proxy/index.js';
import { makeSampleCluster, NODE } from '../../test/support/sample-cluster.js';
import { planSample, sampleScope, sampleState } from '../../test/support/program-sample.js';
import type { Topology } from '../../test/support/topology.js';
import { introduce } from './intro.js';
import { bold, dim, expectations, type Expectations, say, step, title } from './output.js';
import { printPlan } from './plan.js';
import { CLUSTER_IP, SCENARIOS } from './scenarios.js';
import { printChains, printSets, printVirtualServers } from './state.js';
import { makeStrangers, type Strangers } from './strangers.js';
import { play } from './traffic.js';

async function applyTimed(kernel: Kernel, plan: Plan, expect: Expectations): Promise<ApplyReport> {
  const start = performance.now();
  const report = await apply(kernel, plan);
  const seconds = ((performance.now() - start) / 1000).toFixed(2);
  const failures = report.results.filter(({ status }) => status !== 'done');
  expect.check(
    `all ${report.results.length} operations took effect (${seconds} s)`,
    report.ok,
    failures
      .map(({ operation, error, reason }) => `${operation.op}: ${error?.message ?? reason ?? ''}`)
      .join('; '),
  );
  return report;
}

async function program(kernel: Kernel, topology: Topology, expect: Expectations): Promise<void> {
  title('1. What will be programmed');
  say(
    'Read the manifests, work out the state that the kernel is to have, compare it with the state it has:',
    '',
    dim('  const { services, slices } = readManifests([{ file, text }]);'),
    dim(
      "  const wanted = desired(services, slices, node, proxyConfig({ clusterCIDR: ['10.244.0.0/16', …] }));",
    ),
    dim('  const todo = plan(wanted, await observe(kernel, scope, wanted), scope);'),
    dim('  await apply(kernel, todo);'),
    '',
  );
  const first = await planSample(kernel);
  printPlan(first);
  for (const { object, reason } of (await sampleState()).families[0]?.skipped ?? []) {
    say(`${bold('Left out')} ${object}: ${reason}`);
  }

  const tooEarly = {
    title: 'Nothing has been touched yet: a pod asks a cluster IP',
    why: '',
    count: 1,
    answered: undefined,
  };
  await play(topology, { ...CLUSTER_IP, ...tooEarly }, expect);

  title('2. Apply');
  await applyTimed(kernel, first, expect);
}

async function traffic(topology: Topology, expect: Expectations): Promise<void> {
  title('3. Real requests');
  say(
    'One bar per pod: how many of the requests it answered. Every answer says which source address the pod saw.',
  );
  for (const scenario of SCENARIOS) await play(topology, scenario, expect);
}

async function look(kernel: Kernel): Promise<void> {
  title('4. What the kernel has now');
  await printVirtualServers(kernel);
  await printSets(kernel);
  await printChains(kernel);
}

async function change(kernel: Kernel, topology: Topology, expect: Expectations): Promise<void> {
  title('5. Changes cost what changed');

  step('Masquerade everything (masqueradeAll)');
  const on = await planSample(kernel, { masqueradeAll: true });
  printPlan(on);
  await applyTimed(kernel, on, expect);
  await play(
    topology,
    {
      ...CLUSTER_IP,
      title: 'The pod asks the cluster IP again',
      why: 'Before, the pods saw its own address (first request of part 3).',
      count: 3,
      answered: { by: ['web-1', 'web-2', 'web-3'], spread: 'evenly', seen: 'node' },
    },
    expect,
  );

  step('Back to masquerading only where needed, and web-3 is no longer ready');
  const off = await planSample(kernel, { notReady: ['web-3'] });
  printPlan(off);
  await applyTimed(kernel, off, expect);
  await play(
    topology,
    {
      ...CLUSTER_IP,
      title: 'The pod asks the cluster IP again',
      why: '',
      count: 4,
      answered: { by: ['web-1', 'web-2'], spread: 'evenly', seen: 'client' },
    },
    expect,
  );

  step('web-3 is ready again');
  await applyTimed(kernel, await planSample(kernel), expect);

  step('Apply once more');
  const again = await planSample(kernel);
  expect.check('the plan is empty: nothing to change, nothing is written', again.isEmpty, again.toString());
}

async function cleanUp(
  kernel: Kernel,
  topology: Topology,
  strangers: Strangers,
  expect: Expectations,
): Promise<void> {
  title('6. Clean up');
  const state = await observe(kernel, sampleScope());
  const removal = plan(nothing(), state, sampleScope());
  say(`${removal.operations.length} operations take away what was programmed, and nothing else.`);
  await applyTimed(kernel, removal, expect);

  const servers = (await kernel.ipvs.list()).map(({ url }) => url);
  expect.check(
    'no virtual server of the sample cluster is left',
    servers.every((url) => strangers.owns(url)),
    servers.join(' '),
  );
  const sets = (await kernel.ipset.list()).map(({ name }) => name);
  expect.check(
    'no set of ours is left',
    sets.every((name) => strangers.owns(name)),
    sets.join(' '),
  );
  const rules = `${await kernel.rules.save('inet')}${await kernel.rules.save('inet6')}`;
  expect.check('no KUBE chain is left', !rules.includes('KUBE-'));
  expect.check('kube-ipvs0 is gone', (await kernel.link.get('kube-ipvs0')) === undefined);
  const remaining = await strangers.remaining();
  for (const description of strangers.descriptions) {
    expect.check(`untouched: ${description}`, remaining.includes(description));
  }
  await play(
    topology,
    { ...CLUSTER_IP, title: 'A pod asks the cluster IP, too late', why: '', count: 1, answered: undefined },
    expect,
  );
}

async function main(): Promise<number> {
  const expect = expectations();
  introduce();

  say('', dim('Starting the machines …'));
  const topology = await makeSampleCluster();
  try {
    const kernel = await openKernel({ netns: topology.netns(NODE).path });
    try {
      const strangers = await makeStrangers(kernel);
      say('', 'The node already has things that are none of ours; they are to survive all of this:');
      for (const description of strangers.descriptions) say(`  - ${description}`);

      await program(kernel, topology, expect);
      await traffic(topology, expect);
      await look(kernel);
      await change(kernel, topology, expect);
      await cleanUp(kernel, topology, strangers, expect);
    } finally {
      await kernel.close();
    }
  } finally {
    await topology.remove();
  }

  title('Result');
  const { met, failed } = expect;
  say(bold(`${met} expectations met, ${failed.length} not met.`));
  for (const text of failed) say(`  ✗ ${text}`);
  return failed.length === 0 ? 0 : 1;
}

// Everything lives in namespaces that the topology removes when the process exits.
for (const [signal, number] of [
  ['SIGINT', 2],
  ['SIGTERM', 15],
  ['SIGHUP', 1],
] as const) {
  process.once(signal, () => process.exit(128 + number));
}
process.exitCode = await main();
