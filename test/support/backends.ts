import { afterEach, describe, it } from 'vitest';
import { openKernel } from '../../src/kernel/open.js';
import type { Kernel } from '../../src/kernel/types.js';
import { fakeKernel } from '../../src/testing.js';
import { missing, type Need } from './needs.js';
import { makeNetns } from './netns.js';

/** Where a contract suite runs. */
export interface Backend {
  readonly name: 'fake' | 'kernel';
}

const BACKENDS: readonly Backend[] = [{ name: 'fake' }, { name: 'kernel' }];

/** Those that this run is about: `IPVS_TEST_BACKENDS` names them, all where it is not set. */
export const backends: readonly Backend[] = BACKENDS.filter(
  ({ name }) => process.env['IPVS_TEST_BACKENDS']?.split(',').includes(name) ?? true,
);

/** Opens a fresh, empty kernel; it is closed (and its namespace removed) after the test. */
export type OpenBackend = () => Promise<Kernel>;

/**
 * State a suite once and run it on the fake and on the running kernel, each test in a network namespace of its own. Where the
 * kernel lacks a need, the suite appears as skipped with the reason in its title.
 */
export function describeOn(
  needs: readonly Need[],
  title: string,
  suite: (open: OpenBackend, backend: Backend) => void,
): void {
  for (const backend of backends) {
    const reason = backend.name === 'kernel' ? missing(['root', 'addon', ...needs]) : undefined;
    if (reason !== undefined) {
      describe(`${title} (${backend.name})`, () => {
        it.skip(`skipped: ${reason}`, () => undefined);
      });
      continue;
    }
    describe(`${title} (${backend.name})`, () => {
      const cleanups: (() => Promise<void>)[] = [];
      afterEach(async () => {
        for (const cleanup of cleanups.splice(0).reverse()) await cleanup();
      });
      const open: OpenBackend = async () => {
        if (backend.name === 'fake') {
          const kernel = fakeKernel();
          cleanups.push(() => kernel.close());
          return kernel;
        }
        const netns = await makeNetns('contract');
        cleanups.push(() => netns.remove());
        const kernel = await openKernel({ netns: netns.path });
        cleanups.push(() => kernel.close());
        return kernel;
      };
      suite(open, backend);
    });
  }
}

/** A kernel suite: runs where the needs are met, appears as skipped with the reason elsewhere. */
export function describeKernel(needs: readonly Need[], title: string, suite: () => void): void {
  const reason = missing(['root', 'addon', ...needs]);
  describe(title, () => {
    if (reason === undefined) suite();
    else it.skip(`skipped: ${reason}`, () => undefined);
  });
}
