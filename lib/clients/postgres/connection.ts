import type { ConnectionOptions } from 'node:tls';
import type { SqlClient } from '../../sql-client.js';

/**
 * How to reach PostgreSQL: a URL, the settings of a pool, or something of the caller's that runs SQL and is never
 * closed: a `Pool` of `pg`, or a {@link SqlDatabase}.
 */
export type PostgresConnectionOption = string | PostgresPoolSettings | PostgresPool | SqlDatabase;

/** Settings of a pool of `pg`, with the names they have there. For settings that are not listed, pass a `Pool`. */
export interface PostgresPoolSettings {
  connectionString?: string | undefined;
  host?: string | undefined;
  port?: number | undefined;
  user?: string | undefined;
  password?: string | (() => string | Promise<string>) | undefined;
  database?: string | undefined;
  ssl?: boolean | ConnectionOptions | undefined;
  application_name?: string | undefined;
  /** Further settings of the session, such as `-c lock_timeout=1000`. */
  options?: string | undefined;
  /** Connections at most. Default 10. */
  max?: number | undefined;
  min?: number | undefined;
  idleTimeoutMillis?: number | null | undefined;
  /** Default: the `timeoutMs` of the store. */
  connectionTimeoutMillis?: number | undefined;
  maxLifetimeSeconds?: number | undefined;
  /**
   * Milliseconds after which the server gives up on a statement. Default: the `timeoutMs` of the store. `false` leaves
   * it to the server, as PgBouncer wants.
   */
  statement_timeout?: number | false | undefined;
  idle_in_transaction_session_timeout?: number | undefined;
  lock_timeout?: number | undefined;
  keepAlive?: boolean | undefined;
  keepAliveInitialDelayMillis?: number | undefined;
  /** Whether the process may end while connections are idle. Default `true`. */
  allowExitOnIdle?: boolean | undefined;
}

/** What is needed of a `Pool` of `pg`. */
export interface PostgresPool {
  /** Tells a pool from a single client. */
  readonly totalCount: number;
  connect(): Promise<PostgresPoolClient>;
}

/** A connection out of a pool. */
export interface PostgresPoolClient extends SqlClient {
  query(text: string, values?: readonly unknown[]): Promise<StatementResult>;
  query(statement: NamedStatement): Promise<StatementResult>;
  /** Gives it back; with an error, closes it. */
  release(error?: Error): void;
  on(event: 'error', listener: (error: Error) => void): unknown;
  off(event: 'error', listener: (error: Error) => void): unknown;
}

/** A statement that the server plans once per connection. */
export interface NamedStatement {
  /** Absent: it is planned each time. */
  readonly name?: string | undefined;
  readonly text: string;
  readonly values?: readonly unknown[] | undefined;
}

/** What a statement came to. */
export interface StatementResult {
  /** What was done, such as `COMMIT`. */
  readonly command?: string;
  readonly rows: readonly unknown[];
}

/** Anything that runs SQL: PGlite, or a few lines around the connection of an ORM. */
export interface SqlDatabase extends SqlClient {
  /** Runs work in a transaction that commits when it resolves. Without it `context.transaction(work)` is refused. */
  transaction?<T>(work: (client: SqlClient) => Promise<T>): Promise<T>;
}

/** A row as SQL gives it. */
export type Row = Readonly<Record<string, unknown>>;

/** A database as stores see it, whoever brought it. */
export interface Database {
  /**
   * Runs one statement in a transaction of its own, again if it met another one. It has ended when the time is up.
   *
   * @throws {EventTimeoutError} then; it may have been carried out.
   */
  query(text: string, values?: readonly unknown[]): Promise<readonly Row[]>;
  /**
   * As {@link query}, for one that takes the first of very many rows: an index in their order is followed, where the
   * server would else gather all of them and sort, because its statistics of a table that fills and empties are those of
   * another time. What was opened elsewhere may not be told so.
   */
  queryInOrder(text: string, values?: readonly unknown[]): Promise<readonly Row[]>;
  /** Runs work in a transaction, and rolls back when it throws. Only what stands around the work is bounded in time. */
  transaction<T>(work: (client: SqlClient) => Promise<T>): Promise<T>;
  /** Closes what was opened for it. May be called twice. */
  close(): Promise<void>;
}
