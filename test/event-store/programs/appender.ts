import { setTimeout } from 'node:timers/promises';
import { createEvent } from 'nestjs-durable-events';
import { type Place, storeAt } from './place.js';

/** What a test tells this program. */
export interface AppenderSettings {
  readonly place: Place;
  /** Number of the first event. */
  readonly from: number;
  readonly count: number;
  /** Between two appends of a writer. */
  readonly pauseMs: number;
}

const WRITERS = 4;

/* Appends numbered events, several at a time, every fifth in a batch with one of another type. Says "done" then. */
const { place, from, count, pauseMs } = JSON.parse(process.env['SETTINGS']!) as AppenderSettings;
const store = await storeAt(place);
await store.open();
let next = from;
const write = async () => {
  while (next < from + count) {
    const n = next++;
    const order = createEvent('order.placed', { n });
    const batch = n % 5 === 0 ? [createEvent('invoice.sent', { n }), order] : [order];
    // Where it is not known what became of an append, it is repeated.
    for (let tries = 0; ; tries++) {
      try {
        await store.appendBatch(batch, { streamId: `stream-${n % 7}` });
        break;
      } catch (error) {
        if (tries === 5) throw error;
      }
    }
    await setTimeout(pauseMs);
  }
};
await Promise.all(Array.from({ length: WRITERS }, write));
process.send!('done');
await store.close();
process.disconnect();
