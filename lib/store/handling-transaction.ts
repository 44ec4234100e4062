import { CheckpointLostError } from '../errors.js';
import type { SqlClient } from '../sql-client.js';
import type { EventStore } from './event-store.js';
import type { KeptLease } from './kept-lease.js';
import type { StoredEvent } from './stored-event.js';

/** What came of a transaction. With `unknown` it may be committed, or be so in a moment. */
export type Outcome =
  | { readonly kind: 'committed' }
  | { readonly kind: 'refused'; readonly error: unknown }
  | { readonly kind: 'unknown'; readonly error: unknown };

/**
 * Handles events in one transaction, and saves the checkpoint behind them in it.
 *
 * @throws {CheckpointLostError} when another process has it: nothing is done.
 * @throws What kept the transaction from beginning.
 */
export async function handleInTransaction(
  store: EventStore,
  lease: KeptLease,
  events: readonly StoredEvent[],
  handle: (event: StoredEvent, client: SqlClient) => Promise<void>,
): Promise<Outcome> {
  // Work may run more than once, where the store repeats a transaction.
  let phase: string = 'beginning';
  let thrown: unknown;
  const work = async (client: SqlClient) => {
    phase = 'handling';
    try {
      for (const event of events) await handle(event, client);
    } catch (error) {
      thrown = error;
      throw error;
    }
    phase = 'ending';
    await lease.save({ position: events.at(-1)!.position }, client);
  };
  try {
    await store.transaction!(work);
    return { kind: 'committed' };
  } catch (error) {
    if (phase === 'beginning' || error instanceof CheckpointLostError) throw error;
    if (phase === 'handling') return { kind: 'refused', error: thrown };
    return { kind: isRefusal(error) ? 'refused' : 'unknown', error };
  }
}

/**
 * Whether the database says by its SQLSTATE that it will not commit what was written: its data, its constraints, a
 * statement that had failed before, a collision. 40003 alone says that it does not know.
 */
function isRefusal(error: unknown): boolean {
  const code = (error as { code?: unknown } | undefined)?.code;
  return typeof code === 'string' && /^(22|23|25|40|44|P0)\w{3}$/.test(code) && code !== '40003';
}
