/* eslint-disable @typescript-eslint/no-unnecessary-type-arguments -- it chooses among the overloads of EventPattern */
import { randomUUID } from 'node:crypto';
import { afterAll, afterEach, beforeAll, describe, expect, it } from '@jest/globals';
import { Controller, Logger, Module, type Type } from '@nestjs/common';
import { NestFactory } from '@nestjs/core';
import {
  ClientProxyFactory,
  EventPattern,
  type MicroserviceOptions,
  Payload,
  Transport,
} from '@nestjs/microservices';
import { CloudEvent } from 'cloudevents';
import { lastValueFrom } from 'rxjs';
import { createEventBus, type Event, type EventBus } from 'nestjs-durable-events';
import {
  MicroservicesBackend,
  type MicroservicesOptions,
  type PayloadKind,
} from 'nestjs-durable-events/microservices';
import { freePort } from '../support/free-port.js';
import { startMosquitto } from '../support/services/mosquitto.js';
import { startNats } from '../support/services/nats.js';
import type { TestServer } from '../support/services/private-server.js';
import { startRabbitMQ } from '../support/services/rabbitmq.js';
import { startRedis } from '../support/services/redis.js';
import { waitFor } from '../support/wait-for.js';

Logger.overrideLogger(false);

declare const NEST_MAJOR: number;

/** A transport of Nest, as each of two services of a test is set up with it. */
interface Stage {
  readonly start: () => Promise<Pick<TestServer, 'url' | 'stop'>>;
  /** For a service of Nest that knows nothing of us, and for our backend. */
  readonly options: (url: string, exchange: string, service: string) => MicroserviceOptions;
}

async function noServer() {
  return { url: `tcp://127.0.0.1:${await freePort()}`, stop: async () => undefined };
}

const stages: Record<string, Stage> = {
  // Nest 11 has a client for NATS that is not maintained any more, and that the tests do without.
  ...(NEST_MAJOR > 11 && {
    NATS: {
      start: startNats,
      options: (url, _, queue) => ({ transport: Transport.NATS, options: { servers: [url], queue } }),
    } satisfies Stage,
  }),
  Redis: {
    start: startRedis,
    options: (url) => ({
      transport: Transport.REDIS,
      options: { host: new URL(url).hostname, port: Number(new URL(url).port) },
    }),
  },
  MQTT: {
    start: startMosquitto,
    options: (url) => ({ transport: Transport.MQTT, options: { url } }),
  },
  RabbitMQ: {
    start: startRabbitMQ,
    options: (url, exchange, service) => ({
      transport: Transport.RMQ,
      options: { urls: [url], wildcards: true, exchange, queue: `${exchange}.${service}` },
    }),
  },
  TCP: {
    start: noServer,
    options: (url) => ({
      transport: Transport.TCP,
      options: { host: new URL(url).hostname, port: Number(new URL(url).port) },
    }),
  },
};

/** A service of Nest as its documentation has it, that keeps what it gets. */
function plainService(): { module: Type; seen: unknown[] } {
  const seen: unknown[] = [];
  @Controller()
  class Billing {
    @EventPattern<string>('order.placed')
    placed(@Payload() payload: unknown) {
      seen.push(payload);
    }
  }
  @Module({ controllers: [Billing] })
  class BillingModule {}
  return { module: BillingModule, seen };
}

describe.each(Object.entries(stages))('MicroservicesBackend and plain services on %s', (_, stage) => {
  let server: Awaited<ReturnType<Stage['start']>>;
  beforeAll(async () => {
    server = await stage.start();
  }, 60_000);
  afterAll(() => server.stop());

  const closing: (() => Promise<unknown>)[] = [];
  afterEach(async () => {
    for (const close of closing.splice(0)) await close();
  });

  function bus(exchange: string, more: Partial<MicroservicesOptions> = {}): EventBus {
    const choice = stage.options(server.url, exchange, 'ours') as MicroservicesOptions;
    const backend = new MicroservicesBackend({ ...choice, group: 'ours', ...more } as MicroservicesOptions);
    const made = createEventBus({ backend, source: 'shop' });
    closing.push(() => made.close());
    return made;
  }

  /** What a plain service gets of an event, with the id of that. */
  async function received(payload: PayloadKind): Promise<{ id: string; got: unknown }> {
    const exchange = randomUUID();
    const { module, seen } = plainService();
    const options = stage.options(server.url, exchange, 'billing');
    const app = await NestFactory.createMicroservice<MicroserviceOptions>(module, {
      ...options,
      logger: false,
    });
    closing.push(() => app.close());
    await app.listen();
    const emitting = bus(exchange, { payload });
    const { id } = await emitting.emitAsync('order.placed', { name: 'Zoë' }, { key: 'k' });
    await waitFor(() => seen.length > 0);
    return { id, got: seen[0] };
  }

  it('an event reaches @EventPattern of its name, as a CloudEvent', async () => {
    const { id, got } = await received('event');
    // Read by somebody who knows CloudEvents and nothing of us.
    const event = new CloudEvent(got as object, true);
    expect(event).toMatchObject({ id, type: 'order.placed', source: 'shop', data: { name: 'Zoë' } });
    expect(event['partitionkey']).toBe('k');
  });

  it('the data of an event reaches @EventPattern of its name with payload: data', async () => {
    expect((await received('data')).got).toEqual({ name: 'Zoë' });
  });

  it('what a plain client emits reaches handlers of its pattern, with payload: data', async () => {
    const exchange = randomUUID();
    const listening = bus(exchange, { payload: 'data' });
    const events: Event[] = [];
    listening.on('order.*', (event) => void events.push(event));
    await listening.start();
    const client = ClientProxyFactory.create(stage.options(server.url, exchange, 'ours') as never);
    closing.push(async () => client.close());
    await lastValueFrom(client.emit('order.placed', { total: 3 }), { defaultValue: undefined });
    await waitFor(() => events.length > 0);
    expect(events[0]).toMatchObject({ type: 'order.placed', data: { total: 3 }, source: 'microservices' });
  });

  it('handlers get events by name and by pattern once, and none that they did not ask for', async () => {
    const one = bus(randomUUID());
    const seen: string[] = [];
    for (const pattern of ['order.placed', 'order.**', 'after:*', 'other']) {
      one.on(pattern, ({ type }) => void seen.push(`${pattern} ${type}`));
    }
    await one.start();
    for (const type of ['order.placed', 'order.placed.twice', 'after:signup', 'order', 'else.where', 'other'])
      await one.emitAsync(type, 1);
    await waitFor(() => seen.includes('other other'));
    await one.idle();
    expect(seen.sort()).toEqual([
      'after:* after:signup',
      'order.** order.placed',
      'order.** order.placed.twice',
      'order.placed order.placed',
      'other other',
    ]);
  });
});
