import type { GetMessage } from 'amqplib';
import { ALL_HANDLERS, type DeadLetter } from '../../../lib/dead-letters/dead-letter.js';
import type { Event } from '../../../lib/event.js';
import { MicroservicesBackend } from '../../../lib/microservices.js';
import { transportAt } from '../programs/transport-at.js';
import { GROUP } from '../programs/settings.js';
import type { BrokerView, Outstanding } from './broker-view.js';
import { connected, type Place, Quiet, readThrough } from './rabbitmq-queues.js';

/** The queue of the service. What is in it can only be seen by taking it out: each message is put back as a new one. */
export class MicroservicesRmqView implements BrokerView {
  readonly #queue: string;
  readonly #operator: MicroservicesBackend;
  readonly #quiet = new Quiet();

  constructor(
    private readonly url: string,
    readonly namespace: string,
  ) {
    this.#queue = `${namespace}.${GROUP}`;
    this.#operator = new MicroservicesBackend({ ...transportAt('rmq', url, namespace), group: GROUP });
  }

  async settled(): Promise<boolean> {
    const ready = await connected(this.url, async (connection) => {
      const channel = await connection.createChannel();
      return (await channel.checkQueue(this.#queue)).messageCount;
    });
    return this.#quiet.with(ready);
  }

  async outstanding(): Promise<Outstanding[]> {
    return (await this.#places()).map(({ work }) => work);
  }

  /** They are in a store of their own. */
  async deadLetters(): Promise<DeadLetter[]> {
    return [];
  }

  async whereabouts(eventId: string): Promise<string> {
    const found = (await this.#places()).some(({ work }) => work.eventId === eventId);
    return found ? `ready in ${this.#queue}` : 'ready in no queue';
  }

  async publish(event: Event): Promise<void> {
    await this.#operator.publish(event);
  }

  close(): Promise<void> {
    return this.#operator.close();
  }

  #places(): Promise<Place[]> {
    return connected(this.url, async (connection) => {
      const channel = await connection.createConfirmChannel();
      channel.on('error', () => undefined);
      const places = await readThrough({ channel, queue: this.#queue, read, options });
      // Before its connection, which would overtake the last acknowledgements.
      await channel.close();
      return places;
    });
  }
}

/** Nest names the pattern beside the event, so it does not need the routing key. */
function read({ content }: GetMessage): Outstanding {
  const { data } = JSON.parse(content.toString()) as { data: { id: string } };
  return { eventId: data.id, handlerId: ALL_HANDLERS };
}

function options({ properties: { headers } }: GetMessage) {
  return { persistent: true, headers };
}
