import type { Message } from 'amqplib';
import type { DeadLetter } from '../../dead-letters/dead-letter.js';
import { joinDeadLetters } from '../../dead-letters/known-entry.js';
import type { MemoryDeadLetterStore } from '../../dead-letters/memory-dead-letter-store.js';
import type { LetterMessage } from './letter-message.js';

/** All messages about one dead letter, and what they make together. */
interface Sheaf {
  /** What the entry was made by the latest change that is known. */
  state: LetterMessage | undefined;
  /** What handlers added since, in the order in which it came. */
  added: LetterMessage[];
  entry: DeadLetter | undefined;
}

/** An entry that is not what its messages say. */
export interface LetterChange {
  readonly id: string;
  /** Absent: it was taken out. */
  readonly entry: DeadLetter | undefined;
  readonly revision: number;
  readonly absorbed: readonly string[];
}

/**
 * Sorts the messages of a queue of dead letters by entry. There may be several about one: a handler added it twice, or its
 * process died between writing a change and acknowledging what it was made from.
 */
export class LetterPile {
  readonly #sheaves = new Map<string, Sheaf>();
  readonly #unsorted = new Set<string>();

  /** @param drop Takes a message out of the queue. */
  constructor(
    private readonly store: MemoryDeadLetterStore,
    private readonly drop: (message: Message) => void,
  ) {}

  put(letter: LetterMessage): void {
    const { id } = letter.entry;
    let sheaf = this.#sheaves.get(id);
    if (sheaf === undefined)
      this.#sheaves.set(id, (sheaf = { state: undefined, added: [], entry: undefined }));
    if (letter.revision === 0) {
      sheaf.added.push(letter);
    } else if (sheaf.state === undefined || letter.revision > sheaf.state.revision) {
      if (sheaf.state !== undefined) this.drop(sheaf.state.message);
      sheaf.state = letter;
    } else {
      this.drop(letter.message);
    }
    this.#unsorted.add(id);
  }

  /** Puts what came since the last time into the store. */
  sort(): void {
    for (const id of this.#unsorted) {
      const sheaf = this.#sheaves.get(id)!;
      const absorbed = new Set(sheaf.state?.absorbed);
      for (const { messageId, message } of sheaf.added) if (absorbed.has(messageId)) this.drop(message);
      sheaf.added = sheaf.added.filter(({ messageId }) => !absorbed.has(messageId));
      let entry = sheaf.state?.entry;
      for (const added of sheaf.added)
        entry = entry === undefined ? added.entry : joinDeadLetters(entry, added.entry);
      sheaf.entry = entry;
      this.store.restore(entry!);
    }
    this.#unsorted.clear();
  }

  /** What the store has otherwise than the messages say. */
  async changes(): Promise<LetterChange[]> {
    const changes: LetterChange[] = [];
    for (const [id, { entry: before, state, added }] of this.#sheaves) {
      const entry = await this.store.get(id);
      if (entry === before) continue;
      changes.push({
        id,
        entry,
        revision: (state?.revision ?? 0) + 1,
        absorbed: added.map(({ messageId }) => messageId),
      });
    }
    return changes;
  }

  /** Takes an entry out of the queue for good. */
  remove(id: string): void {
    const { state, added } = this.#sheaves.get(id)!;
    for (const { message } of state === undefined ? added : [state, ...added]) this.drop(message);
    this.#sheaves.delete(id);
    this.#unsorted.delete(id);
  }
}
