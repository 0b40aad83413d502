import { readFileSync } from 'node:fs';
import { monitorEventLoopDelay } from 'node:perf_hooks';

/** How long the event loop was held at a time, in milliseconds. */
export interface Hold {
  /** Longest delay of a timer: what a user of the process sees. On a busy machine this includes waiting for a CPU. */
  readonly wall: number;
  /** 99th percentile of the same. */
  readonly p99: number;
  /** Most CPU time of the JavaScript thread between two timers: what this package is to blame for. Undefined where /proc lacks it. */
  readonly cpu: number | undefined;
}

/** CPU time of the JavaScript thread so far, in milliseconds (Linux: first number of schedstat, in nanoseconds). */
function threadCpu(): number | undefined {
  try {
    const [ran] = readFileSync(`/proc/self/task/${String(process.pid)}/schedstat`, 'latin1').split(' ');
    return Number(ran) / 1e6;
  } catch {
    return undefined;
  }
}

/** Run something and watch the event loop meanwhile. */
export async function watchLoop<T>(
  work: () => Promise<T>,
): Promise<{ readonly value: T; readonly hold: Hold }> {
  const delay = monitorEventLoopDelay({ resolution: 1 });
  let last = threadCpu();
  let most = 0;
  const timer = setInterval(() => {
    const now = threadCpu();
    if (now !== undefined && last !== undefined) most = Math.max(most, now - last);
    last = now;
  }, 1);
  delay.enable();
  try {
    const value = await work();
    // One more turn, so that a hold at the very end is seen.
    await new Promise((resolve) => setTimeout(resolve, 2));
    return {
      value,
      hold: {
        wall: delay.max / 1e6,
        p99: delay.percentile(99) / 1e6,
        cpu: last === undefined ? undefined : most,
      },
    };
  } finally {
    delay.disable();
    clearInterval(timer);
  }
}
