import { ValidationError } from '../errors.js';

const UNITS: Readonly<Record<string, number>> = {
  ns: 1e-6,
  us: 1e-3,
  µs: 1e-3,
  ms: 1,
  s: 1000,
  m: 60_000,
  h: 3_600_000,
};
const WHOLE = /^\+?(?:0|(?:(?:\d+(?:\.\d*)?|\.\d+)(?:ns|us|µs|ms|s|m|h))+)$/;
const PART = /(\d+(?:\.\d*)?|\.\d+)(ns|us|µs|ms|s|m|h)/g;
/** The longest that fits the kernel's 31 bits of seconds. */
const MAX_SECONDS = 0x7fffffff;

/**
 * Milliseconds of a duration as Kubernetes writes it: `15m`, `1h30m`, `0s`, `1.5s`, `100ms`.
 * @throws ValidationError for anything else, negative ones included.
 */
export function parseMilliseconds(text: unknown, path: string): number {
  if (typeof text === 'string' && WHOLE.test(text)) {
    let milliseconds = 0;
    for (const [, number = '', unit = ''] of text.matchAll(PART))
      milliseconds += Number(number) * (UNITS[unit] ?? 0);
    if (milliseconds < (MAX_SECONDS + 1) * 1000) return milliseconds;
  }
  throw new ValidationError(path, 'a duration that is not negative, such as 15m, 90s or 0s', text);
}

/**
 * Seconds of such a duration. Parts of a second are dropped, as kube-proxy does with the timeouts of IPVS.
 * @throws ValidationError as {@link parseMilliseconds}.
 */
export function parseDuration(text: unknown, path: string): number {
  return Math.floor(parseMilliseconds(text, path) / 1000);
}
