import { setTimeout } from 'node:timers/promises';
import { createEvent } from 'nestjs-durable-events';
import { PostgresEventStore, type PostgresEventStoreOptions } from 'nestjs-durable-events/postgres';

/** What a test tells this program. */
export interface LateAppenderSettings {
  readonly options: PostgresEventStoreOptions;
  readonly name: string;
  /** Batches of each writer; without end when left out. */
  readonly batches?: number;
}

const WRITERS = 3;
const MOST = 12;
const LATE_MS = 40;

/*
 * Appends batches, each numbered from 0 to the end and told by its correlation id, in transactions that stay open for a
 * while after it, or without one. Some are rolled back. Says which batches were confirmed.
 */
const { options, name, batches = Infinity } = JSON.parse(process.env['SETTINGS']!) as LateAppenderSettings;
const store = new PostgresEventStore(options);
const random = (below: number) => Math.floor(Math.random() * below);
class RolledBack extends Error {}

async function append(correlationId: string): Promise<void> {
  const of = 1 + random(MOST);
  const events = Array.from({ length: of }, (_, n) => createEvent('part', { n, of }, { correlationId }));
  const streamId = `stream-${random(5)}`;
  if (random(3) === 0) return void (await store.appendBatch(events, { streamId }));
  await store.transaction(async (transaction) => {
    await setTimeout(random(LATE_MS));
    await store.appendBatch(events, random(2) === 0 ? { transaction } : { transaction, streamId });
    await setTimeout(random(LATE_MS));
    if (random(5) === 0) throw new RolledBack();
  });
}

process.send!('ready');
await Promise.all(
  Array.from({ length: WRITERS }, async (_, writer) => {
    for (let i = 0; i < batches; i++) {
      const batch = `${name}-${writer}-${i}`;
      try {
        await append(batch);
        process.send!({ confirmed: batch });
      } catch (error) {
        // Two transactions that wait for each other's streams: the server has ended one of them.
        if (!(error instanceof RolledBack) && (error as { code?: string }).code !== '40P01') throw error;
      }
    }
  }),
);
process.send!('done');
await store.close();
process.disconnect();
