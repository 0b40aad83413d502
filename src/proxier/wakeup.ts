/** Something that one waiter sleeps on. Waking it while nobody sleeps makes the next sleep end at once. */
export class Wakeup {
  #woken = false;
  #wake: (() => void) | undefined;

  wake(): void {
    this.#woken = true;
    this.#wake?.();
  }

  /** Resolves after a time in milliseconds (`Infinity`: never), when woken, or when the signal is aborted. */
  async wait(milliseconds: number, signal: AbortSignal): Promise<void> {
    if (!this.#woken && !signal.aborted) {
      await new Promise<void>((resolve) => {
        const timer = Number.isFinite(milliseconds)
          ? setTimeout(resolve, Math.min(milliseconds, 0x7fffffff))
          : undefined;
        const end = (): void => resolve();
        signal.addEventListener('abort', end, { once: true });
        this.#wake = () => {
          clearTimeout(timer);
          signal.removeEventListener('abort', end);
          resolve();
        };
      });
      this.#wake?.();
      this.#wake = undefined;
    }
    this.#woken = false;
  }
}
