import type { DeadLetter, DeadLetterStore, HandlerAttempt } from '../../dead-letters/dead-letter.js';
import type { SqlClient } from '../../sql-client.js';
import type { KeyFailurePolicy, PublishReceipt } from '../backend.js';

/**
 * A database table as a queue, one row for each delivery that is to be made: what a database has to do for
 * {@link QueueTableBackend}, which does the rest. Times are the clock of the database. Every method is one transaction.
 */
export interface QueueTable {
  /** Makes the tables. Called before anything else. */
  open(service: QueueService): Promise<void>;
  /** From now on every event is kept for the group, until it is handled. */
  register(): Promise<void>;
  /** Frees what was opened here. May be called twice. */
  close(): Promise<void>;
  /**
   * Adds a row for every registered group, and registers this one where there is none: what is published before the first
   * consumer is kept for it. One result per event, in order.
   */
  publish(events: readonly NewEvent[]): Promise<(Error | PublishReceipt | void)[]>;
  /** As {@link publish}, as part of a transaction of the caller; absent where there is none to be part of. */
  publishIn?(client: SqlClient, events: readonly NewEvent[]): Promise<(PublishReceipt | undefined)[]>;
  /** Adds a row for one handler of the group. */
  redeliver(event: Omit<NewEvent, 'deduplicate' | 'delayMs'>, facts: RowFacts): Promise<void>;
  /** Removes an event that is not due yet. */
  cancel(eventId: string): Promise<boolean>;
  /**
   * Gives rows that are due to an owner, urgent ones first, then in the order of their publishing; of each key only
   * the one whose turn it is; and of the suspects one at most.
   */
  claim(owner: string, most: number, suspects: Suspects): Promise<ClaimedRows>;
  /**
   * Stores what became of rows and removes them: all of a row's outcome or, when it is not the owner's any more,
   * nothing. Storing the same outcome twice changes nothing more.
   *
   * @returns How many rows were not the owner's any more.
   */
  settle(owner: string, outcomes: readonly RowOutcome[]): Promise<number>;
  /** Prolongs leases. @returns Ids of rows that are not the owner's any more. */
  renew(owner: string, ids: readonly number[]): Promise<readonly number[]>;
  /** Gives rows back, as if they had not been claimed. */
  release(owner: string, ids: readonly number[]): Promise<void>;
  /** Resolves when the table can be written to. */
  check(): Promise<void>;
  counts(): Promise<RowCounts>;
  /** Calls back when rows may have come, where the database can tell; polling goes on beside it. */
  watch?(changed: () => void): void;
  /** Opens on first use, through {@link opened}. */
  readonly deadLetters: DeadLetterStore;
  /** Resolves when the table is open. Set by the backend, which alone knows its service, and when it does. */
  opened: () => Promise<void>;
}

/** Who works with the table. */
export interface QueueService {
  readonly group: string;
  readonly onKeyFailure: KeyFailurePolicy;
}

/** An event on its way into the table. */
export interface NewEvent {
  readonly id: string;
  readonly source: string;
  readonly key: string | undefined;
  readonly priority: number;
  readonly delayMs: number;
  readonly deduplicate: boolean;
  /** As CloudEvents JSON. */
  readonly wire: string;
}

/** What is known of a delivery beside its event; a first one has none. */
export interface RowFacts {
  readonly handlerId?: string | undefined;
  readonly attempt?: number | undefined;
  readonly attempts?: readonly HandlerAttempt[] | undefined;
  readonly deferrals?: number | undefined;
  readonly deadLetterId?: string | undefined;
}

/** A row in the hands of this process. */
export interface ClaimedRow {
  readonly id: number;
  /** The line it stands in. */
  readonly key: string | undefined;
  readonly wire: string;
  readonly facts: RowFacts | undefined;
  /** How often it was claimed, this time included, and not given back. */
  readonly taken: number;
}

/**
 * Rows that were claimed so often without an end that they may be what kills the processes that take them. Two are never
 * in one process, so that the one that does reaches its limit without the others.
 */
export interface Suspects {
  /** Rows that were claimed at least so often. */
  readonly from: number;
  /** This process has none now. */
  readonly allowed: boolean;
}

export interface ClaimedRows {
  readonly rows: readonly ClaimedRow[];
  /** Milliseconds until the next row of the group is due that is not due yet. */
  readonly nextDueMs: number | undefined;
}

/** What is to be stored when a row is done with. */
export interface RowOutcome {
  readonly id: number;
  readonly key: string | undefined;
  readonly retries: readonly RowRetry[];
  readonly deadLetters: readonly DeadLetter[];
  /** Dead letters that are `retrying` and have succeeded. */
  readonly resolved: readonly string[];
}

/** A row that takes the place of another one. */
export interface RowRetry {
  readonly delayMs: number;
  readonly facts: RowFacts;
}

/** Rows of the group. */
export interface RowCounts {
  /** May be claimed now. */
  readonly queued: number;
  /** Wait for an earlier event of their key. */
  readonly blocked: number;
  /** In the hands of a process. */
  readonly claimed: number;
  /** Retries that wait for their time. */
  readonly scheduled: number;
  /** Events that wait for theirs. */
  readonly delayed: number;
  /** Dead letters that are dead or being retried. */
  readonly deadLetters: number;
  /** Age of the oldest row that may be claimed, in milliseconds. */
  readonly oldestMs: number;
}
