import { randomUUID } from 'node:crypto';
import type { ConfirmChannel, ConsumeMessage, Options } from 'amqplib';
import { type AmqpClient, closeChannel } from '../../clients/amqp/connection.js';
import { inTime } from '../../clients/in-time.js';
import type { DeadLetter } from '../../dead-letters/dead-letter.js';
import { MemoryDeadLetterStore } from '../../dead-letters/memory-dead-letter-store.js';
import { LetterPile } from './letter-pile.js';
import { ageOf, isMark, letterMessage, markOptions, readLetter } from './letter-message.js';

/** A mark that is older is of a process that has given up. */
const MARK_MS = 60_000;

/** What a desk is set up with. */
export interface DeskParts {
  readonly client: AmqpClient;
  readonly queue: string;
  /** How long to wait for whoever has the queue, and for each answer. */
  readonly timeoutMs: number;
  readonly report: (error: Error) => void;
}

/**
 * Has the whole queue of dead letters in hand, until it is closed: the broker gives it to one consumer at a time. All that
 * is written goes over the channel on which the queue came, so that nothing arrives any more once the broker has given it
 * to somebody else.
 */
export class LetterDesk {
  /** Somebody else waits for the queue. */
  wanted = false;
  lost = false;
  readonly #store = new MemoryDeadLetterStore();
  readonly #pile: LetterPile;
  readonly #owner = randomUUID();
  readonly #marks = new Map<string, () => void>();
  #count = 0;

  private constructor(
    private readonly channel: ConfirmChannel,
    private readonly parts: DeskParts,
  ) {
    this.#pile = new LetterPile(this.#store, (message) => this.channel.ack(message));
    channel.once('close', () => (this.lost = true));
  }

  /** Resolves when it has the queue, and all that is in it. */
  static async open(parts: DeskParts): Promise<LetterDesk> {
    const channel = await parts.client.confirmChannel();
    const desk = new LetterDesk(channel, parts);
    try {
      await channel.consume(parts.queue, (message) => desk.#arrived(message));
      // When the first mark is here, nobody else has the queue any more, but may have written behind it.
      await desk.sync();
      await desk.sync();
    } catch (error) {
      await desk.close();
      throw error;
    }
    return desk;
  }

  /** Resolves when all that was written before is here. */
  async sync(): Promise<void> {
    const id = `${this.#owner}:${this.#count++}`;
    const arrived = new Promise<void>((resolve) => this.#marks.set(id, resolve));
    await this.#write(Buffer.alloc(0), markOptions(id));
    await this.#inTime(arrived);
    this.#pile.sort();
  }

  /** Lets work have its way with the entries, and writes what has become of them. */
  async apply<T>(work: (store: MemoryDeadLetterStore) => Promise<T>): Promise<T> {
    const result = await work(this.#store);
    const changes = await this.#pile.changes();
    if (changes.length === 0) return result;
    const writing: Promise<void>[] = [];
    for (const change of changes) {
      if (change.entry === undefined) this.#pile.remove(change.id);
      else writing.push(this.#writeLetter(change.entry, change.revision, change.absorbed));
    }
    await Promise.all(writing);
    // Acknowledgements are not confirmed: when a mark comes behind them, they have arrived.
    await this.sync();
    return result;
  }

  /** Gives the queue to whoever is next, with everything that is in it. */
  close(): Promise<void> {
    return closeChannel(this.channel);
  }

  #writeLetter(entry: DeadLetter, revision: number, absorbed: readonly string[]): Promise<void> {
    const { content, options } = letterMessage(entry, revision, absorbed);
    return this.#write(content, options);
  }

  #write(content: Buffer, options: Options.Publish): Promise<void> {
    const written = new Promise<void>((resolve, reject) => {
      this.channel.sendToQueue(this.parts.queue, content, options, (error: Error | null) =>
        error === null ? resolve() : reject(error),
      );
    });
    return this.#inTime(written);
  }

  async #inTime(work: Promise<void>): Promise<void> {
    let fail!: (error: Error) => void;
    const failed = new Promise<never>((_, reject) => (fail = reject));
    const onClose = () => fail(new Error('RabbitMQ has taken the queue of dead letters back'));
    this.channel.once('close', onClose);
    try {
      if (this.lost) onClose();
      await inTime('RabbitMQ', this.parts.timeoutMs, Promise.race([work, failed]));
    } finally {
      this.channel.removeListener('close', onClose);
    }
  }

  #arrived(message: ConsumeMessage | null): void {
    // The queue was deleted.
    if (message === null) return void this.close();
    if (isMark(message)) return this.#mark(message);
    try {
      this.#pile.put(readLetter(message));
    } catch (error) {
      this.parts.report(error as Error); // and stays where it is
    }
  }

  #mark(message: ConsumeMessage): void {
    const id = String(message.properties.messageId);
    const known = this.#marks.get(id);
    if (known === undefined && ageOf(message) < MARK_MS) {
      this.wanted = true;
      return; // it goes back to the queue, for whom it is
    }
    this.#marks.delete(id);
    this.channel.ack(message);
    known?.();
  }
}
