import { setImmediate as nextTurn } from 'node:timers/promises';

/** How long a loop may hold the event loop at a stretch, in milliseconds. */
const SLICE = 8;
/** Steps between two looks at the clock. */
const STEPS = 128;

/** Lets long loops give way: `if (pace.due()) await pace.rest()` in each step. */
export class Pace {
  readonly #signal: AbortSignal | undefined;
  #steps = 0;
  #since = performance.now();

  constructor(signal?: AbortSignal) {
    this.#signal = signal;
  }

  /** True when it is time to let others run. Cheap enough to be asked in every step; `steps` for a step that is as long as many. */
  due(steps = 1): boolean {
    this.#steps += steps;
    if (this.#steps < STEPS) return false;
    this.#steps = 0;
    return performance.now() - this.#since >= SLICE;
  }

  /** Let others run. @throws the signal's reason when it was aborted. */
  async rest(): Promise<void> {
    await nextTurn();
    this.#signal?.throwIfAborted();
    this.#since = performance.now();
  }
}

/** Items up to which sorting at once is quick. */
const RUN = 2048;

/** Stable sort that gives way: quick sorts of short runs, then merges. Sorts a copy. */
export async function sortPaced<T>(
  items: readonly T[],
  compare: (a: T, b: T) => number,
  pace: Pace,
): Promise<readonly T[]> {
  if (items.length <= RUN) return [...items].sort(compare);
  let runs: (readonly T[])[] = [];
  for (let from = 0; from < items.length; from += RUN) {
    runs.push(items.slice(from, from + RUN).sort(compare));
    await pace.rest();
  }
  while (runs.length > 1) {
    const merged: (readonly T[])[] = [];
    for (let i = 0; i < runs.length; i += 2) {
      merged.push(await merge(runs[i] ?? [], runs[i + 1] ?? [], compare, pace));
    }
    runs = merged;
  }
  return runs[0] ?? [];
}

async function merge<T>(
  left: readonly T[],
  right: readonly T[],
  compare: (a: T, b: T) => number,
  pace: Pace,
): Promise<readonly T[]> {
  const out: T[] = [];
  let i = 0;
  let j = 0;
  for (;;) {
    const a = left[i];
    const b = right[j];
    if (a === undefined) return out.concat(right.slice(j));
    if (b === undefined) return out.concat(left.slice(i));
    if (compare(a, b) <= 0) {
      out.push(a);
      i++;
    } else {
      out.push(b);
      j++;
    }
    if (pace.due()) await pace.rest();
  }
}
