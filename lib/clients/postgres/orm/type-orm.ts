import type { SqlClient } from '../../../sql-client.js';
import { outsideTransaction } from './outside.js';

/** What is needed of a `QueryRunner` of TypeORM. */
export interface TypeOrmQueryRunner {
  readonly isTransactionActive: boolean;
  query(
    text: string,
    values: unknown[] | undefined,
    structured: true,
  ): Promise<{ readonly records?: readonly unknown[] }>;
}

/** What is needed of an `EntityManager` of TypeORM: the query runner that it works with in a transaction. */
export interface TypeOrmEntityManager {
  readonly queryRunner?: TypeOrmQueryRunner | undefined;
}

/**
 * The transaction of a `QueryRunner`, or of the `EntityManager` that `dataSource.transaction` gives, of TypeORM.
 *
 * @throws (on use) {EventConfigurationError} when it is in no transaction.
 * @example
 * await dataSource.transaction(async (manager) => {
 *   await manager.save(order);
 *   await bus.emitAsync('order.placed', order, { transaction: fromTypeOrm(manager) });
 * });
 */
export function fromTypeOrm(transaction: TypeOrmQueryRunner | TypeOrmEntityManager): SqlClient {
  const runner = 'isTransactionActive' in transaction ? transaction : transaction.queryRunner;
  return {
    async query(text, values = []) {
      if (runner?.isTransactionActive !== true) {
        throw outsideTransaction(
          'fromTypeOrm',
          'the manager of dataSource.transaction(), or a query runner after startTransaction()',
        );
      }
      const { records = [] } = await runner.query(text, [...values], true);
      return { rows: records };
    },
  };
}
