// complete.ts REPORT: the files of which a run of Vitest passed every test, with commas between. None when there is no report.
import { existsSync, readFileSync } from 'node:fs';
import { completeFiles, type Report } from './report.js';

const [file = ''] = process.argv.slice(2);
const report = existsSync(file)
  ? (JSON.parse(readFileSync(file, 'utf8')) as Report)
  : { tests: [], errors: [] };
process.stdout.write(completeFiles(report).join(','));
