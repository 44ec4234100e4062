import type { RawMessage } from '../../dead-letters/dead-letter.js';
import { type DeliveryFacts, OwnedDelivery } from '../shared/owned-delivery.js';
import type { ClaimedRow } from './queue-table.js';

/** A row that this process holds. */
export class TableClaim extends OwnedDelivery {
  /** @param leasedUntil By `performance.now()`: until then nobody else can have claimed it. Moves with each renewal. */
  constructor(
    readonly row: ClaimedRow,
    public leasedUntil: number,
  ) {
    super();
  }

  get id(): number {
    return this.row.id;
  }

  get facts(): DeliveryFacts | undefined {
    return this.row.facts;
  }

  get redelivered(): boolean {
    return this.row.taken > 1 || this.handlerId !== undefined || this.deadLetterId !== undefined;
  }

  get raw(): RawMessage {
    return { body: this.row.wire, encoding: 'utf8', headers: {} };
  }
}
