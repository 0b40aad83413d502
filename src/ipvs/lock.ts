/** Runs jobs one after the other, in the order of the calls. */
export class Lock {
  #last: Promise<unknown> = Promise.resolve();

  /** Run the job when those before it have ended, however they ended. */
  run<T>(job: () => Promise<T>): Promise<T> {
    const result = this.#last.then(job, job);
    this.#last = result.catch(() => undefined);
    return result;
  }
}
