import type { SqlClient } from '../sql-client.js';

/** What an inbox remembers: that a handler is at an event, or has handled it. */
export interface InboxKey {
  readonly eventId: string;
  readonly handlerId: string;
}

/**
 * What became of a claim:
 * - `claimed`: the handler may run; nobody else will until the claim ends.
 * - `handled`: it ran already.
 * - a number: somebody else is at it, and the claim lapses in so many milliseconds unless it is renewed.
 */
export type InboxClaim = 'claimed' | 'handled' | number;

/**
 * Remembers which handler has handled which event, so that an event that is delivered twice has one effect. A key is
 * claimed before the handler runs and marked as handled with its effect or after it, never before. Every method is
 * given several keys at once, of different events or handlers, and is one round trip.
 */
export interface InboxStore {
  /**
   * Connects and makes what is missing, such as a table. Called before the bus consumes; may be called twice.
   *
   * @param service The module's `source`: services that share a database must not take each other's handlers for
   *   their own.
   */
  open?(service: string): Promise<void>;
  /** Frees what the store itself opened. May be called twice. */
  close?(): Promise<void>;
  /**
   * Claims keys for an owner.
   *
   * @param owner Names this process, differently after each start.
   * @param leaseMs How long the claim holds unless it is renewed.
   * @returns One result per key, in order. A key that `owner` holds already is a number, too.
   */
  claim(keys: readonly InboxKey[], owner: string, leaseMs: number): Promise<InboxClaim[]>;
  /**
   * Marks keys as handled, for `retentionMs`. Those that `owner` does not hold any more are marked as well: their
   * handler has run.
   */
  complete(keys: readonly InboxKey[], owner: string, retentionMs: number): Promise<void>;
  /** Ends claims of `owner` without a mark: the handler failed, and may be tried again at once. */
  release(keys: readonly InboxKey[], owner: string): Promise<void>;
  /**
   * Prolongs claims of `owner` by `leaseMs` from now.
   *
   * @returns One result per key: whether `owner` still holds it.
   */
  renew(keys: readonly InboxKey[], owner: string, leaseMs: number): Promise<boolean[]>;
  /** For handlers that write to the same database; absent where there are no transactions. */
  readonly transactions?: InboxTransactions;
}

/**
 * Marks a key in the transaction of the handler's own writes: both are there, or neither is. While such a transaction
 * is open, calls for other keys, and renewals, must not wait for it: `run` marks last, and `renew` takes a key that
 * is locked for one that is held.
 */
export interface InboxTransactions {
  /**
   * Runs `work` in a transaction and marks the key in it.
   *
   * @throws {InboxClaimLostError} when the claim is not `owner`'s any more; then nothing is written.
   */
  run<T>(
    key: InboxKey,
    owner: string,
    retentionMs: number,
    work: (client: SqlClient) => Promise<T>,
  ): Promise<T>;
  /**
   * Marks the key in a transaction of the caller.
   *
   * @throws {InboxClaimLostError} when the claim is not `owner`'s any more: the caller has to roll back.
   */
  join(client: SqlClient, key: InboxKey, owner: string, retentionMs: number): Promise<void>;
  /** Runs `work` in a transaction without a mark: for handlers that are called inline, which have no key. */
  unmarked<T>(work: (client: SqlClient) => Promise<T>): Promise<T>;
}
