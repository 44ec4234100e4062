import { describe, expect, it } from '@jest/globals';
import { createEvent, type EventBus } from 'nestjs-durable-events';
import type { SqsOptions } from 'nestjs-durable-events/sqs';
import { waitFor } from '../support/wait-for.js';
import { useSqs } from './use-sqs.js';

describe.each<[string, Partial<SqsOptions>]>([
  ['', {}],
  [' and SNS', { sns: true }],
])('SqsBackend with FIFO queues%s', (_, options) => {
  const stage = useSqs();

  async function started(define: (bus: EventBus) => void): Promise<EventBus> {
    const bus = stage.bus({ fifo: true, ...options });
    define(bus);
    await bus.start();
    return bus;
  }

  it('keeps the order of a key, also over retries, and other keys go on', async () => {
    const calls: string[] = [];
    const bus = await started((bus) => {
      bus.on(
        'step',
        ({ key, data }, { attempt }) => {
          calls.push(`${key}${String(data)}#${attempt}`);
          if (key === 'a' && data === 1 && attempt < 3) throw new Error('not yet');
        },
        { id: 'fails' },
      );
      bus.on('step', ({ key, data }) => void calls.push(`${key}${String(data)}`), { id: 'works' });
    });
    for (const data of [1, 2, 3]) for (const key of ['a', 'b']) await bus.emitAsync('step', data, { key });
    await waitFor(() => calls.length >= 14, { message: 'all calls' });
    await bus.idle({ timeoutMs: 5000 });
    expect(calls.filter((call) => /^a.*#/.test(call))).toEqual(['a1#1', 'a1#2', 'a1#3', 'a2#1', 'a3#1']);
    expect(calls.filter((call) => /^a\d$/.test(call))).toEqual(['a1', 'a2', 'a3']);
    expect(calls.filter((call) => /^b.*#/.test(call))).toEqual(['b1#1', 'b2#1', 'b3#1']);
  });

  it('stores an event once whose id was chosen, and otherwise each', async () => {
    const seen: string[] = [];
    const bus = await started((bus) => bus.on('x', ({ data }) => void seen.push(String(data)), { id: 'h' }));
    const backend = stage.backend({ fifo: true, ...options });
    const event = createEvent('x', 'chosen', { id: 'order-1' });
    for (const _ of [1, 2]) await backend.publish(event, { deduplicate: true });
    for (const _ of [1, 2]) await backend.publish(createEvent('x', 'made', { id: 'order-2' }));
    await waitFor(() => seen.length >= 3, { message: 'three events' });
    await bus.idle({ timeoutMs: 5000 });
    expect(seen.toSorted()).toEqual(['chosen', 'made', 'made']);
  });

  it('gives what it holds back at shutdown, in order', async () => {
    const calls: string[] = [];
    const handle = (name: string) => (bus: EventBus) =>
      bus.on(
        'x',
        ({ data }) => {
          calls.push(`${name}${String(data)}`);
          if (name === 'first') throw new Error('not here');
        },
        { id: 'h', retry: { maxRetries: 5, initialBackoffMs: 60_000 } },
      );
    const first = await started(handle('first'));
    for (const data of [1, 2]) await first.emitAsync('x', data, { key: 'a' });
    await waitFor(() => calls.length > 0, { message: 'the first call' });
    await first.close();
    await started(handle('second'));
    await waitFor(() => calls.length >= 3, { message: 'the calls of the second' });
    expect(calls).toEqual(['first1', 'second1', 'second2']);
  });
});

describe('SqsBackend with FIFO queues', () => {
  const stage = useSqs();

  it('refuses delays', async () => {
    await expect(stage.bus({ fifo: true }).emitAsync('x', 1, { delayMs: 10 })).rejects.toThrow('delay');
  });
});
