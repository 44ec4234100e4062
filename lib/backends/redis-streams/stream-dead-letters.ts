import {
  ALL_HANDLERS,
  type DeadLetter,
  type DeadLetterChange,
  type DeadLetterStatus,
} from '../../dead-letters/dead-letter.js';
import { RedisDeadLetters } from '../../dead-letters/redis/redis-dead-letters.js';
import type { RedisConnection } from '../../clients/redis/connection.js';
import type { Delivery } from '../backend.js';
import type { Keys } from './keys.js';
import { redeliveryFields } from './redelivery.js';

/** Dead letters of one group, which go back to its retry stream in the step that makes them `retrying`. */
export class StreamDeadLetters extends RedisDeadLetters {
  constructor(
    connection: RedisConnection,
    private readonly streamKeys: () => Keys,
    timeoutMs: number,
  ) {
    super(connection, streamKeys, timeoutMs);
  }

  async requeue(
    id: string,
    from: DeadLetterStatus = 'dead',
    change: DeadLetterChange = {},
  ): Promise<boolean> {
    const stream = this.streamKeys().retry;
    const enqueue = (entry: DeadLetter) => ({
      stream,
      fields: redeliveryFields(entry.event, deliveryOf(entry)),
    });
    return (await this.change(id, from, 'retrying', change, enqueue)) !== undefined;
  }
}

/** How a dead letter comes back to its handler. */
function deliveryOf({ id, handlerId, attempts, raw }: DeadLetter): Delivery {
  return { attempt: 1, attempts, deadLetterId: id, raw, ...(handlerId !== ALL_HANDLERS && { handlerId }) };
}
