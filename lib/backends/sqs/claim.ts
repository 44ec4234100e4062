import type { Message } from '@aws-sdk/client-sqs';
import type { RawMessage } from '../../dead-letters/dead-letter.js';
import { type DeliveryFacts, OwnedDelivery } from '../shared/owned-delivery.js';
import { attribute, BEGUN, NOT_BEFORE, rawOf } from './message.js';
import { MAX_LEASE_MS } from './options.js';

/** Part of the lease that is kept as a distance: what is sent then has to reach SQS before it ends. */
const MARGIN = 0.1;

/** A message that this process may handle until its lease ends. */
export class Claim extends OwnedDelivery {
  /** Who it is for, where that is not everybody. */
  facts: DeliveryFacts | undefined;
  /** On its way back to the queue: its lease is not to be renewed. */
  given = false;
  /** How often SQS had handed the message out before. */
  readonly taken: number;
  /** How often it was begun with, where that is counted. */
  readonly counted: number | undefined;
  readonly #receivedAt = performance.now();
  #deadline: number;

  constructor(
    readonly message: Message,
    private readonly leaseMs: number,
  ) {
    super();
    this.taken = Number(message.Attributes?.ApproximateReceiveCount ?? 1) - 1;
    const begun = attribute(message, BEGUN);
    this.counted = begun === undefined ? undefined : Number(begun);
    this.#deadline = this.#receivedAt + leaseMs;
  }

  get receiptHandle(): string {
    return this.message.ReceiptHandle!;
  }

  /** The group of a FIFO queue that it belongs to. */
  get messageGroup(): string | undefined {
    return this.message.Attributes?.MessageGroupId;
  }

  /** Whether it is a suspect that may run: the beginning to come is counted already. */
  get hasItsTurn(): boolean {
    return this.counted !== undefined && this.taken === 0;
  }

  /** Milliseconds until it is due; 0 or less when it is. */
  get remainingMs(): number {
    const notBefore = attribute(this.message, NOT_BEFORE);
    return notBefore === undefined ? 0 : Number(notBefore) - Date.now() || 0;
  }

  /** Whether the lease may have ended. Nothing is sent then: what SQS does with an old receipt is not certain. */
  get expired(): boolean {
    return this.lost || performance.now() > this.#deadline - this.leaseMs * MARGIN;
  }

  /** Whether it is time to renew the lease. */
  get aging(): boolean {
    return performance.now() > this.#deadline - (this.leaseMs * 2) / 3;
  }

  /** Whether SQS will not prolong the lease any more. */
  get atLimit(): boolean {
    return performance.now() + this.leaseMs * (1 + MARGIN) > this.#receivedAt + MAX_LEASE_MS;
  }

  /** SQS has heard of us after this time. */
  renewed(at: number): void {
    this.#deadline = Math.max(this.#deadline, at + this.leaseMs);
  }

  get redelivered(): boolean {
    return this.taken > 0 || this.facts !== undefined || this.counted !== undefined;
  }

  get raw(): RawMessage {
    return rawOf(this.message);
  }
}
