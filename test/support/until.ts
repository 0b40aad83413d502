import { setTimeout as sleep } from 'node:timers/promises';

/** Wait until something is so, up to a limit in milliseconds that is for broken code, not for slow machines. */
export async function until(
  what: string | (() => string),
  isSo: () => boolean | Promise<boolean>,
  limit = 25_000,
): Promise<void> {
  const giveUp = Date.now() + limit;
  while (!(await isSo())) {
    if (Date.now() > giveUp) throw new Error(`never so: ${typeof what === 'string' ? what : what()}`);
    await sleep(10);
  }
}
