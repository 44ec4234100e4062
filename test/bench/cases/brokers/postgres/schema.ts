import { Client } from 'pg';
import type { Link } from '../transport.js';

/** Runs SQL on a connection of its own. */
export async function execute({ url }: Link, sql: string): Promise<void> {
  const client = new Client({ connectionString: url });
  await client.connect();
  try {
    await client.query(sql);
  } finally {
    await client.end();
  }
}

/** Everything of one run is in a schema. */
export function dropSchema(link: Link): Promise<void> {
  return execute(link, `DROP SCHEMA IF EXISTS ${link.namespace} CASCADE`);
}
