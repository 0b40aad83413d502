import { readdirSync } from 'node:fs';
import { spawnSync } from 'node:child_process';
import { setTimeout as delay } from 'node:timers/promises';

/**
 * Unload ip_vs with the modules that stand on it (schedulers, xt_ipvs). Namespaces of earlier tests let go of theirs a while after
 * they are removed, so it is tried for some time. Answers why it could not be done.
 */
export async function unloadIpvs(): Promise<string | undefined> {
  let refused = '';
  for (let attempt = 0; attempt < 40; attempt++) {
    const holders = readdirSync('/sys/module/ip_vs/holders');
    const unload = spawnSync('rmmod', [...holders, 'ip_vs'], { encoding: 'utf8' });
    if (unload.status === 0) return undefined;
    refused = unload.stderr.trim();
    await delay(250);
  }
  return refused;
}

/** Load it again. */
export function loadIpvs(): void {
  spawnSync('modprobe', ['ip_vs']);
}
