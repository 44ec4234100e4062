import { Acks } from '../acks.js';
import type { Claim } from '../claim.js';
import type { Leases } from '../leases.js';
import { Shard, type ShardParts } from './shard.js';
import { ShardHolder, type ShardHolderParts } from './shard-holder.js';
import { ShardReader, type ShardReaderParts } from './shard-reader.js';

/** The parts that an ordered consumer works with. */
export interface OrderedConsumerParts
  extends
    Omit<ShardParts, 'acks' | 'count' | 'onRoom'>,
    Omit<ShardHolderParts, 'open' | 'onOpen'>,
    Omit<ShardReaderParts, 'shards' | 'lose' | 'onMove'> {
  readonly leases: Leases;
  /** By index. */
  readonly streams: readonly string[];
}

/** Events with a key, in one process: its part of the shards, the reading of them, and their acknowledgements. */
export class OrderedConsumer {
  readonly acks: Acks;
  readonly #holder: ShardHolder;
  readonly #reader: ShardReader;

  constructor(parts: OrderedConsumerParts) {
    const { log, leases, report, streams } = parts;
    const indexes = new Map(streams.map((stream, index) => [stream, index]));
    this.acks = new Acks(
      log.acknowledger((stream) => this.#holder.shards.get(indexes.get(stream)!)?.deadline ?? -Infinity),
      leases,
      report,
    );
    const onRoom = (shard: Shard) => this.#reader.changed(shard);
    const shardParts = { ...parts, acks: this.acks, onRoom, count: (claim: Claim) => log.count(claim) };
    const open = (index: number, since: string) => new Shard(index, streams[index]!, since, shardParts);
    this.#holder = new ShardHolder({ ...parts, open, onOpen: onRoom });
    this.#reader = new ShardReader({
      ...parts,
      shards: () => this.#holder.shards,
      lose: (shard) => this.#holder.lose(shard),
      onMove: () => this.#holder.balance(),
    });
  }

  /** Whether the last read worked. */
  get connected(): boolean {
    return this.#reader.connected;
  }

  /** Entries that were deleted before anybody handled them. */
  get lost(): number {
    return this.#reader.lost;
  }

  /** Shards that this process has. */
  get shards(): number {
    return this.#holder.shards.size;
  }

  /** Entries that it holds. */
  get size(): number {
    let size = 0;
    for (const shard of this.#holder.shards.values()) size += shard.size;
    return size;
  }

  /** Claims that run or are about to. */
  *chosen(): Generator<Claim> {
    for (const shard of this.#holder.shards.values()) yield* shard.chosen();
  }

  start(): void {
    this.#holder.balance();
    this.#reader.start();
  }

  /** Gives up each shard as soon as nothing runs there. Resolves when the last read has ended. */
  stop(): Promise<void> {
    this.#holder.stop();
    return this.#reader.stop();
  }

  /** Resolves when all shards are given up; call {@link stop} before. */
  released(): Promise<void> {
    return this.#holder.released();
  }

  close(): Promise<void> {
    return this.#holder.close();
  }
}
