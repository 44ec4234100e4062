import type {
  DeadLetter,
  DeadLetterChange,
  DeadLetterFilter,
  DeadLetterPage,
  DeadLetterQuery,
  DeadLetterStatus,
  DeadLetterStore,
} from '../../dead-letters/dead-letter.js';
import type { MemoryDeadLetterStore } from '../../dead-letters/memory-dead-letter-store.js';
import { letterMessage } from './letter-message.js';
import { type DeskParts, LetterDesk } from './letter-desk.js';

/** How long the queue is kept in hand for the next question, unless somebody else wants it. */
const HOLD_MS = 50;

/** What the dead letters of a group are kept with. */
export interface DeadLetterParts {
  /** Resolves when the queue is there and can be reached. */
  readonly desk: () => Promise<DeskParts>;
  /** Stores a message in the queue. */
  readonly send: (content: Buffer, options: object) => Promise<void>;
}

/**
 * Dead letters of a group in a quorum queue. A queue can neither be searched nor changed in the middle: so whoever wants
 * to know or to change something has all of it in hand for a moment, one process at a time. To add an entry is to send
 * a message.
 */
export class RabbitMQDeadLetters implements DeadLetterStore {
  #desk: LetterDesk | undefined;
  /** One question at a time. */
  #turn: Promise<unknown> = Promise.resolve();
  #leave: NodeJS.Timeout | undefined;

  constructor(private readonly parts: DeadLetterParts) {}

  async add(entries: readonly DeadLetter[]): Promise<void> {
    const messages = entries.map((entry) => letterMessage(entry));
    await Promise.all(messages.map(({ content, options }) => this.parts.send(content, options)));
  }

  get(id: string): Promise<DeadLetter | undefined> {
    return this.#ask((store) => store.get(id));
  }

  /** @throws {EventConfigurationError} when `limit` is not from 1 to 1000, or `cursor` is not one of ours. */
  list(query?: DeadLetterQuery): Promise<DeadLetterPage> {
    return this.#ask((store) => store.list(query));
  }

  size(): Promise<number> {
    return this.#ask((store) => store.size());
  }

  transition(
    id: string,
    from: DeadLetterStatus,
    to: DeadLetterStatus,
    change?: DeadLetterChange,
  ): Promise<DeadLetter | undefined> {
    return this.#ask((store) => store.transition(id, from, to, change));
  }

  take(id: string): Promise<DeadLetter | undefined> {
    return this.#ask((store) => store.take(id));
  }

  purge(filter: DeadLetterFilter): Promise<number> {
    return this.#ask((store) => store.purge(filter));
  }

  /** Gives the queue back. */
  async leave(): Promise<void> {
    clearTimeout(this.#leave);
    const desk = this.#desk;
    this.#desk = undefined;
    await desk?.close();
  }

  #ask<T>(question: (store: MemoryDeadLetterStore) => Promise<T>): Promise<T> {
    const answer = this.#turn.then(() => this.#answer(question));
    this.#turn = answer.catch(() => undefined); // whoever asked is told
    return answer;
  }

  async #answer<T>(question: (store: MemoryDeadLetterStore) => Promise<T>): Promise<T> {
    clearTimeout(this.#leave);
    if (this.#desk?.lost) this.#desk = undefined;
    try {
      let desk = this.#desk; // it may be left meanwhile
      if (desk === undefined) this.#desk = desk = await LetterDesk.open(await this.parts.desk());
      else await desk.sync();
      const answer = await desk.apply(question);
      if (desk.wanted) await this.leave();
      else this.#leave = setTimeout(() => void this.leave(), HOLD_MS);
      return answer;
    } catch (error) {
      void this.leave(); // which a connection that is dead without an end may take long for
      throw error;
    }
  }
}
