import { setImmediate } from 'node:timers/promises';

/** How long work may hold the event loop before it lets others run. A quarter of the promised 20 ms leaves room for collections. */
const SLICE_MS = 5;

/**
 * Cuts long work into slices. Ask `over` often (it reads a clock), and `await rest()` when it says so: other callbacks run, then the
 * next slice begins.
 */
export class Slice {
  #since = performance.now();

  get over(): boolean {
    return performance.now() - this.#since > SLICE_MS;
  }

  async rest(): Promise<void> {
    await setImmediate();
    this.#since = performance.now();
  }
}

const RUN = 4096;

/** Sort texts by code unit, as `Array.prototype.sort` does, in slices: sorted runs, then merges. Returns a new array. */
export async function sortTexts(texts: readonly string[], slice: Slice): Promise<string[]> {
  let runs: string[][] = [];
  for (let i = 0; i < texts.length; i += RUN) {
    runs.push(texts.slice(i, i + RUN).sort());
    if (slice.over) await slice.rest();
  }
  while (runs.length > 1) {
    const merged: string[][] = [];
    for (let i = 0; i < runs.length; i += 2) {
      merged.push(await merge(runs[i] ?? [], runs[i + 1] ?? [], slice));
    }
    runs = merged;
  }
  return runs[0] ?? [];
}

async function merge(a: readonly string[], b: readonly string[], slice: Slice): Promise<string[]> {
  const out: string[] = [];
  let i = 0;
  let j = 0;
  while (i < a.length || j < b.length) {
    const until = out.length + 1024;
    while (out.length < until && i < a.length && j < b.length) {
      const left = a[i] ?? '';
      const right = b[j] ?? '';
      if (left <= right) {
        out.push(left);
        i++;
      } else {
        out.push(right);
        j++;
      }
    }
    for (; out.length < until && j === b.length && i < a.length; i++) out.push(a[i] ?? '');
    for (; out.length < until && i === a.length && j < b.length; j++) out.push(b[j] ?? '');
    if (slice.over) await slice.rest();
  }
  return out;
}
