import 'reflect-metadata';
import { afterEach, describe, expect, it } from '@jest/globals';
import { Controller, Inject, Injectable, Module, type Provider, Scope, type Type } from '@nestjs/common';
import {
  ContextIdFactory,
  type ContextId,
  type ContextIdStrategy,
  type HostComponentInfo,
  REQUEST,
} from '@nestjs/core';
import { Event, EventBus, EventsModule, type EventsModuleOptions, OnEvent } from 'nestjs-durable-events';
import { boot, closeAll } from './application.js';

let made = 0;

/** One per event: shows which handlers shared a context. */
@Injectable({ scope: Scope.REQUEST })
class Visit {
  readonly number = ++made;
  constructor(@Inject(REQUEST) readonly event: Event) {}
}

interface Sighting {
  readonly by: string;
  readonly visit?: number;
  readonly data?: unknown;
}

let seen: Sighting[] = [];
let instances: object[] = [];

async function busOf(
  providers: (Type | Provider)[],
  { controllers = [], ...options }: EventsModuleOptions & { controllers?: Type[] } = {},
): Promise<EventBus> {
  class AppModule {}
  Module({ imports: [EventsModule.forRoot(options)], providers: [Visit, ...providers], controllers })(
    AppModule,
  );
  return (await boot(AppModule)).get(EventBus);
}

describe('scoped handlers', () => {
  afterEach(async () => {
    await closeAll();
    made = 0;
    seen = [];
    instances = [];
  });

  @Injectable({ scope: Scope.REQUEST })
  class Requested {
    constructor(@Inject(Visit) private readonly visit: Visit) {
      instances.push(this);
    }
    @OnEvent('tick', { priority: 2 })
    tick({ data }: Event) {
      seen.push({ by: 'request', visit: this.visit.number, data: this.visit.event.data === data });
    }
  }

  /** Scoped only through what it depends on. */
  @Controller()
  class Dependent {
    constructor(@Inject(Visit) private readonly visit: Visit) {}
    @OnEvent('tick', { priority: 1 })
    tick({ data }: Event) {
      seen.push({ by: 'controller', visit: this.visit.number, data });
    }
  }

  @Injectable({ scope: Scope.TRANSIENT })
  class Transient {
    #calls = 0;
    constructor(@Inject(EventBus) private readonly bus: EventBus) {}
    @OnEvent('tick')
    tick() {
      seen.push({ by: `transient ${++this.#calls} ${this.bus instanceof EventBus}` });
    }
  }

  const tick = (visit: number, data: unknown) => [
    { by: 'request', visit, data: true },
    { by: 'controller', visit, data },
    { by: 'transient 1 true' },
  ];

  it.each(['emitSync', 'emitAsync'] as const)('share one context per event, by %s', async (emit) => {
    const bus = await busOf([Requested, Transient], { controllers: [Dependent] });
    expect(instances).toEqual([]);
    await bus[emit]('tick', 'a');
    await bus.idle({ timeoutMs: 1000 });
    await bus[emit]('tick', 'b');
    await bus.idle({ timeoutMs: 1000 });
    expect(seen).toEqual([...tick(1, 'a'), ...tick(2, 'b')]);
  });

  it('share it also when one of them asked for a class and the data was plain', async () => {
    class Order {
      id!: string;
    }
    @Injectable({ scope: Scope.REQUEST })
    class Both {
      constructor(@Inject(Visit) private readonly visit: Visit) {}
      @OnEvent(Order)
      byClass({ data }: Event<Order>) {
        seen.push({ by: 'class', visit: this.visit.number, data: data instanceof Order });
      }
      @OnEvent('Order')
      byName({ data }: Event) {
        seen.push({ by: 'name', visit: this.visit.number, data: data instanceof Order });
      }
    }
    const bus = await busOf([Both]);
    await bus.emitSync('Order', { id: '1' });
    expect(seen).toEqual([
      { by: 'class', visit: 1, data: true },
      { by: 'name', visit: 1, data: false },
    ]);
  });

  it('get new ones for every try, and for the retry of a dead letter', async () => {
    @Injectable({ scope: Scope.REQUEST })
    class Failing {
      constructor(@Inject(Visit) private readonly visit: Visit) {}
      @OnEvent('tick', { retry: { maxRetries: 1, initialBackoffMs: 1 } })
      tick() {
        seen.push({ by: 'failing', visit: this.visit.number });
        throw new Error('broken');
      }
    }
    const bus = await busOf([Failing]);
    await bus.emitAsync('tick');
    await bus.idle({ timeoutMs: 1000 });
    await bus.deadLetters.retry({});
    await bus.idle({ timeoutMs: 1000 });
    expect(seen.map(({ visit }) => visit)).toEqual([1, 2, 3, 4]);
  });

  it('fail as any other when their constructor throws, or what it needs does', async () => {
    @Injectable({ scope: Scope.REQUEST })
    class Unmakeable {
      constructor() {
        throw new Error('no license');
      }
      @OnEvent('tick', { priority: 1 })
      tick() {
        seen.push({ by: 'never' });
      }
    }
    @Injectable({ scope: Scope.REQUEST })
    class Needy {
      constructor(@Inject('CONNECTION') readonly connection: unknown) {}
      @OnEvent('tick')
      tick() {
        seen.push({ by: 'never' });
      }
    }
    const connection = {
      provide: 'CONNECTION',
      scope: Scope.REQUEST,
      useFactory: () => Promise.reject(new Error('no connection')),
    };
    const bus = await busOf([Unmakeable, Needy, connection], {
      retry: { maxRetries: 1, initialBackoffMs: 1 },
    });
    await expect(bus.emitSync('tick')).rejects.toThrow('no license');
    await bus.emitAsync('tick');
    await bus.idle({ timeoutMs: 1000 });
    const { entries } = await bus.deadLetters.list();
    const failures = new Map(
      entries.map(({ handlerId, attempts }) => [handlerId, attempts.map(({ error }) => error.message)]),
    );
    expect(failures).toEqual(
      new Map([
        ['Needy.tick', ['no connection', 'no connection']],
        ['Unmakeable.tick', ['no license', 'no license']],
      ]),
    );
    expect(seen).toEqual([]);
  });

  it('are made once per tenant when they are durable', async () => {
    const tenants = new Map<string, ContextId>();
    class ByTenant implements ContextIdStrategy<Event> {
      attach(contextId: ContextId, { metadata }: Event) {
        const { tenantId } = metadata;
        if (tenantId === undefined) return () => contextId;
        let tenant = tenants.get(tenantId);
        if (tenant === undefined) tenants.set(tenantId, (tenant = ContextIdFactory.create()));
        return {
          resolve: ({ isTreeDurable }: HostComponentInfo) => (isTreeDurable ? tenant : contextId),
          payload: { tenantId },
        };
      }
    }
    @Injectable({ scope: Scope.REQUEST, durable: true })
    class PerTenant {
      #count = 0;
      constructor(@Inject(REQUEST) private readonly tenant: { tenantId: string }) {}
      @OnEvent('tick')
      tick() {
        seen.push({ by: this.tenant.tenantId, visit: ++this.#count });
      }
    }
    const strategies = ContextIdFactory as unknown as { strategy: ContextIdStrategy | undefined };
    ContextIdFactory.apply(new ByTenant());
    try {
      const bus = await busOf([PerTenant]);
      for (const tenantId of ['north', 'south', 'north']) {
        await bus.emitSync('tick', undefined, { metadata: { tenantId } });
      }
    } finally {
      strategies.strategy = undefined;
    }
    expect(seen).toEqual([
      { by: 'north', visit: 1 },
      { by: 'south', visit: 1 },
      { by: 'north', visit: 2 },
    ]);
  });
});
