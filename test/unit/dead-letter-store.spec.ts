import { expect, it } from '@jest/globals';
import { createDeadLetter, createEvent, MemoryDeadLetterStore } from 'nestjs-durable-events';

// What is common to all stores is in test/stores.

it('searches beside data that cannot be JSON', async () => {
  const store = new MemoryDeadLetterStore();
  const cycle: Record<string, unknown> = {};
  cycle['self'] = cycle;
  const samples: [id: string, data: unknown, message: string][] = [
    ['cyclic', cycle, 'odd one'],
    ['big', 1n, 'no'],
    ['none', undefined, 'no'],
  ];
  for (const [id, data, message] of samples) {
    const attempt = { at: 0, durationMs: 1, error: { name: 'Error', message } };
    await store.add([createDeadLetter(createEvent('x', data, { id }), 'h', [attempt])]);
  }
  const found = async (text: string) => (await store.list({ text })).entries.map(({ event }) => event.id);
  expect(await found('odd one')).toEqual(['cyclic']);
  expect(await found('big')).toEqual(['big']);
});
