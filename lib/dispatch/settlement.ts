import { HANDLED, type Delivery, type DispatchOutcome, type HandlerRetry } from '../backends/backend.js';
import {
  ALL_HANDLERS,
  type DeadLetter,
  deadLetterId,
  type HandlerAttempt,
} from '../dead-letters/dead-letter.js';
import { createDeadLetter } from '../dead-letters/create-dead-letter.js';
import { boundedHistory } from '../dead-letters/history.js';
import type { Event } from '../event.js';
import type { HandlerEntry } from '../handlers/handler.js';
import { Deferral } from './deferral.js';
import { failedAttempt, nextDelayMs, toError } from './failure.js';
import { LocalSettlement, type LocalSettlementHost } from './local-settlement.js';
import { backoffMs, type ResolvedRetryPolicy } from './retry-policy.js';

/** One handler's failed try, as it was caught. */
export interface HandlerFailure {
  readonly handler: Pick<HandlerEntry, 'id' | 'retry'>;
  readonly thrown: unknown;
  /** Unix milliseconds. */
  readonly startedAt: number;
}

/** What settlement needs of its bus. */
export interface SettlementHost extends LocalSettlementHost {
  /** An entry is about to be stored. */
  deadLettered(entry: DeadLetter): void;
  dispatched(event: Event, outcome: DispatchOutcome, delivery: Delivery): void;
}

/** Decides what follows the failures of a delivery. */
export class Settlement {
  retried = 0;
  deadLettered = 0;
  /** Handlers that shutdown or a lost lease interrupted. */
  released = 0;

  readonly #local: LocalSettlement;

  constructor(private readonly host: SettlementHost) {
    this.#local = new LocalSettlement(host);
  }

  /** Nothing to settle. */
  succeeded(event: Event, delivery: Delivery): void {
    this.host.dispatched(event, HANDLED, delivery);
  }

  async conclude(
    event: Event,
    delivery: Delivery,
    failures: readonly HandlerFailure[],
  ): Promise<DispatchOutcome> {
    const outcome = this.#decide(event, delivery, failures);
    const settled = await this.#local.settle(event, delivery, outcome);
    this.host.dispatched(event, settled, delivery);
    return settled;
  }

  #decide(event: Event, delivery: Delivery, failures: readonly HandlerFailure[]): DispatchOutcome {
    const retries: HandlerRetry[] = [];
    const deadLetters: DeadLetter[] = [];
    const released: HandlerRetry[] = [];
    const { attempt = 1, attempts: earlier = [], deadLetterId: retriedId, deferrals = 0, signal } = delivery;
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
        this.released++;
        this.host.notify({ ...notice, action: 'released' });
        continue;
      }
      if (thrown instanceof Deferral) {
        const { delayMs } = thrown;
        retries.push({
          handlerId: handler.id,
          attempt,
          delayMs,
          attempts: earlier,
          deferrals: Math.min(deferrals + 1, thrown.maxCount),
          deadLetterId: retriedId,
        });
        this.host.notify({ ...notice, action: 'deferred', delayMs });
        continue;
      }
      const attempts = boundedHistory([...earlier, failedAttempt(error, startedAt)]);
      const delayMs = this.#nextDelayMs(event, thrown, attempt, handler.retry);
      if (delayMs === undefined) {
        const entry = this.#deadLetterOf(event, delivery, handler.id, attempts);
        deadLetters.push(entry);
        this.deadLettered++;
        this.host.notify({ ...notice, action: 'dead-letter' });
        this.host.deadLettered(entry);
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

  #deadLetterOf(
    event: Event,
    delivery: Delivery,
    handlerId: string,
    attempts: readonly HandlerAttempt[],
  ): DeadLetter {
    const { deadLetterId: retriedId } = delivery;
    // Refused as a whole again, it is the same entry, though its event may be another one since it was edited.
    const id =
      handlerId === ALL_HANDLERS && retriedId !== undefined ? retriedId : deadLetterId(event, handlerId);
    // An entry that comes back has what the broker held at first.
    return createDeadLetter(event, handlerId, attempts, {
      id,
      raw: id === retriedId ? undefined : delivery.raw,
    });
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
}
