import type { Interrupter, TransactionSource } from '../dispatch/call-context.js';
import { EventConfigurationError, InboxClaimLostError } from '../errors.js';
import type { EventTransaction } from '../handlers/handler.js';
import type { InboxClaim, InboxKey, InboxStore, InboxTransactions } from './inbox-store.js';
import type { SqlClient } from '../sql-client.js';
import type { StoreClient } from './store-client.js';

/**
 * How far a claim's transaction is:
 * - `none`: there was none, or it was rolled back.
 * - `open`: it is under way.
 * - `unknown`: it may have committed; the store knows.
 * - `committed`: the event is marked as handled.
 */
export type TransactionState = 'none' | 'open' | 'unknown' | 'committed';

/** One handler's right to one event, for one call. */
export class Claim implements Interrupter, TransactionSource {
  /** Somebody else has it now. */
  lost = false;
  /** What the store says to it. */
  answer!: Promise<InboxClaim>;
  /** The store has granted it, and it is to be renewed. */
  active = false;
  transactionState: TransactionState = 'none';
  #over = false;
  #controller: AbortController | undefined;

  constructor(
    readonly key: InboxKey,
    private readonly store: Pick<InboxStore, 'transactions'>,
    private readonly client: StoreClient,
  ) {}

  /** Aborts when the claim is lost. Made when it is read. */
  get signal(): AbortSignal {
    this.#controller ??= new AbortController();
    if (this.lost) this.#controller.abort(lostClaim(this.key));
    return this.#controller.signal;
  }

  get transaction(): EventTransaction {
    return this.#transact as EventTransaction;
  }

  /** The store has given it to somebody else. A mark that is written or being written is no loss. */
  lose(): void {
    if (!this.active || this.#over || this.transactionState !== 'none') return;
    this.lost = true;
    this.#controller?.abort(lostClaim(this.key));
  }

  /** The call has ended: what still runs of it can mark nothing any more. */
  end(): void {
    this.#over = true;
  }

  readonly #transact = async (given: SqlClient | ((client: SqlClient) => Promise<unknown>)) => {
    const transactions = transactionsOf(this.store, this.key.handlerId);
    this.#assertFree();
    return typeof given === 'function' ? this.#run(transactions, given) : this.#join(transactions, given);
  };

  async #run(
    transactions: InboxTransactions,
    work: (client: SqlClient) => Promise<unknown>,
  ): Promise<unknown> {
    let failure: { readonly thrown: unknown } | undefined;
    const observed = async (client: SqlClient) => {
      try {
        return await work(client);
      } catch (thrown) {
        failure = { thrown };
        throw thrown;
      }
    };
    this.transactionState = 'open';
    try {
      const result = await this.client.runMarked(transactions, this.key, observed);
      this.transactionState = 'committed';
      return result;
    } catch (thrown) {
      this.#failed(thrown, failure !== undefined && failure.thrown === thrown);
      throw thrown;
    }
  }

  async #join(transactions: InboxTransactions, client: SqlClient): Promise<void> {
    this.transactionState = 'open';
    try {
      await this.client.markIn(transactions, client, this.key);
      this.transactionState = 'unknown'; // the handler commits, or does not
    } catch (thrown) {
      this.#failed(thrown, true);
      throw thrown;
    }
  }

  /** @param rolledBack It is certain that nothing was written. A connection that broke at the commit is not. */
  #failed(thrown: unknown, rolledBack: boolean): void {
    if (thrown instanceof InboxClaimLostError) this.lost = true;
    this.transactionState = rolledBack || this.lost ? 'none' : 'unknown';
  }

  #assertFree(): void {
    if (this.#over || this.lost) throw lostClaim(this.key);
    if (this.transactionState === 'none') return;
    throw new EventConfigurationError(
      `Handler '${this.key.handlerId}' used context.transaction a second time for one event, but the event can be marked as handled only once. Put all its writes into one transaction.`,
    );
  }
}

/** Of a call without a key: inline, or of a handler that is no matter of the inbox. */
export function unmarkedTransactions(
  handlerId: string,
  store: Pick<InboxStore, 'transactions'> | undefined,
): TransactionSource {
  const transact = async (given: SqlClient | ((client: SqlClient) => Promise<unknown>)) => {
    const transactions = transactionsOf(store, handlerId);
    return typeof given === 'function' ? transactions.unmarked(given) : undefined;
  };
  return { transaction: transact as EventTransaction };
}

function transactionsOf(
  store: Pick<InboxStore, 'transactions'> | undefined,
  handlerId: string,
): InboxTransactions {
  if (store?.transactions !== undefined) return store.transactions;
  const problem =
    store === undefined ? 'EventsModule has no inbox' : "the store of the module's inbox has no transactions";
  throw new EventConfigurationError(
    `Handler '${handlerId}' used context.transaction, but ${problem}. Give the option 'inbox' of EventsModule a store in the database that the handler writes to, such as PostgresInbox.`,
  );
}

function lostClaim({ eventId, handlerId }: InboxKey): InboxClaimLostError {
  return new InboxClaimLostError(
    `Handler '${handlerId}' has lost its claim to event ${eventId}: its time is over, and the event is, or will be, handled by another call.`,
  );
}
