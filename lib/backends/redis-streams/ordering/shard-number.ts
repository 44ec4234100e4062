import { crc32 } from 'node:zlib';
import type { RedisConnection } from '../../../clients/redis/connection.js';
import { EventConfigurationError } from '../../../errors.js';
import { AGREE } from '../scripts/ordering.js';

/** The shard of a key: CRC-32 of its UTF-8 bytes, as every language has it, modulo the number of shards. */
export function shardOf(key: string, shards: number): number {
  return crc32(key) % shards;
}

/** Sees to it that all processes of a namespace spread keys over the same number of shards. */
export class ShardNumber {
  /** Whether this process has made sure of it. */
  agreed = false;

  constructor(
    private readonly connection: RedisConnection,
    private readonly key: string,
    private readonly namespace: string,
    private readonly shards: number,
  ) {}

  /** @throws {EventConfigurationError} when the namespace has another number. */
  async agree(): Promise<void> {
    const stored = Number(await this.connection.run(AGREE, [this.key], [this.shards]));
    if (stored !== this.shards) {
      throw new EventConfigurationError(
        `Option 'shards' of RedisStreamsBackend is ${this.shards}, but namespace '${this.namespace}' has ${stored}: with two numbers, events of one key would be in two places. Set 'shards' to ${stored} in every process.`,
      );
    }
    this.agreed = true;
  }
}
