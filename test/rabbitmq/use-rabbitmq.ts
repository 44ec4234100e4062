import { randomUUID } from 'node:crypto';
import { afterAll, afterEach, beforeAll, beforeEach } from '@jest/globals';
import { Logger } from '@nestjs/common';
import { type ChannelModel, type ConfirmChannel, connect } from 'amqplib';
import { createEventBus, type EventBus, type EventErrorNotice } from 'nestjs-durable-events';
import { RabbitMQBackend, type RabbitMQOptions } from 'nestjs-durable-events/rabbitmq';
import { type RabbitMQOptions as BrokerOptions, startRabbitMQ } from '../support/services/rabbitmq.js';
import type { TestServer } from '../support/services/private-server.js';

/** What the tests of a block work with. */
export interface Stage {
  /** The same for all of them. */
  readonly server: TestServer;
  /** A client of the test's own: it reads and writes as any other program does. */
  readonly client: ChannelModel;
  /** New for each, as the names below. */
  readonly channel: ConfirmChannel;
  readonly namespace: string;
  readonly notices: EventErrorNotice[];
  /** A bus that is closed after the test. */
  bus(options?: Partial<RabbitMQOptions>): EventBus;
}

/** Sets up a server for the tests of a block, and clears away what each leaves. @param options Of the server. */
export function useRabbitMQ(options?: BrokerOptions): Stage {
  Logger.overrideLogger(false); // the failures of handlers are meant
  const buses: EventBus[] = [];
  const stage = {
    notices: [] as EventErrorNotice[],
    bus(options: Partial<RabbitMQOptions> = {}): EventBus {
      const { server, namespace, notices } = stage;
      const bus = createEventBus({
        backend: new RabbitMQBackend({ connection: server.url, namespace, ...options }),
        source: 'orders',
        drainTimeoutMs: 1000,
        retry: { maxRetries: 2, initialBackoffMs: 10, backoffMultiplier: 1 },
        onError: (notice) => notices.push(notice),
      });
      buses.push(bus);
      return bus;
    },
  } as { -readonly [K in keyof Stage]: Stage[K] };
  beforeAll(async () => {
    stage.server = await startRabbitMQ(options);
    stage.client = await connect(stage.server.url);
  }, 90_000);
  beforeEach(async () => {
    stage.namespace = `test-${randomUUID().slice(0, 8)}`;
    stage.notices.length = 0;
    stage.channel = await stage.client.createConfirmChannel();
    stage.channel.on('error', () => undefined); // a test that is refused something sees it
  });
  afterEach(async () => {
    await Promise.all(buses.splice(0).map((bus) => bus.close()));
    await stage.channel.close().catch(() => undefined); // the broker has closed it
  });
  afterAll(async () => {
    await stage.client.close();
    await stage.server.stop();
  });
  return stage;
}
