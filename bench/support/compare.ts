import { watchLoop, type Hold } from './hold.js';

/** One way of doing the same work. `before` and `after` are not measured. */
export interface Contender {
  readonly name: string;
  readonly before?: () => Promise<unknown>;
  /** What is measured; a program, or one that measures itself, gives its {@link Seconds}. */
  readonly run: () => Promise<unknown>;
  readonly after?: () => Promise<unknown>;
}

/** By the clock and of the processor. */
export interface Seconds {
  readonly wall?: number;
  readonly cpu: number;
}

interface Measured {
  readonly wall: number;
  readonly cpu: number;
  readonly hold: Hold;
}

const median = (values: readonly number[]): number =>
  [...values].sort((a, b) => a - b)[Math.floor(values.length / 2)] ?? Number.NaN;

function isMeasured(value: unknown): value is Seconds {
  return typeof value === 'object' && value !== null && 'cpu' in value;
}

/**
 * Run the contenders in turns, so that a busy moment of the machine hits all of them, and print the median times as ratios to the
 * first one: of processor time, which a busy machine changes little, and by the clock. Only the ratios mean something elsewhere.
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
      const used = process.cpuUsage();
      const { value, hold } = await watchLoop(run);
      const wall = (performance.now() - start) / 1000;
      const { user, system } = process.cpuUsage(used);
      results
        .get(name)
        ?.push({ wall, cpu: (user + system) / 1e6, ...(isMeasured(value) ? value : {}), hold });
      await after?.();
    }
  }
  console.log(`\n${title} (median of ${String(rounds)}; event loop: most of all rounds)`);
  const [base] = results.values();
  const baseCpu = median((base ?? []).map(({ cpu }) => cpu));
  const baseWall = median((base ?? []).map(({ wall }) => wall));
  const times = (value: number): string => `× ${value.toFixed(2).padStart(6)}`;
  for (const [name, measured] of results) {
    const cpu = median(measured.map((m) => m.cpu));
    const wall = median(measured.map((m) => m.wall));
    const held = Math.max(...measured.map((m) => m.hold.wall));
    const p99 = Math.max(...measured.map((m) => m.hold.p99));
    const heldCpu = Math.max(...measured.map((m) => m.hold.cpu ?? Number.NaN));
    console.log(
      `  ${name.padEnd(36)} cpu ${times(cpu / baseCpu)} ${cpu.toFixed(3).padStart(7)} s   clock ${times(wall / baseWall)}` +
        ` ${wall.toFixed(3).padStart(7)} s   loop held: cpu ${heldCpu.toFixed(1)} ms, clock ${held.toFixed(1)} ms (p99 ${p99.toFixed(1)})`,
    );
  }
}
