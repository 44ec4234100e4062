import { EventConfigurationError } from '../errors.js';
import type {
  DeadLetter,
  DeadLetterFilter,
  DeadLetterPage,
  DeadLetterQuery,
  DeadLetterStore,
} from './dead-letter.js';

/** Which entries an action is for: one id, several, or all that a filter finds. */
export type DeadLetterSelection = string | readonly string[] | DeadLetterFilter;

/** The ids that were chosen one by one; `undefined` for a filter. */
export function idsOf(selection: DeadLetterSelection): readonly string[] | undefined {
  if (typeof selection === 'string') return [selection];
  return isIdList(selection) ? selection : undefined;
}

/** Walks what a filter finds page by page, oldest failure first, so its size is no matter. */
export async function* entriesOf(
  store: DeadLetterStore,
  filter: DeadLetterFilter = {},
): AsyncGenerator<DeadLetter, void> {
  let cursor: string | undefined;
  do {
    const page: DeadLetterPage = await store.list({ ...filter, cursor });
    yield* page.entries;
    cursor = page.cursor;
  } while (cursor !== undefined);
}

const FIELDS: ReadonlySet<string> = new Set(
  Object.keys({
    type: true,
    handlerId: true,
    fingerprint: true,
    status: true,
    since: true,
    until: true,
    text: true,
    limit: true,
    cursor: true,
  } satisfies Record<keyof DeadLetterQuery, true>),
);
const STATUSES: readonly unknown[] = ['dead', 'retrying', 'resolved', 'discarded'];

/**
 * A field that is misspelt would choose too much, which is bad where entries are retried or deleted.
 *
 * @throws {EventConfigurationError} naming it.
 */
export function assertSelection(method: string, selection: DeadLetterSelection | undefined): void {
  const refused = (what: string, rule: string) =>
    new EventConfigurationError(`deadLetters.${method}() was given ${what}, but ${rule}.`);
  if (selection === undefined || typeof selection !== 'object' || selection === null) {
    if (typeof selection === 'string' && selection !== '') return;
    throw refused(JSON.stringify(selection) ?? 'nothing', 'it needs an id, a list of ids or a filter');
  }
  if (isIdList(selection)) {
    const wrong = selection.find((id) => typeof id !== 'string');
    if (wrong !== undefined) throw refused(`${String(wrong)} among its ids`, 'an id is a string');
    return;
  }
  for (const [field, value] of Object.entries(selection) as [string, unknown][]) {
    if (value === undefined) continue;
    const what = `${field} = ${String(value)}`;
    if (!FIELDS.has(field)) throw refused(what, `a filter has only ${[...FIELDS].join(', ')}`);
    if (field === 'since' || field === 'until') {
      if (!(value instanceof Date) || Number.isNaN(value.getTime()))
        throw refused(what, 'it must be a valid Date');
    } else if (field === 'status') {
      const wrong = [value].flat().some((status) => !STATUSES.includes(status));
      if (wrong) throw refused(what, `it must be of ${STATUSES.join(', ')}`);
    } else if (field !== 'limit' && typeof value !== 'string') throw refused(what, 'it must be a string');
  }
}

function isIdList(selection: readonly string[] | DeadLetterFilter): selection is readonly string[] {
  return Array.isArray(selection);
}
