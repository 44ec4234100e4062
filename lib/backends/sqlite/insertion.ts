import type { NewEvent, RowFacts } from '../queue-table/queue-table.js';
import type { Database } from './database.js';
import { BLOCKED, READY, type Tables, WAITING } from './schema.js';

/** Marks of published ids that are forgotten per publish, so that forgetting never takes long. */
const FORGET_MOST = 100;

/** Puts deliveries into the table, as part of somebody's transaction. */
export class Insertion {
  constructor(
    private readonly database: Database,
    private readonly tables: Tables,
    private readonly deduplicationMs: number,
    private readonly group: () => string,
  ) {}

  /** Marks the id of an event that must not be stored twice. */
  isKnown({ id, source, deduplicate }: NewEvent, now: number): boolean {
    if (!deduplicate || this.deduplicationMs === 0) return false;
    const { seen } = this.tables;
    this.database.run(
      `DELETE FROM ${seen} WHERE (source, id) IN (SELECT source, id FROM ${seen} WHERE until <= ? LIMIT ${FORGET_MOST})`,
      now,
    );
    const marked = this.database.run(
      `INSERT INTO ${seen} (source, id, until) VALUES (?, ?, ?)
       ON CONFLICT (source, id) DO UPDATE SET until = excluded.until WHERE until <= ?`,
      source,
      id,
      now + this.deduplicationMs,
      now,
    );
    return marked === 0;
  }

  /** All at once: those without a key, and those that get in line when they are due. */
  insertUnordered(events: readonly NewEvent[], now: number): void {
    if (events.length === 0) return;
    const { deliveries, groups } = this.tables;
    const rows = events.map(({ id, key = null, priority, delayMs, wire }) =>
      delayMs > 0
        ? [id, key, WAITING, now + Math.ceil(delayMs), 1, priority, wire]
        : [id, key, READY, now, 0, priority, wire],
    );
    this.database.run(
      `INSERT INTO ${deliveries} (grp, event_id, key, state, ready_at, delayed, priority, event)
       SELECT g.name, e.value ->> 0, e.value ->> 1, e.value ->> 2, e.value ->> 3, e.value ->> 4, e.value ->> 5, e.value ->> 6
       FROM json_each(?) e CROSS JOIN ${groups} g`,
      JSON.stringify(rows),
    );
  }

  /** Behind whatever of its key is there. */
  insertInLine({ id, key, priority, wire }: NewEvent, now: number): void {
    const { deliveries, groups } = this.tables;
    this.database.run(
      `INSERT INTO ${deliveries} (grp, event_id, key, seq, state, ready_at, priority, event)
       SELECT g.name, ?, ?, 1 + coalesce(l.last, 0), iif(l.last IS NULL, ${READY}, ${BLOCKED}), ?, ?, ?
       FROM ${groups} g LEFT JOIN
         (SELECT grp, max(seq) AS last FROM ${deliveries} WHERE key = ? GROUP BY grp) l ON l.grp = g.name`,
      id,
      key!,
      now,
      priority,
      wire,
      key!,
    );
  }

  /** A delivery for the group, beside the line of its key. */
  enqueue(wire: string, eventId: string, facts: RowFacts): void {
    this.database.run(
      `INSERT INTO ${this.tables.deliveries} (grp, event_id, state, ready_at, facts, event) VALUES (?, ?, ${READY}, ?, ?, ?)`,
      this.group(),
      eventId,
      Date.now(),
      JSON.stringify(facts),
      wire,
    );
  }
}
