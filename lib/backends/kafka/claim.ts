import type { RawMessage } from '../../dead-letters/dead-letter.js';
import type { HandlerRetry } from '../backend.js';
import { type DeliveryFacts, OwnedDelivery } from '../shared/owned-delivery.js';
import type { KafkaRecord } from '../../clients/kafka/client.js';
import type { Partition } from './partition.js';
import { rawOf } from './record.js';

/** A retry of an event that keeps its place, so that later ones of its key wait. */
export interface HeldRetry extends HandlerRetry {
  /** In Unix milliseconds. */
  readonly dueAt: number;
}

/** A record that this process may handle as long as it has the partition. */
export class Claim extends OwnedDelivery {
  /** Whom it is for, where that is not everybody. */
  facts: DeliveryFacts | undefined;
  /** The handlers that it waits for in its place. */
  held: readonly HeldRetry[] = [];
  /** A handler of it runs, or has run. */
  begun = false;
  /** A process may have begun with it before this one had it. */
  readonly #again: boolean;

  /** @param key What keeps the order: others of the same key wait until this one is done. Absent: nobody waits. */
  constructor(
    readonly record: KafkaRecord,
    readonly partition: Partition,
    readonly key: string | undefined,
  ) {
    super();
    this.#again = partition.progress.mayHaveBegun(record.offset);
  }

  get offset(): bigint {
    return this.record.offset;
  }

  /** How often processes have had it, this one included, as far as it may be what killed them. */
  get taken(): number {
    return this.partition.progress.deathsWith(this.offset) + 1;
  }

  get redelivered(): boolean {
    return this.#again || this.facts !== undefined;
  }

  get raw(): RawMessage {
    return rawOf(this.record);
  }
}
