import { afterAll, beforeAll, expect, it } from '@jest/globals';
import { connect } from 'amqplib';
import { createEvent, createEventBus } from 'nestjs-durable-events';
import { RabbitMQBackend } from 'nestjs-durable-events/rabbitmq';
import { Names } from '../../lib/backends/rabbitmq/names.js';
import type { TestServer } from '../support/services/private-server.js';
import { waitFor } from '../support/wait-for.js';
import { RabbitMQView } from './brokers/rabbitmq-view.js';
import { RABBITMQ } from './brokers/servers.js';
import { GROUP, ORDER_PLACED } from './programs/settings.js';

RABBITMQ.describe('RabbitMQ: the view of the fault tests', () => {
  let server: TestServer;
  beforeAll(async () => {
    server = await RABBITMQ.start();
  }, 120_000);
  afterAll(() => server.stop());

  it('lets what waits for its time go on when it has looked at it', async () => {
    const view = new RabbitMQView(server.url, 'view');
    const backend = new RabbitMQBackend({ connection: server.url, namespace: 'view' });
    const bus = createEventBus({ backend, source: GROUP });
    const seen: unknown[] = [];
    bus.on(ORDER_PLACED, ({ data }) => void seen.push(data));
    await bus.start();
    try {
      const { id } = await bus.emitAsync(ORDER_PLACED, 1, { delayMs: 5000 });
      expect(await view.outstanding()).toContainEqual({ eventId: id, handlerId: '*' });
      await waitFor(() => seen.length > 0, { timeoutMs: 30_000, message: 'the event' });
    } finally {
      await bus.close();
      await view.close();
    }
  }, 60_000);

  it('puts back each message once', async () => {
    const view = new RabbitMQView(server.url, 'view-of-many');
    const connection = await connect(server.url);
    try {
      await view.outstanding(); // now there is a queue
      const events = Array.from({ length: 300 }, (_, n) => createEvent(ORDER_PLACED, { n }));
      await Promise.all(events.map((event) => view.publish(event)));
      const found = await view.outstanding();
      expect(new Set(found.map(({ eventId }) => eventId)).size).toBe(events.length);
      const channel = await connection.createChannel();
      const queue = new Names(view.namespace).events(GROUP);
      // The broker takes its time over acknowledgements, and counts what it has not come to as still there.
      await waitFor(async () => (await channel.checkQueue(queue)).messageCount === events.length, {
        timeoutMs: 30_000,
        message: `${events.length} messages in the queue`,
      });
    } finally {
      await connection.close();
      await view.close();
    }
  }, 60_000);
});
