import { openDriver } from '../../../lib/backends/sqlite/driver.js';
import { tablesOf } from '../../../lib/backends/sqlite/schema.js';
import { SqliteBackend } from '../../../lib/sqlite.js';
import { GROUP } from '../programs/settings.js';
import type { BrokerView } from './broker-view.js';
import { COLUMNS, type DeliveryRow, QueueTableView } from './queue-table-view.js';

/** The table in the file, read with a connection that cannot write. */
export function sqliteView(path: string, namespace: string): BrokerView {
  const { deliveries } = tablesOf(namespace);
  return new QueueTableView({
    namespace,
    operator: new SqliteBackend({ connection: path, namespace, group: GROUP }),
    rows: async () => {
      const driver = await openDriver(path);
      try {
        driver.exec('PRAGMA query_only = ON');
        return driver
          .prepare(`SELECT ${COLUMNS} FROM ${deliveries} WHERE grp = ?`)
          .all(GROUP) as DeliveryRow[];
      } finally {
        driver.close();
      }
    },
    close: () => Promise.resolve(),
  });
}
