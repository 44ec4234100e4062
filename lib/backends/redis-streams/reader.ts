import type { RedisClient, RedisConnection } from '../../clients/redis/connection.js';
import type { Fields } from './codec.js';

/** How long Redis may hold a read that finds nothing. A short one costs little and lets a stop come quickly. */
const MAX_BLOCK_MS = 1000;
/** A reply that is this late will not come: the connection is half-open. */
const GRACE_MS = 4000;

/** Name of a stream, and what was read from it. */
export type StreamBatch = readonly [
  stream: string,
  entries: readonly (readonly [id: string, fields: Fields])[],
];

/** One connection that blocks in reads. Any failure closes it; the next read opens a new one. */
export class BlockingReader {
  readonly blockMs: number;
  #client: RedisClient | undefined;
  #clientId: string | undefined;

  /** @param longestBlockMs Upper limit for `BLOCK`. */
  constructor(
    private readonly connection: RedisConnection,
    longestBlockMs = MAX_BLOCK_MS,
  ) {
    this.blockMs = Math.min(MAX_BLOCK_MS, longestBlockMs);
  }

  /**
   * Reads once.
   *
   * @param before Arguments up to and including COUNT.
   * @param streams Keys, then a place to read from for each.
   * @returns Nothing when there was nothing to read in time.
   */
  async read(
    command: 'xread' | 'xreadgroup',
    before: readonly (string | number)[],
    streams: readonly string[],
  ): Promise<readonly StreamBatch[]> {
    let watchdog: NodeJS.Timeout | undefined;
    const late = new Promise<never>((_, reject) => {
      const error = new Error(`Redis did not answer a read within ${this.blockMs + GRACE_MS} ms.`);
      watchdog = setTimeout(() => reject(error), this.blockMs + GRACE_MS);
    });
    try {
      const args = [...before, 'BLOCK', this.blockMs, 'STREAMS', ...streams];
      return (await Promise.race([this.#send(command, args), late])) ?? [];
    } catch (error) {
      this.close();
      throw error;
    } finally {
      clearTimeout(watchdog);
    }
  }

  /** Makes a read that waits return now, with what it has. */
  interrupt(): void {
    const commands = this.connection.usable;
    // Without the right to do this, or in a cluster, the read ends by itself a little later.
    if (this.#clientId && commands) commands.call('client', 'unblock', this.#clientId).catch(() => undefined);
  }

  close(): void {
    if (this.#client) this.connection.closeReader(this.#client);
    this.#client = undefined;
    this.#clientId = undefined;
  }

  async #send(command: string, args: (string | number)[]): Promise<readonly StreamBatch[] | null> {
    const client = this.#client ?? (await this.#open());
    return (await client.call(command, args)) as readonly StreamBatch[] | null;
  }

  async #open(): Promise<RedisClient> {
    const client = await this.connection.openReader();
    this.#client = client;
    if (!client.isCluster) {
      const id = await client.call('client', 'id').catch(refusedCommand);
      if (this.#client === client) this.#clientId = id?.toString();
    }
    return client;
  }
}

/** A user without the right to a command can live without it; a lost connection is another matter. */
function refusedCommand(error: Error): undefined {
  if (/NOPERM|unknown command/i.test(error.message)) return;
  throw error;
}
