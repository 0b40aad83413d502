import type { ProxierStatus, SyncReport } from './types.js';

/** Totals over all syncs of a proxier. */
export class Totals {
  readonly #syncs = new Map<string, number>();
  #seconds = 0;
  #operations = 0;
  #staleFlows = 0;

  /** Add a sync. */
  note({ kind, error, duration, apply, staleFlows }: SyncReport): void {
    const key = `kind="${kind}",result="${error === undefined ? 'success' : 'error'}"`;
    this.#syncs.set(key, (this.#syncs.get(key) ?? 0) + 1);
    this.#seconds += duration / 1000;
    this.#operations += apply?.done ?? 0;
    this.#staleFlows += staleFlows;
  }

  /** Totals and status in the text format of Prometheus. No series per Service: their number would grow without end. */
  text(status: ProxierStatus): string {
    const lines: string[] = [];
    const metric = (
      name: string,
      type: 'counter' | 'gauge',
      samples: readonly (readonly [string, number])[],
    ): void => {
      lines.push(`# TYPE ipvs_proxier_${name} ${type}`);
      for (const [labels, value] of samples)
        lines.push(`ipvs_proxier_${name}${labels === '' ? '' : `{${labels}}`} ${value}`);
    };
    metric('syncs_total', 'counter', [...this.#syncs]);
    metric('sync_seconds_total', 'counter', [['', this.#seconds]]);
    metric('operations_total', 'counter', [['', this.#operations]]);
    metric('stale_flows_total', 'counter', [['', this.#staleFlows]]);
    metric('degraded', 'gauge', [['', status.state === 'degraded' ? 1 : 0]]);
    metric('last_success_timestamp_seconds', 'gauge', [['', (status.lastSuccess ?? 0) / 1000]]);
    metric('services', 'gauge', [['', status.services]]);
    metric('endpoint_slices', 'gauge', [['', status.endpointSlices]]);
    metric('pending_services', 'gauge', [['', status.pending]]);
    metric('draining_real_servers', 'gauge', [['', status.draining.length]]);
    metric('conflicts', 'gauge', [['', status.conflicts.length]]);
    return `${lines.join('\n')}\n`;
  }
}
