import type { IRedisTransaction } from 'bullmq';
import type { ChainableCommander } from 'ioredis';
import { EventPublishError } from '../../errors.js';
import type { Addition } from './batch.js';
import type { OpenQueue } from './queues.js';

/** BullMQ's form of a transaction is one of ioredis with a method more. */
type Transaction = ChainableCommander & IRedisTransaction;
type Reply = [error: Error | null, result: unknown];

/** Adds jobs to queues, and notes with each what became of it. Rejects when Redis did not answer. */
export function addJobs(queues: readonly OpenQueue[], additions: readonly Addition[]): Promise<unknown> {
  // Whether a job was there before is certain only when nothing can come in between.
  if (additions.some(({ deduplicate }) => deduplicate)) return addInOneStep(queues, additions);
  if (queues.length === 1 && additions.length === 1) return addOne(queues[0]!, additions[0]!);
  // The client writes them in one go: a pipeline would only make it do more for each.
  return Promise.all(queues.flatMap((queue) => additions.map((addition) => addOne(queue, addition))));
}

function addOne({ backend, client }: OpenQueue, addition: Addition): Promise<void> {
  const { job } = addition;
  return backend.addJobToTransaction(client, job, job.id).then(
    () => addition.note(false),
    (cause: Error) => {
      if (cause.name !== 'ReplyError') throw cause;
      addition.note(refusal(cause));
    },
  );
}

async function addInOneStep(queues: readonly OpenQueue[], additions: readonly Addition[]): Promise<void> {
  const transaction = queues[0]!.client.multi() as Transaction;
  for (const queue of queues) {
    for (const addition of additions) addTo(transaction, queue, addition);
  }
  const replies = ((await transaction.exec()) ?? []).values() as IterableIterator<Reply>;
  for (let i = 0; i < queues.length; i++) {
    for (const addition of additions) addition.note(addedIn(replies, addition.deduplicate));
  }
}

function addTo(
  transaction: Transaction,
  { queue, backend }: OpenQueue,
  { job, deduplicate }: Addition,
): void {
  if (deduplicate) transaction.exists(queue.toKey(job.id));
  void backend.addJobToTransaction(transaction, job, job.id);
}

/** What the replies say about one job in one queue. */
function addedIn(replies: Iterator<Reply>, deduplicate: boolean): Error | boolean {
  try {
    const existed = deduplicate && resultOf(replies) === 1;
    resultOf(replies);
    return existed;
  } catch (cause) {
    return refusal(cause as Error);
  }
}

function resultOf(replies: Iterator<Reply>): unknown {
  const [error, result] = replies.next().value as Reply;
  if (error !== null) throw error;
  return result;
}

function refusal(cause: Error): EventPublishError {
  return new EventPublishError(`Redis refused the event: ${cause.message}`, { cause });
}
