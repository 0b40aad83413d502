import { setTimeout as sleep } from 'node:timers/promises';

/** Resolves after a time in milliseconds, or when the signal is aborted. */
export async function pause(milliseconds: number, signal: AbortSignal): Promise<void> {
  await sleep(milliseconds, undefined, { signal }).catch(() => undefined);
}

/** Whether it is aborted by now: the compiler takes an earlier answer for the last one. */
export const isAborted = (signal: AbortSignal): boolean => signal.aborted;

/**
 * Milliseconds to wait after so many failures in a row: one second, doubled with each, up to half a minute; and a part of it by
 * chance, so that the nodes of a cluster do not all come back at once.
 */
export function backOff(failures: number): number {
  return Math.min(1000 * 2 ** failures, 30_000) * (0.75 + Math.random() / 2);
}
