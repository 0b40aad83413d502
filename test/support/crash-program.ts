/**
 * A process that lives to be killed: in each of the network namespaces that it is given by path it applies and cleans up a small
 * state, again and again, all at the same time. It says `begun` once it has done each once.
 */
import { openKernel } from '../../src/kernel/open.js';
import { apply, nothing, observe, plan } from '../../src/plan/index.js';
import { CRASH_SCOPE, CRASH_STATE } from './crash-state.js';

async function loop(path: string, begun: () => void): Promise<never> {
  const kernel = await openKernel({ netns: path });
  for (;;) {
    for (const wanted of [CRASH_STATE, nothing()]) {
      const report = await apply(
        kernel,
        plan(wanted, await observe(kernel, CRASH_SCOPE, wanted), CRASH_SCOPE),
      );
      if (!report.ok)
        throw new Error(JSON.stringify(report.results.filter(({ status }) => status !== 'done')));
    }
    begun();
  }
}

const paths = process.argv.slice(2);
let waiting = paths.length;
await Promise.all(
  paths.map((path) =>
    loop(path, () => {
      waiting--;
      if (waiting === 0) process.stdout.write('begun\n');
    }),
  ),
);
