import type { Database } from './database.js';
import { BLOCKED, READY, type RowKey, type Tables, WAITING } from './schema.js';

/** Decides which deliveries may be claimed: by time, and by the order of their keys. */
export class Readiness {
  constructor(
    private readonly database: Database,
    private readonly tables: Tables,
    private readonly group: () => string,
  ) {}

  isWorkDue(now: number): boolean {
    const { deliveries } = this.tables;
    const group = this.group();
    const due = `SELECT 1 FROM ${deliveries} WHERE grp = ? AND state = ${WAITING} AND ready_at <= ? LIMIT 1`;
    const ready = `SELECT 1 FROM ${deliveries} WHERE grp = ? AND state = ${READY} AND coalesce(leased_until, 0) <= ? LIMIT 1`;
    return (
      this.database.get(ready, group, now) !== undefined || this.database.get(due, group, now) !== undefined
    );
  }

  nextDueMs(): number | undefined {
    const { deliveries } = this.tables;
    const next = this.database.get<{ at: number | null }>(
      `SELECT min(ready_at) AS at FROM ${deliveries} WHERE grp = ? AND state = ${WAITING}`,
      this.group(),
    );
    const at = next?.at ?? undefined; // SQL has null where nothing waits
    return at === undefined ? undefined : Math.max(0, at - Date.now());
  }

  /** Delays and retries whose time has come. */
  makeReady(now: number): void {
    const { deliveries } = this.tables;
    const group = this.group();
    const intoLine = this.database.all<RowKey>(
      `SELECT id, key FROM ${deliveries}
       WHERE grp = ? AND state = ${WAITING} AND ready_at <= ? AND delayed = 1 AND key IS NOT NULL ORDER BY ready_at, id`,
      group,
      now,
    );
    for (const { id, key } of intoLine) {
      this.database.run(
        `UPDATE ${deliveries} SET delayed = 0, seq = 1 + coalesce(l.last, 0), state = iif(l.last IS NULL, ${READY}, ${BLOCKED})
         FROM (SELECT max(seq) AS last FROM ${deliveries} WHERE grp = ? AND key = ?) l WHERE id = ?`,
        group,
        key,
        id,
      );
    }
    this.database.run(
      `UPDATE ${deliveries} SET state = ${READY}, delayed = 0
       WHERE grp = ? AND state = ${WAITING} AND ready_at <= ?`,
      group,
      now,
    );
  }

  /** Lets the next event of a key go on, unless something before it is left. */
  advance(key: string): void {
    const { deliveries } = this.tables;
    const group = this.group();
    this.database.run(
      `UPDATE ${deliveries} SET state = ${READY}
       WHERE id = (SELECT id FROM ${deliveries} WHERE grp = ? AND key = ? AND state = ${BLOCKED} ORDER BY seq LIMIT 1)
         AND NOT EXISTS (SELECT 1 FROM ${deliveries} WHERE grp = ? AND key = ? AND seq IS NOT NULL AND state <> ${BLOCKED})`,
      group,
      key,
      group,
      key,
    );
  }
}
