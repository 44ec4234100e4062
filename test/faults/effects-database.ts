import { Pool } from 'pg';
import type { Effects } from './accounts.js';
import { EFFECTS } from './programs/settings.js';

/** A PostgreSQL database in which handlers have their effects, and the inbox its keys. */
export class EffectsDatabase {
  readonly #pool: Pool;

  private constructor(readonly url: string) {
    this.#pool = new Pool({ connectionString: url, max: 1 });
    // Tests stop the server; the next query connects again.
    this.#pool.on('error', () => undefined);
  }

  /** Starts with no effects in it. */
  static async open(url: string): Promise<EffectsDatabase> {
    const database = new EffectsDatabase(url);
    await database.#pool.query(`drop table if exists effects; ${EFFECTS}`);
    return database;
  }

  /** Those that are committed. */
  async effects(): Promise<Effects> {
    const { rows } = await this.#pool.query<{ event_id: string; handler_id: string; times: string }>(
      'select event_id, handler_id, count(*) as times from effects group by event_id, handler_id',
    );
    const byHandler = new Map<string, Map<string, number>>();
    for (const { event_id: eventId, handler_id: handlerId, times } of rows) {
      const events = byHandler.get(handlerId) ?? new Map<string, number>();
      byHandler.set(handlerId, events.set(eventId, Number(times)));
    }
    return (handlerId) => byHandler.get(handlerId) ?? new Map<string, number>();
  }

  async close(): Promise<void> {
    await this.#pool.end();
  }
}
