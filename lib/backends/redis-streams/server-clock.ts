/**
 * Knows the time of the Redis server no later than it is. Leases are counted by that clock, so a lower bound makes
 * them end early in our books, never late.
 */
export class ServerClock {
  #offset = -Infinity;

  constructor(private readonly localNow: () => number = () => performance.now()) {}

  /** Takes in a server time that has just arrived: the server wrote it earlier, so now it is at least that. */
  observe(serverMs: number): void {
    this.#offset = serverMs - this.localNow();
  }

  /** The server's Unix time in milliseconds, or a little less. `-Infinity` before the first observation. */
  now(): number {
    return Math.floor(this.localNow() + this.#offset);
  }
}
