/**
 * Cleans up in the background, now and then while there is work, without a timer. What keeps it from cleaning up keeps
 * the store from its work, too, where it is reported; so a failure only means to try again the next time.
 */
export class Sweep {
  #due = 0;
  #running: Promise<void> | undefined;
  #stopped = false;

  /**
   * @param intervalMs From one sweep to the next.
   * @param step Removes a bounded number of rows and tells how many that were: 0 when there are no more.
   */
  constructor(
    private readonly intervalMs: number,
    private readonly step: () => Promise<number>,
  ) {}

  /** Begins if the time has come. */
  maybe(): void {
    const now = performance.now();
    if (this.#stopped || this.#running !== undefined || now < this.#due) return;
    this.#due = now + this.intervalMs;
    this.#running = this.#run().finally(() => (this.#running = undefined));
  }

  /** Resolves when the step that runs has ended; no other follows. */
  async stop(): Promise<void> {
    this.#stopped = true;
    await this.#running;
  }

  async #run(): Promise<void> {
    try {
      while (!this.#stopped && (await this.step()) > 0);
    } catch {
      // The next sweep tries again.
    }
  }
}
