import { setTimeout as sleep } from 'node:timers/promises';
import { ValidationError } from '../errors.js';
import { integerIn } from '../net/number.js';
import { checkKeys, isObject } from './objects.js';
import type { PollInterval } from './types.js';

/** How much longer the pause gets with each look that finds nothing new. */
const GROWTH = 1.5;
/** The longest time that a timer of JavaScript takes, in milliseconds. */
export const MAX_DELAY = 0x7fffffff;

/** Bounds of the pause between two looks, in milliseconds. */
export interface PollBounds {
  readonly min: number;
  readonly max: number;
}

/** @throws ValidationError naming `path` */
export function parseInterval(
  interval: PollInterval | undefined,
  fallback: PollBounds,
  path: string,
): PollBounds {
  const value: unknown = interval;
  if (value === undefined) return fallback;
  if (typeof value === 'number') {
    const fixed = integerIn(value, 1, MAX_DELAY, path, 'milliseconds');
    return { min: fixed, max: fixed };
  }
  if (!isObject(value)) throw new ValidationError(path, 'milliseconds, or an object with min and max', value);
  checkKeys(value, ['min', 'max'], path);
  const min = integerIn(value['min'], 1, MAX_DELAY, `${path}.min`, 'milliseconds');
  return { min, max: integerIn(value['max'], min, MAX_DELAY, `${path}.max`, 'milliseconds') };
}

/** The pauses between looks at something that changes now and then: short after a change, longer and longer while nothing happens. */
export class Polling {
  readonly #bounds: PollBounds;
  readonly #signal: AbortSignal | undefined;
  #pause: number;
  #last: number;

  constructor(bounds: PollBounds, signal: AbortSignal | undefined) {
    this.#bounds = bounds;
    this.#signal = signal;
    this.#pause = bounds.min;
    this.#last = performance.now();
  }

  /**
   * Wait until it is time for the next look: the pause counts from the last one, so that whoever took long does not wait as well.
   * @param changed Whether the last look found something new.
   * @param limit Milliseconds that this pause may take at most.
   * @throws the signal's reason
   */
  async next(changed: boolean, limit?: number): Promise<void> {
    const { min, max } = this.#bounds;
    this.#pause = changed ? min : Math.min(max, this.#pause * GROWTH);
    const due = Math.min(limit ?? Infinity, this.#last + this.#pause - performance.now());
    if (due > 0) {
      await sleep(due, undefined, this.#signal === undefined ? {} : { signal: this.#signal }).catch(
        () => undefined,
      );
    }
    this.#signal?.throwIfAborted();
    this.#last = performance.now();
  }
}
