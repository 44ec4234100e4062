import 'reflect-metadata';
import { afterEach, describe, expect, it } from '@jest/globals';
import { Injectable, Module, type OnModuleInit } from '@nestjs/common';
import {
  createEvent,
  Event,
  EventBus,
  EventsModule,
  type HandlerContext,
  OnEvent,
} from 'nestjs-durable-events';
import { MemoryEventStore, ReplayEngine } from 'nestjs-durable-events/store';
import { NoopBackend } from 'nestjs-durable-events/testing';
import { boot, close, closeAll } from './application.js';

afterEach(closeAll);

/** Notes when it is opened, used and closed. */
class Watched extends MemoryEventStore {
  readonly steps: string[] = [];
  override async open() {
    this.steps.push('open');
  }
  override async appendBatch(...args: Parameters<MemoryEventStore['appendBatch']>) {
    this.steps.push('append');
    return super.appendBatch(...args);
  }
  override async close() {
    this.steps.push('close');
    await super.close();
  }
}

describe('EventsModule with a store', () => {
  it('opens it before the first event, gives it to the bus, and closes it after the last', async () => {
    const store = new Watched();
    @Injectable()
    class Shop implements OnModuleInit {
      constructor(private readonly bus: EventBus) {}
      async onModuleInit() {
        await this.bus.emitAsync('shop.opening');
      }
      async beforeApplicationShutdown() {
        await this.bus.emitAsync('shop.closing');
      }
      @OnEvent('shop.closing')
      async last() {
        await this.bus.emitAsync('shop.closed');
      }
    }
    @Module({ imports: [EventsModule.forRoot({ store })], providers: [Shop] })
    class AppModule {}
    const app = await boot(AppModule);
    expect(app.get(EventBus).store).toBe(store);
    await close(app);
    expect(store.steps).toEqual(['open', 'append', 'append', 'append', 'close']);
    const events = await store.query().toArray();
    expect(events.map(({ type, publication }) => `${type} ${publication}`)).toEqual([
      'shop.opening published',
      'shop.closing published',
      'shop.closed published',
    ]);
  });

  it('takes a store from a factory', async () => {
    const store = new MemoryEventStore();
    const useFactory = () => ({ backend: new NoopBackend(), store: { store, types: 'order.*' } });
    @Module({ imports: [EventsModule.forRootAsync({ useFactory })] })
    class AppModule {}
    const app = await boot(AppModule);
    await app.get(EventBus).emitAsync('order.placed');
    await app.get(EventBus).emitAsync('user.created');
    expect(await store.count()).toBe(1);
  });
});

describe('A ReplayEngine of an application', () => {
  it('is a provider, calls handlers as they are called ever, and leaves out those that are marked', async () => {
    const store = new MemoryEventStore();
    const calls: string[] = [];
    @Injectable()
    class OrderView {
      @OnEvent('order.placed')
      apply(event: Event<{ n: number }>, { replay, handlerId }: HandlerContext) {
        calls.push(`${handlerId} ${event.data.n} ${replay?.name}`);
      }
      @OnEvent('order.placed', { replay: false })
      mail() {
        calls.push('mail');
      }
    }
    const middleware = [
      (next: (event: Event, context: HandlerContext) => unknown) =>
        (event: Event, context: HandlerContext) => {
          calls.push('around');
          return next(event, context);
        },
    ];
    @Module({
      imports: [EventsModule.forRoot({ store, middleware })],
      providers: [OrderView, ReplayEngine],
    })
    class AppModule {}
    await store.append(createEvent('order.placed', { n: 1 }));
    const app = await boot(AppModule);
    const result = await app.get(ReplayEngine).replay('view').handlers('OrderView.*').execute();
    expect(calls).toEqual(['around', 'OrderView.apply 1 view']);
    expect(result.handlers).toEqual({
      'OrderView.apply': { handled: 1, failed: 0, skipped: 0 },
      'OrderView.mail': { handled: 0, failed: 0, skipped: 1 },
    });
  });

  it('keeps an application without a store from booting', async () => {
    @Module({ imports: [EventsModule.forRoot()], providers: [ReplayEngine] })
    class AppModule {}
    await expect(boot(AppModule)).rejects.toThrow(/needs a store.*option 'store'/);
  });
});
