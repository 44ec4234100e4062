import type { ChannelModel, GetMessage } from 'amqplib';
import { readContent, sameAgain } from '../../../lib/backends/rabbitmq/envelopes.js';
import { Names } from '../../../lib/backends/rabbitmq/names.js';
import { Topology } from '../../../lib/backends/rabbitmq/topology.js';
import { ALL_HANDLERS, type DeadLetter } from '../../../lib/dead-letters/dead-letter.js';
import type { Event } from '../../../lib/event.js';
import { RabbitMQBackend } from '../../../lib/rabbitmq.js';
import { GROUP } from '../programs/settings.js';
import type { BrokerView, Outstanding } from './broker-view.js';
import { everyDeadLetter } from './every-dead-letter.js';
import { insist } from './insist.js';
import { connected, PATIENCE_MS, type Place, Quiet, readThrough } from './rabbitmq-queues.js';

/** Every delay that a retry of the tests can take, in milliseconds. */
const DELAYS = Array.from({ length: 12 }, (_, i) => 64 * 2 ** i);

/** The queues of the group. What is in them can only be seen by taking it out: each message is put back as a new one. */
export class RabbitMQView implements BrokerView {
  readonly #names: Names;
  readonly #operator: RabbitMQBackend;
  readonly #quiet = new Quiet();

  constructor(
    private readonly url: string,
    readonly namespace: string,
  ) {
    this.#names = new Names(namespace);
    this.#operator = new RabbitMQBackend({ connection: url, namespace, group: GROUP });
  }

  async settled(): Promise<boolean> {
    const ready = await connected(this.url, async (connection) => {
      const { queued, suspects, scheduled } = await (await this.#topology(connection)).counts(GROUP);
      return queued + suspects + scheduled;
    });
    return this.#quiet.with(ready);
  }

  async outstanding(): Promise<Outstanding[]> {
    return (await this.#places()).map(({ work }) => work);
  }

  deadLetters(): Promise<DeadLetter[]> {
    return insist('RabbitMQ', PATIENCE_MS, () => everyDeadLetter(this.#operator.deadLetters));
  }

  async whereabouts(eventId: string): Promise<string> {
    const found = (await this.#places()).filter(({ work }) => work.eventId === eventId);
    const places = found.map(({ queue, work }) => `${queue}, for ${work.handlerId}`);
    return places.length > 0 ? places.join('; ') : 'ready in no queue';
  }

  async publish(event: Event): Promise<void> {
    await this.#operator.publish(event);
  }

  close(): Promise<void> {
    return this.#operator.close();
  }

  /** In the order in which work moves, and the first again, so that what moves meanwhile is seen. */
  #places(): Promise<Place[]> {
    const names = this.#names;
    const delays = new Set(DELAYS.map((ms) => names.delay(ms)));
    const events = names.events(GROUP);
    const queues = [events, names.suspects(GROUP), names.scheduled, ...delays, events];
    return connected(this.url, async (connection) => {
      await this.#topology(connection);
      const channel = await connection.createConfirmChannel();
      channel.on('error', () => undefined);
      const places: Place[] = [];
      for (const queue of queues) {
        const options = (message: GetMessage) => sameAgain(message, queue).options;
        // A delay sends on by the routing key. Without it, what is put back would go round in a circle.
        const keepsKey = delays.has(queue);
        places.push(...(await readThrough({ channel, queue, read, options, keepsKey })));
      }
      // Before its connection, which would overtake the last acknowledgements: what was put back would be there twice.
      await channel.close();
      return places;
    });
  }

  /** With everything in place that is looked at. */
  async #topology(connection: ChannelModel): Promise<Topology> {
    const channel = async () => {
      const channel = await connection.createChannel();
      return channel.on('error', () => undefined);
    };
    const topology = new Topology(channel, this.#names, () => GROUP);
    await topology.ensure();
    for (const ms of DELAYS) await topology.delay(ms);
    return topology;
  }
}

function read(message: GetMessage): Outstanding {
  const { event, facts } = readContent(message);
  return { eventId: event.id, handlerId: facts?.handlerId ?? ALL_HANDLERS };
}
