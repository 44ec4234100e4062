import type { ConsumeMessage } from 'amqplib';
import { rawOf } from '../../clients/amqp/cloud-event-message.js';
import type { Session } from '../../clients/amqp/tap.js';
import type { RawMessage } from '../../dead-letters/dead-letter.js';
import { type DeliveryFacts, OwnedDelivery } from '../shared/owned-delivery.js';
import { isRedelivered, timesBegun } from './envelopes.js';

/** A message that this process may handle as long as the channel lives over which it came. */
export class Claim extends OwnedDelivery {
  /** Who it is for, where that is not everybody. */
  facts: DeliveryFacts | undefined;
  /** How often processes have begun with it and not finished. */
  readonly begun: number;

  /** @param queue The queue that it came from. */
  constructor(
    readonly message: ConsumeMessage,
    readonly session: Session,
    readonly queue: string,
  ) {
    super();
    this.begun = timesBegun(message);
  }

  get redelivered(): boolean {
    return this.facts !== undefined || this.begun > 0 || isRedelivered(this.message);
  }

  get raw(): RawMessage {
    return rawOf(this.message);
  }
}
