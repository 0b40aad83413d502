import type { Command } from 'commander';
import { ValidationError } from '../../errors.js';
import type { Kernel } from '../../kernel/types.js';
import { Proxier } from '../../proxy.js';
import { ClusterSource } from '../../watch/cluster/source.js';
import { FilesSource } from '../../watch/files.js';
import { nodeFacts, type NodeObject } from '../../watch/node-object.js';
import type { Log, Sink, Source } from '../../watch/types.js';
import { type ConfigAndFile, configFromFlags } from '../config-flags.js';
import type { CliContext } from '../io.js';
import { nodeFromFlags } from '../node-flags.js';
import { healthRoutes } from '../proxy/health.js';
import { createLog } from '../proxy/log.js';
import { createMetrics, type Metrics } from '../proxy/metrics.js';
import { addRunOptions, type ProxyFlags, type RunOptions, runOptions } from '../proxy/options.js';
import { SyncLog } from '../proxy/report.js';
import { serve } from '../proxy/serve.js';
import { requirePodNetworks, withFeatures } from '../state.js';
import { withKernel } from '../with-kernel.js';

async function openSource(flags: ProxyFlags, run: RunOptions, nodeName: string, log: Log): Promise<Source> {
  const { filename: paths = [], master } = flags;
  if (paths.length === 0) {
    const { kubeconfig } = run;
    const options = {
      ...(kubeconfig === undefined ? {} : { kubeconfig }),
      ...(master === undefined ? {} : { master }),
    };
    return ClusterSource.open(options, nodeName, log);
  }
  // A kubeconfig of --config is no choice against files.
  const other = flags.kubeconfig ?? master;
  if (other !== undefined) throw new ValidationError('-f', 'files, or an API server; not both', other);
  return new FilesSource({ paths, period: run.syncPeriod, strict: flags.strict === true }, log);
}

/** Metrics, when somebody can read them. @throws when they were asked for and cannot be had. */
async function openMetrics(run: RunOptions, own: () => string, log: Log): Promise<Metrics | undefined> {
  if (run.metrics === undefined) return undefined;
  try {
    return await createMetrics(own);
  } catch (err) {
    if (run.metricsWanted || !(err instanceof Error)) throw err;
    log.info(err.message);
    return undefined;
  }
}

/** Everything that runs until the process is told to end, or one of it cannot go on. */
async function untilStopped(
  given: AbortSignal | undefined,
  tasks: (signal: AbortSignal) => readonly Promise<void>[],
): Promise<void> {
  const stop = new AbortController();
  const signal = given === undefined ? stop.signal : AbortSignal.any([given, stop.signal]);
  const running = tasks(signal).map((task) => task.finally(() => stop.abort()));
  const outcomes = await Promise.allSettled(running);
  for (const outcome of outcomes) if (outcome.status === 'rejected') throw outcome.reason;
}

/** `ipvs proxy` with its source and its kernel open. */
async function runProxy(
  kernel: Kernel,
  source: Source,
  flags: ProxyFlags,
  { config: given, file }: ConfigAndFile,
  run: RunOptions,
  context: CliContext,
  log: Log,
): Promise<void> {
  const { io } = context;
  const config = await withFeatures(given, kernel, (note) => log.warn(note));
  let object: NodeObject | undefined;
  const syncs = new SyncLog(log);
  const { syncPeriod, minSyncPeriod, drainTimeout } = run;
  const proxier = new Proxier(kernel, config, {
    node: async () => {
      const node = await nodeFromFlags(
        flags,
        context,
        kernel,
        file,
        object === undefined ? {} : nodeFacts(object),
      );
      requirePodNetworks(config, node);
      return node;
    },
    syncPeriod,
    minSyncPeriod,
    ...(drainTimeout === undefined ? {} : { drainTimeout }),
    adopt: flags.adopt === true,
    hooks: {
      synced: (report) => {
        // An operation that was not tried since the process ends is no failure.
        if (io.signal?.aborted === true) return;
        syncs.synced(report, () => proxier.status);
        metrics?.synced(report, proxier.status);
      },
      recovered: () => log.info('everything is programmed again'),
      warning: (message, cause) => log.warn(message, { error: cause.message }),
    },
  });
  const metrics = await openMetrics(run, () => proxier.metrics(), log);
  const sink: Sink = {
    replace: (services, slices) => proxier.replace(services, slices),
    upsertService: (service) => proxier.upsertService(service),
    removeService: (ref) => proxier.removeService(ref),
    upsertSlice: (slice) => proxier.upsertSlice(slice),
    removeSlice: (ref) => proxier.removeSlice(ref),
    setNode: (node) => {
      object = node;
      proxier.refresh();
    },
    endpointsChanged: (at) => metrics?.endpointsChanged(at),
  };
  const health = healthRoutes(
    () => ({
      healthy: proxier.isHealthy,
      lastSuccess: proxier.status.lastSuccess,
      nodeEligible: object?.eligible ?? true,
    }),
    (path, status) => metrics?.healthAnswered(path, status),
  );
  const forgetHangup = io.onHangup?.(() => {
    log.info('looking at everything again, as asked by SIGHUP');
    source.reload();
    proxier.refresh();
  });
  try {
    log.info('started', { source: source.description, profile: config.profile, rules: config.rules });
    await untilStopped(io.signal, (signal) => [
      proxier.run(signal),
      source.run(sink, signal),
      ...(run.healthz === undefined ? [] : [serve('health checks', run.healthz, health, log, signal)]),
      ...(run.metrics === undefined || metrics === undefined
        ? []
        : [serve('metrics', run.metrics, metrics.routes, log, signal)]),
    ]);
  } finally {
    forgetHangup?.();
  }
  log.info('ended; what is programmed stays');
}

/** `ipvs proxy`: keep the kernel so. */
export function proxyCommand(program: Command, context: CliContext): void {
  addRunOptions(
    program
      .command('proxy')
      .description(
        'Keep the kernel programmed for the Services of a cluster, or of files, until it is told to end; as kube-proxy in IPVS mode.',
      ),
  ).action(async (flags: ProxyFlags) => {
    const log = createLog(flags.logFormat ?? 'text', (line) => context.io.err(line));
    const config = await configFromFlags(flags);
    const run = runOptions(flags, config.file?.run);
    const { name } = await nodeFromFlags(flags, context, undefined, config.file);
    const source = await openSource(flags, run, name, log);
    await withKernel(flags, context, (kernel) => runProxy(kernel, source, flags, config, run, context, log));
  });
}
