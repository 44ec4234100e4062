import type { Msg } from '@nats-io/transport-node';
import { rawOf } from '../../clients/nats/cloud-event-message.js';
import type { RawMessage } from '../../dead-letters/dead-letter.js';
import { type DeliveryFacts, OwnedDelivery } from '../shared/owned-delivery.js';
import { placeOf } from './message.js';
import type { ConsumerName } from './names.js';

/** Part of the lease that is kept as a distance: what is sent then has to reach the server before it ends. */
const MARGIN = 0.1;

/** A message that this process may handle until its lease ends. */
export class Claim extends OwnedDelivery {
  /** Who it is for, where that is not everybody. */
  facts: DeliveryFacts | undefined;
  /** How often the server has handed the message out. */
  readonly deliveries: number;
  /** Its place in the stream. */
  readonly sequence: number;
  #deadline: number;

  constructor(
    readonly message: Msg,
    readonly kind: ConsumerName['kind'],
    private readonly leaseMs: number,
    readonly audience: 'group' | 'broadcast',
  ) {
    super();
    const { deliveries, sequence } = placeOf(message);
    this.deliveries = deliveries;
    this.sequence = sequence;
    this.#deadline = performance.now() + leaseMs;
  }

  /** Where to settle it. */
  get reply(): string {
    return this.message.reply!;
  }

  /**
   * Whether the lease may have ended. The server takes what a former owner says for the word of the present one, so
   * nothing is sent then.
   */
  get expired(): boolean {
    return this.lost || performance.now() > this.#deadline - this.leaseMs * MARGIN;
  }

  /** Whether it is time to renew the lease. */
  get aging(): boolean {
    return performance.now() > this.#deadline - (this.leaseMs * 2) / 3;
  }

  /** The server has heard of us after this time. */
  renewed(at: number): void {
    this.#deadline = Math.max(this.#deadline, at + this.leaseMs);
  }

  get redelivered(): boolean {
    // What waits for its time is handed out once to find that out.
    return this.facts !== undefined || this.deliveries > (this.kind === 'event' ? 1 : 2);
  }

  get raw(): RawMessage {
    return rawOf(this.message);
  }
}
