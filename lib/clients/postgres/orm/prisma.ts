import type { SqlClient } from '../../../sql-client.js';
import { outsideTransaction } from './outside.js';

/** What is needed of the client that an interactive transaction of Prisma gives. */
export interface PrismaTransaction {
  $queryRawUnsafe(text: string, ...values: unknown[]): PromiseLike<unknown>;
}

/**
 * An interactive transaction of Prisma.
 *
 * @throws (on use) {EventConfigurationError} when it is a `PrismaClient` outside a transaction.
 * @example
 * await prisma.$transaction(async (tx) => {
 *   await tx.order.create({ data: order });
 *   await bus.emitAsync('order.placed', order, { transaction: fromPrisma(tx) });
 * });
 */
export function fromPrisma(transaction: PrismaTransaction): SqlClient {
  return {
    async query(text, values = []) {
      // Only a client outside a transaction can be connected.
      if ((transaction as { $connect?: unknown }).$connect !== undefined) {
        throw outsideTransaction('fromPrisma', 'the tx of prisma.$transaction(async (tx) => …)');
      }
      return { rows: (await transaction.$queryRawUnsafe(text, ...values)) as unknown[] };
    },
  };
}
