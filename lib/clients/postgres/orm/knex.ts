import type { SqlClient } from '../../../sql-client.js';
import { outsideTransaction } from './outside.js';
import { piecesOf } from './placeholders.js';

/** What is needed of a `Knex.Transaction`. */
export interface KnexTransaction {
  readonly isTransaction?: boolean | undefined;
  raw(text: string, values: readonly unknown[]): PromiseLike<unknown>;
}

/**
 * A transaction of Knex. Libraries on top of Knex, such as Objection, have the same.
 *
 * @throws (on use) {EventConfigurationError} when it is a `Knex` outside a transaction.
 * @example
 * await knex.transaction(async (trx) => {
 *   await trx('orders').insert(order);
 *   await bus.emitAsync('order.placed', order, { transaction: fromKnex(trx) });
 * });
 */
export function fromKnex(transaction: KnexTransaction): SqlClient {
  return {
    async query(text, values = []) {
      if (transaction.isTransaction !== true) {
        throw outsideTransaction('fromKnex', 'the trx of knex.transaction()');
      }
      const pieces = piecesOf(text, values);
      // Knex writes placeholders as ?, and a question mark as \?.
      const written = pieces.texts.map((piece) => piece.replaceAll('?', '\\?')).join('?');
      return (await transaction.raw(written, pieces.values)) as { rows: unknown[] };
    },
  };
}
