/**
 * A process that lives to be killed: with the back end of the first argument, in each of the network namespaces that it is given by path,
 * it applies and cleans up a small state, again and again, all at the same time. It says `begun` once it has done each once. Behind its
 * rules, in the middle of everything, it rests: most of its time would go into looking at the kernel otherwise.
 */
import { setTimeout as delay } from 'node:timers/promises';
import { openKernel } from '../../src/kernel/open.js';
import type { Kernel } from '../../src/kernel/types.js';
import { apply, nothing, observe, plan } from '../../src/plan/index.js';
import { crashScope, crashState } from './crash-state.js';
import { replacing } from './replacing.js';

const [backend, ...paths] = process.argv.slice(2);
if (backend !== 'iptables' && backend !== 'nft') throw new Error(`no back end: ${backend ?? ''}`);
const scope = crashScope(backend);
const state = crashState(backend);

/** @param job what rules are applied by */
function resting<A extends unknown[], R>(job: (...args: A) => Promise<R>): (...args: A) => Promise<R> {
  return async (...args) => {
    const result = await job(...args);
    await delay(Math.random() * 1000);
    return result;
  };
}

function restingBehindRules(kernel: Kernel): Kernel {
  const { rules, nft } = kernel;
  const iptables = replacing(kernel, 'rules', replacing(rules, 'apply', resting(rules.apply.bind(rules))));
  return replacing(iptables, 'nft', replacing(nft, 'apply', resting(nft.apply.bind(nft))));
}

async function loop(path: string, begun: () => void): Promise<never> {
  const kernel = restingBehindRules(await openKernel({ netns: path }));
  for (;;) {
    for (const wanted of [state, nothing()]) {
      const report = await apply(kernel, plan(wanted, await observe(kernel, scope, wanted), scope));
      if (!report.ok)
        throw new Error(JSON.stringify(report.results.filter(({ status }) => status !== 'done')));
    }
    begun();
  }
}

let waiting = paths.length;
await Promise.all(
  paths.map((path) =>
    loop(path, () => {
      waiting--;
      if (waiting === 0) process.stdout.write('begun\n');
    }),
  ),
);
