import type { DeadLetterFilter } from '../../dead-letters/dead-letter.js';
import type { DeadLetterPlace } from '../../dead-letters/dead-letter-cursor.js';

/** How long whoever turns the pages may think about one. */
const KEPT_MS = 60_000;

interface Kept {
  readonly cursor: string;
  readonly filter: string;
  readonly places: readonly DeadLetterPlace[];
}

/**
 * What comes behind the last page of a list, for whoever asks for the next one: to find it out, the heads of all entries
 * have to be read. One list is remembered, for a minute.
 */
export class NextPages {
  #kept: Kept | undefined;
  #forget: NodeJS.Timeout | undefined;

  keep(cursor: string, filter: DeadLetterFilter, places: readonly DeadLetterPlace[]): void {
    this.#kept = { cursor, filter: JSON.stringify(filter), places };
    clearTimeout(this.#forget);
    this.#forget = setTimeout(() => (this.#kept = undefined), KEPT_MS).unref();
  }

  /** @returns The places as they were; `undefined` when they are not known. */
  take(cursor: string | undefined, filter: DeadLetterFilter): readonly DeadLetterPlace[] | undefined {
    const kept = this.#kept;
    if (kept === undefined || kept.cursor !== cursor || kept.filter !== JSON.stringify(filter))
      return undefined;
    return kept.places;
  }
}
