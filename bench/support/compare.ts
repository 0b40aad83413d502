import { watchLoop, type Hold } from './hold.js';

/** One way of doing the same work. `before` and `after` are not measured. */
export interface Contender {
  readonly name: string;
  readonly before?: () => Promise<unknown>;
  /** What is measured; one that measures itself (a program without its start) gives its seconds. */
  readonly run: () => Promise<unknown>;
  readonly after?: () => Promise<unknown>;
}

interface Measured {
  readonly seconds: number;
  readonly hold: Hold;
}

const median = (values: readonly number[]): number =>
  [...values].sort((a, b) => a - b)[Math.floor(values.length / 2)] ?? Number.NaN;

function isMeasured(value: unknown): value is { readonly seconds: number } {
  return typeof value === 'object' && value !== null && 'seconds' in value;
}

/**
 * Run the contenders in turns, so that a busy moment of the machine hits all of them, and print the median times as ratios to the
 * first one. Absolute times are shown for orientation; only the ratios mean something elsewhere.
 */
export async function compare(
  title: string,
  contenders: readonly Contender[],
  rounds: number,
): Promise<void> {
  const results = new Map<string, Measured[]>(contenders.map(({ name }) => [name, []]));
  for (let round = 0; round < rounds; round++) {
    for (const { name, before, run, after } of contenders) {
      await before?.();
      const start = performance.now();
      const { value, hold } = await watchLoop(run);
      const seconds = isMeasured(value) ? value.seconds : (performance.now() - start) / 1000;
      results.get(name)?.push({ seconds, hold });
      await after?.();
    }
  }
  console.log(`\n${title} (median of ${String(rounds)}; event loop: most of all rounds)`);
  const base = median((results.get(contenders[0]?.name ?? '') ?? []).map(({ seconds }) => seconds));
  for (const [name, measured] of results) {
    const seconds = median(measured.map((m) => m.seconds));
    const wall = Math.max(...measured.map((m) => m.hold.wall));
    const p99 = Math.max(...measured.map((m) => m.hold.p99));
    const cpu = Math.max(...measured.map((m) => m.hold.cpu ?? Number.NaN));
    console.log(
      `  ${name.padEnd(44)} × ${(seconds / base).toFixed(2).padStart(6)}   ${seconds.toFixed(3).padStart(7)} s` +
        `   loop held: cpu ${cpu.toFixed(1)} ms, wall ${wall.toFixed(1)} ms (p99 ${p99.toFixed(1)})`,
    );
  }
}
