import type { Event } from '../event.js';

/** `handlerId` of an entry that stands for the whole event: it was refused or unreadable before any handler ran. */
export const ALL_HANDLERS = '*';

/** An error as plain JSON, safe to store. */
export interface SerializedError {
  readonly name: string;
  readonly message: string;
  readonly stack?: string;
  /** Machine-readable code, where the error had one. */
  readonly code?: string;
}

/** One try of a handler that failed. */
export interface HandlerAttempt {
  /** When the try began, in Unix milliseconds. */
  readonly at: number;
  /** 0 for a handler that neither is async nor returns anything: those are not timed. */
  readonly durationMs: number;
  /** Machine on which it ran. */
  readonly host?: string;
  readonly error: SerializedError;
}

/**
 * - `dead`: waits for an operator.
 * - `retrying`: handed back to its handler; comes back as `dead` if it fails again.
 * - `resolved`: a retry succeeded.
 * - `discarded`: an operator gave it up.
 */
export type DeadLetterStatus = 'dead' | 'retrying' | 'resolved' | 'discarded';

/** An event that one handler could not handle, with everything needed to find out why and to try again. */
export interface DeadLetter {
  /** The same event and handler always make the same id, so a repeated write is one entry. */
  readonly id: string;
  readonly event: Event;
  /** The handler that failed, or {@link ALL_HANDLERS}. */
  readonly handlerId: string;
  readonly status: DeadLetterStatus;
  /** Every failed try, oldest first, including those of earlier retries of this entry. */
  readonly attempts: readonly HandlerAttempt[];
  readonly failedAt: Date;
  /** Why an operator discarded it. */
  readonly reason?: string;
  /** What the broker held, where it could not be read as an event. */
  readonly raw?: string;
}

/** Which entries to list, retry or discard. Every field narrows the choice. */
export interface DeadLetterFilter {
  /** Name of the event. */
  readonly type?: string;
  readonly handlerId?: string;
  /** Default: `dead` and `retrying`. */
  readonly status?: DeadLetterStatus | readonly DeadLetterStatus[];
  /** Failed at or after. */
  readonly since?: Date;
  /** Failed before. */
  readonly until?: Date;
  /** Found in the data, the event id or an error message, ignoring case. */
  readonly text?: string;
}

/** A filter with a place in the list. */
export interface DeadLetterQuery extends DeadLetterFilter {
  /** Entries per page, 1 to 1000. Default 100. */
  readonly limit?: number;
  /** `cursor` of the previous page. */
  readonly cursor?: string;
}

/** One page, oldest failure first. */
export interface DeadLetterPage {
  readonly entries: DeadLetter[];
  /** Present when there is more. */
  readonly cursor?: string;
}

/**
 * Where dead letters are kept. Every change of status is a compare-and-set, so two operators or two processes
 * cannot do the same thing twice.
 */
export interface DeadLetterStore {
  /** Writes entries as `dead`. An entry with a known id replaces it: its attempts already hold the history. */
  add(entries: readonly DeadLetter[]): Promise<void>;
  get(id: string): Promise<DeadLetter | undefined>;
  list(query?: DeadLetterQuery): Promise<DeadLetterPage>;
  /** Entries that are `dead` or `retrying`. */
  size(): Promise<number>;
  /**
   * Moves an entry from one status to another.
   *
   * @returns The entry as it now is, or `undefined` when it was not in status `from`: somebody else was first.
   */
  transition(
    id: string,
    from: DeadLetterStatus,
    to: DeadLetterStatus,
    reason?: string,
  ): Promise<DeadLetter | undefined>;
  /** Takes a `dead` entry out for good. `undefined` when it is not there or not `dead`. */
  take(id: string): Promise<DeadLetter | undefined>;
  /**
   * Moves an entry from `dead` to `retrying` and enqueues its delivery in one step, where the store lives in the
   * same system as the events. Without it the queue does the two one after the other.
   *
   * @returns `false` when the entry was not `dead`.
   */
  requeue?(id: string): Promise<boolean>;
}

/** The id of the entry for an event and a handler. */
export function deadLetterId(eventId: string, handlerId: string): string {
  return `${eventId}:${handlerId}`;
}
