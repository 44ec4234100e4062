import type { Delivery, DispatchOutcome, EventDispatcher, HandlerRetry } from '../backends/backend.js';
import type { DeadLetterStore } from '../dead-letters/dead-letter.js';
import type { EventErrorNotice } from '../error-stream.js';
import type { Event } from '../event.js';
import { after } from '../timer.js';
import { toError } from './failure.js';

/** What is needed of the bus. */
export interface LocalSettlementHost {
  /** The backend stores retries itself. */
  readonly backendRedelivers: boolean;
  /** What shutdown interrupts is delivered again, if need be by another process. */
  readonly releasedComesAgain: boolean;
  /** Where the core writes dead letters; `undefined` when the backend stores those of the outcome itself. */
  readonly deadLetters: DeadLetterStore | undefined;
  /** Aborts when shutdown ran out of time. */
  readonly lifetime: AbortSignal;
  redeliver: EventDispatcher;
  notify(notice: EventErrorNotice): void;
}

/** Wait between two tries to write a dead letter, in milliseconds. */
const STORE_RETRY_MS = 1000;

/** Does what the backend will not: keeps dead letters in the core's store, waits out retries in this process. */
export class LocalSettlement {
  constructor(private readonly host: LocalSettlementHost) {}

  /** @returns What is left for the backend. */
  async settle(event: Event, delivery: Delivery, outcome: DispatchOutcome): Promise<DispatchOutcome> {
    let { deadLetters, resolved, retries, released } = outcome;
    const { deadLetters: store } = this.host;
    if (store !== undefined) {
      await this.#persist(event, () => store.add(deadLetters), deadLetters.length);
      await this.#persist(
        event,
        () => Promise.all(resolved.map((id) => store.transition(id, 'retrying', 'resolved'))),
        resolved.length,
      );
      deadLetters = resolved = [];
      if (!this.host.releasedComesAgain) {
        const retried = released.filter(({ deadLetterId: id }) => id !== undefined);
        for (const retry of retried) await this.#putBack(event, store, retry);
        released = released.filter((retry) => !retried.includes(retry));
      }
    }
    if (!this.host.backendRedelivers) {
      if (released.length > 0) await neverAcknowledged();
      await Promise.all(retries.map((retry) => this.#retryHere(event, delivery, retry)));
      retries = [];
    }
    return { ...outcome, retries, deadLetters, resolved, released };
  }

  async #retryHere(event: Event, { audience }: Delivery, retry: HandlerRetry): Promise<void> {
    const { handlerId, attempt, attempts, deferrals, deadLetterId: id, delayMs } = retry;
    if (!(await this.#sleep(delayMs))) {
      if (id === undefined) return neverAcknowledged();
      return this.#putBack(event, this.host.deadLetters!, retry);
    }
    await this.host.redeliver(event, {
      handlerId,
      attempt,
      attempts,
      deferrals,
      audience,
      deadLetterId: id,
      redelivered: true,
    });
  }

  /** The event stays unacknowledged until its dead letter is written: a store that is down delays, never loses. */
  async #persist(event: Event, write: () => Promise<unknown>, count: number): Promise<void> {
    if (count === 0) return;
    for (;;) {
      try {
        await write();
        return;
      } catch (thrown) {
        this.host.notify({ error: toError(thrown), event, action: 'reported', at: new Date() });
        if (!(await this.#sleep(STORE_RETRY_MS))) await neverAcknowledged();
      }
    }
  }

  /**
   * The retry of a dead letter was interrupted, and nobody delivers it again: it waits for an operator as before, with
   * the tries it had meanwhile.
   */
  async #putBack(event: Event, store: DeadLetterStore, retry: HandlerRetry): Promise<void> {
    const { deadLetterId: id = '', attempts } = retry;
    const write = async () => {
      const entry = await store.transition(id, 'retrying', 'dead');
      if (entry !== undefined && attempts.length > entry.attempts.length) {
        await store.add([{ ...entry, attempts }]);
      }
    };
    await this.#persist(event, write, 1);
  }

  /** @returns `false` when shutdown ran out of time before. */
  #sleep(ms: number): Promise<boolean> {
    const { lifetime } = this.host;
    if (lifetime.aborted) return Promise.resolve(false);
    return new Promise<boolean>((resolve) => {
      const interrupted = () => {
        cancel();
        resolve(false);
      };
      const cancel = after(ms, () => {
        lifetime.removeEventListener('abort', interrupted);
        resolve(true);
      });
      lifetime.addEventListener('abort', interrupted, { once: true });
    });
  }
}

/**
 * Shutdown interrupted work that only this process knows of. A delivery that never ends is never acknowledged, so
 * whatever the backend consumes from delivers the event again.
 */
function neverAcknowledged(): Promise<never> {
  return new Promise<never>(() => undefined);
}
