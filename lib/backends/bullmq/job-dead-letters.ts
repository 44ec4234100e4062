import type { RedisConnection } from '../../clients/redis/connection.js';
import {
  type DeadLetter,
  type DeadLetterChange,
  type DeadLetterStatus,
  UNREADABLE_EVENT,
} from '../../dead-letters/dead-letter.js';
import type { DeadLetterKeys } from '../../dead-letters/redis/codec.js';
import { RedisDeadLetters } from '../../dead-letters/redis/redis-dead-letters.js';
import { encodeEvent } from '../../wire/cloud-events.js';
import { writeJobData } from './job-data.js';

/** What dead letters of this backend need of it. */
export interface RetryPath {
  /** Key of the stream of retries. */
  readonly stream: () => string;
  /** Has the retries in the stream made into jobs. */
  readonly forward: () => Promise<void>;
}

/**
 * Dead letters of one group. A retry is written to a stream in the step that makes the entry `retrying`, and becomes a
 * job from there: a process that dies in between loses none.
 */
export class JobDeadLetters extends RedisDeadLetters {
  constructor(
    connection: RedisConnection,
    keys: () => DeadLetterKeys,
    timeoutMs: number,
    private readonly path: RetryPath,
  ) {
    super(connection, keys, timeoutMs);
  }

  async requeue(
    id: string,
    from: DeadLetterStatus = 'dead',
    change: DeadLetterChange = {},
  ): Promise<boolean> {
    const stream = this.path.stream();
    const edited = change.event !== undefined;
    const enqueue = (entry: DeadLetter) => ({ stream, fields: retryOf(entry, edited) });
    const changed = await this.change(id, from, 'retrying', change, enqueue);
    if (changed !== undefined) await this.path.forward();
    return changed !== undefined;
  }
}

/** The name and the data of the job that brings a dead letter back. What was unreadable comes back as it was. */
function retryOf({ id, event, handlerId, attempts, raw }: DeadLetter, edited: boolean): string[] {
  const todo = [{ handlerId, attempts, deadLetterId: id, dueAt: 0 }];
  const unread = !edited && event.type === UNREADABLE_EVENT ? raw : undefined;
  const body =
    unread === undefined
      ? `"event":${encodeEvent(event)}`
      : `"raw":${JSON.stringify(Buffer.from(unread.body, unread.encoding).toString())}`;
  return ['name', event.type, 'data', writeJobData(body, { todo, lost: [] })];
}
