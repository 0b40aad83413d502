import { defineConfig, type ViteUserConfig } from 'vitest/config';

/**
 * Projects, by what they need:
 *   unit      nothing but Node
 *   seam      the addon, no privilege
 *   contract  one suite per interface, on the fake and on whatever the running kernel has
 *   kernel    root and a kernel with ip_vs: traffic, big sets, races, namespaces
 *   vm        boots virtual machines (host only)
 */
const project = (name: string, timeout: number, concurrent = true) => ({
  test: {
    name,
    include: [`test/${name}/**/*.test.ts`],
    testTimeout: timeout,
    hookTimeout: timeout,
    fileParallelism: concurrent,
    pool: 'forks' as const,
  },
});

const config: ViteUserConfig = defineConfig({
  test: {
    projects: [
      project('unit', 30_000),
      project('seam', 60_000),
      project('contract', 120_000, false),
      project('kernel', 240_000, false),
      project('vm', 600_000, false),
    ],
  },
});

export default config;
