import { setTimeout as sleep } from 'node:timers/promises';
import type { Channel } from 'amqplib';
import { closeChannel } from '../../clients/amqp/connection.js';
import { toError } from '../../dispatch/failure.js';
import { EventConfigurationError } from '../../errors.js';
import type { Names } from './names.js';

/** More than any group may be told to try, so that the broker takes nothing out that we would not. */
const DELIVERY_LIMIT = 1000;
/** Of queues whose messages may be given back again and again: RabbitMQ 4 would drop them after 20 times. */
const NO_LIMIT = 1_000_000_000;
/** What two sides declare differently, RabbitMQ refuses with this code. */
const PRECONDITION_FAILED = 406;
/** What is not there, RabbitMQ does not find with this one. */
const NOT_FOUND = 404;

/**
 * How long the broker gets, when something is missing that was there, to tell consumers that their queue was deleted. Where
 * there is another one of that name before, RabbitMQ 3.10 goes on with consumers that it does not know, to which it hands
 * messages that never arrive.
 */
const DELETION_MS = 250;

const QUORUM = { 'x-queue-type': 'quorum' };
/** Where messages go on to another queue, that one confirms them before they are gone here. */
const ONWARDS = {
  'x-dead-letter-exchange': '',
  'x-dead-letter-strategy': 'at-least-once',
  'x-overflow': 'reject-publish',
};

interface Queue {
  readonly name: string;
  readonly arguments: Readonly<Record<string, unknown>>;
}

/** Exchanges, queues and bindings of a namespace and of one group of it. */
export class Topology {
  /** Delays in use, in milliseconds. */
  readonly #delays = new Set<number>();
  /** The queues of the group were in place. */
  #ensured = false;

  /**
   * @param channel Makes one to declare on.
   * @param group The group whose queues are to be there; `undefined` while there is none.
   */
  constructor(
    private readonly channel: () => Promise<Channel>,
    private readonly names: Names,
    private readonly group: () => string | undefined,
  ) {}

  /**
   * Has everything in place that is in use.
   *
   * @throws {EventConfigurationError} when something else is in its place.
   */
  async ensure(): Promise<void> {
    const group = this.group();
    if (group !== undefined && this.#ensured && (await this.#isMissed(group))) await sleep(DELETION_MS);
    await this.#declare(async (channel) => {
      const { names } = this;
      // The exchange after the queues, so that it is without them as briefly as can be.
      for (const queue of group === undefined ? [] : this.#queuesOf(group)) await assertQueue(channel, queue);
      await channel.assertExchange(names.exchange, 'topic', { durable: true });
      if (group !== undefined) {
        await channel.bindQueue(names.events(group), names.exchange, '#');
      }
      if (group !== undefined || this.#delays.size > 0) await assertQueue(channel, this.#scheduled);
      for (const ms of this.#delays) await this.#assertDelay(channel, ms);
    });
    this.#ensured = group !== undefined;
  }

  /** Has a delay in place. @returns `undefined` when it is. */
  delay(ms: number): Promise<void> | undefined {
    if (this.#delays.has(ms)) return undefined;
    return this.#declare(async (channel) => {
      await assertQueue(channel, this.#scheduled);
      await this.#assertDelay(channel, ms);
      this.#delays.add(ms);
    });
  }

  /** Has the queue in place of events for which there is no service. */
  unrouted(): Promise<void> {
    return this.#declare(async (channel) => void (await assertQueue(channel, plain(this.names.unrouted))));
  }

  /** Has the queue of dead letters of a group in place. */
  dead(group: string): Promise<void> {
    return this.#declare(async (channel) => void (await assertQueue(channel, this.#dead(group))));
  }

  /** How many messages are ready in the queues of a group, and in those of delays that are in use. */
  async counts(group: string | undefined): Promise<{ queued: number; suspects: number; scheduled: number }> {
    const counts = { queued: 0, suspects: 0, scheduled: 0 };
    await this.#declare(async (channel) => {
      if (group !== undefined) {
        counts.queued = await assertQueue(channel, this.#events(group));
        counts.suspects = await assertQueue(channel, plain(this.names.suspects(group)));
        counts.scheduled = await assertQueue(channel, this.#scheduled);
      }
      for (const ms of this.#delays) counts.scheduled += await assertQueue(channel, this.#delay(ms));
    });
    return counts;
  }

  /** Whether something is not there that was. */
  async #isMissed(group: string): Promise<boolean> {
    const channel = await this.channel();
    try {
      await channel.checkExchange(this.names.exchange);
      for (const { name } of [...this.#queuesOf(group), this.#scheduled]) await channel.checkQueue(name);
    } catch (error) {
      if ((error as { code?: unknown }).code === NOT_FOUND) return true; // the broker has closed the channel
      throw error;
    }
    await closeChannel(channel);
    return false;
  }

  get #scheduled(): Queue {
    return plain(this.names.scheduled);
  }

  #queuesOf(group: string): Queue[] {
    return [plain(this.names.suspects(group)), this.#dead(group), this.#events(group)];
  }

  #events(group: string): Queue {
    const onwards = { ...ONWARDS, 'x-dead-letter-routing-key': this.names.suspects(group) };
    return {
      name: this.names.events(group),
      arguments: { ...QUORUM, 'x-delivery-limit': DELIVERY_LIMIT, ...onwards },
    };
  }

  #dead(group: string): Queue {
    const queue = plain(this.names.dead(group));
    return { ...queue, arguments: { ...queue.arguments, 'x-single-active-consumer': true } };
  }

  /** Without a routing key of its own: what comes out goes where that of the message says. */
  #delay(ms: number): Queue {
    return { name: this.names.delay(ms), arguments: { ...QUORUM, 'x-message-ttl': ms, ...ONWARDS } };
  }

  async #assertDelay(channel: Channel, ms: number): Promise<void> {
    const queue = this.#delay(ms);
    await channel.assertExchange(queue.name, 'fanout', { durable: true });
    await assertQueue(channel, queue);
    await channel.bindQueue(queue.name, queue.name, '');
  }

  /** Runs on a channel of its own: one on which the broker refuses something is lost. */
  async #declare(work: (channel: Channel) => Promise<void>): Promise<void> {
    const channel = await this.channel();
    try {
      await work(channel);
    } catch (error) {
      throw explained(error);
    }
    await closeChannel(channel);
  }
}

function plain(name: string): Queue {
  return { name, arguments: { ...QUORUM, 'x-delivery-limit': NO_LIMIT } };
}

/** @returns How many messages are ready in it. */
async function assertQueue(channel: Channel, { name, arguments: args }: Queue): Promise<number> {
  const { messageCount } = await channel.assertQueue(name, { durable: true, arguments: args });
  return messageCount;
}

function explained(error: unknown): Error {
  const cause = toError(error);
  if ((cause as { code?: unknown }).code !== PRECONDITION_FAILED) return cause;
  return new EventConfigurationError(
    `RabbitMQ has an exchange or a queue of this name with other settings: ${cause.message}. Delete it, or set another 'namespace' or 'group'.`,
    { cause },
  );
}
