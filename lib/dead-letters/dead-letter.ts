import { DEFAULT_SOURCE, type Event } from '../event.js';

/** `handlerId` of an entry that stands for the whole event: it was refused or unreadable before any handler ran. */
export const ALL_HANDLERS = '*';

/**
 * `event.type` of an entry that holds no event, because what came could not be read as one. `event.data` is what came,
 * as far as JSON can show it; `raw` is all of it, where the backend has it.
 */
export const UNREADABLE_EVENT = 'unreadable';

/** An error as plain JSON, safe to store. Long texts are cut: all of it is at most about 16,000 characters. */
export interface SerializedError {
  readonly name: string;
  readonly message: string;
  readonly stack?: string;
  /** Machine-readable code, where the error had one. */
  readonly code?: string;
  /** What caused it, where that was an error, too; at most five deep. */
  readonly cause?: SerializedError;
  /** The first three errors of an `AggregateError`. */
  readonly errors?: readonly SerializedError[];
}

/** What the broker held of an event, byte for byte. */
export interface RawMessage {
  readonly body: string;
  /** How to read `body`: as it is, or as base64 of bytes that are not text. */
  readonly encoding: 'utf8' | 'base64';
  /** Headers, properties or further fields. */
  readonly headers: Readonly<Record<string, string>>;
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
  /**
   * Every failed try, oldest first, including those of earlier retries of this entry. Where they come to more than
   * 48,000 characters, the first and the latest are whole, those between have no stack and no cause, and the oldest of
   * these are left out.
   */
  readonly attempts: readonly HandlerAttempt[];
  readonly failedAt: Date;
  /** When its status last changed. */
  readonly changedAt: Date;
  /** The same for failures of one kind: the handler, and the latest error without what differs between events. */
  readonly fingerprint: string;
  /** Why an operator discarded it. */
  readonly reason?: string;
  /** What the broker held, where the backend has it; kept as it was when the event is edited. */
  readonly raw?: RawMessage;
}

/** Which entries to list, retry or discard. Every field narrows the choice. */
export interface DeadLetterFilter {
  /** Name of the event. */
  readonly type?: string;
  readonly handlerId?: string;
  readonly fingerprint?: string;
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

/** Entries of one fingerprint. */
export interface DeadLetterGroup {
  readonly fingerprint: string;
  readonly count: number;
  readonly handlerId: string;
  /** Names of the events, in the order of the alphabet. */
  readonly types: readonly string[];
  /** The latest error of the entry that failed last. */
  readonly error: Pick<SerializedError, 'name' | 'message'>;
  readonly firstFailedAt: Date;
  readonly lastFailedAt: Date;
}

/** What changes along with a status. */
export interface DeadLetterChange {
  /** Why. Takes the place of the reason of the change before; so does none. */
  readonly reason?: string;
  /** An edited event, in place of the entry's own. */
  readonly event?: Event;
  /** Kept if the entry has none. */
  readonly raw?: RawMessage;
  /** Only when its status last changed at or before this time; otherwise nothing happens. */
  readonly unchangedSince?: Date;
}

/**
 * Where dead letters are kept. Every change of status is a compare-and-set, so two operators or two processes
 * cannot do the same thing twice.
 */
export interface DeadLetterStore {
  /**
   * Connects and makes what is missing, such as tables. Called before the bus consumes; may be called twice.
   *
   * @param service The module's `source`: services that share a database have their dead letters apart.
   */
  open?(service: string): Promise<void>;
  /** Frees what the store itself opened. May be called twice. */
  close?(): Promise<void>;
  /**
   * Writes entries as `dead`. Where an id is known, `joinDeadLetters(known, entry)` says what becomes of the two: the
   * new one in place of the other, with the tries that only the other had in front, and with its `raw`. It is `dead`,
   * whether the other was `dead`, `retrying` or `resolved`; only one that was `discarded` stays so. Joining and writing
   * are one step, so that a change of status in between is not undone.
   */
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
    change?: DeadLetterChange,
  ): Promise<DeadLetter | undefined>;
  /** Takes a `dead` entry out for good. `undefined` when it is not there or not `dead`. */
  take(id: string): Promise<DeadLetter | undefined>;
  /**
   * Deletes for good what the filter finds, entries that are `retrying` excepted.
   *
   * @returns How many entries that were.
   */
  purge(filter: DeadLetterFilter): Promise<number>;
  /** Counts entries by fingerprint, the largest group first. Without it the queue reads them all and counts. */
  groups?(filter?: DeadLetterFilter): Promise<DeadLetterGroup[]>;
  /**
   * Moves an entry from `dead` to `retrying` and enqueues its delivery in one step, where the store lives in the
   * same system as the events. Without it the queue does the two one after the other.
   *
   * @param from Default `dead`.
   * @returns `false` when the entry was in another status.
   */
  requeue?(id: string, from?: DeadLetterStatus, change?: DeadLetterChange): Promise<boolean>;
}

const UUID = /^[\da-f]{8}-[\da-f]{4}-[\da-f]{4}-[\da-f]{4}-[\da-f]{12}$/i;

/**
 * The id of the entry for an event and a handler: always the same. An id that an emitter chose is unique within its
 * source only, so that the source is a part of it then, unless that is the service without a name.
 */
export function deadLetterId({ id, source }: Pick<Event, 'id' | 'source'>, handlerId: string): string {
  const plain = UUID.test(id) || (source === DEFAULT_SOURCE && !id.startsWith('@'));
  return plain ? `${id}:${handlerId}` : `@${encodeURIComponent(source)}/${id}:${handlerId}`;
}
