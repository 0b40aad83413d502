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
}

const median = (values: readonly number[]): number =>
  [...values].sort((a, b) => a - b)[Math.floor(values.length / 2)] ?? Number.NaN;

function isMeasured(value: unknown): value is Seconds {
  return typeof value === 'object' && value !== null && 'cpu' in value;
}

async function measured({ before, run, after }: Contender): Promise<Measured> {
  await before?.();
  const start = performance.now();
  const used = process.cpuUsage();
  const own = await run();
  const wall = (performance.now() - start) / 1000;
  const { user, system } = process.cpuUsage(used);
  await after?.();
  return { wall, cpu: (user + system) / 1e6, ...(isMeasured(own) ? own : {}) };
}

/** In a round of its own: watching takes a good part of the processor time that a fast contender needs. */
async function watched({ before, run, after }: Contender): Promise<Hold> {
  await before?.();
  const { hold } = await watchLoop(run);
  await after?.();
  return hold;
}

/**
 * Run the contenders in turns, so that a busy moment of the machine hits all of them, and print the median times as ratios to the
 * first one: of processor time, which a busy machine changes little, and by the clock. Only the ratios mean something elsewhere. One more
 * round tells how long the event loop was held.
 */
export async function compare(
  title: string,
  contenders: readonly Contender[],
  rounds: number,
): Promise<void> {
  const results = new Map<Contender, Measured[]>(contenders.map((contender) => [contender, []]));
  for (let round = 0; round < rounds; round++) {
    for (const [contender, all] of results) all.push(await measured(contender));
  }
  console.log(`\n${title} (median of ${String(rounds)}; event loop: one more round)`);
  const [base] = results.values();
  const baseCpu = median((base ?? []).map(({ cpu }) => cpu));
  const baseWall = median((base ?? []).map(({ wall }) => wall));
  const times = (value: number): string => `× ${value.toFixed(2).padStart(6)}`;
  for (const [contender, all] of results) {
    const cpu = median(all.map((m) => m.cpu));
    const wall = median(all.map((m) => m.wall));
    const hold = await watched(contender);
    console.log(
      `  ${contender.name.padEnd(36)} cpu ${times(cpu / baseCpu)} ${cpu.toFixed(3).padStart(7)} s   clock ${times(wall / baseWall)}` +
        ` ${wall.toFixed(3).padStart(7)} s   loop held: cpu ${(hold.cpu ?? Number.NaN).toFixed(1)} ms, clock ${hold.wall.toFixed(1)} ms (p99 ${hold.p99.toFixed(1)})`,
    );
  }
}
