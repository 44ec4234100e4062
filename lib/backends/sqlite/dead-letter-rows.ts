import { CLOSED_LIMIT } from '../../dead-letters/closed-limit.js';
import type { DeadLetter, DeadLetterFilter, DeadLetterStatus } from '../../dead-letters/dead-letter.js';
import { parseCursor } from '../../dead-letters/dead-letter-cursor.js';
import { deadLetterMatcher } from '../../dead-letters/dead-letter-matcher.js';
import { decodeEvent, encodeEvent } from '../../wire/cloud-events.js';
import type { Database } from './database.js';

/** Entries looked at per query. */
const PAGE = 200;

interface Row {
  readonly id: string;
  readonly status: DeadLetterStatus;
  readonly failed_at: number;
  readonly changed_at: number;
  readonly handler_id: string;
  readonly fingerprint: string;
  readonly reason: string | null;
  readonly facts: string;
  readonly event: string;
}

/** The rows of one group's dead letters, without regard to what may be done with them. */
export class DeadLetterRows {
  constructor(
    private readonly database: Database,
    private readonly table: string,
    private readonly group: () => string,
  ) {}

  /** How many are dead or being retried. */
  size(): number {
    const row = this.database.get<{ open: number }>(
      `SELECT count(*) AS open FROM ${this.table} WHERE grp = ? AND status IN ('dead', 'retrying')`,
      this.group(),
    );
    return row!.open;
  }

  read(id: string): DeadLetter | undefined {
    const row = this.database.get<Row>(
      `SELECT * FROM ${this.table} WHERE grp = ? AND id = ?`,
      this.group(),
      id,
    );
    return row && entryOf(row);
  }

  put(entry: DeadLetter): void {
    const { id, status, failedAt, changedAt, event, handlerId, fingerprint, reason, attempts, raw } = entry;
    this.database.run(
      `INSERT OR REPLACE INTO ${this.table}
         (grp, id, status, failed_at, changed_at, type, handler_id, fingerprint, reason, facts, event)
       VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)`,
      this.group(),
      id,
      status,
      failedAt.getTime(),
      changedAt.getTime(),
      event.type,
      handlerId,
      fingerprint,
      reason ?? null,
      JSON.stringify({ attempts, raw }),
      encodeEvent(event),
    );
  }

  remove(id: string): void {
    this.database.run(`DELETE FROM ${this.table} WHERE grp = ? AND id = ?`, this.group(), id);
  }

  /** Lets go of what has been done with for longest. */
  forgetOldest(): void {
    this.database.run(
      `DELETE FROM ${this.table} WHERE grp = ? AND id IN (
         SELECT id FROM ${this.table} WHERE grp = ? AND status IN ('resolved', 'discarded')
         ORDER BY changed_at DESC LIMIT -1 OFFSET ${CLOSED_LIMIT})`,
      this.group(),
      this.group(),
    );
  }

  /** Entries by time of failure, then by id; a page at a time, so that a large store is no large list. */
  *found(filter: DeadLetterFilter, cursor?: string): Generator<DeadLetter> {
    const matches = deadLetterMatcher(filter);
    const since = filter.since?.getTime() ?? Number.MIN_SAFE_INTEGER;
    let { time, id } = cursor === undefined ? { time: since, id: '' } : parseCursor(cursor);
    for (;;) {
      const rows = this.database.all<Row>(
        `SELECT * FROM ${this.table} WHERE grp = ? AND (failed_at, id) > (?, ?) ORDER BY failed_at, id LIMIT ${PAGE}`,
        this.group(),
        time,
        id,
      );
      yield* rows.map(entryOf).filter(matches);
      const last = rows.at(-1);
      if (last === undefined || rows.length < PAGE) return;
      ({ failed_at: time, id } = last);
    }
  }
}

function entryOf(row: Row): DeadLetter {
  const { attempts, raw } = JSON.parse(row.facts) as Pick<DeadLetter, 'attempts' | 'raw'>;
  return {
    id: row.id,
    event: decodeEvent(row.event),
    handlerId: row.handler_id,
    status: row.status,
    attempts,
    failedAt: new Date(row.failed_at),
    changedAt: new Date(row.changed_at),
    fingerprint: row.fingerprint,
    ...(row.reason !== null && { reason: row.reason }),
    ...(raw !== undefined && { raw }),
  };
}
