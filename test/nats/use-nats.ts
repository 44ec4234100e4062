import { randomUUID } from 'node:crypto';
import { afterAll, afterEach, beforeAll, beforeEach } from '@jest/globals';
import { type JetStreamManager, jetstreamManager } from '@nats-io/jetstream';
import { connect, type NatsConnection } from '@nats-io/transport-node';
import { Logger } from '@nestjs/common';
import { createEventBus, type EventBus, type EventErrorNotice } from 'nestjs-durable-events';
import { NatsJetStreamBackend, type NatsJetStreamOptions } from 'nestjs-durable-events/nats';
import { startNats } from '../support/services/nats.js';
import type { TestServer } from '../support/services/private-server.js';

/** What the tests of a block work with. */
export interface Stage {
  /** The same for all of them. */
  readonly server: TestServer;
  /** A client of the test's own: it reads and writes as any other program does. */
  readonly client: NatsConnection;
  readonly jsm: JetStreamManager;
  /** New for each. */
  readonly namespace: string;
  readonly notices: EventErrorNotice[];
  /** A bus that is closed after the test. */
  bus(options?: Partial<NatsJetStreamOptions>): EventBus;
}

/** Sets up a server for the tests of a block, and clears away what each leaves. */
export function useNats(): Stage {
  Logger.overrideLogger(false); // the failures of handlers are meant
  const buses: EventBus[] = [];
  const stage = {
    notices: [] as EventErrorNotice[],
    bus(options: Partial<NatsJetStreamOptions> = {}): EventBus {
      const { server, namespace, notices } = stage;
      const bus = createEventBus({
        backend: new NatsJetStreamBackend({ connection: server.url, namespace, ...options }),
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
    stage.server = await startNats();
    stage.client = await connect({ servers: stage.server.url });
    stage.jsm = await jetstreamManager(stage.client);
  });
  beforeEach(() => {
    stage.namespace = `test-${randomUUID().slice(0, 8)}`;
    stage.notices.length = 0;
  });
  afterEach(async () => {
    await Promise.all(buses.splice(0).map((bus) => bus.close()));
  });
  afterAll(async () => {
    await stage.client.close();
    await stage.server.stop();
  });
  return stage;
}
