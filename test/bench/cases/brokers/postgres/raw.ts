import { setTimeout } from 'node:timers/promises';
import { Client, Pool } from 'pg';
import type { Payload } from '../payload.js';
import type { Link, Transport } from '../transport.js';
import { dropSchema, execute } from './schema.js';

const CONNECTIONS = 10;
const COUNT = 100;
const POLL_MS = 5;

function tableOf({ namespace }: Link): string {
  return `${namespace}.events`;
}

/** What one would write by hand: a prepared INSERT for each payload, and a loop that takes a hundred out at a time. */
export const rawPostgres: Transport = {
  prepare: async (link) => {
    const columns = 'id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY, payload jsonb NOT NULL';
    await execute(link, `CREATE SCHEMA ${link.namespace}; CREATE TABLE ${tableOf(link)} (${columns})`);
  },
  produce: async (link) => {
    const pool = new Pool({ connectionString: link.url, max: CONNECTIONS });
    await pool.query('SELECT 1');
    const text = `INSERT INTO ${tableOf(link)} (payload) VALUES ($1)`;
    return {
      send: (payload) => pool.query({ name: 'insert', text, values: [JSON.stringify(payload)] }),
      close: () => pool.end(),
    };
  },
  consume: async (link, handle) => {
    const client = new Client({ connectionString: link.url });
    await client.connect();
    const table = tableOf(link);
    const oldest = `SELECT id FROM ${table} ORDER BY id FOR UPDATE SKIP LOCKED LIMIT ${COUNT}`;
    const text = `DELETE FROM ${table} WHERE id = ANY(ARRAY(${oldest})) RETURNING payload`;
    let closing = false;
    const loop = async (): Promise<void> => {
      while (!closing) {
        const { rows } = await client.query<{ payload: Payload }>({ name: 'take', text });
        for (const { payload } of rows) void handle(payload);
        if (rows.length === 0) await setTimeout(POLL_MS);
      }
    };
    const ended = loop();
    return {
      close: async () => {
        closing = true;
        await ended;
        await client.end();
      },
    };
  },
  remove: dropSchema,
};
