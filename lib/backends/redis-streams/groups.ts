import type { RedisConnection } from '../../clients/redis/connection.js';
import type { Member } from './leases.js';
import type { ShardNumber } from './ordering/shard-number.js';
import { CREATE_GROUPS, REMOVE_CONSUMERS } from './scripts/upkeep.js';
import type { ServerClock } from './server-clock.js';

/** The consumer groups of a service: one of its name in each stream. */
export class Groups {
  constructor(
    private readonly connection: RedisConnection,
    /** Of which any process of the group may read. */
    private readonly shared: readonly string[],
    private readonly shards: readonly string[],
    private readonly shardNumber: ShardNumber,
    private readonly member: Member,
    private readonly clock: ServerClock,
  ) {}

  /**
   * Creates those that are missing.
   *
   * @throws {EventConfigurationError} when the namespace has another number of shards.
   */
  async create(): Promise<void> {
    await this.shardNumber.agree();
    const streams = [...this.shared, ...this.shards];
    this.clock.observe((await this.connection.run(CREATE_GROUPS, streams, [this.member.group])) as number);
  }

  /** Removes this process, which owns nothing any more, from the streams that are shared. */
  async leave(): Promise<void> {
    const { group, consumer } = this.member;
    const goodbyes = this.shared.map((stream) =>
      this.connection.run(REMOVE_CONSUMERS, [stream], [group, 0, consumer]),
    );
    // Others remove it in time if this does not work.
    await Promise.allSettled(goodbyes);
  }
}
