import { readFileSync } from 'node:fs';

/** What a tool said to the kernel and what it answered; see test/golden/seam/capture.mjs. */
export interface Capture {
  readonly setup: readonly string[];
  readonly command: string;
  readonly sent: readonly string[];
  readonly received: readonly string[];
}

interface GoldenFile {
  readonly kernel: string;
  readonly tool: string;
  readonly cases: Readonly<Record<string, Capture>>;
}

/** A golden file's cases by name. */
export function golden(name: 'ipset' | 'ipvs'): (key: string) => Capture {
  const url = new URL(`../../golden/seam/${name}.json`, import.meta.url);
  const file = JSON.parse(readFileSync(url, 'utf8')) as GoldenFile;
  return (key) => {
    const capture = file.cases[key];
    if (capture === undefined) throw new Error(`${name}.json has no case ${key}`);
    return capture;
  };
}

/** Hex to bytes; several pieces are joined. */
export function bytes(...hex: readonly string[]): Uint8Array {
  return new Uint8Array(Buffer.from(hex.join(''), 'hex'));
}
