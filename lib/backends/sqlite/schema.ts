/** Names of the tables of a namespace. */
export interface Tables {
  readonly groups: string;
  readonly deliveries: string;
  readonly seen: string;
  readonly dead: string;
}

export function tablesOf(namespace: string): Tables {
  const name = (table: string) => `"${namespace}_${table}"`;
  return {
    groups: name('groups'),
    deliveries: name('deliveries'),
    seen: name('seen'),
    dead: name('dead_letters'),
  };
}

/** A delivery, and the line it stands in. */
export interface RowKey {
  readonly id: number;
  readonly key: string | null;
}

/** A delivery may be claimed. */
export const READY = 0;
/** It waits for `ready_at`: delayed, or to be tried again. */
export const WAITING = 1;
/** It waits for an earlier delivery of its key. */
export const BLOCKED = 2;

/** What makes the tables where they are missing. */
export function schemaOf(namespace: string): string {
  const { groups, deliveries, seen, dead } = tablesOf(namespace);
  const index = (name: string) => `"${namespace}_${name}"`;
  return `
CREATE TABLE IF NOT EXISTS ${groups} (name TEXT PRIMARY KEY) WITHOUT ROWID;

CREATE TABLE IF NOT EXISTS ${deliveries} (
  id INTEGER PRIMARY KEY AUTOINCREMENT,
  grp TEXT NOT NULL,
  event_id TEXT NOT NULL,
  key TEXT,                            -- one at a time, in the order of seq
  seq INTEGER,                         -- place in the line of the key; null: not in line yet
  state INTEGER NOT NULL,              -- ${READY} ready, ${WAITING} waiting for ready_at, ${BLOCKED} behind another of its key
  ready_at INTEGER NOT NULL,           -- Unix milliseconds
  owner TEXT,                          -- the process that has it
  leased_until INTEGER,                -- Unix milliseconds; then the owner has fallen silent
  taken INTEGER NOT NULL DEFAULT 0,    -- how often an owner fell silent, as far as somebody has claimed it since
  delayed INTEGER NOT NULL DEFAULT 0,  -- 1: published with a delay that is not over
  priority REAL NOT NULL DEFAULT 0,
  facts TEXT,                          -- JSON, of what is no first delivery
  event TEXT NOT NULL                  -- CloudEvents JSON
);
CREATE INDEX IF NOT EXISTS ${index('ready')} ON ${deliveries} (grp, priority DESC, id) WHERE state = ${READY};
CREATE INDEX IF NOT EXISTS ${index('given_back')} ON ${deliveries} (grp, priority DESC, id) WHERE state = ${READY} AND taken > 0;
CREATE INDEX IF NOT EXISTS ${index('waiting')} ON ${deliveries} (grp, ready_at) WHERE state = ${WAITING};
CREATE INDEX IF NOT EXISTS ${index('keys')} ON ${deliveries} (grp, key, seq) WHERE key IS NOT NULL;
CREATE INDEX IF NOT EXISTS ${index('delayed')} ON ${deliveries} (event_id) WHERE delayed = 1;

CREATE TABLE IF NOT EXISTS ${seen} (
  source TEXT NOT NULL,
  id TEXT NOT NULL,
  until INTEGER NOT NULL,
  PRIMARY KEY (source, id)
) WITHOUT ROWID;
CREATE INDEX IF NOT EXISTS ${index('seen_until')} ON ${seen} (until);

CREATE TABLE IF NOT EXISTS ${dead} (
  grp TEXT NOT NULL,
  id TEXT NOT NULL,
  status TEXT NOT NULL,
  failed_at INTEGER NOT NULL,
  changed_at INTEGER NOT NULL,
  type TEXT NOT NULL,
  handler_id TEXT NOT NULL,
  fingerprint TEXT NOT NULL,
  reason TEXT,
  facts TEXT NOT NULL,                 -- JSON: attempts and raw
  event TEXT NOT NULL,                 -- CloudEvents JSON
  PRIMARY KEY (grp, id)
) WITHOUT ROWID;
CREATE INDEX IF NOT EXISTS ${index('dead_failed')} ON ${dead} (grp, failed_at, id);
CREATE INDEX IF NOT EXISTS ${index('dead_closed')} ON ${dead} (grp, changed_at) WHERE status IN ('resolved', 'discarded');
`;
}

/** Finds out whether the file is of a version that kept leases elsewhere, and what mends that. */
export function upgradeOf(namespace: string): { isNeeded: string; upgrade: string } {
  const { deliveries } = tablesOf(namespace);
  return {
    isNeeded: `SELECT 1 WHERE NOT EXISTS (SELECT 1 FROM pragma_table_info('${namespace}_deliveries') WHERE name = 'leased_until')`,
    upgrade: `ALTER TABLE ${deliveries} ADD COLUMN leased_until INTEGER`,
  };
}
