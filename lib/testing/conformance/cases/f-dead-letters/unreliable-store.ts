import type { DeadLetter } from '../../../../dead-letters/dead-letter.js';
import { MemoryDeadLetterStore } from '../../../../dead-letters/memory-dead-letter-store.js';

/** A store that can be out of order. */
export class UnreliableStore extends MemoryDeadLetterStore {
  /** It writes. */
  works = true;
  /** It says so. */
  confirms = true;
  failures = 0;

  override async add(entries: readonly DeadLetter[]): Promise<void> {
    if (this.works) await super.add(entries);
    if (this.works && this.confirms) return;
    this.failures++;
    throw new Error('The store of dead letters does not work.');
  }
}
