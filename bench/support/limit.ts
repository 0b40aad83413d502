import { mkdir } from 'node:fs/promises';
import { run } from '../../test/support/netns.js';

const SOURCE = 'bench/limit/ipset-limit.c';
const PROGRAM = '.cache/bench/ipset-limit';

/** Build the C program that does what the kernel needs and nothing else. @returns its path */
export async function buildLimit(): Promise<string> {
  await mkdir('.cache/bench', { recursive: true });
  await run(undefined, ['cc', '-O2', '-Wall', '-Wextra', '-o', PROGRAM, SOURCE]);
  return PROGRAM;
}
