import { type ConsumerInfo, type JetStreamManager, jetstream, jetstreamManager } from '@nats-io/jetstream';
import { connect, type NatsConnection } from '@nats-io/transport-node';
import { Names } from '../../../lib/backends/nats-jetstream/names.js';
import { ALL_HANDLERS, type DeadLetter } from '../../../lib/dead-letters/dead-letter.js';
import type { Event } from '../../../lib/event.js';
import { NatsJetStreamBackend } from '../../../lib/nats.js';
import { GROUP } from '../programs/settings.js';
import type { BrokerView, Outstanding } from './broker-view.js';
import { everyDeadLetter } from './every-dead-letter.js';
import { insist } from './insist.js';

interface Client {
  readonly nc: NatsConnection;
  readonly jsm: JetStreamManager;
}

/** A message of the stream. */
interface Place {
  readonly seq: number;
  readonly subject: string;
  readonly work: Outstanding;
}

/** How long a server that was killed may take to answer again. */
const PATIENCE_MS = 20_000;
const READ_MS = 2000;

/** The stream and the consumers of the group, read with the plain client. */
export class NatsJetStreamView implements BrokerView {
  readonly #names: Names;
  readonly #client: Promise<Client>;
  readonly #operator: NatsJetStreamBackend;

  constructor(
    url: string,
    readonly namespace: string,
  ) {
    this.#names = new Names(namespace);
    this.#client = open(url);
    this.#operator = new NatsJetStreamBackend({ connection: url, namespace, group: GROUP });
  }

  async settled(): Promise<boolean> {
    return (await this.#consumers()).every(isDone);
  }

  /**
   * JetStream does not tell which messages are pending. Here it is everything behind the first that is not acknowledged,
   * which may be more than there is; nothing is, when a consumer is done.
   */
  async outstanding(): Promise<Outstanding[]> {
    const found: Outstanding[] = [];
    for (const consumer of await this.#consumers()) {
      if (isDone(consumer)) continue;
      const places = await this.#places(consumer.config.filter_subject!, consumer.ack_floor.stream_seq + 1);
      found.push(...places.map(({ work }) => work));
    }
    return found;
  }

  deadLetters(): Promise<DeadLetter[]> {
    return insist('NATS', PATIENCE_MS, () => everyDeadLetter(this.#operator.deadLetters));
  }

  async whereabouts(eventId: string): Promise<string> {
    const places = await this.#places('>', 1);
    const found = places.filter(({ work }) => work.eventId === eventId);
    const floors = (await this.#consumers()).map(
      ({ name, ack_floor, delivered, num_ack_pending }) =>
        `${name}: acknowledged up to ${ack_floor.stream_seq}, delivered up to ${delivered.stream_seq}, ${num_ack_pending} pending`,
    );
    const where = found.map(({ seq, subject, work }) => `message ${seq} (${subject}, for ${work.handlerId})`);
    return `${where.length > 0 ? where.join(', ') : 'in no message'}; ${floors.join('; ')}`;
  }

  async publish(event: Event): Promise<void> {
    await this.#operator.publish(event);
  }

  async close(): Promise<void> {
    await this.#operator.close();
    await (await this.#client).nc.close();
  }

  /** In the order in which work moves, so that what moves meanwhile is seen. There are none before the first service. */
  #consumers(): Promise<ConsumerInfo[]> {
    return insist('NATS', PATIENCE_MS, async () => {
      const { jsm } = await this.#client;
      const found: ConsumerInfo[] = [];
      for (const { name } of this.#names.consumers(GROUP)) {
        found.push(await jsm.consumers.info(this.#names.stream, name));
      }
      return found;
    });
  }

  #places(filter: string, from: number): Promise<Place[]> {
    return insist('NATS', PATIENCE_MS, async () => {
      const { nc, jsm } = await this.#client;
      const { stream } = this.#names;
      const { name, num_pending } = await jsm.consumers.add(stream, {
        filter_subject: filter === '>' ? undefined : filter,
        ack_policy: 'none',
        deliver_policy: 'by_start_sequence',
        opt_start_seq: from,
        inactive_threshold: 10_000_000_000,
        mem_storage: true,
      });
      const places: Place[] = [];
      const reader = await jetstream(nc).consumers.get(stream, name);
      for (let left = num_pending; left > 0;) {
        const batch = await reader.fetch({ max_messages: Math.min(left, 500), expires: READ_MS });
        left = 0;
        for await (const message of batch) {
          const { id } = message.json<{ id: string }>();
          const facts = message.headers?.get('Events-Delivery') || '{}';
          const { handlerId = ALL_HANDLERS } = JSON.parse(facts) as { handlerId?: string };
          places.push({ seq: message.seq, subject: message.subject, work: { eventId: id, handlerId } });
          left = message.info.pending;
          if (left === 0) break;
        }
      }
      await jsm.consumers.delete(stream, name);
      return places;
    });
  }
}

function isDone({ num_pending, num_ack_pending }: ConsumerInfo): boolean {
  return num_pending + num_ack_pending === 0;
}

async function open(url: string): Promise<Client> {
  const nc = await connect({ servers: url, maxReconnectAttempts: -1, reconnectTimeWait: 100 });
  return { nc, jsm: await jetstreamManager(nc, { checkAPI: false }) };
}
