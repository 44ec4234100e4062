import { randomUUID } from 'node:crypto';
import type { Database, Row } from '../../clients/postgres/connection.js';
import { fromText, toText } from '../../clients/postgres/text.js';
import { CheckpointLostError } from '../../errors.js';
import type { SqlClient } from '../../sql-client.js';
import type { Checkpoint, CheckpointLease, CheckpointStore, NamedCheckpoint } from '../checkpoint-store.js';
import { millis } from './row.js';

/** By the clock of the server; in a transaction, too, not that of its start. */
const NOW = 'statement_timestamp()';

function ahead(ms: string): string {
  return `${NOW} + ${ms}::float8 * interval '1 millisecond'`;
}

/** Checkpoints in a table. The data is JSON in a column of type text: jsonb refuses `\u0000`. */
export class PostgresCheckpoints implements CheckpointStore {
  readonly #sql: ReturnType<typeof checkpointStatements>;

  constructor(
    private readonly db: Database,
    table: string,
  ) {
    this.#sql = checkpointStatements(table);
  }

  async acquire(name: string, leaseMs: number): Promise<CheckpointLease | undefined> {
    const owner = randomUUID();
    const own = [toText(name), owner] as const;
    const [row] = await this.db.query(this.#sql.acquire, [...own, leaseMs]);
    if (row === undefined) return undefined;
    const held = (rows: readonly unknown[]): void => {
      if (rows.length === 0) throw new CheckpointLostError(name);
    };
    return {
      name,
      checkpoint: checkpointOf(row),
      save: async ({ position, data }, transaction?: SqlClient) => {
        const json = data === undefined ? null : JSON.stringify(data);
        const values = [...own, leaseMs, position === undefined ? null : toText(position), json];
        if (transaction === undefined) held(await this.db.query(this.#sql.save, values));
        else held((await transaction.query(this.#sql.save, values)).rows);
      },
      renew: async () => held(await this.db.query(this.#sql.renew, [...own, leaseMs])),
      release: async () => {
        await this.db.query(this.#sql.release, own);
      },
    };
  }

  async read(name: string): Promise<Checkpoint | undefined> {
    const [row] = await this.db.query(this.#sql.read, [toText(name)]);
    return row && checkpointOf(row);
  }

  async list(prefix = ''): Promise<NamedCheckpoint[]> {
    const rows = await this.db.query(this.#sql.list, [toText(prefix)]);
    return rows.map((row) => ({
      name: fromText(row['name'] as string),
      ...checkpointOf(row),
      savedAt: new Date(Number(row['saved'])),
      held: row['held'] === true,
    }));
  }

  async remove(name: string): Promise<void> {
    await this.db.query(this.#sql.remove, [toText(name)]);
  }
}

function checkpointOf({ position, data }: Row): Checkpoint {
  return {
    ...(position !== null && { position: fromText(position as string) }),
    ...(data !== null && { data: JSON.parse(data as string) as unknown }),
  };
}

function checkpointStatements(table: string) {
  const own = 'name = $1 AND owner = $2';
  return {
    /**
     * Takes what is free, or new. A row that is locked is being saved by its holder, or taken by somebody who was faster.
     * Values: name, owner, lease.
     */
    acquire: `
WITH free AS MATERIALIZED (
  SELECT name FROM ${table} WHERE name = $1 AND (owner IS NULL OR held_until <= ${NOW}) FOR UPDATE SKIP LOCKED
), taken AS (
  UPDATE ${table} AS row SET owner = $2, held_until = ${ahead('$3')} FROM free WHERE row.name = free.name
  RETURNING row.position, row.data
), made AS (
  INSERT INTO ${table} (name, owner, held_until)
  SELECT $1, $2, ${ahead('$3')} WHERE NOT EXISTS (SELECT FROM ${table} WHERE name = $1)
  ON CONFLICT DO NOTHING RETURNING position, data
)
SELECT position, data FROM taken UNION ALL SELECT position, data FROM made`,

    /** Values: name, owner, lease, position, data. */
    save: `UPDATE ${table} SET position = $4, data = $5, saved_at = ${NOW}, held_until = ${ahead('$3')} WHERE ${own} RETURNING 1 AS held`,

    /** Values: name, owner, lease. */
    renew: `UPDATE ${table} SET held_until = ${ahead('$3')} WHERE ${own} RETURNING 1 AS held`,

    /** Values: name, owner. */
    release: `UPDATE ${table} SET owner = NULL WHERE ${own}`,

    read: `SELECT position, data FROM ${table} WHERE name = $1 AND saved_at IS NOT NULL`,

    list: `SELECT name, position, data, ${millis('saved_at')} AS saved, (owner IS NOT NULL AND held_until > ${NOW}) AS held
FROM ${table} WHERE saved_at IS NOT NULL AND starts_with(name, $1) ORDER BY name`,

    remove: `DELETE FROM ${table} WHERE name = $1`,
  };
}
