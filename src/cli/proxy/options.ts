import { type Command, Option } from 'commander';
import { ValidationError } from '../../errors.js';
import { parseMilliseconds, type RunSettings } from '../../proxy/index.js';
import { addKernelOptions, addStateOptions, type KernelFlags, type StateFlags } from '../options.js';
import { LOG_FORMATS, type LogFormat } from './log.js';
import { bindAddress, type BindAddress } from './serve.js';

/** Options of `ipvs proxy`. Names are those of kube-proxy where it has the option. */
export interface ProxyFlags extends Omit<StateFlags, 'filename'>, KernelFlags {
  readonly filename?: readonly string[];
  readonly kubeconfig?: string;
  readonly master?: string;
  readonly adopt?: boolean;
  readonly drainTimeout?: string;
  readonly healthzBindAddress?: string;
  readonly metricsBindAddress?: string;
  readonly logFormat?: LogFormat;
}

export function addRunOptions(command: Command): Command {
  return addKernelOptions(addStateOptions(command, { required: false }))
    .option('--kubeconfig <file>', 'watch the API server that this file names')
    .option('--master <url>', 'address of the API server; wins over the one in the file')
    .option('--adopt', 'take over wanted virtual servers that somebody else made')
    .option(
      '--drain-timeout <duration>',
      'how long an unwanted real server is left to its connections; or forever, as kube-proxy does (default: 15m)',
    )
    .option(
      '--healthz-bind-address <address>',
      'where /healthz and /livez are answered; empty: nowhere (default: 0.0.0.0:10256)',
    )
    .option(
      '--metrics-bind-address <address>',
      'where /metrics is answered, with the package prom-client; empty: nowhere (default: 127.0.0.1:10249)',
    )
    .addOption(new Option('--log-format <format>', 'of standard error (default: text)').choices(LOG_FORMATS));
}

/** What a running proxier is told besides its configuration. */
export interface RunOptions {
  /** Milliseconds. */
  readonly syncPeriod: number;
  readonly minSyncPeriod: number;
  readonly drainTimeout?: number;
  readonly healthz: BindAddress | undefined;
  readonly metrics: BindAddress | undefined;
  /** Somebody asked for metrics, rather than nobody having said no. */
  readonly metricsWanted: boolean;
  readonly kubeconfig?: string;
}

/** @throws ValidationError naming the option. */
export function runOptions(flags: ProxyFlags, file: RunSettings = {}): RunOptions {
  const period = (text: string | undefined, name: string): number | undefined =>
    text === undefined ? undefined : parseMilliseconds(text, name);
  const syncPeriod = period(flags.ipvsSyncPeriod, '--ipvs-sync-period') ?? file.syncPeriod ?? 30_000;
  const minSyncPeriod = period(flags.ipvsMinSyncPeriod, '--ipvs-min-sync-period') ?? file.minSyncPeriod ?? 0;
  if (syncPeriod < 1)
    throw new ValidationError('--ipvs-sync-period', 'a duration above 0', flags.ipvsSyncPeriod);
  if (minSyncPeriod > syncPeriod)
    throw new ValidationError(
      '--ipvs-min-sync-period',
      `at most --ipvs-sync-period, ${syncPeriod / 1000}s`,
      `${minSyncPeriod / 1000}s`,
    );
  const kubeconfig = flags.kubeconfig ?? file.kubeconfig;
  const metrics = flags.metricsBindAddress ?? file.metricsBindAddress;
  return {
    syncPeriod,
    minSyncPeriod,
    ...(flags.drainTimeout === undefined
      ? {}
      : {
          drainTimeout:
            flags.drainTimeout === 'forever'
              ? Infinity
              : parseMilliseconds(flags.drainTimeout, '--drain-timeout'),
        }),
    healthz: bindAddress(
      flags.healthzBindAddress ?? file.healthzBindAddress ?? '0.0.0.0:10256',
      '--healthz-bind-address',
      10256,
    ),
    metrics: bindAddress(metrics ?? '127.0.0.1:10249', '--metrics-bind-address', 10249),
    metricsWanted: metrics !== undefined,
    ...(kubeconfig === undefined ? {} : { kubeconfig }),
  };
}
