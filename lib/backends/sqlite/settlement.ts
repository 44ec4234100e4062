import type { RowOutcome } from '../queue-table/queue-table.js';
import type { Database } from './database.js';
import type { Readiness } from './readiness.js';
import { READY, WAITING } from './schema.js';
import type { SqliteDeadLetters } from './sqlite-dead-letters.js';

/** Replaces deliveries by what became of them. All of it is part of somebody's transaction. */
export class Settlement {
  /**
   * @param deliveries The table.
   * @param staysInLine Whether a delivery that is to be made again keeps its place in front of its key.
   */
  constructor(
    private readonly database: Database,
    private readonly deliveries: string,
    private readonly readiness: Readiness,
    private readonly deadLetters: SqliteDeadLetters,
    private readonly staysInLine: () => boolean,
  ) {}

  /** @returns How many outcomes came too late: their rows are not `owner`'s any more. */
  settle(owner: string, outcomes: readonly RowOutcome[]): number {
    const ids = JSON.stringify(outcomes.map(({ id }) => id));
    if (outcomes.some(leavesSomething)) this.#storeHeld(owner, ids, outcomes);
    const gone = this.database.run(
      `DELETE FROM ${this.deliveries} WHERE owner = ? AND id IN (SELECT value FROM json_each(?))`,
      owner,
      ids,
    );
    for (const key of new Set(outcomes.map((outcome) => outcome.key)))
      if (key !== undefined) this.readiness.advance(key);
    return outcomes.length - gone;
  }

  #storeHeld(owner: string, ids: string, outcomes: readonly RowOutcome[]): void {
    const now = Date.now();
    const held = this.database.all<{ id: number }>(
      `SELECT id FROM ${this.deliveries} WHERE owner = ? AND id IN (SELECT value FROM json_each(?))`,
      owner,
      ids,
    );
    const mine = new Set(held.map(({ id }) => id));
    for (const outcome of outcomes) if (mine.has(outcome.id)) this.#storeOutcome(outcome, now);
  }

  #storeOutcome({ id, retries, deadLetters, resolved }: RowOutcome, now: number): void {
    const inLine = this.staysInLine();
    for (const { delayMs, facts } of retries) {
      this.database.run(
        `INSERT INTO ${this.deliveries} (grp, event_id, key, seq, state, ready_at, priority, facts, event)
         SELECT grp, event_id, ${inLine ? 'key, seq' : 'NULL, NULL'}, ?, ?, priority, ?, event FROM ${this.deliveries} WHERE id = ?`,
        delayMs > 0 ? WAITING : READY,
        now + Math.ceil(delayMs),
        JSON.stringify(facts),
        id,
      );
    }
    this.deadLetters.store(deadLetters);
    for (const letter of resolved) this.deadLetters.move(letter, 'retrying', 'resolved');
  }
}

/** Most outcomes are that there is nothing left to do. */
function leavesSomething({ retries, deadLetters, resolved }: RowOutcome): boolean {
  return retries.length + deadLetters.length + resolved.length > 0;
}
