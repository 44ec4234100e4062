import { randomUUID } from 'node:crypto';
import { afterAll, afterEach, beforeAll, describe, expect, it } from '@jest/globals';
import { Logger } from '@nestjs/common';
import { Transport } from '@nestjs/microservices';
import { connect } from 'amqplib';
import { createEventBus, type EventBus } from 'nestjs-durable-events';
import { MicroservicesBackend } from 'nestjs-durable-events/microservices';
import type { TestServer } from '../support/services/private-server.js';
import { startRabbitMQ } from '../support/services/rabbitmq.js';
import { waitFor } from '../support/wait-for.js';

Logger.overrideLogger(false);

describe('MicroservicesBackend on RabbitMQ', () => {
  let server: TestServer;
  beforeAll(async () => {
    server = await startRabbitMQ();
  }, 60_000);
  afterAll(() => server.stop());

  const buses: EventBus[] = [];
  afterEach(async () => {
    await Promise.all(buses.splice(0).map((bus) => bus.close()));
  });

  function bus(options: object, drainTimeoutMs = 1000): EventBus {
    const backend = new MicroservicesBackend({
      transport: Transport.RMQ,
      options: { urls: [server.url], ...options },
      group: 'orders',
    });
    const made = createEventBus({ backend, drainTimeoutMs, abortGraceMs: 50 });
    buses.push(made);
    return made;
  }

  it('gives an event to another process that was interrupted, and says that it comes again', async () => {
    const exchange = randomUUID();
    const first = bus({ exchange }, 50);
    let begun = 0;
    first.on('x', () => (begun++, new Promise(() => undefined)), { id: 'h' });
    await first.start();
    await first.emitAsync('x', 1);
    await waitFor(() => begun === 1);
    await first.close();
    const second = bus({ exchange });
    const seen: [unknown, boolean][] = [];
    second.on('x', ({ data }, { redelivered }) => void seen.push([data, redelivered]), { id: 'h' });
    await second.start();
    await waitFor(() => seen.length > 0);
    expect(seen).toEqual([[1, true]]);
  });

  it('keeps events for a service that has listened once, over a restart of RabbitMQ', async () => {
    const exchange = randomUUID();
    const first = bus({ exchange });
    first.on('x', () => undefined);
    await first.start();
    await first.drain();
    await first.emitAsync('x', 'kept');
    await first.close();
    await server.kill9();
    await server.restart();
    const second = bus({ exchange });
    const seen: unknown[] = [];
    second.on('x', ({ data }) => void seen.push(data));
    await second.start();
    await waitFor(() => seen.includes('kept'));
  }, 60_000);

  it('sends to a queue, and takes from it, where a queue is named alone', async () => {
    const queue = randomUUID();
    const sending = bus({ queue });
    await sending.emitAsync('x', 1);
    const connection = await connect(server.url);
    const channel = await connection.createChannel();
    expect(await channel.checkQueue(queue)).toMatchObject({ messageCount: 1 });
    await connection.close();
    const taking = bus({ queue });
    const seen: unknown[] = [];
    taking.on('x', ({ data }) => void seen.push(data));
    await taking.start();
    await waitFor(() => seen.length === 1);
  });

  it('refuses noAck, with which events would be lost', async () => {
    const refused = bus({ exchange: randomUUID(), noAck: true });
    refused.on('x', () => undefined);
    await expect(refused.start()).rejects.toThrow(/'options.noAck' of MicroservicesBackend is true/);
  });
});
