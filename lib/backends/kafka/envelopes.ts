import type { NewRecord } from '../../clients/kafka/client.js';
import { partitionOf } from '../../clients/kafka/partitioner.js';
import type { Event } from '../../event.js';
import { encodeEvent } from '../../wire/cloud-events.js';
import type { Delivery, PublishOptions } from '../backend.js';
import type { DeliveryFacts } from '../shared/owned-delivery.js';
import type { Names } from './names.js';
import { CONTENT_TYPE, DELIVERY, NOT_BEFORE, TOPIC } from './record.js';
import { tierOf } from './tiers.js';

/** Events without a key go to one partition after the other, so many at a stretch: batches stay large. */
const STRETCH = 16;
const HEADERS = Object.freeze({ 'content-type': CONTENT_TYPE });

/** Puts events into records: CloudEvents in structured mode of the Kafka binding. */
export class Envelopes {
  #turn = 0;
  #left = STRETCH;

  /** @param partitions How many a topic has. */
  constructor(
    private readonly names: Names,
    private readonly partitions: (topic: string) => number,
  ) {}

  /** A batch of events begins: the next event without a key goes to another partition. */
  begin(): void {
    this.#turn++;
    this.#left = STRETCH;
  }

  /** An event for every group. */
  event(event: Event, wire: string, { delayMs = 0 }: PublishOptions = {}): NewRecord {
    const topic = this.names.topicOf(event.type);
    const { key } = event;
    if (delayMs <= 0)
      return { topic, partition: this.partitionFor(topic, key), key, value: wire, headers: HEADERS };
    const dueAt = Date.now() + delayMs;
    return {
      topic: this.names.delayed,
      partition: tierOf(delayMs),
      key,
      value: wire,
      headers: { ...HEADERS, [NOT_BEFORE]: String(dueAt), [TOPIC]: topic },
      timestamp: dueAt, // so that it is not too old to be kept before it is due
    };
  }

  /** An event for one handler of a group. */
  retry(group: string, event: Event, delivery: Delivery, delayMs: number): NewRecord {
    const { handlerId, attempt, attempts, deferrals, deadLetterId } = delivery;
    const facts: DeliveryFacts = { handlerId, attempt, attempts, deferrals, deadLetterId };
    const dueAt = Date.now() + delayMs;
    return {
      topic: this.names.retry(group),
      partition: tierOf(delayMs),
      key: event.key,
      value: encodeEvent(event),
      headers: { ...HEADERS, [DELIVERY]: JSON.stringify(facts), [NOT_BEFORE]: String(dueAt) },
    };
  }

  partitionFor(topic: string, key: string | undefined): number {
    const count = this.partitions(topic);
    if (key !== undefined) return partitionOf(key, count);
    if (this.#left-- === 0) this.begin();
    return this.#turn % count;
  }
}
