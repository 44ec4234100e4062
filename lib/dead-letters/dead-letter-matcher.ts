import { EventConfigurationError } from '../errors.js';
import type { DeadLetter, DeadLetterFilter, DeadLetterStatus } from './dead-letter.js';

const OPEN: readonly DeadLetterStatus[] = ['dead', 'retrying'];
const DEFAULT_LIMIT = 100;
const MAX_LIMIT = 1000;

/** Turns a filter into a test for entries, for stores that have to look at each. */
export function deadLetterMatcher(filter: DeadLetterFilter): (entry: DeadLetter) => boolean {
  const { type, handlerId, fingerprint, status = OPEN, since, until } = filter;
  const statuses = typeof status === 'string' ? [status] : status;
  const text = filter.text?.toLowerCase();
  return (entry) =>
    statuses.includes(entry.status) &&
    (type === undefined || entry.event.type === type) &&
    (handlerId === undefined || entry.handlerId === handlerId) &&
    (fingerprint === undefined || entry.fingerprint === fingerprint) &&
    (since === undefined || entry.failedAt >= since) &&
    (until === undefined || entry.failedAt < until) &&
    (!text || searchable(entry).includes(text));
}

/**
 * The number of entries on a page.
 *
 * @throws {EventConfigurationError} when it is not a whole number from 1 to 1000.
 */
export function pageLimit(limit: number = DEFAULT_LIMIT): number {
  if (Number.isInteger(limit) && limit >= 1 && limit <= MAX_LIMIT) return limit;
  throw new EventConfigurationError(
    `Dead letters were asked for with limit = ${String(limit)}, but it must be a whole number from 1 to ${MAX_LIMIT}. Follow 'cursor' to get more.`,
  );
}

/** Everything of an entry that `text` is looked for in. */
function searchable({ event, attempts }: DeadLetter): string {
  const messages = attempts.map(({ error }) => error.message);
  return [event.id, dataText(event.data), ...messages].join('\n').toLowerCase();
}

function dataText(data: unknown): string {
  try {
    return JSON.stringify(data) ?? '';
  } catch {
    return ''; // a cycle or a BigInt, which only lives in memory: found by its id and its errors
  }
}
