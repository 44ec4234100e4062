import { CLOSED_LIMIT } from '../closed-limit.js';
import { ENTRY, fromMillis, WRITTEN } from './row.js';

const CLOSED = `status IN ('resolved', 'discarded')`;

/** Different after every change of a row. */
const VERSION = 'xmin::text AS version';

/** The server's, as exact as a `Date`. */
const NOW = `date_trunc('milliseconds', clock_timestamp())`;

/** The statements that are the same every time, for one table. `$1` is the service in each. */
export function deadLetterStatements(table: string) {
  const columns = WRITTEN.map(([name]) => name);
  const given = columns.map((name) => (name === 'failed_at' ? fromMillis(name) : name));
  const arrays = WRITTEN.map(([, type], i) => `$${i + 2}::${type}[]`);
  return {
    /** Writes what is new, and says what was. Values: one array per column. */
    insert: `
INSERT INTO ${table} (service, status, changed_at, ${columns.join(', ')})
SELECT $1, 'dead', ${NOW}, ${given.join(', ')}
FROM unnest(${arrays.join(', ')}) AS new (${columns.join(', ')}) ORDER BY id
ON CONFLICT (service, id) DO NOTHING RETURNING id`,

    /** Entries, and what tells whether they have changed since. Values: ids. */
    known: `SELECT ${ENTRY}, ${VERSION} FROM ${table} WHERE service = $1 AND id = ANY($2::text[])`,

    /**
     * Writes what became of known entries, and says of which: those that have not changed. Only a discarded one keeps its
     * status. Values: one array per column, versions.
     */
    replace: `
UPDATE ${table} AS known SET
  status = CASE WHEN known.status = 'discarded' THEN known.status ELSE 'dead' END,
  changed_at = CASE WHEN known.status = 'discarded' THEN known.changed_at ELSE ${NOW} END,
  reason = CASE WHEN known.status = 'discarded' THEN known.reason END,
  ${columns.map((name) => `${name} = ${name === 'failed_at' ? fromMillis('new.failed_at') : `new.${name}`}`).join(', ')}
FROM unnest(${arrays.join(', ')}, $${WRITTEN.length + 2}::text[]) AS new (${columns.join(', ')}, version)
WHERE known.service = $1 AND known.id = new.id AND known.xmin::text = new.version RETURNING known.id`,

    /** Values: id. */
    get: `SELECT ${ENTRY} FROM ${table} WHERE service = $1 AND id = $2`,

    size: `SELECT count(*) AS size FROM ${table} WHERE service = $1 AND status IN ('dead', 'retrying')`,

    /**
     * Changes the status, and forgets the oldest closed entries above the limit. The changed entry counts as one of
     * them although the second part does not see it changed. Values: id, from, to, reason, then event, type and text of
     * an edited event, raw, latest time of the last change; all from the reason on may be null.
     */
    transition: `
WITH changed AS (
  UPDATE ${table} SET
    status = $4, changed_at = ${NOW}, reason = $5,
    event = COALESCE($6::text, event), type = COALESCE($7::text, type),
    event_text = COALESCE($8::text, event_text), raw = COALESCE(raw, $9::text)
  WHERE service = $1 AND id = $2 AND status = $3
    AND ($10::float8 IS NULL OR changed_at <= ${fromMillis('$10')})
  RETURNING ${ENTRY}
), forgotten AS (
  DELETE FROM ${table} WHERE (service, id) IN (
    SELECT service, id FROM ${table} WHERE ${CLOSED} AND (service, id) IN (
      SELECT service, id FROM ${table}
      WHERE service = $1 AND ${CLOSED} AND id <> $2 AND EXISTS (SELECT FROM changed WHERE ${CLOSED})
      ORDER BY changed_at DESC, id DESC OFFSET ${CLOSED_LIMIT - 1}
    ) FOR UPDATE SKIP LOCKED
  )
)
SELECT * FROM changed`,

    /** Values: id. */
    take: `DELETE FROM ${table} WHERE service = $1 AND id = $2 AND status = 'dead' RETURNING ${ENTRY}`,
  };
}
