import { PostgresEventStore, type PostgresEventStoreOptions } from 'nestjs-durable-events/postgres';

/** What a test tells this program. */
export interface ReaderSettings {
  readonly options: PostgresEventStoreOptions;
}

const PAGE = 50;

/* Reads on all the time, until it is told the position to end at; then says the ids of all that it saw, in order. */
const { options } = JSON.parse(process.env['SETTINGS']!) as ReaderSettings;
const store = new PostgresEventStore(options);
const seen: string[] = [];
let position: string | undefined;
let end: string | undefined;
process.once('message', (message) => (end = message as string));
process.send!('ready');
while (end === undefined || position === undefined || position < end) {
  for (const event of await store.page({ after: position, limit: PAGE })) {
    seen.push(event.id);
    ({ position } = event);
  }
}
process.send!({ seen });
await store.close();
process.disconnect();
