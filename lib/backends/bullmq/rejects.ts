import { isUtf8 } from 'node:buffer';
import { createDeadLetter } from '../../dead-letters/create-dead-letter.js';
import {
  ALL_HANDLERS,
  type DeadLetter,
  type RawMessage,
  UNREADABLE_EVENT,
} from '../../dead-letters/dead-letter.js';
import { failedAttempt } from '../../dispatch/failure.js';
import { EventHandlerError } from '../../errors.js';
import { createEvent, type Event } from '../../event.js';
import type { JobClaim } from './job-claim.js';
import type { Loss, Message, Turn } from './job-data.js';

/** What a client makes of bytes that are not text. */
const REPLACEMENT = '\uFFFD';
const EVERY_HANDLER: readonly Turn[] = [{ handlerId: ALL_HANDLERS, dueAt: 0 }];

/** BullMQ itself gave the job up, before it reached us. */
export function givenUp({ type }: Event, refusal: string): Error {
  return new EventHandlerError(`Event '${type}' was given up by BullMQ: ${refusal}.`);
}

/** @param taken How often it was taken up. */
export function crashLoop({ type }: Event, taken: number, maxDeliveries: number): Error {
  return new EventHandlerError(
    `Event '${type}' was taken up ${taken} times and never finished, which is the limit ` +
      `(maxDeliveries is ${maxDeliveries}): its handler crashes the process, or stops it for longer than the lease.`,
  );
}

/** Dead letters of a readable event for the handlers that it is still meant for. */
export function deadLettersOf({ event, remainder }: Message, error: Error, raw: RawMessage): DeadLetter[] {
  const turns = remainder?.todo.length ? remainder.todo : EVERY_HANDLER;
  return turns.map(({ handlerId, attempts = [], deadLetterId }) =>
    createDeadLetter(event, handlerId, [...attempts, failedAttempt(error, Date.now())], {
      id: deadLetterId,
      raw,
    }),
  );
}

/**
 * The dead letter of a job that holds no event, and what its data is to be: boards cannot show what is not JSON.
 *
 * @param readBytes Asks Redis for the data: text may have lost what is not UTF-8.
 */
export async function unreadableJob(
  { job }: JobClaim,
  error: Error,
  readBytes: () => Promise<Buffer | null>,
): Promise<{ readonly entry: DeadLetter; readonly body: string }> {
  const { raw: text = job.data, attempts: earlier = [], deadLetterId: id } = readRetry(job.data);
  const headers = { name: job.name };
  let raw: RawMessage = { body: text, encoding: 'utf8', headers };
  if (job.data.includes(REPLACEMENT)) {
    const bytes = await readBytes();
    if (bytes !== null && !isUtf8(bytes)) {
      raw = { body: bytes.toString('base64'), encoding: 'base64', headers };
    }
  }
  const event = createEvent(UNREADABLE_EVENT, text, { id: `${job.queueName}:${job.id}` });
  const attempts = [...earlier, failedAttempt(error, Date.now())];
  const entry = createDeadLetter(event, ALL_HANDLERS, attempts, { id, raw });
  return { entry, body: `"raw":${JSON.stringify(text)}` };
}

/** What is known of a job that is as unreadable as it was. */
function readRetry(data: string): Partial<Turn> & { readonly raw?: string } {
  try {
    const { raw, todo, lost } = JSON.parse(data) as { raw?: unknown; todo?: Turn[]; lost?: Loss[] };
    return typeof raw === 'string' ? { ...lost?.[0], ...todo?.[0], raw } : {};
  } catch {
    return {}; // then it is none of ours
  }
}
