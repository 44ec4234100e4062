/** Whatever runs SQL inside a transaction: a client of `pg`, PGlite, or the transaction of an ORM behind an adapter. */
export interface SqlClient {
  query(text: string, values?: readonly unknown[]): Promise<{ readonly rows: readonly unknown[] }>;
}
