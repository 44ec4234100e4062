import { type ChannelModel, type ConfirmChannel, connect, type GetMessage, type Options } from 'amqplib';
import type { Outstanding } from './broker-view.js';
import { insist } from './insist.js';

/** A message that is ready in a queue. */
export interface Place {
  readonly queue: string;
  readonly work: Outstanding;
}

/** How to read through a queue. */
export interface Reading {
  readonly channel: ConfirmChannel;
  readonly queue: string;
  readonly read: (message: GetMessage) => Outstanding;
  /** With which to put it back. */
  readonly options: (message: GetMessage) => Options.Publish;
  /** Puts it back with the routing key that it came with, through the exchange of the name of the queue. */
  readonly keepsKey?: boolean;
}

/**
 * RabbitMQ tells what is ready in a queue, and not what consumers have. Whoever lives is done with it sooner than this,
 * and what a connection had that is dead is ready again.
 */
const QUIET_MS = 4000;
/** How long a server that was killed may take to answer again. */
export const PATIENCE_MS = 60_000;

/** Knows for how long nothing was ready. */
export class Quiet {
  #since: number | undefined;

  /** @returns Whether nothing is left, with so many that are ready now. */
  with(ready: number): boolean {
    if (ready > 0) this.#since = undefined;
    else this.#since ??= performance.now();
    return this.#since !== undefined && performance.now() - this.#since > QUIET_MS;
  }
}

/** Works with a connection of its own, and with another one while the server is away. */
export function connected<T>(url: string, work: (connection: ChannelModel) => Promise<T>): Promise<T> {
  return insist('RabbitMQ', PATIENCE_MS, async () => {
    const connection = await connect(url, { timeout: 2000 });
    connection.on('error', () => undefined);
    try {
      return await work(connection);
    } finally {
      await connection.close().catch(() => undefined); // it is closed already
    }
  });
}

/** All that is ready now, and not what is put back. */
export async function readThrough({ channel, queue, read, options, keepsKey }: Reading): Promise<Place[]> {
  const places: Place[] = [];
  const { messageCount } = await channel.checkQueue(queue);
  const messages: GetMessage[] = [];
  for (let left = messageCount; left > 0; left--) {
    const message = await channel.get(queue);
    if (message === false) break;
    messages.push(message);
  }
  for (const message of messages) {
    places.push({ queue, work: read(message) });
    if (keepsKey) channel.publish(queue, message.fields.routingKey, message.content, options(message));
    else channel.sendToQueue(queue, message.content, options(message));
  }
  await channel.waitForConfirms();
  // At once: of acknowledgements one by one, RabbitMQ 3.10 forgets those it has not come to when the channel closes.
  const last = messages.at(-1);
  if (last !== undefined) channel.ack(last, true);
  return places;
}
