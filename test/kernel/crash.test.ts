import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { createInterface } from 'node:readline';
import { setTimeout as delay } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { expect, it } from 'vitest';
import { openKernel } from '../../src/kernel/open.js';
import type { Kernel } from '../../src/kernel/types.js';
import { apply, nothing, observe, plan } from '../../src/plan/index.js';
import { describeKernel } from '../support/backends.js';
import { makeNetns, run, type TestNetns } from '../support/netns.js';
import { crashScope, crashState } from '../support/crash-state.js';
import { addStrangers } from '../support/strangers.js';

const PROGRAM = fileURLToPath(new URL('../support/crash-program.ts', import.meta.url));
/** Each is found in a state of its own. */
const NAMESPACES = 5;
/** One kill is enough when it came in the middle of something. */
const MOST_KILLS = 8;

/** A table of nft that is not ours, with a set and a chain like ours. */
const FOREIGN_TABLE = `table ip kube-ipvs-theirs {
  set OURS-A { type ipv4_addr . inet_proto . inet_service; elements = { 10.96.0.10 . tcp . 80 }; }
  chain nat-OURS { ip daddr . meta l4proto . th dport @OURS-A counter; }
}
`;

/** Everything that an apply could touch. */
async function contents(kernel: Kernel, netns: TestNetns): Promise<readonly string[]> {
  const servers = await kernel.ipvs.list({ realServers: true });
  const sets = await kernel.ipset.snapshot();
  const rules = await kernel.rules.save('inet');
  return [
    ...servers.map(({ url, scheduler, realServers }) =>
      [url, scheduler, ...realServers.map((real) => `${real.address}:${real.port}=${real.weight}`)].join(' '),
    ),
    ...sets.flatMap(({ header, entries }) => [
      `${header.name} ${header.type}`,
      ...entries.map((entry) => `${header.name} ${entry}`),
    ]),
    ...(await kernel.link.addresses()).map(({ link, address }) => `${link} ${address}`),
    ...rules.split('\n').filter((line) => line.startsWith('-A')),
    (await netns.run(['nft', 'list', 'table', 'ip', 'kube-ipvs-theirs'])).stdout,
    ...[await kernel.nft.save('inet')].filter((table) => table !== ''),
  ].sort();
}

/** Programs that the killed process started may outlive it: they end by themselves, their input having ended. */
async function orphansEnd(netns: TestNetns): Promise<void> {
  while ((await run(undefined, ['ip', 'netns', 'pids', netns.name])).stdout.trim() !== '') await delay(50);
}

describeKernel(
  ['ipvs', 'ipset', 'link', 'rules', 'nft', 'dummy'],
  'a process that is killed while it applies',
  () => {
    it.each(['iptables', 'nft'] as const)(
      'leaves what the next one finishes or takes away, and strangers alone (%s)',
      async (backend) => {
        const [scope, state] = [crashScope(backend), crashState(backend)];
        const places: { netns: TestNetns; kernel: Kernel; before: readonly string[] }[] = [];
        try {
          for (let i = 0; i < NAMESPACES; i++) {
            const netns = await makeNetns('crash');
            const kernel = await openKernel({ netns: netns.path });
            await addStrangers(kernel, '10.96.0.10', 'OURS-', ['inet']);
            await netns.run(['nft', '-f', '-'], { stdin: FOREIGN_TABLE });
            places.push({ netns, kernel, before: await contents(kernel, netns) });
          }
          let halfway = 0;
          for (let kill = 0; halfway === 0 && kill < MOST_KILLS; kill++) {
            const argv = ['--import', 'tsx', PROGRAM, backend, ...places.map(({ netns }) => netns.path)];
            const child = spawn(process.execPath, argv, { stdio: ['ignore', 'pipe', 'inherit'] });
            const closed = once(child, 'close');
            const [line] = (await Promise.race([once(createInterface(child.stdout), 'line'), closed])) as [
              unknown,
            ];
            expect(line).toBe('begun');
            await delay(Math.random() * 1500);
            child.kill('SIGKILL');
            await closed;

            const checks = places.map(async ({ netns, kernel, before }, i) => {
              await orphansEnd(netns);
              expect(await contents(kernel, netns)).toEqual(expect.arrayContaining([...before]));
              const observed = await observe(kernel, scope, state);
              const finish = plan(state, observed, scope);
              if (!finish.isEmpty && !plan(nothing(), observed, scope).isEmpty) halfway++;
              if (i % 2 === 0) {
                const report = await apply(kernel, finish);
                expect(report.results.filter(({ status }) => status !== 'done')).toEqual([]);
              }
              const cleanup = await apply(kernel, plan(nothing(), await observe(kernel, scope), scope));
              expect(cleanup.results.filter(({ status }) => status !== 'done')).toEqual([]);
              expect(await contents(kernel, netns)).toEqual(before);
            });
            // All have ended before one that failed takes their namespaces away.
            await Promise.allSettled(checks);
            await Promise.all(checks);
          }
          expect(halfway).toBeGreaterThan(0);
        } finally {
          for (const { netns, kernel } of places) {
            await kernel.close();
            await netns.remove();
          }
        }
      },
      900_000,
    );
  },
);
