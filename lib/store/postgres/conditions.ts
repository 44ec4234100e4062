import { toText } from '../../clients/postgres/text.js';
import { isPattern } from '../../handlers/pattern.js';
import { type LoadOptions, typesOf, wantedOf } from '../criteria.js';
import { parsePosition } from './position.js';
import { fromMillis } from './row.js';
import { refusedIn } from './storable.js';

/** A condition, and the values that its placeholders stand for. */
export interface Condition {
  readonly sql: string;
  readonly values: readonly unknown[];
}

/** The events that are meant, and of those the ones behind a position. */
export function conditionOf(options: LoadOptions): Condition {
  const { since, until, correlationId, causationId, source, streamId, publication, after, direction } =
    options;
  const values: unknown[] = [];
  const value = (given: unknown) => `$${values.push(given)}`;
  const parts: string[] = [];
  const types = typesOf(options);
  if (types !== undefined) parts.push(typeCondition(types, value));
  if (since !== undefined) parts.push(`"timestamp" >= ${fromMillis(value(since.getTime()))}`);
  if (until !== undefined) parts.push(`"timestamp" < ${fromMillis(value(until.getTime()))}`);
  for (const [column, wanted] of Object.entries({
    correlation_id: correlationId,
    causation_id: causationId,
    source,
    stream_id: streamId,
  })) {
    if (wanted !== undefined) parts.push(`${column} = ${value(toText(wanted))}`);
  }
  // Checked before, one of three: written out, so that the index of what is still open is used.
  if (publication !== undefined) parts.push(`publication = '${publication}'`);
  const metadata = wantedOf(options);
  if (metadata !== undefined) parts.push(metadataCondition(metadata, value));
  if (after !== undefined) {
    const [transaction, place] = parsePosition(after).map(value);
    const than = direction === 'backward' ? '<' : '>';
    parts.push(`(transaction_id, position) ${than} (${transaction}::bigint, ${place}::bigint)`);
  }
  return { sql: parts.join(' AND ') || 'true', values };
}

type Bind = (given: unknown) => string;

function typeCondition(types: readonly string[], value: Bind): string {
  const names = types.filter((type) => !isPattern(type));
  const parts = types.filter(isPattern).map((pattern) => patternCondition(toText(pattern), value));
  if (names.length === 1) parts.unshift(`event_type = ${value(toText(names[0]!))}`);
  else if (names.length > 1) parts.unshift(`event_type = ANY(${value(names.map(toText))}::text[])`);
  return parts.length === 0 ? 'false' : `(${parts.join(' OR ')})`;
}

/** As {@link compilePattern} understands it. What stands before the first star is looked up in the index. */
function patternCondition(pattern: string, value: Bind): string {
  const expression = pattern
    .split(/([.:])/)
    .map((part) => {
      if (part === '*') return '[^.:]+';
      if (part === '**') return '[^.:]+(?:[.:][^.:]+)*';
      return part.replace(/[!-/:-@[-^`{-~]/g, '\\$&');
    })
    .join('');
  const matches = `event_type ~ ${value(`^${expression}$`)}`;
  const prefix = pattern.slice(0, pattern.indexOf('*'));
  if (prefix === '') return matches;
  return `(event_type LIKE ${value(`${prefix.replace(/[\\%_]/g, '\\$&')}%`)} AND ${matches})`;
}

/** `@>` for everything but lists, which have to be equal as a whole. */
function metadataCondition(metadata: object, value: Bind): string {
  if (refusedIn(JSON.stringify(metadata), '') !== undefined) return 'false'; // nothing stored has it
  const lists: (readonly [path: readonly string[], list: unknown])[] = [];
  const withoutLists = (part: object, path: readonly string[]): object =>
    Object.fromEntries(
      Object.entries(part).flatMap(([field, wanted]: [string, unknown]) => {
        const place = [...path, field];
        if (Array.isArray(wanted)) {
          lists.push([place, wanted]);
          return [];
        }
        const nested = typeof wanted === 'object' && wanted !== null;
        return [[field, nested ? withoutLists(wanted, place) : wanted]];
      }),
    );
  const contained = withoutLists(metadata, []);
  const parts = [`metadata @> ${jsonb(contained, value)}`];
  for (const [path, list] of lists) {
    parts.push(`metadata #> ${value(path)}::text[] = ${jsonb(list, value)}`);
  }
  return parts.join(' AND ');
}

function jsonb(wanted: unknown, value: Bind): string {
  return `${value(JSON.stringify(wanted))}::jsonb`;
}
