import 'reflect-metadata';
import { afterEach, expect, it } from '@jest/globals';
import {
  Injectable,
  Module,
  type OnApplicationBootstrap,
  type OnApplicationShutdown,
  type OnModuleDestroy,
  type OnModuleInit,
} from '@nestjs/common';
import { createEvent } from 'nestjs-durable-events';
import {
  MemoryEventStore,
  type Projection,
  ProjectionRunner,
  ProjectionsModule,
  type StoredEvent,
} from 'nestjs-durable-events/store';
import { boot, close, closeAll } from './application.js';

afterEach(closeAll);

/** Notes what happens in which order. */
class WatchedStore extends MemoryEventStore {
  readonly calls: string[] = [];

  override async open(): Promise<void> {
    this.calls.push('open');
  }

  override async close(): Promise<void> {
    this.calls.push('close');
    await super.close();
  }
}

const soon = { timeoutMs: 10_000 };

it('projections run while all of the application is there, wherever the module is imported', async () => {
  const store = new WatchedStore();
  const { calls } = store;

  @Injectable()
  class Titles implements Projection {
    readonly name = 'titles';
    readonly types = 'book.*';

    reset(): void {
      calls.push('reset');
    }

    handle({ type }: StoredEvent): void {
      calls.push(`handle ${type}`);
    }
  }

  @Injectable()
  class Database implements OnModuleInit, OnApplicationBootstrap, OnModuleDestroy, OnApplicationShutdown {
    async onModuleInit(): Promise<void> {
      calls.push('onModuleInit');
      await store.append(createEvent('book.written', {}));
    }

    onApplicationBootstrap(): void {
      calls.push('onApplicationBootstrap');
    }

    onModuleDestroy(): void {
      calls.push('onModuleDestroy');
    }

    onApplicationShutdown(): void {
      calls.push('onApplicationShutdown');
    }
  }

  @Module({ providers: [Titles, Database] })
  class Books {}

  @Module({ imports: [Books, ProjectionsModule.forRoot({ store, projections: [Titles], pollMs: 20 })] })
  class App {}

  const app = await boot(App);
  const runner = app.get(ProjectionRunner);
  await runner.caughtUp('titles', soon);
  const before = ['open', 'onModuleInit', 'onApplicationBootstrap', 'reset', 'handle book.written'];
  expect(calls).toEqual(before);

  await close(app);
  expect(calls.slice(before.length)).toEqual(['onModuleDestroy', 'onApplicationShutdown', 'close']);
  expect(await runner.status()).toMatchObject([{ state: 'stopped' }]);
  await store.append(createEvent('book.written', {}));
  expect(await store.checkpoints.list()).toMatchObject([{ name: 'projection:titles', held: false }]);
});

it('the store may be a provider, and projections plain objects that are started by hand', async () => {
  const BOOKS = Symbol('BOOKS');
  const titles: string[] = [];
  const projection: Projection = {
    name: 'titles',
    reset: () => void titles.splice(0),
    handle: ({ data }) => void titles.push((data as { title: string }).title),
  };

  @Module({ providers: [{ provide: BOOKS, useClass: MemoryEventStore }], exports: [BOOKS] })
  class Stores {}

  @Module({
    imports: [
      ProjectionsModule.forRoot({
        imports: [Stores],
        store: BOOKS,
        projections: [projection],
        autoStart: false,
      }),
    ],
  })
  class App {}

  const app = await boot(App);
  const store = app.get<MemoryEventStore>(BOOKS, { strict: false });
  await store.append(createEvent('book.written', { title: 'Notes' }));
  const runner = app.get(ProjectionRunner);
  expect(await runner.status()).toMatchObject([{ state: 'stopped' }]);
  runner.start();
  await runner.caughtUp('titles', soon);
  expect(titles).toEqual(['Notes']);
});

it('a store that cannot be opened keeps the application from starting', async () => {
  class Unreachable extends MemoryEventStore {
    override open(): Promise<void> {
      return Promise.reject(new Error('nobody there'));
    }
  }

  @Module({ imports: [ProjectionsModule.forRoot({ store: new Unreachable(), projections: [] })] })
  class App {}

  await expect(boot(App)).rejects.toThrow('nobody there');
});
