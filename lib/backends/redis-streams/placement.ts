import type { RedisConnection } from '../../clients/redis/connection.js';
import type { TimedCalls } from '../../clients/redis/timed-calls.js';
import type { Event } from '../../event.js';
import type { PublishOptions, PublishReceipt } from '../backend.js';
import type { Route } from './batch.js';
import { markOf } from './deduplication.js';
import { shardStreamsOf, sharedKeysOf } from './keys.js';
import type { ResolvedOptions } from './options.js';
import { ShardNumber, shardOf } from './ordering/shard-number.js';
import { Publisher } from './publisher.js';
import { Schedule } from './schedule.js';

/** Puts events where they belong: the main stream, the shard of their key, or the schedule. */
export class Placement {
  readonly shardNumber: ShardNumber;
  readonly shardStreams: readonly string[];
  readonly #publisher: Publisher;
  readonly #schedule: Schedule;

  /** @param onDelayed Told the milliseconds until an event is due that has been put on the schedule. */
  constructor(
    connection: RedisConnection,
    private readonly calls: TimedCalls,
    private readonly options: ResolvedOptions,
    private readonly onDelayed: (delayMs: number) => void,
  ) {
    const { namespace, deduplicationMs } = options;
    const { stream, schedule, scheduled, shards } = sharedKeysOf(namespace);
    this.shardStreams = shardStreamsOf(namespace, options.shards);
    this.shardNumber = new ShardNumber(connection, shards, namespace, options.shards);
    this.#publisher = new Publisher(connection, calls, stream, deduplicationMs);
    this.#schedule = new Schedule(connection, calls, [schedule, scheduled], deduplicationMs);
  }

  /** Events that Redis has not confirmed yet. */
  get unconfirmed(): boolean {
    return this.#publisher.unconfirmed;
  }

  /** Resolves when Redis has the event. */
  put(event: Event, wire: string, options?: PublishOptions): Promise<PublishReceipt | void> {
    // No async function: this is the hottest path, and each costs another promise.
    if (event.key === undefined) {
      return options === undefined ? this.#publisher.publish(wire) : this.#place(event, wire, options);
    }
    const place = () => this.#place(event, wire, options);
    return this.shardNumber.agreed ? place() : this.#agree().then(place);
  }

  /** Takes a delayed event off the schedule. */
  cancel(id: string, source: string): Promise<boolean> {
    return this.#schedule.cancel(id, source, markOf(this.options.namespace, source, id));
  }

  /** Waits until everything accepted so far is confirmed or refused. */
  flush(): Promise<void> {
    return this.#publisher.flush();
  }

  /** Nobody may spread keys over another number of shards than others do. */
  #agree(): Promise<void> {
    return this.calls.run(() => this.shardNumber.agree(), 'the event');
  }

  #place(event: Event, wire: string, options: PublishOptions = {}): Promise<PublishReceipt | void> {
    const { delayMs = 0, deduplicate = false } = options;
    if (delayMs > 0) return this.#delay(event, wire, delayMs, deduplicate);
    return this.#publisher.publish(wire, this.#routeOf(event, deduplicate));
  }

  async #delay(
    { id, source, key }: Event,
    wire: string,
    delayMs: number,
    once: boolean,
  ): Promise<PublishReceipt | void> {
    const mark = this.#markOf(source, id, once);
    const shard = key === undefined ? undefined : shardOf(key, this.options.shards);
    const delayed = { id, source, wire, shard, delayMs, once, mark };
    if (await this.#schedule.add(delayed)) return { duplicate: true };
    this.onDelayed(delayMs);
  }

  /** `undefined` for events that just go to the end of the main stream. */
  #routeOf({ id, source, key }: Event, once: boolean): Route | undefined {
    const mark = this.#markOf(source, id, once);
    if (key === undefined) return mark === undefined ? undefined : { mark };
    return { stream: this.shardStreams[shardOf(key, this.options.shards)], mark };
  }

  #markOf(source: string, id: string, once: boolean): string | undefined {
    const { namespace, deduplicationMs } = this.options;
    return once && deduplicationMs > 0 ? markOf(namespace, source, id) : undefined;
  }
}
