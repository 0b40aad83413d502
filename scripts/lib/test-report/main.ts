// main.ts [--complete | --filtered] REPORT=STATUS…: prints what several runs of Vitest did, the totals on
// the last line. Exit status 1 when a test failed, a report is missing or Vitest failed for a reason that its
// report does not tell; with --complete also when a test was skipped everywhere. --filtered: the runs were
// given a selection of tests, so tests that say no reason for being skipped are not worth a line.
import { readFileSync } from 'node:fs';
import { basename } from 'node:path';
import { type Report, summarize, totals } from './report.js';

const options = process.argv.slice(2);
const complete = options.includes('--complete');
const filtered = options.includes('--filtered');

function read(argument: string): Report {
  const [file = '', status = ''] = argument.split('=');
  const part = basename(file, '.json');
  try {
    const report = JSON.parse(readFileSync(file, 'utf8')) as Report;
    const told = report.errors.length > 0 || report.tests.some(({ state }) => state === 'failed');
    return status === '0' || told ? report : { ...report, errors: [`${part}: exit status ${status}`] };
  } catch {
    return { tests: [], errors: [`${part}: no report (exit status ${status})`] };
  }
}

const reports = options.filter((option) => !option.startsWith('--')).map(read);
const summary = summarize(reports);
const shown = summary.skipped.filter(({ reason }) => !filtered || reason !== undefined);
const say = (line: string): boolean => process.stdout.write(`${line}\n`);

say('');
for (const error of reports.flatMap(({ errors }) => errors)) say(`failed outside of a test: ${error}`);
if (shown.length > 0) {
  say(complete ? 'These tests ran on no kernel, which fails the run:' : 'Skipped:');
  for (const { test, reason } of shown) say(`  ${test}\n    ${reason ?? 'no reason given'}`);
}
say(totals(summary));
process.exitCode = summary.failed > 0 || (complete && summary.skipped.length > 0) ? 1 : 0;
