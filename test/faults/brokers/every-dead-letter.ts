import type { DeadLetter, DeadLetterStore } from '../../../lib/dead-letters/dead-letter.js';

/** All pages of a store. */
export async function everyDeadLetter(store: DeadLetterStore): Promise<DeadLetter[]> {
  const found: DeadLetter[] = [];
  let cursor: string | undefined;
  do {
    const page = await store.list({ limit: 1000, cursor });
    found.push(...page.entries);
    cursor = page.cursor;
  } while (cursor !== undefined);
  return found;
}
