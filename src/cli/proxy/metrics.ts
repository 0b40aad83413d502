import type { ProxierStatus, SyncReport } from '../../proxy.js';
import type { Routes } from './serve.js';

/** What is counted for whoever asks for metrics. */
export interface Metrics {
  synced(report: SyncReport, status: ProxierStatus): void;
  /** Endpoints changed at this time, in milliseconds since the epoch, and are about to be programmed. */
  endpointsChanged(at: number): void;
  healthAnswered(path: string, status: number): void;
  readonly routes: Routes;
}

const PACKAGE = 'prom-client';

/** @throws an Error when the package that metrics are made with is not installed. */
async function load() {
  try {
    return await import('prom-client');
  } catch (err) {
    throw new Error(
      `metrics are served with the package ${PACKAGE}, which cannot be loaded: npm install ${PACKAGE}`,
      {
        cause: err,
      },
    );
  }
}

/** Seconds, as kube-proxy counts the way of a change through the cluster: to the second up to a minute, coarser up to five. */
const WAY_BUCKETS: readonly number[] = [
  0.25,
  0.5,
  ...Array.from({ length: 59 }, (_, i) => i + 1),
  ...Array.from({ length: 12 }, (_, i) => 60 + 5 * i),
  ...Array.from({ length: 7 }, (_, i) => 120 + 30 * i),
];

/**
 * Metrics under the names that kube-proxy has for the same, and those of the proxier itself.
 * @param own Those of the proxier, as text.
 */
export async function createMetrics(own: () => string): Promise<Metrics> {
  const { collectDefaultMetrics, Counter, exponentialBuckets, Gauge, Histogram, Registry } = await load();
  const register = new Registry();
  const registers = [register];
  collectDefaultMetrics({ register });
  const buckets = exponentialBuckets(0.001, 2, 15);
  const durationOf = (name: string, help: string) => new Histogram({ name, help, buckets, registers });
  const all = durationOf('kubeproxy_sync_proxy_rules_duration_seconds', 'Duration of a sync');
  const byKind = {
    full: durationOf(
      'kubeproxy_sync_full_proxy_rules_duration_seconds',
      'Duration of a sync that compares everything',
    ),
    incremental: durationOf(
      'kubeproxy_sync_partial_proxy_rules_duration_seconds',
      'Duration of a sync of what has changed',
    ),
  };
  const last = new Gauge({
    name: 'kubeproxy_sync_proxy_rules_last_timestamp_seconds',
    help: 'Time of the last sync that succeeded',
    registers,
  });
  const way = new Histogram({
    name: 'kubeproxy_network_programming_duration_seconds',
    help: 'From the change of an endpoint, as its EndpointSlice tells the time, until it is programmed here',
    buckets: [...WAY_BUCKETS],
    registers,
  });
  const healthz = new Counter({
    name: 'kubeproxy_proxy_healthz_total',
    help: 'Answers of /healthz',
    labelNames: ['code'],
    registers,
  });
  const livez = new Counter({
    name: 'kubeproxy_proxy_livez_total',
    help: 'Answers of /livez',
    labelNames: ['code'],
    registers,
  });

  /** Changes that are not programmed yet: when they happened, and when they came here. */
  let onTheirWay: { readonly at: number; readonly came: number }[] = [];
  return {
    synced: ({ kind, started, duration, error }, { pending }) => {
      all.observe(duration / 1000);
      byKind[kind].observe(duration / 1000);
      if (error !== undefined) return;
      const ended = started + duration;
      last.set(ended / 1000);
      // What came while the sync ran is in it only when nothing waits now.
      const done = (came: number): boolean => pending === 0 || came < started;
      for (const { at, came } of onTheirWay) if (done(came)) way.observe(Math.max(0, ended - at) / 1000);
      onTheirWay = onTheirWay.filter(({ came }) => !done(came));
    },
    endpointsChanged: (at) => void onTheirWay.push({ at, came: Date.now() }),
    healthAnswered: (path, status) => (path === '/livez' ? livez : healthz).inc({ code: String(status) }),
    routes: {
      '/metrics': async () => ({
        status: 200,
        type: register.contentType,
        body: `${await register.metrics()}\n${own()}`,
      }),
      '/proxyMode': () => ({ status: 200, type: 'text/plain', body: 'ipvs' }),
    },
  };
}
