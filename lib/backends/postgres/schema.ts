import { createHash } from 'node:crypto';
import { type Table, type TableName, qualified, quoted } from '../../clients/postgres/table.js';
import { deadLetterTable } from '../../dead-letters/postgres/schema.js';

/** Names of the tables of a namespace, as they stand in SQL. */
export interface Tables {
  readonly groups: string;
  readonly deliveries: string;
  readonly seen: string;
}

/** A delivery may be claimed. */
export const READY = 0;
/** It waits for `ready_at`: delayed, or to be tried again. Once that has passed it may be claimed, too. */
export const WAITING = 1;
/** It waits for an earlier delivery of its key. */
export const BLOCKED = 2;

/**
 * Until when a delivery is `owner`'s. A claim changes nothing that an index knows of, neither this nor the owner: then
 * PostgreSQL has no index to write.
 */
export const LEASED_UNTIL = 'leased_until';

/** The table whose presence says that all of them are there. */
function deliveriesName(schema: string, namespace: string): TableName {
  return { schema, table: `${namespace}_deliveries` };
}

/** The table of the dead letters of a backend. */
export function deadLettersName(schema: string, namespace: string): TableName {
  return { schema, table: `${namespace}_dead_letters` };
}

/** Where listeners hear that deliveries may have come. PostgreSQL takes names of up to 63 bytes. */
export function channelOf(schema: string, namespace: string): string {
  const name = `${schema}.${namespace}`;
  return Buffer.byteLength(name) <= 63 ? name : createHash('sha256').update(name).digest('base64url');
}

export function tablesOf(schema: string, namespace: string): Tables {
  const name = (table: string) => qualified({ schema, table: `${namespace}_${table}` });
  return { groups: name('groups'), deliveries: name('deliveries'), seen: name('seen') };
}

/** What makes the tables and their indexes, one statement each. */
export function queueTables(schema: string, namespace: string): string[] {
  const { groups, deliveries, seen } = tablesOf(schema, namespace);
  const index = (name: string) => quoted(`${namespace}_${name}`);
  return [
    `CREATE TABLE IF NOT EXISTS ${groups} (name text COLLATE "C" PRIMARY KEY)`,
    `CREATE TABLE IF NOT EXISTS ${deliveries} (
  id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  grp text COLLATE "C" NOT NULL,
  event_id text COLLATE "C" NOT NULL,
  key text COLLATE "C",
  seq bigint,
  state smallint NOT NULL,
  ready_at timestamptz NOT NULL,
  owner text,
  ${LEASED_UNTIL} timestamptz,
  taken integer NOT NULL DEFAULT 0,
  delayed boolean NOT NULL DEFAULT false,
  priority double precision NOT NULL DEFAULT 0,
  facts text,
  event text NOT NULL
)`,
    `ALTER TABLE ${deliveries} ADD COLUMN IF NOT EXISTS ${LEASED_UNTIL} timestamptz`,
    // Rows come and go all the time: what is dead must be cleared away long before a fifth of the table is. A page has
    // room for each of its rows again: what is claimed stays where it is, and no index has to learn another place.
    `ALTER TABLE ${deliveries} SET (autovacuum_vacuum_scale_factor = 0.01, autovacuum_vacuum_cost_delay = 0, fillfactor = 45)`,
    `CREATE INDEX IF NOT EXISTS ${index('ready')} ON ${deliveries} (grp, priority DESC, id) WHERE state = ${READY}`,
    `CREATE INDEX IF NOT EXISTS ${index('given_back')} ON ${deliveries} (grp, id) WHERE state = ${READY} AND taken > 0`,
    `CREATE INDEX IF NOT EXISTS ${index('waiting')} ON ${deliveries} (grp, ready_at) WHERE state = ${WAITING}`,
    `CREATE INDEX IF NOT EXISTS ${index('keys')} ON ${deliveries} (grp, key, seq) WHERE key IS NOT NULL`,
    `CREATE INDEX IF NOT EXISTS ${index('delayed')} ON ${deliveries} (event_id) WHERE delayed`,
    `CREATE TABLE IF NOT EXISTS ${seen} (
  source text COLLATE "C" NOT NULL,
  id text COLLATE "C" NOT NULL,
  until timestamptz NOT NULL,
  PRIMARY KEY (source, id)
)`,
    `CREATE INDEX IF NOT EXISTS ${index('seen_until')} ON ${seen} (until)`,
  ];
}

/** The queue, under the name that says that all of it is there. */
export function queueTable(schema: string, namespace: string): Table {
  const statements = queueTables(schema, namespace);
  return { name: deliveriesName(schema, namespace), statements, newest: LEASED_UNTIL };
}

/** Everything that a backend needs: its queue, and its dead letters. */
export function backendTables(schema: string, namespace: string): Table[] {
  const deadLetters = deadLettersName(schema, namespace);
  return [queueTable(schema, namespace), { name: deadLetters, statements: deadLetterTable(deadLetters) }];
}
