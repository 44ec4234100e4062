import { fromMillis, WRITTEN } from './row.js';
import type { StoreTables } from './schema.js';

/*
 * Rows carry the number of the transaction that wrote them, and readers see what is older than every transaction that
 * still runs: whatever may become visible later stands behind. Numbers of transactions belong to a cluster. Where rows
 * came from another one, which was ahead, `base` makes up for it.
 */
const OWN = 'pg_current_xact_id()::text::bigint';
const OLDEST = 'pg_snapshot_xmin(pg_current_snapshot())::text::bigint';
const NEXT = 'pg_snapshot_xmax(pg_current_snapshot())::text::bigint';

/** Makes one of several processes that find the same do something about it. The number is arbitrary, and ours. */
const RAISE_LOCK = 7_305_417_022;

/** The statements that are the same every time. None of them has a result that clients read in different ways. */
export function eventStoreStatements({ events, base }: StoreTables) {
  const last = `SELECT max(transaction_id) FROM ${events}`;
  const columns = WRITTEN.map(([name]) => name);
  const stored = columns.map((name) => (name === 'at' ? '"timestamp"' : name));
  const given = columns.map((name) => {
    if (name === 'at') return fromMillis('fresh.at');
    return name === 'data' || name === 'metadata' ? `fresh.${name}::jsonb` : `fresh.${name}`;
  });
  const arrays = WRITTEN.map(([, type], i) => `$${i + 1}::${type}[]`);
  const next = (offset: number) => `$${WRITTEN.length + offset}`;

  return {
    /** What readers see. */
    visible: `transaction_id < (SELECT base + ${OLDEST} FROM ${base})`,

    /**
     * Appends what several calls ask for, each whole or not at all. Values: one array per column of the events; to which
     * call each belongs; streams, least and highest version of each call, and its publication; a channel, or null. One
     * row per event. Nothing is appended when `moved`: see {@link raise}.
     *
     * An event stands behind everything that its statement could see, also when its transaction is an older one: readers
     * have not come as far as that while it runs.
     */
    append: `
WITH mark AS MATERIALIZED (
  SELECT greatest(base + ${OWN}, last) AS transaction_id,
    COALESCE(last >= base + greatest(${NEXT}, ${OWN} + 1), false) AS moved
  FROM ${base}, (${last}) AS known (last)
), given AS MATERIALIZED (
  SELECT * FROM unnest(${arrays.join(', ')}, ${next(1)}::bigint[])
    WITH ORDINALITY AS given (${columns.join(', ')}, call, place)
), calls AS MATERIALIZED (
  SELECT calls.*, COALESCE((
    SELECT stream_version FROM ${events} AS row WHERE row.stream_id = calls.stream_id ORDER BY stream_version DESC LIMIT 1
  ), 0) AS stream_version
  FROM unnest(${next(2)}::text[], ${next(3)}::bigint[], ${next(4)}::bigint[], ${next(5)}::text[])
    WITH ORDINALITY AS calls (stream_id, least, most, publication, call)
), known AS MATERIALIZED (
  SELECT id, transaction_id, position, stream_version FROM ${events} WHERE id = ANY($1::text[])
), fresh AS MATERIALIZED (
  SELECT DISTINCT ON (id) * FROM given WHERE NOT EXISTS (SELECT FROM known WHERE known.id = given.id) ORDER BY id, place
), inserted AS (
  INSERT INTO ${events} (${stored.join(', ')}, created_at, stream_id, stream_version, publication, transaction_id)
  SELECT ${given.join(', ')}, clock_timestamp(), stream_id,
    CASE WHEN stream_id IS NOT NULL THEN stream_version + row_number() OVER (PARTITION BY stream_id ORDER BY place) END,
    publication, mark.transaction_id
  FROM fresh JOIN calls USING (call) CROSS JOIN mark
  WHERE NOT moved AND stream_version BETWEEN least AND most ORDER BY place
  RETURNING id, transaction_id, position, stream_version
), placed AS (
  SELECT *, true AS had FROM known UNION ALL SELECT *, false FROM inserted
), told AS MATERIALIZED (
  SELECT pg_notify(${next(6)}::text, '')::text AS told FROM (SELECT count(*) AS count FROM inserted) AS counted
  WHERE count > 0 AND ${next(6)}::text IS NOT NULL
)
SELECT given.call::int AS call, moved, had, placed.stream_version::float8 AS stream_version,
  calls.stream_version::float8 AS actual, (SELECT told FROM told) AS told,
  lpad(to_hex(placed.transaction_id), 16, '0') || '-' || lpad(to_hex(placed.position), 16, '0') AS place
FROM given JOIN calls USING (call) CROSS JOIN mark LEFT JOIN placed ON placed.id = given.id ORDER BY given.place`,

    /** Whether the numbers of transactions have fallen behind those of the rows. */
    moved: `SELECT COALESCE((${last}) >= base + ${NEXT}, false) AS moved FROM ${base}`,

    /** Counts from higher up, so that whatever is there is older than what comes. */
    raise: `DO $raise$
BEGIN
  PERFORM pg_advisory_xact_lock(${RAISE_LOCK});
  UPDATE ${base} SET base = last + 1 - ${OLDEST} FROM (${last}) AS known (last) WHERE last >= base + ${NEXT};
END
$raise$`,

    /** Values: ids, publication, error. */
    settle: `UPDATE ${events} SET publication = $2, publish_error = $3 WHERE id = ANY($1::text[])`,
  };
}
