import type { RedisConnection } from '../../clients/redis/connection.js';
import { receiptBeside } from '../../clients/redis/receipt.js';
import type { Event } from '../../event.js';
import { jobIdOf } from './names.js';
import type { OpenQueue } from './queues.js';
import { CANCEL } from './scripts.js';

/**
 * Takes a delayed event out of all queues: one whose id was made here, or one with an id of the emitter's own.
 *
 * @param timeoutMs How long anybody waits for the answer.
 * @returns Whether it was there, and no worker has had it in any of them.
 */
export async function cancelEvent(
  connection: RedisConnection,
  queues: readonly OpenQueue[],
  event: Pick<Event, 'id' | 'source'>,
  timeoutMs: number,
): Promise<boolean> {
  const ids = new Set([jobIdOf(event, false), jobIdOf(event, true)]);
  const keys = queues.flatMap(({ queue }) => [
    queue.toKey(''),
    queue.keys['delayed']!,
    queue.keys['events']!,
  ]);
  const [first] = keys;
  if (first === undefined) return false;
  for (const id of ids) {
    if ((await connection.run(CANCEL, [receiptBeside(first), ...keys], [id, timeoutMs])) === 1) return true;
  }
  return false;
}
