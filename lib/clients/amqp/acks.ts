import type { Channel, Message } from 'amqplib';
import { toError } from '../../dispatch/failure.js';

/**
 * Acknowledges what came over one channel: once per turn of the event loop, and with one word for everything up to the
 * first message that is still open. Nothing is acknowledged that was not settled.
 */
export class Acks {
  /** Every tag up to this one has been acknowledged. */
  #upTo = 0;
  /** Tags above that which are settled. */
  readonly #settled = new Set<number>();
  /** Those of them that nobody was told of yet. */
  #fresh: Message[] = [];
  #due = false;
  #closed = false;

  constructor(private readonly channel: Channel) {}

  settle(message: Message): void {
    if (this.#closed) return; // the broker delivers it again
    this.#settled.add(message.fields.deliveryTag);
    this.#fresh.push(message);
    if (this.#due) return;
    this.#due = true;
    setImmediate(() => this.flush());
  }

  /** Has the broker deliver a message again, to whomever. */
  giveBack(message: Message): void {
    if (this.#closed) return;
    this.#settled.add(message.fields.deliveryTag);
    this.#tell(() => this.channel.nack(message, false, true));
  }

  /** Tells the broker at once. */
  flush(): void {
    this.#due = false;
    if (this.#closed || this.#fresh.length === 0) return;
    while (this.#settled.delete(this.#upTo + 1)) this.#upTo++;
    const fresh = this.#fresh;
    this.#fresh = [];
    // A tag that was acknowledged before is unknown to the broker, which closes the channel when it hears it again.
    this.#tell(() => {
      let last: Message | undefined;
      for (const message of fresh) {
        const { deliveryTag } = message.fields;
        if (deliveryTag > this.#upTo) this.channel.ack(message, false);
        else if (last === undefined || deliveryTag > last.fields.deliveryTag) last = message;
      }
      if (last !== undefined) this.channel.ack(last, true);
    });
  }

  /** The channel is gone: what was not acknowledged is delivered again. */
  close(): void {
    this.#closed = true;
    this.#settled.clear();
    this.#fresh = [];
  }

  /** A channel takes nothing more from when it is asked to close, be it with its connection, and says so when it is closed. */
  #tell(words: () => void): void {
    try {
      words();
    } catch (error) {
      if (toError(error).name !== 'IllegalOperationError') throw error;
      this.close();
    }
  }
}
