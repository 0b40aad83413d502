import { describe, expect, it } from 'vitest';
import {
  completeFiles,
  type TestReport,
  summarize,
  totals,
} from '../../../scripts/lib/test-report/report.js';

type State = TestReport['state'];

const test = (state: State, name: string, ...suites: string[]): TestReport => ({
  file: 'a',
  suites,
  name,
  state,
});
const run = (...tests: TestReport[]) => ({ tests, errors: [] });

describe('the summary of several runs', () => {
  it('counts a test once, and as failed when any run failed it', () => {
    const summary = summarize([
      run(test('passed', 'one'), test('failed', 'two'), test('skipped', 'three')),
      run(test('passed', 'one'), test('passed', 'two'), test('passed', 'three')),
    ]);

    expect(totals(summary)).toBe('2 passed, 1 failed');
  });

  it('keeps apart tests of one name in different suites and files', () => {
    const other = { ...test('passed', 'one', 'suite'), file: 'b' };

    expect(summarize([run(test('passed', 'one'), test('passed', 'one', 'suite'), other)]).passed).toBe(3);
  });

  it('names what every run skipped, with the reason', () => {
    const skipped = { ...test('skipped', 'one', 'suite'), note: 'no such module' };

    expect(summarize([run(skipped, test('skipped', 'two'))]).skipped).toEqual([
      { test: 'a > suite > one', reason: 'no such module' },
      { test: 'a > two', reason: undefined },
    ]);
  });

  it('drops the placeholder of a suite that another run executed, and no other', () => {
    const placeholder = (suite: string) => test('skipped', 'skipped: no ip_vs', suite);

    const summary = summarize([
      run(placeholder('here'), placeholder('nowhere')),
      run(test('passed', 'works', 'here', 'inner')),
    ]);

    expect(summary.skipped).toEqual([{ test: 'a > nowhere > (whole suite)', reason: 'no ip_vs' }]);
    expect(totals(summary)).toBe('1 passed, 0 failed, 1 skipped');
  });

  it('counts an error outside of tests as a failure', () => {
    expect(totals(summarize([{ tests: [], errors: ['a: does not load'] }]))).toBe('0 passed, 1 failed');
  });
});

it('a file is complete when a run passed all of it', () => {
  const of = (file: string, state: State) => ({ ...test(state, `${file} ${state}`), file });

  const report = run(
    of('a', 'passed'),
    of('b', 'passed'),
    of('b', 'skipped'),
    of('c', 'failed'),
    of('c', 'passed'),
  );

  expect(completeFiles(report)).toEqual(['a']);
  expect(completeFiles({ tests: [], errors: ['did not load'] })).toEqual([]);
});
