import { toError } from '../dispatch/failure.js';
import type { DeadLetter, DeadLetterStore } from './dead-letter.js';
import { parseLine } from './dead-letter-line.js';

/** What {@link DeadLetterQueue.import} did with the lines it was given. */
export interface DeadLetterImportResult {
  /** Entries written as `dead`. */
  readonly imported: number;
  /** Lines that brought nothing new, and closed entries. */
  readonly skipped: number;
  /** Lines that cannot be read, by their number from 1. */
  readonly refused: readonly { readonly line: number; readonly error: Error }[];
}

/** Reads lines one by one, so that their number is no matter. Empty ones do not count. */
export async function importLines(
  store: DeadLetterStore,
  lines: Iterable<string> | AsyncIterable<string>,
): Promise<DeadLetterImportResult> {
  let imported = 0;
  let skipped = 0;
  let number = 0;
  const refused: { line: number; error: Error }[] = [];
  for await (const line of lines) {
    number++;
    if (line === '') continue;
    let entry: DeadLetter;
    try {
      entry = parseLine(line);
    } catch (thrown) {
      refused.push({ line: number, error: toError(thrown) });
      continue;
    }
    if (await isNews(store, entry)) {
      await store.add([entry]);
      imported++;
    } else skipped++;
  }
  return { imported, skipped, refused };
}

/** Whether an entry is open, and this store does not know it or waits with less of its history. */
async function isNews(store: DeadLetterStore, { id, status, attempts }: DeadLetter): Promise<boolean> {
  if (status === 'resolved' || status === 'discarded') return false;
  const known = await store.get(id);
  if (known === undefined) return true;
  return known.status === 'dead' && known.attempts.length < attempts.length;
}
