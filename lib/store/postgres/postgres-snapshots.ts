import type { Database } from '../../clients/postgres/connection.js';
import { fromText, toText } from '../../clients/postgres/text.js';
import type { Snapshot, SnapshotStore } from '../snapshot-store.js';

/** Snapshots in a table. The state is JSON in a column of type text: jsonb refuses `\u0000`. */
export class PostgresSnapshots implements SnapshotStore {
  constructor(
    private readonly db: Database,
    private readonly table: string,
  ) {}

  async load(streamId: string): Promise<Snapshot | undefined> {
    const [row] = await this.db.query(
      `SELECT version::float8 AS version, form, state FROM ${this.table} WHERE stream_id = $1`,
      [toText(streamId)],
    );
    return (
      row && {
        streamId,
        version: Number(row['version']),
        state: JSON.parse(row['state'] as string) as unknown,
        form: fromText(row['form'] as string),
      }
    );
  }

  async save({ streamId, version, state, form }: Snapshot): Promise<void> {
    await this.db.query(
      `INSERT INTO ${this.table} AS old (stream_id, version, form, state, saved_at) VALUES ($1, $2::bigint, $3, $4, now())
ON CONFLICT (stream_id) DO UPDATE SET version = excluded.version, form = excluded.form, state = excluded.state, saved_at = excluded.saved_at
WHERE old.version <= excluded.version`,
      [toText(streamId), version, toText(form), JSON.stringify(state)],
    );
  }

  async remove(streamId: string): Promise<void> {
    await this.db.query(`DELETE FROM ${this.table} WHERE stream_id = $1`, [toText(streamId)]);
  }
}
