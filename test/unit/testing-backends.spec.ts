import { describe, expect, it } from '@jest/globals';
import {
  createEvent,
  createEventBus,
  defineEvent,
  MemoryBackend,
  QueueFullError,
} from 'nestjs-durable-events';
import { NoopBackend, RecordingBackend } from 'nestjs-durable-events/testing';

class OrderPaid {
  constructor(readonly total: number) {}
}

describe('RecordingBackend', () => {
  it('remembers what was published, by name, definition and class', async () => {
    const backend = new RecordingBackend();
    const bus = createEventBus(backend);
    const placed = defineEvent('order.placed', { version: 2 });
    await bus.start();
    await bus.emitAsync(placed, { orderId: '1' });
    await bus.emitAsync(OrderPaid, new OrderPaid(5));
    await bus.emitAsync('order.placed', { orderId: '2' }, { delayMs: 1000, key: 'k' });
    await bus.emitSync('order.placed', { orderId: 'inline' });

    expect(backend.published().map(({ type }) => type)).toEqual([
      'order.placed',
      'OrderPaid',
      'order.placed',
    ]);
    expect(backend.published('order.placed').map(({ data }) => data)).toEqual([
      { orderId: '1' },
      { orderId: '2' },
    ]);
    expect(backend.published(placed)).toEqual(backend.published('order.placed'));
    expect(backend.published(OrderPaid)[0]).toMatchObject({ data: { total: 5 } });
    expect([backend.hasEvent('order.placed'), backend.hasEvent('order.lost')]).toEqual([true, false]);
    expect([backend.count(), backend.count('order.placed'), backend.count(OrderPaid)]).toEqual([3, 2, 1]);

    backend.clear();
    expect(backend.count()).toBe(0);
    await bus.close();
  });

  it('passes everything on to another backend, and does not record what that refused', async () => {
    const backend = new RecordingBackend(new MemoryBackend({ queueSize: 1, overflow: 'reject' }));
    const bus = createEventBus(backend);
    const handled: unknown[] = [];
    bus.on('x', ({ data }) => void handled.push(data));
    await bus.emitAsync('x', 1);
    await expect(bus.emitAsync('x', 2)).rejects.toThrow(QueueFullError);
    expect(backend.published('x').map(({ data }) => data)).toEqual([1]);
    await bus.start();
    await bus.idle({ timeoutMs: 2000 });
    expect(handled).toEqual([1]);
    await bus.close();
  });

  it('records of a batch what the other backend took', async () => {
    const inner = Object.assign(new NoopBackend(), {
      publishBatch: () => Promise.resolve([undefined, new Error('full'), undefined]),
    });
    const backend = new RecordingBackend(inner);
    const bus = createEventBus(backend);
    const results = await bus.emitBatch([1, 2, 3].map((data) => ({ type: 'x', data })));
    expect(results.map(({ status }) => status)).toEqual(['fulfilled', 'rejected', 'fulfilled']);
    expect(backend.published('x').map(({ data }) => data)).toEqual([1, 3]);
    await bus.close();
  });
});

it('NoopBackend accepts, counts and forgets', async () => {
  const backend = new NoopBackend();
  const bus = createEventBus(backend);
  bus.on('x', () => {
    throw new Error('must not run');
  });
  await bus.start();
  await bus.emitAsync('x', 1);
  await bus.emitAsync('x', 2, { delayMs: 1000 });
  await backend.publish(createEvent('x', 3));
  expect(backend.count).toBe(3);
  await bus.close();
});
