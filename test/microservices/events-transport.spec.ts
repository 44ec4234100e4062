/* eslint-disable @typescript-eslint/no-unnecessary-type-arguments -- it chooses among the overloads of EventPattern */
import { afterEach, describe, expect, it, jest } from '@jest/globals';
import { Controller, Logger, Module } from '@nestjs/common';
import { NestFactory } from '@nestjs/core';
import { Ctx, EventPattern, MessagePattern, Payload } from '@nestjs/microservices';
import {
  createEventBus,
  type Event,
  EventBus,
  EventsModule,
  MemoryBackend,
  UnrecoverableError,
} from 'nestjs-durable-events';
import {
  EVENTS_TRANSPORT,
  EventsContext,
  EventsTransport,
  RethrowFilter,
} from 'nestjs-durable-events/microservices';
import { waitFor } from '../support/wait-for.js';

Logger.overrideLogger(false); // the failures are meant

const calls: [handler: string, ...facts: unknown[]][] = [];
/** How often the failing handler still throws. */
let failures = 0;

@Controller()
class Orders {
  @EventPattern<string>('order.placed', { id: 'invoice', retry: { maxRetries: 3, initialBackoffMs: 1 } })
  placed(@Payload() event: Event, @Ctx() context: EventsContext) {
    calls.push(['placed', event.data, context.getHandlerContext().attempt]);
    if (failures-- > 0) throw new Error('no paper');
  }

  @EventPattern<string>('order.*', EVENTS_TRANSPORT)
  every(@Payload() event: Event, @Ctx() context: EventsContext) {
    calls.push(['every', event.type, context.getEvent() === event]);
  }

  @EventPattern<string>('order.refused')
  refused() {
    throw new UnrecoverableError('not in stock');
  }

  @MessagePattern('order.count')
  count() {
    return 1;
  }
}

@Module({ controllers: [Orders] })
class OrdersModule {}

const closing: (() => Promise<unknown>)[] = [];
afterEach(async () => {
  for (const close of closing.splice(0)) await close();
  calls.length = 0;
  failures = 0;
});

/** A microservice of its own around a bus in memory, and that bus. */
async function microservice(transport: EventsTransport, filter?: RethrowFilter): Promise<EventBus> {
  const app = await NestFactory.createMicroservice(OrdersModule, { strategy: transport, logger: false });
  if (filter) app.useGlobalFilters(filter);
  closing.push(() => app.close());
  await app.listen();
  return transport.unwrap();
}

describe('EventsTransport', () => {
  it('calls plain @EventPattern handlers with the events of a backend, by name and by pattern', async () => {
    const bus = await microservice(new EventsTransport(new MemoryBackend()));
    await bus.emitAsync('order.placed', { total: 3 });
    await bus.idle();
    expect(calls).toContainEqual(['placed', { total: 3 }, 1]);
    expect(calls).toContainEqual(['every', 'order.placed', true]);
  });

  it('retries the handler that failed and no other, as its extras say', async () => {
    failures = 2;
    const bus = await microservice(new EventsTransport(new MemoryBackend()));
    await bus.emitAsync('order.placed', 1);
    await bus.idle();
    expect(calls.filter(([name]) => name === 'placed')).toEqual([
      ['placed', 1, 1],
      ['placed', 1, 2],
      ['placed', 1, 3],
    ]);
    expect(calls.filter(([name]) => name === 'every')).toHaveLength(1);
  });

  it('keeps what fails for good as a dead letter of the handler, without the reason', async () => {
    failures = Infinity;
    const bus = await microservice(new EventsTransport(new MemoryBackend()));
    await bus.emitAsync('order.placed', 1);
    await bus.idle();
    const { entries } = await bus.deadLetters.list();
    expect(entries.map(({ handlerId, attempts }) => [handlerId, attempts.length])).toEqual([['invoice', 4]]);
    expect(JSON.stringify(entries[0]!.attempts)).toMatch('Internal server error');
    expect(JSON.stringify(entries[0]!.attempts)).not.toMatch('no paper');
  });

  it('keeps the reason with RethrowFilter, and understands UnrecoverableError', async () => {
    const bus = await microservice(
      new EventsTransport({ backend: new MemoryBackend(), retry: { initialBackoffMs: 1 } }),
      new RethrowFilter(),
    );
    await bus.emitAsync('order.refused', 1);
    await bus.idle();
    const { entries } = await bus.deadLetters.list();
    expect(entries.map(({ attempts }) => attempts.map(({ error }) => error.message))).toEqual([
      ['not in stock'],
    ]);
  });

  it('gives the data alone with payload: data', async () => {
    const transport = new EventsTransport(new MemoryBackend(), { payload: 'data' });
    const seen: unknown[] = [];
    transport.addHandler('x', async (payload: unknown) => void seen.push(payload), true);
    closing.push(() => transport.close());
    await transport.listen(() => undefined);
    await transport.unwrap().emitAsync('x', { total: 3 });
    await transport.unwrap().idle();
    expect(seen).toEqual([{ total: 3 }]);
  });

  it('calls each of several handlers of one pattern, under ids of their own', async () => {
    const bus = createEventBus(new MemoryBackend());
    closing.push(() => bus.close());
    const transport = new EventsTransport(bus);
    const seen: string[] = [];
    for (const name of ['one', 'two']) transport.addHandler('x', async () => void seen.push(name), true);
    await transport.listen(() => undefined);
    await bus.start();
    await bus.emitAsync('x', 1);
    await bus.idle();
    expect(seen.sort()).toEqual(['one', 'two']);
    expect((await bus.stats()).handlers).toBe(2);
  });

  it('uses the bus of EventsModule in a hybrid application, beside its @OnEvent handlers', async () => {
    @Module({ imports: [EventsModule.forRoot(new MemoryBackend())], controllers: [Orders] })
    class AppModule {}
    const app = await NestFactory.create(AppModule, { logger: false });
    closing.push(() => app.close());
    app.connectMicroservice({ strategy: new EventsTransport(app.get(EventBus)) });
    await app.startAllMicroservices();
    await app.init();
    await app.get(EventBus).emitAsync('order.placed', 1);
    await waitFor(() => calls.length === 2);
  });

  it('says that it does not answer requests', () => {
    const transport = new EventsTransport(new MemoryBackend());
    const warn = jest.spyOn(transport['logger'], 'warn').mockImplementation(() => undefined);
    transport.addHandler('order.count', async () => 1, false);
    expect(warn).toHaveBeenCalledWith(expect.stringMatching(/@MessagePattern\('order.count'\)/));
    expect(() => transport.on()).toThrow(/no events of its own/);
    expect(() => new EventsTransport(new MemoryBackend(), { payload: 'x' as never })).toThrow(/'payload'/);
  });

  it('tells Nest when its backend does not start', async () => {
    const backend = {
      name: 'broken',
      publish: async () => undefined,
      subscribe: async () => Promise.reject(new Error('no broker')),
      close: async () => undefined,
    };
    const transport = new EventsTransport(backend);
    closing.push(() => transport.close());
    const told: unknown[] = [];
    await transport.listen((error) => told.push(error));
    expect(String(told)).toMatch(/no broker/);
  });
});
