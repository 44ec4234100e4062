import { hostname } from 'node:os';
import { toError } from '../dispatch/failure.js';
import { EventHandlerError, EventTimeoutError } from '../errors.js';
import { uuidv7 } from '../event-id.js';
import { inTime } from '../timer.js';
import { Coalescer } from './coalescer.js';
import type { ResolvedInbox } from './inbox-options.js';
import type { InboxClaim, InboxKey, InboxTransactions } from './inbox-store.js';
import type { SqlClient } from '../sql-client.js';

/** The store as one process sees it: few calls for many keys, and each ends in time. */
export class StoreClient {
  /** Names this process, differently after each start. */
  readonly #owner = `${hostname()}:${process.pid}:${uuidv7()}`;
  readonly #claims = new Coalescer<InboxKey, InboxClaim>((keys) => this.#claimAll(keys));
  readonly #completes = new Coalescer<InboxKey, void>((keys) => this.#completeAll(keys));
  readonly #releases = new Coalescer<InboxKey, void>((keys) => this.#releaseAll(keys));
  #down = false;

  /** @param report Told of the first failure after a success. */
  constructor(
    private readonly options: ResolvedInbox,
    private readonly report: (error: Error) => void,
  ) {}

  claim(key: InboxKey): Promise<InboxClaim> {
    return this.#claims.ask(key);
  }

  complete(key: InboxKey): Promise<void> {
    return this.#completes.ask(key);
  }

  release(key: InboxKey): Promise<void> {
    return this.#releases.ask(key);
  }

  /** One answer per key: whether this process still holds it. */
  async renew(keys: readonly InboxKey[]): Promise<readonly boolean[]> {
    const { store, leaseMs } = this.options;
    return oneEach('renew', keys, await this.#call('renew', () => store.renew(keys, this.#owner, leaseMs)));
  }

  /** Takes as long as the handler's own work does, hence without a limit of ours. */
  runMarked<T>(
    transactions: InboxTransactions,
    key: InboxKey,
    work: (client: SqlClient) => Promise<T>,
  ): Promise<T> {
    return transactions.run(key, this.#owner, this.options.retentionMs, work);
  }

  markIn(transactions: InboxTransactions, client: SqlClient, key: InboxKey): Promise<void> {
    return transactions.join(client, key, this.#owner, this.options.retentionMs);
  }

  async #claimAll(keys: readonly InboxKey[]): Promise<readonly InboxClaim[]> {
    const { store, leaseMs } = this.options;
    const claims = await this.#call('claim', () => store.claim(keys, this.#owner, leaseMs));
    return oneEach('claim', keys, claims.filter(isClaim));
  }

  async #completeAll(keys: readonly InboxKey[]): Promise<readonly void[]> {
    const { store, retentionMs } = this.options;
    await this.#call('complete', () => store.complete(keys, this.#owner, retentionMs));
    return [];
  }

  async #releaseAll(keys: readonly InboxKey[]): Promise<readonly void[]> {
    await this.#call('release', () => this.options.store.release(keys, this.#owner));
    return [];
  }

  /** A store that never answers must not hold a delivery for ever: after a lease, its answer is out of date. */
  async #call<T>(name: string, call: () => Promise<T>): Promise<T> {
    const { leaseMs } = this.options;
    const late = () =>
      new EventTimeoutError(`The inbox store did not answer ${name}() within its leaseMs of ${leaseMs}.`);
    try {
      const answer = await inTime(call(), leaseMs, late);
      this.#down = false;
      return answer;
    } catch (thrown) {
      if (!this.#down) this.report(toError(thrown));
      this.#down = true;
      throw thrown;
    }
  }
}

function isClaim(answer: unknown): answer is InboxClaim {
  return answer === 'claimed' || answer === 'handled' || Number.isFinite(answer);
}

/** An answer that is missing must not read as one. */
function oneEach<R>(name: string, keys: readonly InboxKey[], answers: readonly R[]): readonly R[] {
  if (Array.isArray(answers) && answers.length === keys.length) return answers;
  throw new EventHandlerError(
    `The inbox store did not give one answer for each of ${keys.length} keys to ${name}().`,
  );
}
