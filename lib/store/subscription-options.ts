import type { SqlClient } from '../sql-client.js';
import type { StoredEvent } from './stored-event.js';

/** What a reader of a store is told beside the event. */
export interface SubscriptionContext {
  /** Which try this is, from 1. */
  readonly attempt: number;
  /** Everything that was stored when the subscription began has been handled. */
  readonly live: boolean;
  /** Aborts when the subscription is stopped, or another process has taken it over. */
  readonly signal: AbortSignal;
  /** With `transaction: true`, the transaction in which the checkpoint is saved, too. */
  readonly client?: SqlClient;
}

/** Handles the events of a subscription, one at a time and in their order. */
export type SubscriptionHandler = (event: StoredEvent, context: SubscriptionContext) => unknown;

/** Options of `store.subscribe`. */
export interface SubscribeOptions {
  /**
   * Name of the checkpoint. With one, the subscription goes on where it was, and among all processes with that name one
   * at a time handles events. Without one it lives in this process and begins anew each time.
   */
  readonly name?: string | undefined;
  /** Where to begin when there is no checkpoint yet. Default `start`; otherwise `end`, or a position to begin behind. */
  readonly from?: 'start' | 'end' | (string & {}) | undefined;
  /**
   * Events read at a time. The checkpoint is saved behind them, and once a second where they take longer: what came
   * since then, comes again after a crash. Default 100.
   */
  readonly batchSize?: number | undefined;
  /** Milliseconds until new events are looked for without a hint from the store. Default 1000. */
  readonly pollMs?: number | undefined;
  /** Milliseconds after which another process may take over from one that died. Default 30,000. */
  readonly leaseMs?: number | undefined;
  /**
   * Handles each batch in a transaction of the store's database, `context.client`, and saves the checkpoint in it: what
   * the handler writes with it has one effect, whatever crashes. Needs a name, and a store that has transactions.
   * Default `false`.
   */
  readonly transaction?: boolean | undefined;
  /** @internal Hands out events as they were stored, not in their present form. */
  readonly asStored?: boolean | undefined;
  /**
   * Called before the first event whenever there is no checkpoint, also when it was removed meanwhile: brings what the
   * handler writes to into the state that it has before the first event. Tried again until it succeeds. With
   * `transaction: true`, `context.client` is a transaction that commits only if no other process has taken over.
   */
  readonly prepare?: ((context: Omit<SubscriptionContext, 'live'>) => unknown) | undefined;
  /**
   * Told of each failure. An event that fails is tried again, with a growing pause of up to 30 seconds, until it
   * succeeds, and what comes behind it waits; `'skip'` goes on with the next one instead. Default: the failure is
   * written to the log.
   */
  readonly onError?:
    ((error: Error, event: StoredEvent | undefined, attempt: number) => 'skip' | void) | undefined;
}

/** A subscription that was begun. */
export interface EventSubscription {
  readonly name: string | undefined;
  /** `waiting` while another process has it. */
  readonly state: 'waiting' | 'catching-up' | 'live' | 'stopped';
  /** The last event it is done with. */
  readonly position: string | undefined;
  /**
   * Resolves when every event that is in the store now, and is meant, has been handled, here or in another process.
   *
   * @throws {EventTimeoutError} when that takes longer than `timeoutMs`. Default: no limit.
   * @throws {EventBusClosedError} when it is stopped before.
   */
  caughtUp(options?: { readonly timeoutMs?: number }): Promise<void>;
  /** Ends it after the event that is being handled, saves the checkpoint and lets others take over. Never rejects. */
  stop(): Promise<void>;
}
