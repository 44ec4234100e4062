interface Waiting {
  resolve(): void;
  reject(reason: Error): void;
}

/** Callers that wait for the moment when there is nothing to do. */
export class IdleWatch {
  readonly #waiting = new Set<Waiting>();

  constructor(private readonly isIdle: () => boolean) {}

  /** Resolves at the next idle moment, which may be now; rejects with `signal.reason` when it aborts first. */
  wait(signal: AbortSignal): Promise<void> {
    if (signal.aborted) return Promise.reject(signal.reason as Error);
    if (this.isIdle()) return Promise.resolve();
    return new Promise((resolve, reject) => {
      const stop = () => {
        signal.removeEventListener('abort', onAbort);
        this.#waiting.delete(waiting);
      };
      const onAbort = () => waiting.reject(signal.reason as Error);
      const waiting: Waiting = {
        resolve: () => (stop(), resolve()),
        reject: (reason) => (stop(), reject(reason)),
      };
      signal.addEventListener('abort', onAbort);
      this.#waiting.add(waiting);
    });
  }

  /** To be called whenever there may be nothing left to do. */
  check(): void {
    if (this.#waiting.size === 0 || !this.isIdle()) return;
    for (const waiting of this.#waiting) waiting.resolve();
  }

  /** Tells everybody that the moment will not come. */
  giveUp(reason: Error): void {
    for (const waiting of this.#waiting) waiting.reject(reason);
  }
}
