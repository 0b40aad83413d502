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
 * Seconds of a duration as Kubernetes writes it: `15m`, `1h30m`, `0s`, `1.5s`. Parts of a second are dropped, as kube-proxy does
 * with the timeouts of IPVS.
 * @throws ValidationError for anything else, negative ones included.
 */
export function parseDuration(text: unknown, path: string): number {
  if (typeof text === 'string' && WHOLE.test(text)) {
    let milliseconds = 0;
    for (const [, number = '', unit = ''] of text.matchAll(PART))
      milliseconds += Number(number) * (UNITS[unit] ?? 0);
    const seconds = Math.floor(milliseconds / 1000);
    if (seconds <= MAX_SECONDS) return seconds;
  }
  throw new ValidationError(path, 'a duration that is not negative, such as 15m, 90s or 0s', text);
}
