import type { HandlerAttempt } from '../../dead-letters/dead-letter.js';
import { EventSerializationError } from '../../errors.js';
import type { Event } from '../../event.js';
import { decodeEvent } from '../../wire/cloud-events.js';

/** A handler that is to see the event again. */
export interface Turn {
  readonly handlerId: string;
  readonly attempt?: number;
  /** Failed tries so far. */
  readonly attempts?: readonly HandlerAttempt[];
  /** How often in a row it was not called. */
  readonly deferrals?: number;
  /** The dead letter that this retries. */
  readonly deadLetterId?: string;
  /** Unix milliseconds. */
  readonly dueAt: number;
}

/** A handler that gave up, and its dead letter. */
export interface Loss {
  readonly handlerId: string;
  readonly deadLetterId: string;
  /** What its job says on a board. */
  readonly reason: string;
}

/** What is left of an event that not every handler has handled. */
export interface Remainder {
  readonly todo: readonly Turn[];
  readonly lost: readonly Loss[];
}

/** The data of a job, read. */
export interface Message {
  readonly event: Event;
  /** How the data holds the event: `"event":<CloudEvent>`, or `"raw":<text that once was not readable>`. */
  readonly body: string;
  /** Absent on the first delivery. */
  readonly remainder?: Remainder | undefined;
}

/** How our own CloudEvents begin. */
const CLOUD_EVENT = '{"specversion"';

/**
 * Reads the data of a job: a CloudEvent, or one with what is left to do.
 *
 * @throws {EventSerializationError} when it is neither.
 */
export function readJobData(text: string): Message {
  if (text.startsWith(CLOUD_EVENT)) return { event: decodeEvent(text), body: `"event":${text}` };
  const data = parse(text);
  if (data === null || typeof data !== 'object') throw unreadable('is no JSON object');
  if ('specversion' in data) return { event: decodeEvent(data), body: `"event":${text}` };
  const { event, raw, todo = [], lost = [] } = data;
  if (!Array.isArray(todo) || !Array.isArray(lost))
    throw unreadable("has a 'todo' or 'lost' that is no list");
  const remainder = { todo: todo as Turn[], lost: lost as Loss[] };
  if (typeof raw === 'string') {
    return { event: readJobData(raw).event, body: `"raw":${JSON.stringify(raw)}`, remainder };
  }
  if (event === null || typeof event !== 'object')
    throw unreadable("is neither a CloudEvent nor has an 'event'");
  const cloudEvent = event as Record<string, unknown>;
  return { event: decodeEvent(cloudEvent), body: `"event":${JSON.stringify(event)}`, remainder };
}

/** Writes what {@link readJobData} reads. */
export function writeJobData(body: string, { todo, lost }: Remainder): string {
  return `{${body},"todo":${JSON.stringify(todo)},"lost":${JSON.stringify(lost)}}`;
}

function parse(text: string): Record<string, unknown> | null {
  try {
    return JSON.parse(text) as Record<string, unknown> | null;
  } catch (cause) {
    throw unreadable(`is not JSON: ${(cause as Error).message}`, cause);
  }
}

function unreadable(why: string, cause?: unknown): EventSerializationError {
  return new EventSerializationError(`The data of a BullMQ job ${why}.`, { cause });
}
