import { Names } from '../../../lib/backends/kafka/names.js';
import { Progress } from '../../../lib/backends/kafka/progress.js';
import { readFacts } from '../../../lib/backends/kafka/record.js';
import { idOf, type KafkaRecord, type TopicPartition } from '../../../lib/clients/kafka/client.js';
import { ALL_HANDLERS, type DeadLetter } from '../../../lib/dead-letters/dead-letter.js';
import type { Event } from '../../../lib/event.js';
import { KafkaBackend, PlatformaticClient } from '../../../lib/kafka.js';
import { GROUP } from '../programs/settings.js';
import type { BrokerView, Outstanding } from './broker-view.js';
import { everyDeadLetter } from './every-dead-letter.js';
import { insist } from './insist.js';

/** A record, and whether the group is done with it. */
interface Place {
  readonly record: KafkaRecord;
  readonly done: boolean;
}

/** How long a broker that was killed may take to answer again. */
const PATIENCE_MS = 30_000;

/** The topics of the group, and how far it has committed. */
export class KafkaView implements BrokerView {
  readonly #names: Names;
  readonly #client: PlatformaticClient;
  readonly #operator: KafkaBackend;

  constructor(
    url: string,
    readonly namespace: string,
  ) {
    this.#names = new Names(namespace, {}, 'KafkaView');
    this.#client = new PlatformaticClient(url);
    this.#operator = new KafkaBackend({ connection: url, namespace, group: GROUP });
  }

  async settled(): Promise<boolean> {
    const { queued, retries, scheduled } = await insist('Kafka', PATIENCE_MS, () => this.#operator.stats());
    return [queued, retries, scheduled].every((count) => count === 0);
  }

  async outstanding(): Promise<Outstanding[]> {
    const places = await insist('Kafka', PATIENCE_MS, () => this.#places());
    return places.filter(({ done }) => !done).map(({ record }) => workOf(record));
  }

  deadLetters(): Promise<DeadLetter[]> {
    return insist('Kafka', PATIENCE_MS, () => everyDeadLetter(this.#operator.deadLetters));
  }

  async whereabouts(eventId: string): Promise<string> {
    const places = await insist('Kafka', PATIENCE_MS, () => this.#places());
    const found = places.filter(({ record }) => workOf(record).eventId === eventId);
    if (found.length === 0) return 'in no record';
    return found
      .map(({ record, done }) => `${idOf(record)}/${record.offset} (${done ? 'done' : 'not done'})`)
      .join(', ');
  }

  async publish(event: Event): Promise<void> {
    await this.#operator.publish(event);
  }

  async close(): Promise<void> {
    await this.#operator.close();
    await this.#client.close();
  }

  /** Every record that is for the group. */
  async #places(): Promise<Place[]> {
    const topics = [this.#names.events, this.#names.retry(GROUP)];
    const counts = await this.#client.topics(topics);
    const partitions = [...counts].flatMap(([topic, count]) =>
      Array.from({ length: count }, (_, partition) => ({ topic, partition })),
    );
    const committed = await this.#client.committed(this.#names.group(GROUP), partitions);
    const places: Place[] = [];
    for (const partition of partitions) {
      const { offset, metadata } = committed.get(idOf(partition)) ?? { offset: 0n, metadata: '' };
      const progress = new Progress(offset, metadata);
      for (const record of await this.#records(partition)) {
        places.push({ record, done: record.offset < offset || !progress.take(record.offset) });
      }
    }
    return places;
  }

  async #records(partition: TopicPartition): Promise<KafkaRecord[]> {
    const records: KafkaRecord[] = [];
    let offset = (await this.#client.offsets([partition], 'first')).get(idOf(partition));
    const end = (await this.#client.offsets([partition], 'next')).get(idOf(partition));
    if (offset === undefined || end === undefined) throw new Error(`${idOf(partition)} has no leader`);
    while (offset < end) {
      const fetched = await this.#client.read({ ...partition, offset });
      if (fetched.next === offset) break;
      records.push(...fetched.records);
      offset = fetched.next;
    }
    return records;
  }
}

function workOf(record: KafkaRecord): Outstanding {
  const { id } = JSON.parse(record.value!.toString()) as { id: string };
  return { eventId: id, handlerId: readFacts(record)?.handlerId ?? ALL_HANDLERS };
}
