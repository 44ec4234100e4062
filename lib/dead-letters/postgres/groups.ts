import type { Row } from '../../clients/postgres/connection.js';
import { fromText } from '../../clients/postgres/text.js';
import type { DeadLetter, DeadLetterGroup } from '../dead-letter.js';
import { millis } from './row.js';

/**
 * Counts what a condition finds by fingerprint. Only the latest entry of each is read.
 *
 * @param condition Its `$1` is the service.
 */
export function groupsSql(table: string, condition: string): string {
  return `
WITH found AS MATERIALIZED (
  SELECT id, fingerprint, type, failed_at FROM ${table} WHERE ${condition}
), kinds AS (
  SELECT fingerprint, count(*) AS count, json_agg(DISTINCT type)::text AS types,
    ${millis('min(failed_at)')} AS first, ${millis('max(failed_at)')} AS last,
    (array_agg(id ORDER BY failed_at DESC, id DESC))[1] AS latest
  FROM found GROUP BY fingerprint
)
SELECT kinds.count, kinds.types, kinds.first, kinds.last, entry.facts
FROM kinds JOIN ${table} AS entry ON entry.service = $1 AND entry.id = kinds.latest
ORDER BY kinds.count DESC, kinds.last DESC, kinds.fingerprint`;
}

export function groupOf({ count, types, first, last, facts }: Row): DeadLetterGroup {
  const { fingerprint, handlerId, attempts } = JSON.parse(facts as string) as DeadLetter;
  const { name, message } = attempts.at(-1)!.error;
  return {
    fingerprint,
    count: Number(count),
    handlerId,
    types: (JSON.parse(types as string) as string[]).map(fromText).sort(),
    error: { name, message },
    firstFailedAt: new Date(Number(first)),
    lastFailedAt: new Date(Number(last)),
  };
}
