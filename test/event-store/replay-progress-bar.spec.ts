import { PassThrough } from 'node:stream';
import { expect, it } from '@jest/globals';
import { createEvent, createEventBus } from 'nestjs-durable-events';
import { MemoryEventStore, ReplayEngine } from 'nestjs-durable-events/store';

/** Goes to the begin of the line, and clears it. */
const OVER = '\r\u001B[2K';

/** What a replay of so many events writes to a stream. */
async function shown(count: number, terminal: object, name?: string): Promise<string> {
  const store = new MemoryEventStore();
  await store.appendBatch(Array.from({ length: count }, () => createEvent('order.placed', {})));
  const bus = createEventBus({ store });
  bus.on('order.placed', () => undefined, { id: 'View' });
  const stream = Object.assign(new PassThrough({ encoding: 'utf8' }), terminal);
  await new ReplayEngine(bus).replay(name).progressBar(stream).execute();
  await bus.close();
  return String(stream.read() ?? '');
}

it('a terminal has one line that is written over, no wider than it is, and its end', async () => {
  const text = await shown(4, { isTTY: true, columns: 200 });
  expect(text.startsWith(OVER)).toBe(true);
  expect(text.split(OVER).at(-1)).toMatch(/^\[#{30}\] replay completed 100 %: 4 of 4 events, \d+\/s\n$/);
  const narrow = await shown(4, { isTTY: true, columns: 20 }, 'orders');
  for (const line of narrow.split(OVER)) expect(line.trimEnd().length).toBeLessThan(20);
});

it('anything else has a line of its own each time, without control characters', async () => {
  const text = await shown(4, {}, 'orders');
  expect(text).toMatch(/^replay 'orders' completed 100 %: 4 of 4 events, \d+\/s\n$/m);
  expect(text).not.toContain('\u001B');
});

it('nothing to replay is no error', async () => {
  expect(await shown(0, {})).toMatch(/^replay completed: 0 of 0 events, 0\/s\n$/m);
});
