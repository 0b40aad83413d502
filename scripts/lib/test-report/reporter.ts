import { writeFileSync } from 'node:fs';
import type { Reporter, SerializedError, TestCase, TestModule, TestSuite } from 'vitest/node';
import type { Report, TestReport } from './report.js';

/** Writes a {@link Report} to a file when the run is over. */
export function fileReporter(file: string): Reporter {
  return {
    onTestRunEnd(modules: readonly TestModule[], unhandled: readonly SerializedError[]) {
      const report: Report = {
        tests: modules.flatMap((module) => [...module.children.allTests()].map(testReport)),
        errors: [
          ...modules.flatMap((module) => [module, ...module.children.allSuites()].flatMap(suiteErrors)),
          ...unhandled.map(({ message }) => message),
        ],
      };
      writeFileSync(file, JSON.stringify(report));
    },
  };
}

function testReport(test: TestCase): TestReport {
  const suites: string[] = [];
  for (let parent = test.parent; parent.type === 'suite'; parent = parent.parent) suites.unshift(parent.name);
  const result = test.result();
  return {
    file: test.module.relativeModuleId,
    suites,
    name: test.name,
    state: result.state === 'pending' ? 'skipped' : result.state,
    ...(result.state === 'skipped' && result.note !== undefined ? { note: result.note } : {}),
  };
}

function suiteErrors(suite: TestModule | TestSuite): string[] {
  const name = suite.type === 'module' ? suite.relativeModuleId : suite.fullName;
  return suite.errors().map(({ message }) => `${name}: ${message}`);
}
