const KEY = 'service, event_id, handler_id';
/** By the clock of the server, in a transaction as well: not of its start. */
const NOW = 'statement_timestamp()';

/** Keys of a call with their places in it. `$1` is the service, `$2` and `$3` are event ids and handler ids. */
const WANTED = `wanted AS MATERIALIZED (
  SELECT $1::text AS service, event_id, handler_id, place
  FROM unnest($2::text[], $3::text[]) WITH ORDINALITY AS given (event_id, handler_id, place)
)`;

/** So many milliseconds from now. */
function ahead(ms: string): string {
  return `${NOW} + ${ms}::float8 * interval '1 millisecond'`;
}

function sameKey(a: string, b: string): string {
  return `${a}.service = ${b}.service AND ${a}.event_id = ${b}.event_id AND ${a}.handler_id = ${b}.handler_id`;
}

/**
 * The statements for one table; `$4` is the owner in all but the last. Only a transaction that marks a row keeps it locked
 * for long. What others call meanwhile goes past such rows, so that the other keys of the call do not wait.
 */
export function inboxStatements(table: string) {
  /** Rows of the wanted keys that can be locked at once. */
  const unlocked = (condition: string) =>
    `SELECT row.* FROM ${table} AS row JOIN wanted ON ${sameKey('row', 'wanted')} WHERE ${condition} FOR UPDATE OF row SKIP LOCKED`;
  /** Rows for the wanted keys that have none. Somebody who is faster keeps his. */
  const missing = (handled: boolean) => `INSERT INTO ${table} (${KEY}, owner, handled, expires_at)
  SELECT service, event_id, handler_id, $4, ${handled}, ${ahead('$5')} FROM wanted
  WHERE NOT EXISTS (SELECT FROM ${table} AS row WHERE ${sameKey('row', 'wanted')})
  ORDER BY event_id, handler_id ON CONFLICT DO NOTHING`;

  return {
    /**
     * Takes over what has lapsed and makes what is missing. What it neither got nor saw held, because somebody was
     * faster or is marking it, counts as held for a whole lease. `$5` is the lease.
     */
    claim: `
WITH ${WANTED}, lapsed AS (
  ${unlocked(`row.expires_at <= ${NOW}`)}
), taken AS (
  UPDATE ${table} AS row SET owner = $4, handled = false, expires_at = ${ahead('$5')}
  FROM lapsed WHERE ${sameKey('row', 'lapsed')} RETURNING row.service, row.event_id, row.handler_id
), made AS (
  ${missing(false)} RETURNING ${KEY}
), claimed AS (
  SELECT * FROM taken UNION ALL SELECT * FROM made
)
SELECT CASE
  WHEN claimed.service IS NOT NULL THEN 'claimed'
  WHEN seen.expires_at <= ${NOW} OR seen.service IS NULL THEN $5::text
  WHEN seen.handled THEN 'handled'
  ELSE (extract(epoch FROM seen.expires_at - ${NOW}) * 1000)::text
END AS result
FROM wanted
LEFT JOIN claimed ON ${sameKey('claimed', 'wanted')}
LEFT JOIN ${table} AS seen ON ${sameKey('seen', 'wanted')}
ORDER BY wanted.place`,

    /** Marks what the owner holds, and says which keys that was. `$5` is the retention. */
    markOwn: `
WITH ${WANTED}
UPDATE ${table} AS row SET handled = true, expires_at = ${ahead('$5')}
FROM wanted WHERE ${sameKey('row', 'wanted')} AND row.owner = $4 RETURNING wanted.place`,

    /** Marks what the owner has lost. A row that is locked is left to its new owner, who is about to mark it. */
    markLost: `
WITH ${WANTED}, lost AS (
  ${unlocked('true')}
), marked AS (
  UPDATE ${table} AS row SET owner = $4, handled = true, expires_at = ${ahead('$5')}
  FROM lost WHERE ${sameKey('row', 'lost')}
)
${missing(true)}`,

    release: `
WITH ${WANTED}, held AS (
  ${unlocked('row.owner = $4 AND NOT row.handled')}
)
DELETE FROM ${table} AS row USING held WHERE ${sameKey('row', 'held')}`,

    /** A row of the owner that is locked is being marked by him, and stays his. `$5` is the lease. */
    renew: `
WITH ${WANTED}, own AS (
  ${unlocked('row.owner = $4')}
), renewed AS (
  UPDATE ${table} AS row SET expires_at = ${ahead('$5')}
  FROM own WHERE ${sameKey('row', 'own')} AND NOT own.handled AND own.expires_at > ${NOW}
)
SELECT COALESCE(seen.owner = $4 AND (own.service IS NULL OR own.expires_at > ${NOW}), false)::text AS held
FROM wanted
LEFT JOIN own ON ${sameKey('own', 'wanted')}
LEFT JOIN ${table} AS seen ON ${sameKey('seen', 'wanted')}
ORDER BY wanted.place`,

    /** Marks one key within a transaction. `$2` and `$3` are its ids, `$5` is the retention. */
    join: `
UPDATE ${table} SET handled = true, expires_at = ${ahead('$5')}
WHERE service = $1 AND event_id = $2 AND handler_id = $3 AND owner = $4 AND NOT handled RETURNING 'marked' AS marked`,

    /** Removes what lapsed a minute ago or longer, of all services. `$1` is how many rows at most. */
    removeExpired: `
WITH expired AS (
  SELECT ${KEY} FROM ${table} WHERE expires_at < now() - interval '1 minute'
  ORDER BY expires_at LIMIT $1::int FOR UPDATE SKIP LOCKED
), removed AS (
  DELETE FROM ${table} AS row USING expired WHERE ${sameKey('row', 'expired')} RETURNING 1
)
SELECT count(*)::text AS count FROM removed`,
  };
}
