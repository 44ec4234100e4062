import { EventConfigurationError } from '../../../errors.js';
import type { SqlClient } from '../../../sql-client.js';
import { outsideTransaction } from './outside.js';

/** What is needed of a `Transaction` of Kysely. */
export interface KyselyTransaction {
  readonly isTransaction: boolean;
  executeQuery(query: object): Promise<{ readonly rows: readonly unknown[] }>;
}

/**
 * A transaction of Kysely.
 *
 * @throws (on use) {EventConfigurationError} when it is a `Kysely` outside a transaction.
 * @example
 * await db.transaction().execute(async (trx) => {
 *   await trx.insertInto('orders').values(order).execute();
 *   await bus.emitAsync('order.placed', order, { transaction: fromKysely(trx) });
 * });
 */
export function fromKysely(transaction: KyselyTransaction): SqlClient {
  return {
    async query(text, values = []) {
      if (!transaction.isTransaction) {
        throw outsideTransaction('fromKysely', 'the trx of db.transaction().execute()');
      }
      const { CompiledQuery } = await loadKysely();
      return transaction.executeQuery(CompiledQuery.raw(text, [...values]));
    },
  };
}

async function loadKysely() {
  try {
    return await import('kysely');
  } catch (cause) {
    throw new EventConfigurationError('fromKysely needs the package kysely. Install it: npm install kysely', {
      cause,
    });
  }
}
