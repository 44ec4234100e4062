// Not the global, so that the fake timers of a test do not stop it.
import { setImmediate } from 'node:timers';

interface Waiting<T, R> {
  readonly item: T;
  readonly resolve: (result: R) => void;
  readonly reject: (error: unknown) => void;
}

/**
 * Collects what is asked for within one turn of the event loop, and while the call before is under way, and does it in
 * one call. There is no timer, so nobody waits for company.
 */
export class Batcher<T, R> {
  #waiting: Waiting<T, R>[] = [];
  #running: Promise<void> | undefined;

  /**
   * @param run Gives one result per item, in order; a result that is an `Error` rejects.
   * @param most Items per call.
   */
  constructor(
    private readonly run: (items: readonly T[]) => Promise<readonly (R | Error)[]>,
    private readonly most: number,
  ) {}

  /** Whether anything waits or is under way. */
  get busy(): boolean {
    return this.#running !== undefined;
  }

  add(item: T): Promise<R> {
    return new Promise((resolve, reject) => {
      this.#waiting.push({ item, resolve, reject });
      this.#running ??= this.#work();
    });
  }

  /** Resolves when nothing is left. */
  async flushed(): Promise<void> {
    while (this.#running !== undefined) await this.#running;
  }

  async #work(): Promise<void> {
    await new Promise<void>((resolve) => void setImmediate(resolve));
    while (this.#waiting.length > 0) await this.#runSome(this.#waiting.splice(0, this.most));
    this.#running = undefined;
  }

  async #runSome(batch: readonly Waiting<T, R>[]): Promise<void> {
    try {
      const results = await this.run(batch.map(({ item }) => item));
      batch.forEach(({ resolve, reject }, i) => {
        const result = results[i] as R | Error;
        if (result instanceof Error) reject(result);
        else resolve(result);
      });
    } catch (error) {
      for (const { reject } of batch) reject(error);
    }
  }
}
