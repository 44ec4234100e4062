import { type ChannelModel, type ConfirmChannel, connect, type GetMessage } from 'amqplib';
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

/** A message that is ready in a queue. */
interface Place {
  readonly queue: string;
  readonly work: Outstanding;
}

/** Every delay that a retry of the tests can take, in milliseconds. */
const DELAYS = Array.from({ length: 12 }, (_, i) => 64 * 2 ** i);
/**
 * RabbitMQ tells what is ready in a queue, and not what consumers have. Whoever lives is done with it sooner than this,
 * and what a connection had that is dead is ready again.
 */
const QUIET_MS = 4000;
/** How long a server that was killed may take to answer again. */
const PATIENCE_MS = 60_000;

/** The queues of the group. What is in them can only be seen by taking it out: each message is put back as a new one. */
export class RabbitMQView implements BrokerView {
  readonly #names: Names;
  readonly #operator: RabbitMQBackend;
  #quietSince: number | undefined;

  constructor(
    private readonly url: string,
    readonly namespace: string,
  ) {
    this.#names = new Names(namespace);
    this.#operator = new RabbitMQBackend({ connection: url, namespace, group: GROUP });
  }

  async settled(): Promise<boolean> {
    const ready = await this.#connected(async (connection) => {
      const { queued, suspects, scheduled } = await (await this.#topology(connection)).counts(GROUP);
      return queued + suspects + scheduled;
    });
    if (ready > 0) this.#quietSince = undefined;
    else this.#quietSince ??= performance.now();
    return this.#quietSince !== undefined && performance.now() - this.#quietSince > QUIET_MS;
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
    return this.#connected(async (connection) => {
      await this.#topology(connection);
      const channel = await connection.createConfirmChannel();
      channel.on('error', () => undefined);
      const places: Place[] = [];
      for (const queue of queues) places.push(...(await readThrough(channel, queue, delays.has(queue))));
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

  #connected<T>(work: (connection: ChannelModel) => Promise<T>): Promise<T> {
    return insist('RabbitMQ', PATIENCE_MS, async () => {
      const connection = await connect(this.url, { timeout: 2000 });
      connection.on('error', () => undefined);
      try {
        return await work(connection);
      } finally {
        await connection.close().catch(() => undefined); // it is closed already
      }
    });
  }
}

/**
 * All that is ready now, and not what is put back. A delay sends on by the routing key: what is put back has to keep it,
 * or it would go round in a circle, out of which the broker takes it.
 */
async function readThrough(channel: ConfirmChannel, queue: string, isDelay: boolean): Promise<Place[]> {
  const places: Place[] = [];
  const { messageCount } = await channel.checkQueue(queue);
  const messages: GetMessage[] = [];
  for (let left = messageCount; left > 0; left--) {
    const message = await channel.get(queue);
    if (message === false) break;
    messages.push(message);
  }
  for (const message of messages) {
    const { event, facts } = readContent(message);
    places.push({ queue, work: { eventId: event.id, handlerId: facts?.handlerId ?? ALL_HANDLERS } });
    const { content, options } = sameAgain(message, queue);
    if (isDelay) channel.publish(queue, message.fields.routingKey, content, options);
    else channel.sendToQueue(queue, content, options);
  }
  await channel.waitForConfirms();
  // At once: of acknowledgements one by one, RabbitMQ 3.10 forgets those it has not come to when the channel closes.
  const last = messages.at(-1);
  if (last !== undefined) channel.ack(last, true);
  return places;
}
