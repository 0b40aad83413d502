/**
 * Runs tasks one after the other, in the order in which they came. A task whose signal fires while it waits is dropped at once;
 * one that is running ends by itself.
 */
export class Queue {
  #tail: Promise<void> = Promise.resolve();

  /** Settles as the task does, or rejects with the signal's reason when that fires first. */
  add<T>(task: () => Promise<T>, signal?: AbortSignal): Promise<T> {
    if (signal?.aborted === true) return rejection(signal);
    return new Promise<T>((resolve, reject) => {
      let started = false;
      const abandon = (): void => {
        if (!started) reject(reasonOf(signal));
      };
      signal?.addEventListener('abort', abandon, { once: true });
      this.#tail = this.#tail.then(async () => {
        if (signal?.aborted === true) return;
        started = true;
        signal?.removeEventListener('abort', abandon);
        await task().then(resolve, reject);
      });
    });
  }

  /** Resolves when everything that was added so far has ended. */
  drained(): Promise<void> {
    return this.#tail;
  }
}

function rejection(signal: AbortSignal): Promise<never> {
  return new Promise((_resolve, reject) => {
    reject(reasonOf(signal));
  });
}

/** Whatever an application aborts with is passed on as it is. */
function reasonOf(signal: AbortSignal | undefined): Error {
  return signal?.reason as Error;
}
