import { BLOCKED, LEASED_UNTIL, READY, type Tables, WAITING } from './schema.js';

/**
 * By the clock of the server; in a transaction, too, not that of its start. It does not go on within a statement, so that
 * an index can be searched for it.
 */
const NOW = 'statement_timestamp()';
/** Another number for every kind of lock that an application may take by itself. */
const KEY_LOCKS = 730_541;
/** Marks of published ids that are forgotten at once. */
const FORGET_MOST = 1000;

function ahead(ms: string): string {
  return `${NOW} + ${ms}::float8 * interval '1 millisecond'`;
}

/** Milliseconds from now until a time. */
function msUntil(time: string): string {
  return `(extract(epoch FROM ${time} - ${NOW}) * 1000)::float8`;
}

/** The statements for the tables of a namespace. None gives a `void`, which Prisma cannot read: it is cast to text. */
export function queueStatements({ groups, deliveries, seen }: Tables) {
  /** Keys are locked in one order everywhere, so that nobody waits for each other. */
  const lock = (keys: string) =>
    `SELECT pg_advisory_xact_lock(${KEY_LOCKS}, hash)::text FROM (SELECT DISTINCT hashtext(key) AS hash FROM ${keys} ORDER BY 1) AS locks`;

  /** In nobody's hands, or in those of a process that fell silent. */
  const free = `(${LEASED_UNTIL} IS NULL OR ${LEASED_UNTIL} <= ${NOW})`;
  const isDue = `state = ${WAITING} AND ready_at <= ${NOW}`;
  const waitsForLine = `grp = $1 AND ${isDue} AND delayed AND key IS NOT NULL`;

  return {
    register: `INSERT INTO ${groups} (name) VALUES ($1) ON CONFLICT DO NOTHING`,
    /** Registers the group if there is none at all. */
    registerFirst: `INSERT INTO ${groups} (name) SELECT $1 WHERE NOT EXISTS (SELECT FROM ${groups}) ON CONFLICT DO NOTHING RETURNING 1`,

    /** Marks ids, and says which places of the batch were new. Values: sources, ids, milliseconds. */
    mark: `
WITH given AS MATERIALIZED (
  SELECT * FROM unnest($1::text[], $2::text[]) WITH ORDINALITY AS given (source, id, place)
), firsts AS (
  SELECT DISTINCT ON (source, id) source, id, place FROM given ORDER BY source, id, place
), marked AS (
  INSERT INTO ${seen} AS known (source, id, until) SELECT source, id, ${ahead('$3')} FROM firsts ORDER BY source, id
  ON CONFLICT (source, id) DO UPDATE SET until = excluded.until WHERE known.until <= ${NOW} RETURNING source, id
)
SELECT place FROM firsts JOIN marked USING (source, id)`,

    forget: `DELETE FROM ${seen} WHERE ctid = ANY(ARRAY(SELECT ctid FROM ${seen} WHERE until <= ${NOW} LIMIT ${FORGET_MOST} FOR UPDATE SKIP LOCKED))`,

    /**
     * Adds deliveries that stand in no line: those without a key, and those that get in line when they are due. Values:
     * ids, keys, delays, priorities, events, channel.
     */
    insert: `
WITH given AS (
  SELECT * FROM unnest($1::text[], $2::text[], $3::float8[], $4::float8[], $5::text[])
    WITH ORDINALITY AS given (id, key, delay, priority, event, place)
), inserted AS (
  INSERT INTO ${deliveries} (grp, event_id, key, state, ready_at, delayed, priority, event)
  SELECT g.name, given.id, given.key, CASE WHEN delay > 0 THEN ${WAITING} ELSE ${READY} END, ${ahead('delay')}, delay > 0, priority, event
  FROM given CROSS JOIN ${groups} AS g ORDER BY place RETURNING 1
), counted AS (
  SELECT count(*) AS count FROM inserted
)
SELECT count, CASE WHEN count > 0 THEN pg_notify($6, '')::text END FROM counted`,

    /** Values: keys. */
    lockKeys: lock('unnest($1::text[]) AS given (key)'),

    /** Adds deliveries behind whatever of their key is there. Values: ids, keys, priorities, events, channel. */
    insertInLine: `
WITH given AS MATERIALIZED (
  SELECT g.name AS grp, given.*, row_number() OVER (PARTITION BY g.name, given.key ORDER BY place) AS step
  FROM unnest($1::text[], $2::text[], $3::float8[], $4::text[]) WITH ORDINALITY AS given (id, key, priority, event, place)
  CROSS JOIN ${groups} AS g
), lines AS MATERIALIZED (
  SELECT grp, key, (SELECT max(seq) FROM ${deliveries} AS d WHERE d.grp = wanted.grp AND d.key = wanted.key) AS last
  FROM (SELECT DISTINCT grp, key FROM given) AS wanted
), inserted AS (
  INSERT INTO ${deliveries} (grp, event_id, key, seq, state, ready_at, priority, event)
  SELECT given.grp, id, given.key, COALESCE(last, 0) + step, CASE WHEN last IS NULL AND step = 1 THEN ${READY} ELSE ${BLOCKED} END,
    ${NOW}, priority, event
  FROM given JOIN lines ON lines.grp = given.grp AND lines.key = given.key ORDER BY place RETURNING 1
), counted AS (
  SELECT count(*) AS count FROM inserted
)
SELECT count, CASE WHEN count > 0 THEN pg_notify($5, '')::text END FROM counted`,

    /** Values: group, id, facts, event, channel. */
    enqueue: `
WITH inserted AS (
  INSERT INTO ${deliveries} (grp, event_id, state, ready_at, facts, event)
  VALUES ($1, $2, ${READY}, ${NOW}, $3, $4) RETURNING 1
), counted AS (
  SELECT count(*) AS count FROM inserted
)
SELECT pg_notify($5, '')::text FROM counted`,

    /** Values: id. */
    cancel: `
WITH gone AS (
  DELETE FROM ${deliveries} WHERE event_id = $1 AND delayed AND ready_at > ${NOW} AND owner IS NULL RETURNING 1
), forgotten AS (
  DELETE FROM ${seen} WHERE id = $1 AND EXISTS (SELECT FROM gone)
)
SELECT count(*) AS count FROM gone`,

    /** Delayed events that are due and have a key. Values: group. */
    dueForLine: `SELECT id, key FROM ${deliveries} WHERE ${waitsForLine} ORDER BY ready_at, id LIMIT 500`,

    /** Puts one of them in line, unless somebody was faster. Values: group, key, id. */
    intoLine: `
WITH line AS MATERIALIZED (
  SELECT max(seq) AS last FROM ${deliveries} WHERE grp = $1 AND key = $2
)
UPDATE ${deliveries} SET delayed = false, seq = COALESCE(last, 0) + 1, state = CASE WHEN last IS NULL THEN ${READY} ELSE ${BLOCKED} END
FROM line WHERE id = $3 AND delayed`,

    /**
     * Claims what is due: first what waited for its time, whatever its priority, then what is ready. What a process held
     * that fell silent is counted as taken once more; one that becomes a suspect by that is not claimed but given back,
     * for a claim that looks for suspects. One row at least, the first of which says when the next one is due, and whether
     * there are rows for {@link dueForLine}. Nobody waits for the disk: a claim that a crash of the server takes back lets
     * another process run the event, too, which only one with a key must not. Values: group, owner, lease, most, suspects
     * from, whether one is allowed.
     */
    claim: `
WITH due AS MATERIALIZED (
  SELECT id FROM ${deliveries}
  WHERE grp = $1 AND ${isDue} AND (NOT delayed OR key IS NULL) AND taken < $5 AND ${free}
  ORDER BY ready_at LIMIT $4 FOR UPDATE SKIP LOCKED
), ready AS MATERIALIZED (
  SELECT id FROM ${deliveries} WHERE grp = $1 AND state = ${READY} AND taken < $5 AND ${free}
  ORDER BY priority DESC, id LIMIT greatest(0, $4 - (SELECT count(*) FROM due)) FOR UPDATE SKIP LOCKED
), suspect AS MATERIALIZED (
  SELECT id FROM ${deliveries}
  WHERE id IN (
      SELECT id FROM ${deliveries} WHERE grp = $1 AND state = ${READY} AND taken > 0 AND taken >= $5 AND ${free}
      UNION ALL SELECT id FROM ${deliveries} WHERE grp = $1 AND ${isDue} AND taken >= $5 AND ${free}
    ) AND taken >= $5 AND (state = ${READY} OR (${isDue})) AND ${free}
  ORDER BY id LIMIT CASE WHEN $6 THEN 1 ELSE 0 END FOR UPDATE SKIP LOCKED
), claimed AS (
  UPDATE ${deliveries} SET
    owner = CASE WHEN owner IS NULL OR taken <> $5 - 1 THEN $2 END,
    ${LEASED_UNTIL} = CASE WHEN owner IS NULL OR taken <> $5 - 1 THEN ${ahead('$3')} END,
    taken = CASE WHEN owner IS NULL THEN taken ELSE taken + 1 END
  WHERE id = ANY(ARRAY(SELECT id FROM due UNION ALL SELECT id FROM ready UNION ALL SELECT id FROM suspect))
  RETURNING id, key, event, facts, taken + 1 AS taken, priority, owner
), next AS (
  SELECT CASE WHEN EXISTS (SELECT FROM claimed WHERE owner IS NULL) THEN 0 ELSE ${msUntil('min(ready_at)')} END AS ms,
    EXISTS (SELECT FROM ${deliveries} WHERE ${waitsForLine}) AS for_line
  FROM ${deliveries} WHERE grp = $1 AND state = ${WAITING} AND ready_at > ${NOW}
)
SELECT id, key, event, facts, taken, CASE WHEN place > 1 THEN NULL ELSE next.ms END AS next_ms,
  CASE WHEN place > 1 THEN NULL ELSE for_line END AS for_line, CASE WHEN place > 1 THEN NULL ELSE flush END AS flush
FROM next CROSS JOIN (
  SELECT CASE WHEN EXISTS (SELECT FROM claimed WHERE key IS NOT NULL) THEN 'needed'
    ELSE set_config('synchronous_commit', 'off', true) END AS flush
) AS committing LEFT JOIN (
  SELECT *, row_number() OVER (ORDER BY priority DESC, id) AS place FROM claimed WHERE owner IS NOT NULL
) AS mine ON true ORDER BY place`,

    /** Removes what was handled, and says of which keys. Values: owner, ids. */
    remove: `DELETE FROM ${deliveries} WHERE owner = $1 AND id = ANY($2::bigint[]) RETURNING id, key`,

    /** Locks rows of the owner. Values: owner, ids. */
    hold: `SELECT id, key FROM ${deliveries} WHERE owner = $1 AND id = ANY($2::bigint[]) ORDER BY id FOR UPDATE`,

    /** A delivery in place of another. Values: id, delay, facts, whether it stays in line. */
    retry: `
INSERT INTO ${deliveries} (grp, event_id, key, seq, state, ready_at, priority, facts, event)
SELECT grp, event_id, CASE WHEN $4 THEN key END, CASE WHEN $4 THEN seq END,
  CASE WHEN $2::float8 > 0 THEN ${WAITING} ELSE ${READY} END, ${ahead('$2')}, priority, $3, event
FROM ${deliveries} WHERE id = $1`,

    /** Lets the next of each key go on, unless something before it is left. Values: group, keys. */
    advance: `
UPDATE ${deliveries} SET state = ${READY}, ready_at = ${NOW} WHERE id IN (
  SELECT (SELECT id FROM ${deliveries} AS d WHERE d.grp = $1 AND d.key = given.key AND state = ${BLOCKED} ORDER BY seq LIMIT 1)
  FROM unnest($2::text[]) AS given (key)
  WHERE NOT EXISTS (SELECT FROM ${deliveries} AS d WHERE d.grp = $1 AND d.key = given.key AND seq IS NOT NULL AND state <> ${BLOCKED})
)`,

    /** Values: owner, ids, lease. */
    renew: `UPDATE ${deliveries} SET ${LEASED_UNTIL} = ${ahead('$3')} WHERE owner = $1 AND id = ANY($2::bigint[]) RETURNING id`,

    /** Values: owner, ids, channel. */
    release: `
WITH given_back AS (
  UPDATE ${deliveries} SET owner = NULL, ${LEASED_UNTIL} = NULL
  WHERE owner = $1 AND id = ANY($2::bigint[]) RETURNING 1
), counted AS (
  SELECT count(*) AS count FROM given_back
)
SELECT CASE WHEN count > 0 THEN pg_notify($3, '')::text END FROM counted`,

    /** Values: group. */
    counts: `
SELECT
  count(*) FILTER (WHERE ${free} AND (state = ${READY} OR (${isDue}))) AS queued,
  count(*) FILTER (WHERE state = ${BLOCKED}) AS blocked,
  count(*) FILTER (WHERE NOT ${free}) AS claimed,
  count(*) FILTER (WHERE state = ${WAITING} AND ready_at > ${NOW} AND NOT delayed) AS scheduled,
  count(*) FILTER (WHERE state = ${WAITING} AND ready_at > ${NOW} AND delayed) AS delayed,
  COALESCE(-${msUntil(`min(ready_at) FILTER (WHERE ${free} AND state = ${READY})`)}, 0) AS oldest
FROM ${deliveries} WHERE grp = $1`,
  };
}
