import { PrismaPg } from '@prisma/adapter-pg';
import { drizzle } from 'drizzle-orm/node-postgres';
import { sql as drizzleSql } from 'drizzle-orm';
import knex from 'knex';
import { Kysely, PostgresDialect, sql as kyselySql } from 'kysely';
import type { SqlClient } from 'nestjs-durable-events';
import { fromDrizzle, fromKnex, fromKysely, fromPrisma, fromTypeOrm } from 'nestjs-durable-events/postgres';
import { Pool } from 'pg';
import { DataSource } from 'typeorm';
import { PrismaClient } from './prisma-client.js';

/** What happens in a transaction: `client` is what our adapter makes of it, `run` is the library's own way. */
export type Work = (client: SqlClient, run: (statement: string) => Promise<unknown>) => Promise<void>;

/** A library that is connected to a database. */
export interface Orm {
  /** Runs work in a transaction the way users of the library do: it rolls back when the work rejects. */
  transaction(work: Work): Promise<unknown>;
  /** What our adapter makes of the connection outside a transaction. */
  readonly outside: SqlClient;
  close(): Promise<unknown>;
}

/** The libraries, by name. */
export const ORMS: Readonly<Record<string, (url: string) => Promise<Orm>>> = {
  'an entity manager of TypeORM': async (url) => {
    const source = await new DataSource({ type: 'postgres', url }).initialize();
    return {
      transaction: (work) =>
        source.transaction((manager) => work(fromTypeOrm(manager), (statement) => manager.query(statement))),
      outside: fromTypeOrm(source.manager),
      close: () => source.destroy(),
    };
  },

  'a query runner of TypeORM': async (url) => {
    const source = await new DataSource({ type: 'postgres', url }).initialize();
    const idle = source.createQueryRunner();
    return {
      transaction: async (work) => {
        const runner = source.createQueryRunner();
        await runner.startTransaction();
        try {
          await work(fromTypeOrm(runner), (statement) => runner.query(statement));
          await runner.commitTransaction();
        } catch (error) {
          await runner.rollbackTransaction();
          throw error;
        } finally {
          await runner.release();
        }
      },
      outside: fromTypeOrm(idle),
      close: async () => {
        await idle.release();
        await source.destroy();
      },
    };
  },

  Knex: async (url) => {
    const db = knex({ client: 'pg', connection: url });
    return {
      transaction: (work) =>
        db.transaction((trx) => work(fromKnex(trx), async (statement) => trx.raw(statement))),
      outside: fromKnex(db),
      close: () => db.destroy(),
    };
  },

  Kysely: async (url) => {
    const db = new Kysely<unknown>({
      dialect: new PostgresDialect({ pool: new Pool({ connectionString: url }) }),
    });
    return {
      transaction: (work) =>
        db
          .transaction()
          .execute((trx) => work(fromKysely(trx), (statement) => kyselySql.raw(statement).execute(trx))),
      outside: fromKysely(db),
      close: () => db.destroy(),
    };
  },

  Drizzle: async (url) => {
    const pool = new Pool({ connectionString: url });
    const db = drizzle(pool);
    return {
      transaction: (work) =>
        db.transaction((tx) =>
          work(fromDrizzle(tx), async (statement) => tx.execute(drizzleSql.raw(statement))),
        ),
      outside: fromDrizzle(db),
      close: () => pool.end(),
    };
  },

  Prisma: async (url) => {
    const prisma = new PrismaClient({ adapter: new PrismaPg({ connectionString: url }) });
    return {
      transaction: (work) =>
        prisma.$transaction((tx: Parameters<typeof fromPrisma>[0]) =>
          work(fromPrisma(tx), async (statement) => tx.$queryRawUnsafe(statement)),
        ),
      outside: fromPrisma(prisma),
      close: () => prisma.$disconnect(),
    };
  },
};
