import { CallContext, type TransactionSource } from '../dispatch/call-context.js';
import { Deferral, growingDelayMs } from '../dispatch/deferral.js';
import { toError } from '../dispatch/failure.js';
import { EventHandlerError } from '../errors.js';
import type { EventErrorNotice } from '../error-stream.js';
import type { Event } from '../event.js';
import { type DeliveryHandler, type EventHandler, SKIPPED } from '../handlers/handler.js';
import { pause } from '../timer.js';
import { Claim, unmarkedTransactions } from './claim.js';
import { DoubtfulClaims } from './doubtful-claims.js';
import { HeldClaims } from './held-claims.js';
import type { ResolvedInbox } from './inbox-options.js';
import type { InboxClaim, InboxKey } from './inbox-store.js';
import { Renewal } from './renewal.js';
import { StoreClient } from './store-client.js';

/** What an inbox needs of its bus. */
export interface InboxHost {
  /** The module's `source`. */
  readonly source: string;
  /** Aborts when shutdown ran out of time. */
  readonly lifetime: AbortSignal;
  notify(notice: EventErrorNotice): void;
}

/** Sees to it that an event that is delivered twice has one effect per handler. */
export class Inbox {
  readonly name = 'store of the inbox';
  readonly #client: StoreClient;
  readonly #held = new HeldClaims();
  readonly #doubtful: DoubtfulClaims;
  readonly #renewal: Renewal;

  constructor(
    private readonly options: ResolvedInbox,
    private readonly host: InboxHost,
  ) {
    const report = (error: Error) => host.notify({ error, action: 'reported', at: new Date() });
    this.#client = new StoreClient(options, report);
    this.#doubtful = new DoubtfulClaims((key) => this.#client.release(key), options.leaseMs, host.lifetime);
    this.#renewal = new Renewal(this.#client, () => this.#held.active(), options.leaseMs);
  }

  async open(): Promise<void> {
    await this.options.store.open?.(this.host.source);
  }

  async close(): Promise<void> {
    this.#renewal.stop();
    await this.options.store.close?.();
  }

  /** Transactions for calls of a handler that no key stands for. */
  unmarked(handlerId: string): TransactionSource {
    return unmarkedTransactions(handlerId, this.options.store);
  }

  /** Puts the inbox before a handler: what it has handled it is not given again. */
  guard(handlerId: string, invoke: EventHandler): DeliveryHandler {
    return async (event, context, { deferrals = 0 }) => {
      const claim = await this.#claim({ eventId: this.#idOf(event), handlerId }, deferrals);
      if (claim === undefined) return SKIPPED;
      try {
        this.host.lifetime.throwIfAborted(); // shutdown ran out of time while the store was asked
        await invoke(event, CallContext.within(context, claim, claim));
      } catch (thrown) {
        return this.#failed(claim, event, thrown, deferrals);
      }
      return this.#succeeded(claim);
    };
  }

  /** An id is unique within its source only: two services may both have an event `order-1`. */
  #idOf({ id, source }: Event): string {
    return source === this.host.source ? id : `${source} ${id}`;
  }

  /**
   * @returns `undefined` when the event is handled already.
   * @throws {Deferral} when somebody is at it, or the store does not answer.
   */
  async #claim(key: InboxKey, deferrals: number): Promise<Claim | undefined> {
    // The same event twice at a time in this process: one of them asks the store, for both.
    const other = this.#held.get(key);
    const claim = other ?? this.#begin(key);
    let answer: InboxClaim;
    try {
      answer = await claim.answer;
    } catch (thrown) {
      throw unanswered(key, thrown, deferrals);
    }
    if (answer === 'handled') return undefined;
    if (answer === 'claimed' && other === undefined) return claim;
    throw this.#busy(key, answer === 'claimed' ? this.options.leaseMs : answer, deferrals);
  }

  #begin(key: InboxKey): Claim {
    const claim = new Claim(key, this.options.store, this.#client);
    this.#held.add(claim);
    claim.answer = this.#request(claim);
    return claim;
  }

  async #request(claim: Claim): Promise<InboxClaim> {
    try {
      await this.#doubtful.cleared(claim.key);
      const answer = await this.#ask(claim.key);
      claim.active = answer === 'claimed';
      if (claim.active) this.#renewal.needed();
      return answer;
    } finally {
      if (!claim.active) this.#held.remove(claim);
    }
  }

  async #ask(key: InboxKey): Promise<InboxClaim> {
    try {
      return await this.#client.claim(key);
    } catch (thrown) {
      void this.#doubtful.giveUp(key);
      throw thrown;
    }
  }

  #busy({ handlerId }: InboxKey, lapsesInMs: number, deferrals: number): Deferral {
    const delayMs = Math.ceil(Math.min(lapsesInMs, growingDelayMs(deferrals), this.options.leaseMs));
    return new Deferral(
      delayMs,
      `Handler '${handlerId}' is at this event already, in another delivery of it.`,
    );
  }

  /** The delivery is not acknowledged before the mark is written. */
  async #succeeded(claim: Claim): Promise<void> {
    try {
      if (claim.transactionState !== 'committed') await this.#complete(claim);
    } finally {
      this.#drop(claim);
    }
  }

  async #complete({ key }: Claim): Promise<void> {
    const { lifetime } = this.host;
    for (let failures = 0; ; failures++) {
      try {
        return await this.#client.complete(key);
      } catch (cause) {
        // The claim is renewed meanwhile, as far as the store can be reached.
        await pause(growingDelayMs(failures), lifetime);
        if (lifetime.aborted) throw notMarked(key, cause);
      }
    }
  }

  async #failed(claim: Claim, event: Event, thrown: unknown, deferrals: number): Promise<void> {
    claim.end();
    try {
      if (await this.#isHandled(claim, deferrals)) {
        this.#reportLate(claim, event, thrown);
        return;
      }
      // One that cannot be released lapses by itself; the retry waits for that.
      await this.#client.release(claim.key).catch(() => undefined);
    } finally {
      this.#drop(claim);
    }
    if (claim.lost && !this.host.lifetime.aborted) throw this.#takenOver(claim.key, deferrals);
    throw thrown;
  }

  /** Whether the handler's transaction committed before the handler failed. @throws {Deferral} when nobody knows. */
  async #isHandled({ key, transactionState }: Claim, deferrals: number): Promise<boolean> {
    if (transactionState === 'none' || transactionState === 'committed')
      return transactionState === 'committed';
    try {
      return (await this.#client.claim(key)) === 'handled';
    } catch (error) {
      throw unanswered(key, error, deferrals);
    }
  }

  #takenOver({ handlerId }: InboxKey, deferrals: number): Deferral {
    return new Deferral(
      Math.min(growingDelayMs(deferrals), this.options.leaseMs),
      `Handler '${handlerId}' lost its claim to the event while it ran; another process is at it.`,
    );
  }

  #reportLate({ key: { handlerId } }: Claim, event: Event, cause: unknown): void {
    const error = new EventHandlerError(
      `Handler '${handlerId}' failed after its transaction had marked the event as handled, so it is not tried again: ${toError(cause).message}`,
      { cause },
    );
    this.host.notify({ error, event, handlerId, action: 'reported', at: new Date() });
  }

  #drop(claim: Claim): void {
    claim.end();
    this.#held.remove(claim);
  }
}

function unanswered({ handlerId }: InboxKey, thrown: unknown, deferrals: number): Deferral {
  return new Deferral(
    growingDelayMs(deferrals),
    `The inbox could not be asked whether handler '${handlerId}' has handled the event: ${toError(thrown).message}`,
  );
}

function notMarked({ handlerId }: InboxKey, cause: unknown): EventHandlerError {
  return new EventHandlerError(
    `Handler '${handlerId}' has handled the event, but shutdown came before the inbox took note of it, so it may be handled again: ${toError(cause).message}`,
    { cause },
  );
}
