import {
  namedTable,
  qualified,
  quoted,
  sqlOf,
  type TableName,
  type TableOptions,
} from '../../clients/postgres/table.js';

/** Names of the tables of a store, as they stand in SQL. */
export interface StoreTables {
  readonly events: string;
  /** One row: what the numbers of transactions are counted from. */
  readonly base: string;
  readonly checkpoints: string;
  readonly snapshots: string;
}

/** Name of the table of events if nobody says otherwise; those of the others begin with it. */
export const DEFAULT_TABLE = 'event_store';

export function storeTablesOf(name: TableName): StoreTables {
  const part = (suffix: string) => qualified({ ...name, table: `${name.table}_${suffix}` });
  return {
    events: qualified(name),
    base: part('base'),
    checkpoints: part('checkpoints'),
    snapshots: part('snapshots'),
  };
}

/** What makes the tables and their indexes, one statement each. */
export function eventStoreTables(name: TableName): string[] {
  const { events, base, checkpoints, snapshots } = storeTablesOf(name);
  const index = (suffix: string) => quoted(`${name.table}_${suffix}`);
  return [
    `CREATE TABLE IF NOT EXISTS ${events} (
  id text COLLATE "C" PRIMARY KEY,
  event_type text COLLATE "C" NOT NULL,
  source text COLLATE "C" NOT NULL,
  data jsonb,
  metadata jsonb,
  "timestamp" timestamptz NOT NULL,
  created_at timestamptz NOT NULL,
  version integer NOT NULL,
  key text,
  correlation_id text COLLATE "C" NOT NULL,
  causation_id text COLLATE "C",
  inlined_by text,
  stream_id text COLLATE "C",
  stream_version bigint,
  publication text,
  publish_error text,
  transaction_id bigint NOT NULL,
  position bigint GENERATED ALWAYS AS IDENTITY
)`,
    `CREATE UNIQUE INDEX IF NOT EXISTS ${index('order')} ON ${events} (transaction_id, position)`,
    `CREATE UNIQUE INDEX IF NOT EXISTS ${index('stream')} ON ${events} (stream_id, stream_version) WHERE stream_id IS NOT NULL`,
    `CREATE INDEX IF NOT EXISTS ${index('type')} ON ${events} (event_type, transaction_id, position)`,
    `CREATE INDEX IF NOT EXISTS ${index('source')} ON ${events} (source, transaction_id, position)`,
    `CREATE INDEX IF NOT EXISTS ${index('time')} ON ${events} ("timestamp")`,
    `CREATE INDEX IF NOT EXISTS ${index('correlation')} ON ${events} (correlation_id)`,
    `CREATE INDEX IF NOT EXISTS ${index('causation')} ON ${events} (causation_id) WHERE causation_id IS NOT NULL`,
    `CREATE INDEX IF NOT EXISTS ${index('open')} ON ${events} (publication, transaction_id, position) WHERE publication IN ('pending', 'failed')`,
    `CREATE TABLE IF NOT EXISTS ${base} (
  one boolean PRIMARY KEY DEFAULT true CHECK (one),
  base bigint NOT NULL
)`,
    `INSERT INTO ${base} (base) VALUES (0) ON CONFLICT DO NOTHING`,
    `CREATE TABLE IF NOT EXISTS ${checkpoints} (
  name text COLLATE "C" PRIMARY KEY,
  position text,
  data text,
  saved_at timestamptz,
  owner text,
  held_until timestamptz NOT NULL
)`,
    `CREATE TABLE IF NOT EXISTS ${snapshots} (
  stream_id text COLLATE "C" PRIMARY KEY,
  version bigint NOT NULL,
  form text NOT NULL,
  state text NOT NULL,
  saved_at timestamptz NOT NULL
)`,
  ];
}

/**
 * The SQL that makes the tables of an event store, for migrations. {@link PostgresEventStore} makes none where it finds
 * its table of events.
 *
 * @param options Schema and table, as given to the store.
 * @throws {EventConfigurationError} for a name that cannot be one.
 */
export function eventStoreSql(options: TableOptions = {}): string {
  return sqlOf(eventStoreTables(namedTable(options, DEFAULT_TABLE, 'eventStoreSql')));
}
