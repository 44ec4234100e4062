export { PostgresBackend, postgresBackendSql } from './backends/postgres/postgres-backend.js';
export type { PostgresBackendOptions } from './backends/postgres/options.js';
export {
  type PostgresDeadLetterOptions,
  PostgresDeadLetterStore,
} from './dead-letters/postgres/postgres-dead-letter-store.js';
export type {
  PostgresConnectionOption,
  PostgresPool,
  PostgresPoolClient,
  PostgresPoolSettings,
  SqlDatabase,
  StatementResult,
} from './clients/postgres/connection.js';
export { PostgresInbox, type PostgresInboxOptions } from './inbox/postgres/postgres-inbox.js';
export { deadLetterTableSql } from './dead-letters/postgres/schema.js';
export { inboxTableSql } from './inbox/postgres/schema.js';
export type { TableOptions } from './clients/postgres/table.js';
export { fromDrizzle, type DrizzleTransaction } from './clients/postgres/orm/drizzle.js';
export { fromKnex, type KnexTransaction } from './clients/postgres/orm/knex.js';
export { fromKysely, type KyselyTransaction } from './clients/postgres/orm/kysely.js';
export { fromPrisma, type PrismaTransaction } from './clients/postgres/orm/prisma.js';
export {
  fromTypeOrm,
  type TypeOrmEntityManager,
  type TypeOrmQueryRunner,
} from './clients/postgres/orm/type-orm.js';
export { PostgresEventStore, type PostgresEventStoreOptions } from './store/postgres/postgres-event-store.js';
export { eventStoreSql } from './store/postgres/schema.js';
