import type { EventStore } from 'nestjs-durable-events/store';

/** Where the processes of a test meet. */
export interface Place {
  readonly kind: 'redis' | 'postgres';
  readonly url: string;
  /** Of the keys, or the schema. */
  readonly namespace: string;
}

/** What was handled: the number of an event, and who did it. */
export interface Handled {
  readonly n: number;
  readonly who: string;
}

/** Takes down what was handled, in the order in which it was. */
export interface Ledger {
  readonly note: (handled: Handled) => Promise<unknown>;
  readonly read: () => Promise<Handled[]>;
  readonly close: () => Promise<unknown>;
}

/** Loads no more than it needs: programs are to start soon. */
export async function storeAt({ kind, url, namespace }: Place): Promise<EventStore> {
  if (kind === 'redis') {
    const { RedisEventStore } = await import('nestjs-durable-events/redis');
    return new RedisEventStore({ connection: url, namespace });
  }
  const { PostgresEventStore } = await import('nestjs-durable-events/postgres');
  return new PostgresEventStore({ connection: url, schema: namespace });
}

/** The table of the ledger in PostgreSQL. */
export function ledgerTable({ namespace }: Place): string {
  return `"${namespace}".ledger`;
}

export async function ledgerAt(place: Place): Promise<Ledger> {
  if (place.kind === 'redis') {
    const { Redis } = await import('ioredis');
    const client = new Redis(place.url);
    const key = `${place.namespace}:ledger`;
    return {
      note: (handled) => client.rpush(key, JSON.stringify(handled)),
      read: async () => (await client.lrange(key, 0, -1)).map((text) => JSON.parse(text) as Handled),
      close: () => client.quit(),
    };
  }
  const { Pool } = await import('pg');
  const pool = new Pool({ connectionString: place.url, max: 2 });
  const table = ledgerTable(place);
  return {
    note: ({ n, who }) => pool.query(`INSERT INTO ${table} (n, who) VALUES ($1, $2)`, [n, who]),
    read: async () => (await pool.query(`SELECT n, who FROM ${table} ORDER BY at`)).rows as Handled[],
    close: () => pool.end(),
  };
}
