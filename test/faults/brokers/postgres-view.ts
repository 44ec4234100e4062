import { Pool } from 'pg';
import { tablesOf } from '../../../lib/backends/postgres/schema.js';
import { PostgresBackend } from '../../../lib/postgres.js';
import { GROUP } from '../programs/settings.js';
import type { BrokerView } from './broker-view.js';
import { COLUMNS, type DeliveryRow, QueueTableView } from './queue-table-view.js';

/** The table of PostgreSQL, read with plain `pg`. */
export function postgresView(url: string, namespace: string): BrokerView {
  const pool = new Pool({ connectionString: url, max: 1 });
  // Tests stop the server; the next query connects again.
  pool.on('error', () => undefined);
  const { deliveries } = tablesOf('public', namespace);
  return new QueueTableView({
    namespace,
    operator: new PostgresBackend({ connection: url, namespace, group: GROUP }),
    rows: async () => {
      const text = `SELECT ${COLUMNS} FROM ${deliveries} WHERE grp = $1`;
      return (await pool.query<DeliveryRow>(text, [GROUP])).rows;
    },
    close: () => pool.end(),
  });
}
