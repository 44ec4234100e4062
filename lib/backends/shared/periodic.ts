/** Runs a task again and again, never twice at once, until it is stopped. */
export class Periodic {
  #timer: NodeJS.Timeout | undefined;
  #dueAt = Infinity;
  #running: Promise<void> | undefined;
  #stopped = false;

  /**
   * @param task Resolves with the milliseconds until its next run.
   * @param retryMs Milliseconds until the next run after it failed.
   */
  constructor(
    private readonly task: () => Promise<number>,
    private readonly retryMs: number,
    private readonly report: (error: Error) => void,
  ) {}

  /** Makes the next run come no later than this many milliseconds from now. */
  poke(ms = 0): void {
    const dueAt = performance.now() + ms;
    if (this.#stopped || dueAt >= this.#dueAt) return;
    this.#dueAt = dueAt;
    clearTimeout(this.#timer);
    if (!this.#running) this.#timer = setTimeout(() => this.#run(), ms);
  }

  /** No run begins any more; resolves when the one under way has ended. */
  async stop(): Promise<void> {
    this.#stopped = true;
    clearTimeout(this.#timer);
    await this.#running;
  }

  #run(): void {
    this.#dueAt = Infinity;
    this.#running = this.#runOnce().then((nextMs) => {
      this.#running = undefined;
      const pokedMs = this.#dueAt - performance.now();
      this.#dueAt = Infinity;
      this.poke(Math.max(0, Math.min(nextMs, pokedMs)));
    });
  }

  async #runOnce(): Promise<number> {
    try {
      return await this.task();
    } catch (error) {
      if (!this.#stopped) this.report(error as Error);
      return this.retryMs;
    }
  }
}
