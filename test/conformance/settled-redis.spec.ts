import { afterAll, afterEach, beforeAll, beforeEach, expect, it } from '@jest/globals';
import { Logger } from '@nestjs/common';
import { createEventBus, type EventBus } from 'nestjs-durable-events';
import { RedisStreamsBackend } from 'nestjs-durable-events/redis';
import { settled } from 'nestjs-durable-events/testing';
import type { TestServer } from '../support/services/private-server.js';
import { startRedis } from '../support/services/redis.js';

Logger.overrideLogger(false); // the failures below are meant

let server: TestServer;
let bus: EventBus;
beforeAll(async () => {
  server = await startRedis();
});
afterAll(() => server.stop());
beforeEach(async () => {
  const namespace = `settled-${process.pid}-${Date.now()}`;
  const backend = new RedisStreamsBackend({ connection: server.url, namespace });
  bus = createEventBus({ backend, retry: { maxRetries: 2, initialBackoffMs: 20 } });
  await bus.start();
});
afterEach(() => bus.close());

it('settled() follows events and retries through Redis', async () => {
  const calls: string[] = [];
  bus.on('order.placed', async ({ data }) => {
    await Promise.all([bus.emitAsync('order.paid', data), bus.emitAsync('stock.reserved', data)]);
    calls.push('placed');
  });
  bus.on('order.paid', (_, { attempt }) => {
    calls.push(`paid ${attempt}`);
    if (attempt < 3) throw new Error('not yet');
  });
  await settled(bus, () => bus.emitAsync('order.placed', 1));
  expect(calls.toSorted()).toEqual(['paid 1', 'paid 2', 'paid 3', 'placed']);
});

it('settled() tells when a handler gave up', async () => {
  bus.on('order.placed', () => bus.emitAsync('order.paid', 1));
  bus.on('order.paid', () => Promise.reject(new Error('no money')));
  await expect(settled(bus, () => bus.emitAsync('order.placed', 1))).rejects.toThrow('no money');
});

it('settled() waits for broadcast handlers as for the others', async () => {
  const namespace = `settled-broadcast-${process.pid}-${Date.now()}`;
  const broadcasting = createEventBus(new RedisStreamsBackend({ connection: server.url, namespace }));
  try {
    const calls: string[] = [];
    const after = (ms: number) => new Promise((resolve) => setTimeout(resolve, ms));
    broadcasting.on('cache.changed', () => after(1).then(() => calls.push('group')));
    broadcasting.on('cache.changed', () => after(50).then(() => calls.push('everybody')), {
      broadcast: true,
    });
    await broadcasting.start();
    await settled(broadcasting, () => broadcasting.emitAsync('cache.changed', 1));
    expect(calls.toSorted()).toEqual(['everybody', 'group']);
  } finally {
    await broadcasting.close();
  }
});
