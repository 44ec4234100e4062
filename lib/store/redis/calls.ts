import type { RedisConnection } from '../../clients/redis/connection.js';
import type { Script } from '../../clients/redis/script.js';
import { inTime } from '../../clients/redis/waiting.js';
import { EventBusClosedError } from '../../errors.js';
import { USER } from './options.js';

/** Runs scripts that may be run again, each within a time. */
export class Calls {
  #closed = false;

  constructor(
    private readonly connection: RedisConnection,
    private readonly timeoutMs: number,
  ) {}

  /**
   * @throws {EventTimeoutError} when Redis does not answer in time.
   * @throws {EventBusClosedError} when the store was closed.
   */
  async run(script: Script, keys: readonly string[], args: readonly (string | number)[]): Promise<unknown> {
    if (this.#closed) throw new EventBusClosedError(`${USER} is closed. Use it before close().`);
    return inTime(this.timeoutMs, this.connection.run(script, keys, args));
  }

  /** Refuses everything from now on. */
  close(): void {
    this.#closed = true;
  }
}
