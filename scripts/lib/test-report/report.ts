/** What one run of Vitest did, as test-report/reporter.ts writes it. */
export interface Report {
  readonly tests: readonly TestReport[];
  /** What went wrong outside of tests: files that do not load, hooks, unhandled rejections. */
  readonly errors: readonly string[];
}

/** One test of a {@link Report}. */
export interface TestReport {
  readonly file: string;
  /** Names of the suites around it. */
  readonly suites: readonly string[];
  readonly name: string;
  readonly state: 'passed' | 'failed' | 'skipped';
  /** Why it was skipped, where the test says so. */
  readonly note?: string;
}

/** Several reports as one. */
export interface Summary {
  readonly passed: number;
  readonly failed: number;
  /** Tests that no run executed. */
  readonly skipped: readonly { readonly test: string; readonly reason: string | undefined }[];
}

/** A suite that cannot run shows itself as one test of this name with the reason (test/support/backends.ts). */
const PLACEHOLDER = 'skipped: ';

/**
 * Counts every test once over all runs: failed when it failed in any, passed when it passed in one,
 * skipped when every run skipped it. An error outside of tests counts as a failure. A suite that a
 * placeholder stands for is not skipped when another run executed tests of it.
 */
export function summarize(reports: readonly Report[]): Summary {
  const states = new Map<string, TestReport>();
  const executed = new Set<string>();
  const rank = { skipped: 0, passed: 1, failed: 2 };
  for (const test of reports.flatMap(({ tests }) => tests)) {
    const key = path(test.file, ...test.suites, test.name);
    const known = states.get(key);
    if (known === undefined || rank[test.state] > rank[known.state]) states.set(key, test);
    if (test.state === 'skipped') continue;
    for (let depth = 0; depth <= test.suites.length; depth += 1) {
      executed.add(path(test.file, ...test.suites.slice(0, depth)));
    }
  }
  const tests = [...states.values()];
  const standsForExecuted = (test: TestReport): boolean =>
    test.name.startsWith(PLACEHOLDER) && executed.has(path(test.file, ...test.suites));
  return {
    passed: tests.filter(({ state }) => state === 'passed').length,
    failed:
      tests.filter(({ state }) => state === 'failed').length + reports.flatMap(({ errors }) => errors).length,
    skipped: tests
      .filter((test) => test.state === 'skipped' && !standsForExecuted(test))
      .map((test) => ({ test: path(test.file, ...test.suites, shownName(test)), reason: reason(test) })),
  };
}

/** Files of which a run passed every test: nothing was skipped, so running them on another kernel would add nothing for this one. */
export function completeFiles({ tests }: Report): readonly string[] {
  const files = new Set(tests.map(({ file }) => file));
  for (const { file, state } of tests) if (state !== 'passed') files.delete(file);
  return [...files];
}

/** `N passed, N failed` and, when there are any, `, N skipped`. */
export function totals({ passed, failed, skipped }: Summary): string {
  return `${passed} passed, ${failed} failed${skipped.length > 0 ? `, ${skipped.length} skipped` : ''}`;
}

function reason({ name, note }: TestReport): string | undefined {
  return name.startsWith(PLACEHOLDER) ? name.slice(PLACEHOLDER.length) : note;
}

function shownName({ name }: TestReport): string {
  return name.startsWith(PLACEHOLDER) ? '(whole suite)' : name;
}

function path(...parts: readonly string[]): string {
  return parts.join(' > ');
}
