import { EventConfigurationError } from '../../../errors.js';
import type { SqlClient } from '../../../sql-client.js';
import { outsideTransaction } from './outside.js';
import { piecesOf } from './placeholders.js';

/** What is needed of a transaction of Drizzle for PostgreSQL. */
export interface DrizzleTransaction {
  execute(query: string | { getSQL(): unknown }): PromiseLike<unknown>;
  rollback?(): never;
}

/**
 * A transaction of Drizzle, on any of its drivers for PostgreSQL.
 *
 * @throws (on use) {EventConfigurationError} when it is a database outside a transaction.
 * @example
 * await db.transaction(async (tx) => {
 *   await tx.insert(orders).values(order);
 *   await bus.emitAsync('order.placed', order, { transaction: fromDrizzle(tx) });
 * });
 */
export function fromDrizzle(transaction: DrizzleTransaction): SqlClient {
  return {
    async query(text, values = []) {
      if (typeof transaction.rollback !== 'function') {
        throw outsideTransaction('fromDrizzle', 'the tx of db.transaction()');
      }
      const { sql } = await loadDrizzle();
      const pieces = piecesOf(text, values);
      // As parameters, because Drizzle writes out an array as a list.
      const parameters = pieces.values.map((value) => sql.param(value));
      const statement = sql(Object.assign([...pieces.texts], { raw: pieces.texts }), ...parameters);
      const result = await transaction.execute(statement);
      // The drivers of pg and PGlite give a result, that of postgres.js gives the rows.
      return Array.isArray(result) ? { rows: result } : (result as { rows: unknown[] });
    },
  };
}

async function loadDrizzle() {
  try {
    return await import('drizzle-orm');
  } catch (cause) {
    throw new EventConfigurationError(
      'fromDrizzle needs the package drizzle-orm. Install it: npm install drizzle-orm',
      { cause },
    );
  }
}
