import type { Channel } from 'amqplib';
import type { ConfirmedSender, Outgoing } from '../../clients/amqp/confirmed-sender.js';
import { EventPublishError } from '../../errors.js';
import { notStored, rejected } from '../shared/publishing.js';
import { SOON_MS, stepTowards } from './delays.js';
import { remainingOf, sameAgain } from './envelopes.js';
import type { Names } from './names.js';
import type { Topology } from './topology.js';

const USER = 'RabbitMQBackend';

/** Brings messages to where they belong, and knows what to do with those that no queue takes. */
export class Routes {
  constructor(
    private readonly sender: ConfirmedSender,
    private readonly topology: Topology,
    private readonly names: Names,
    private readonly unroutable: 'keep' | 'reject',
  ) {}

  /**
   * Publishes an event to every service.
   *
   * @throws (rejects with) an {EventPublishError} when it is not confirmed, or there is no service and that is refused.
   */
  publish(event: Outgoing): Promise<void> {
    return new Promise((resolve, reject) => {
      this.sender.send(event, (error, returned) => {
        if (error !== undefined) reject(notStored(USER, error));
        else if (!returned) resolve();
        else this.#unrouted(event).then(resolve, reject);
      });
    });
  }

  /** Publishes an event that was accepted before: where there is no service, it is kept for one. */
  async keep(event: Outgoing): Promise<void> {
    if (!(await this.sender.sent(event)) && !(await this.#again(event))) await this.#keepUnrouted(event);
  }

  /** Resolves when a queue has the message; what is not due yet comes to its queue when it is, or is there a bit early. */
  async store(message: Outgoing): Promise<void> {
    const ms = remainingOf(message.options.headers);
    let sent = message;
    if (ms >= SOON_MS) {
      const step = stepTowards(ms);
      await this.topology.delay(step);
      sent = { ...message, exchange: this.names.delay(step) };
    }
    if (await this.sender.sent(sent)) return;
    // Somebody has deleted the queue.
    await this.topology.ensure();
    if (await this.sender.sent(sent)) return;
    throw new EventPublishError(`${USER} found no queue '${message.routingKey}' to store a message in.`);
  }

  /** Moves events for which there was no service to the queue of one. */
  async takeOver(channel: Channel, queue: string): Promise<void> {
    await this.topology.unrouted();
    for (;;) {
      const message = await channel.get(this.names.unrouted);
      if (message === false) return;
      await this.store(sameAgain(message, queue));
      channel.ack(message);
    }
  }

  async #unrouted(event: Outgoing): Promise<void> {
    if (await this.#again(event).catch((error: unknown) => rejected(notStored(USER, error)))) return;
    if (this.unroutable === 'reject') {
      throw new EventPublishError(
        `${USER} did not store the event: no service has a queue at exchange '${this.names.exchange}' yet. Start one, or set 'unroutable' to 'keep'.`,
      );
    }
    try {
      await this.#keepUnrouted(event);
    } catch (error) {
      throw notStored(USER, error);
    }
  }

  /** Somebody may have deleted the queue of this very service. */
  async #again(event: Outgoing): Promise<boolean> {
    await this.topology.ensure();
    return this.sender.sent(event);
  }

  async #keepUnrouted(event: Outgoing): Promise<void> {
    await this.topology.unrouted();
    await this.store({ ...event, exchange: '', routingKey: this.names.unrouted });
  }
}
