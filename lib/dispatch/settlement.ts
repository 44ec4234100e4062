import {
  HANDLED,
  type Delivery,
  type DispatchOutcome,
  type EventDispatcher,
  type HandlerRetry,
} from '../backends/backend.js';
import { deadLetterId, type DeadLetter, type DeadLetterStore } from '../dead-letters/dead-letter.js';
import type { EventErrorNotice } from '../error-stream.js';
import type { Event } from '../event.js';
import type { HandlerEntry } from '../handlers/handler.js';
import { after } from '../timer.js';
import { failedAttempt, nextDelayMs, toError } from './failure.js';
import { backoffMs, type ResolvedRetryPolicy } from './retry-policy.js';

/** One handler's failed try, as it was caught. */
export interface HandlerFailure {
  readonly handler: Pick<HandlerEntry, 'id' | 'retry'>;
  readonly thrown: unknown;
  /** Unix milliseconds. */
  readonly startedAt: number;
}

/** What settlement needs of its bus. */
export interface SettlementHost {
  /** The backend stores retries itself. */
  readonly backendRedelivers: boolean;
  /** Where the core writes dead letters; `undefined` when the backend stores those of the outcome itself. */
  readonly deadLetters: DeadLetterStore | undefined;
  /** Aborts when shutdown ran out of time. */
  readonly lifetime: AbortSignal;
  redeliver: EventDispatcher;
  notify(notice: EventErrorNotice): void;
  dispatched(event: Event, outcome: DispatchOutcome): void;
}

/** Wait between two tries to write a dead letter, in milliseconds. */
const STORE_RETRY_MS = 1000;

/** Decides what follows the failures of a delivery, and sees to what its backend does not. */
export class Settlement {
  retried = 0;
  deadLettered = 0;

  constructor(private readonly host: SettlementHost) {}

  /** Nothing to settle. */
  succeeded(event: Event): void {
    this.host.dispatched(event, HANDLED);
  }

  async conclude(
    event: Event,
    delivery: Delivery,
    failures: readonly HandlerFailure[],
  ): Promise<DispatchOutcome> {
    const outcome = this.#decide(event, delivery, failures);
    const settled = await this.#settleHere(event, delivery, outcome);
    this.host.dispatched(event, settled);
    return settled;
  }

  #decide(event: Event, delivery: Delivery, failures: readonly HandlerFailure[]): DispatchOutcome {
    const retries: HandlerRetry[] = [];
    const deadLetters: DeadLetter[] = [];
    const released: HandlerRetry[] = [];
    const { attempt = 1, attempts: earlier = [], deadLetterId: retriedId, signal } = delivery;
    for (const { handler, thrown, startedAt } of failures) {
      const error = toError(thrown);
      const notice = { error, event, handlerId: handler.id, attempt, at: new Date() };
      if (this.host.lifetime.aborted || signal?.aborted) {
        // Interrupted by ourselves: not the handler's fault, hence not an attempt.
        released.push({
          handlerId: handler.id,
          attempt,
          delayMs: 0,
          attempts: earlier,
          deadLetterId: retriedId,
        });
        this.host.notify({ ...notice, action: 'released' });
        continue;
      }
      const attempts = [...earlier, failedAttempt(error, startedAt)];
      const delayMs = this.#nextDelayMs(event, thrown, attempt, handler.retry);
      if (delayMs === undefined) {
        deadLetters.push(deadLetter(event, handler.id, attempts));
        this.deadLettered++;
        this.host.notify({ ...notice, action: 'dead-letter' });
      } else {
        retries.push({
          handlerId: handler.id,
          attempt: attempt + 1,
          delayMs,
          attempts,
          deadLetterId: retriedId,
        });
        this.retried++;
        this.host.notify({ ...notice, action: 'retry', delayMs });
      }
    }
    const status = released.length > 0 ? 'released' : failures.length > 0 ? 'failed' : 'handled';
    // A retried dead letter is settled unless its own entry is written anew or still on its way.
    const open = [...retries, ...released].some((retry) => retry.deadLetterId === retriedId);
    const renewed = deadLetters.some(({ id }) => id === retriedId);
    const resolved = retriedId !== undefined && !open && !renewed ? [retriedId] : [];
    return { status, retries, deadLetters, resolved, released };
  }

  /** A `retryIf` that throws decides nothing: the event is kept, and the policy goes on without it. */
  #nextDelayMs(
    event: Event,
    thrown: unknown,
    attempt: number,
    policy: ResolvedRetryPolicy,
  ): number | undefined {
    try {
      return nextDelayMs(thrown, attempt, policy);
    } catch (error) {
      this.host.notify({ error: toError(error), event, action: 'reported', at: new Date() });
      return backoffMs(policy, attempt);
    }
  }

  /** Does what the backend will not: keeps dead letters in the core's store, waits out retries in this process. */
  async #settleHere(event: Event, delivery: Delivery, outcome: DispatchOutcome): Promise<DispatchOutcome> {
    let { deadLetters, resolved, retries } = outcome;
    const { deadLetters: store } = this.host;
    if (store !== undefined) {
      await this.#persist(event, () => store.add(deadLetters), deadLetters.length);
      await this.#persist(
        event,
        () => Promise.all(resolved.map((id) => store.transition(id, 'retrying', 'resolved'))),
        resolved.length,
      );
      deadLetters = resolved = [];
    }
    if (!this.host.backendRedelivers) {
      if (outcome.released.length > 0) await neverAcknowledged();
      await Promise.all(retries.map((retry) => this.#retryHere(event, delivery, retry)));
      retries = [];
    }
    return { ...outcome, retries, deadLetters, resolved };
  }

  async #retryHere(event: Event, { audience }: Delivery, retry: HandlerRetry): Promise<void> {
    const { handlerId, attempt, attempts, deadLetterId: id, delayMs } = retry;
    await this.#sleep(delayMs);
    await this.host.redeliver(event, {
      handlerId,
      attempt,
      attempts,
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
        await this.#sleep(STORE_RETRY_MS);
      }
    }
  }

  /** Waits; never comes back once shutdown ran out of time. */
  #sleep(ms: number): Promise<void> {
    const { lifetime } = this.host;
    if (lifetime.aborted) return neverAcknowledged();
    return new Promise<void>((resolve) => {
      const cancel = after(ms, () => {
        lifetime.removeEventListener('abort', cancel);
        resolve();
      });
      lifetime.addEventListener('abort', cancel, { once: true });
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

function deadLetter(event: Event, handlerId: string, attempts: DeadLetter['attempts']): DeadLetter {
  return {
    id: deadLetterId(event.id, handlerId),
    event,
    handlerId,
    status: 'dead',
    attempts,
    failedAt: new Date(),
  };
}
