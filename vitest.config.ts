import { availableParallelism } from 'node:os';
import { defineConfig, type ViteUserConfig } from 'vitest/config';
import { guestPool } from './scripts/lib/guest-pool/pool.js';
import { fileReporter } from './scripts/lib/test-report/reporter.js';
import { hostHasIpvs } from './scripts/lib/vm/direct.js';

/**
 * Projects, by what they need:
 *   unit      nothing but Node
 *   seam      the addon, no privilege
 *   contract  one suite per interface, on the fake and on whatever the running kernel has
 *   kernel    root and a kernel with ip_vs: traffic, big sets, races, namespaces
 *   guest     contract, kernel and what of the seam needs ip_vs, inside scripts/vm, or here where this kernel has ip_vs
 *   vm        boots virtual machines (host only)
 */
const project = (name: string, timeout: number, concurrent = true) => ({
  test: {
    name,
    include: [`test/${name}/**/*.test.ts`],
    testTimeout: timeout,
    hookTimeout: timeout,
    fileParallelism: concurrent,
    // One less is the default, which leaves a processor idle where there are two.
    ...(concurrent ? { maxWorkers: availableParallelism() } : {}),
    pool: 'forks' as const,
  },
});

/** Files that scripts/test saw run completely on this machine: another kernel would only run them slower. */
const done = (process.env['IPVS_TEST_DONE'] ?? '').split(',').filter((file) => file !== '');

/**
 * Every worker boots a machine and goes on with the next file in it. One machine keeps little more than one processor busy, so two
 * share the files, and the processors: an emulated one that waits for a real one slows the whole machine down. Where this kernel is
 * used itself there is one worker: some files unload modules. IPVS_TEST_KERNEL: see `scripts/vm --kernel`.
 */
const machines = hostHasIpvs() ? 1 : Math.min(2, availableParallelism());
const processors = Math.max(1, Math.floor(availableParallelism() / machines));
const guest = {
  test: {
    name: 'guest',
    // Of the seam only what speaks to ip_vs: the rest needs no kernel of its own.
    include: ['test/contract/**/*.test.ts', 'test/kernel/**/*.test.ts', 'test/seam/kernel-ipvs.test.ts'],
    exclude: done,
    // The fakes need no kernel: the contract project has them, ten to thirty times as fast.
    env: { IPVS_TEST_BACKENDS: 'kernel' },
    testTimeout: 240_000,
    hookTimeout: 240_000,
    isolate: false,
    maxWorkers: machines,
    pool: guestPool({
      vm: [
        '--if-needed',
        '--cpus',
        String(processors),
        '--timeout',
        '3600',
        '--kernel',
        process.env['IPVS_TEST_KERNEL'] ?? 'default',
      ],
    }),
    sequence: { groupOrder: 1 }, // after the others: they have the processors first
  },
};

/** Where scripts/test wants to find what happened. */
const report = process.env['IPVS_TEST_REPORT'];

const config: ViteUserConfig = defineConfig({
  test: {
    reporters: report === undefined ? ['default'] : ['default', fileReporter(report)],
    projects: [
      project('unit', 30_000),
      project('seam', 60_000),
      project('contract', 120_000, false),
      project('kernel', 240_000, false),
      guest,
      project('vm', 600_000, false),
    ],
  },
});

export default config;
