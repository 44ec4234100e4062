import type { Job } from 'bullmq';
import type { HandlerAttempt, RawMessage } from '../../dead-letters/dead-letter.js';
import type { Delivery } from '../backend.js';
import { OwnedDelivery } from '../shared/owned-delivery.js';
import type { Turn } from './job-data.js';

/** A job whose data is left as the text that Redis holds. */
export type EventJob = Job<string, void> & {
  /** Why BullMQ itself would have failed the job instead of handing it out. */
  refusal?: string | undefined;
};

/**
 * A job that this process holds the lock of. It is also the delivery that the dispatcher sees when all handlers are
 * meant.
 */
export class JobClaim extends OwnedDelivery {
  /** Lets BullMQ go on without waiting for the handlers. */
  surrender: (() => void) | undefined;

  constructor(
    readonly job: EventJob,
    /** Proves the ownership of the lock. */
    readonly token: string,
  ) {
    super();
  }

  get id(): string {
    return this.job.id!;
  }

  /** A job is for several handlers, each with its own {@link Turn}. */
  get facts(): undefined {
    return undefined;
  }

  get redelivered(): boolean {
    return this.job.attemptsStarted > 1;
  }

  get raw(): RawMessage {
    return { body: this.job.data, encoding: 'utf8', headers: { name: this.job.name } };
  }

  /** The delivery for one handler. */
  deliveryFor(turn: Turn): Delivery {
    return new TurnDelivery(this, turn);
  }
}

class TurnDelivery implements Delivery {
  readonly redelivered = true;

  constructor(
    private readonly claim: JobClaim,
    private readonly turn: Turn,
  ) {}

  get handlerId(): string {
    return this.turn.handlerId;
  }

  get attempt(): number | undefined {
    return this.turn.attempt;
  }

  get attempts(): readonly HandlerAttempt[] | undefined {
    return this.turn.attempts;
  }

  get deferrals(): number | undefined {
    return this.turn.deferrals;
  }

  get deadLetterId(): string | undefined {
    return this.turn.deadLetterId;
  }

  get signal(): AbortSignal {
    return this.claim.signal;
  }

  get raw(): RawMessage {
    return this.claim.raw;
  }
}
