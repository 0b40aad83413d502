import type { ProxierStatus, SyncReport } from '../../proxy.js';
import type { Log } from '../../watch/types.js';
import { summary } from '../format/report.js';

/** Says in the log what syncs did: a line for each that changed something or failed, none for the others. */
export class SyncLog {
  readonly #log: Log;
  #first = true;
  #wrong: ReadonlySet<string> = new Set();

  constructor(log: Log) {
    this.#log = log;
  }

  synced(
    { kind, duration, examined, apply, staleFlows, error }: SyncReport,
    status: () => ProxierStatus,
  ): void {
    const changes = summary(apply?.results ?? []);
    const fields = { kind, services: examined.services, changes: apply?.done ?? 0, milliseconds: duration };
    if (error !== undefined) {
      const { failures } = status();
      this.#log.error('sync failed; it is tried again', {
        ...fields,
        failed: apply?.failed,
        skipped: apply?.skipped,
        failures,
        error: error.message,
      });
    } else if (this.#first || changes !== '' || staleFlows > 0) {
      this.#log.info(changes === '' ? 'nothing to change' : changes, {
        ...fields,
        staleFlows: staleFlows === 0 ? undefined : staleFlows,
      });
      this.#first = false;
    }
    // It takes a look at every Service.
    if (kind === 'full') this.#leftOut(status());
  }

  /** What is not programmed although somebody expects it to be; each thing once. */
  #leftOut({ conflicts, skipped }: ProxierStatus): void {
    const wrong = new Set([
      ...conflicts.map(({ object, reason, remedy }) => `conflict: ${object}: ${reason}; ${remedy}`),
      ...skipped
        .filter(({ intended }) => !intended)
        .map(({ object, path, reason }) => `${object}: ${path === '' ? '' : `${path}: `}${reason}`),
    ]);
    for (const line of wrong) if (!this.#wrong.has(line)) this.#log.warn(line);
    this.#wrong = wrong;
  }
}
