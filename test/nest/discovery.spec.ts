import 'reflect-metadata';
import { afterEach, describe, expect, it, jest } from '@jest/globals';
import { Controller, Inject, Injectable, Logger, Module, type Provider, type Type } from '@nestjs/common';
import { LazyModuleLoader, ModuleRef } from '@nestjs/core';
import { Test } from '@nestjs/testing';
import {
  defineEvent,
  Event,
  type EventBackend,
  EventBus,
  type EventsModuleOptions,
  EventsModule,
  getEventBusToken,
  type HandlerContext,
  InjectEventBus,
  MemoryBackend,
  OnEvent,
} from 'nestjs-durable-events';
import { boot, closeAll } from './application.js';

let seen: string[] = [];

function appOf(
  providers: Provider[],
  {
    imports = [],
    controllers = [],
    ...options
  }: EventsModuleOptions & { imports?: object[]; controllers?: Type[] } = {},
): Type {
  class AppModule {}
  Module({ imports: [EventsModule.forRoot(options), ...(imports as Type[])], providers, controllers })(
    AppModule,
  );
  return AppModule;
}

async function busOf(...args: Parameters<typeof appOf>): Promise<EventBus> {
  return (await boot(appOf(...args))).get(EventBus);
}

const noteTo =
  (name: string) =>
  (event: Event, { handlerId }: HandlerContext) => {
    seen.push(`${name} ${event.type} ${handlerId}`);
  };

afterEach(async () => {
  await closeAll();
  seen = [];
});

describe('discovery', () => {
  it('finds methods of providers and controllers, and delivers inline and through the backend', async () => {
    class Mailer {
      @OnEvent('after:signup', { priority: 10 })
      welcome({ data }: Event<string>, { handlerId, attempt, bus }: HandlerContext) {
        seen.push(`${data} ${handlerId} ${attempt} ${bus instanceof EventBus}`);
      }
    }
    @Controller()
    class Signups {
      @OnEvent('after:signup')
      count({ data }: Event<string>, { handlerId }: HandlerContext) {
        seen.push(`${data} ${handlerId}`);
      }
    }
    const bus = await busOf([Mailer], { controllers: [Signups] });
    await bus.emitSync('after:signup', 'a');
    expect(await bus.emitAsync('after:signup', 'b')).toEqual({ id: expect.any(String), backend: 'memory' });
    await bus.idle({ timeoutMs: 1000 });
    expect(seen).toEqual([
      'a Mailer.welcome 1 true',
      'a Signups.count',
      'b Mailer.welcome 1 true',
      'b Signups.count',
    ]);
  });

  it('takes names, patterns, lists, definitions and classes, several on one method', async () => {
    const Placed = defineEvent<{ id: string }>('order.placed');
    class Paid {
      static readonly type = 'order.paid';
    }
    class Everything {
      @OnEvent('one')
      @OnEvent(['two', 'three'])
      several(event: Event, context: HandlerContext) {
        noteTo('several')(event, context);
      }
      @OnEvent('order.*')
      pattern(event: Event, context: HandlerContext) {
        noteTo('pattern')(event, context);
      }
      @OnEvent(Placed)
      definition(event: Event, context: HandlerContext) {
        noteTo('definition')(event, context);
      }
      @OnEvent(Paid)
      paid(event: Event, context: HandlerContext) {
        noteTo(`class ${event.data instanceof Paid}`)(event, context);
      }
    }
    const bus = await busOf([Everything]);
    for (const name of ['one', 'two', 'three']) await bus.emitSync(name);
    await bus.emitSync(Placed, { id: '1' });
    await bus.emitSync('order.paid', {});
    expect(seen).toEqual([
      'several one Everything.several',
      'several two Everything.several',
      'several three Everything.several',
      'pattern order.placed Everything.pattern',
      'definition order.placed Everything.definition',
      'pattern order.paid Everything.pattern',
      'class true order.paid Everything.paid',
    ]);
  });

  it('a handler that matches in two ways runs once', async () => {
    class Twice {
      @OnEvent('order.placed')
      @OnEvent('order.*')
      handle(event: Event, context: HandlerContext) {
        noteTo('twice')(event, context);
      }
    }
    const bus = await busOf([Twice]);
    await bus.emitSync('order.placed');
    await bus.emitSync('order.paid');
    expect(seen).toEqual(['twice order.placed Twice.handle', 'twice order.paid Twice.handle']);
  });

  it('finds inherited methods, but not overrides without the decorator', async () => {
    abstract class Base {
      @OnEvent('inherited')
      inherited(event: Event, context: HandlerContext) {
        noteTo(this.constructor.name)(event, context);
      }
      @OnEvent('overridden')
      overridden(event: Event, context: HandlerContext) {
        noteTo(this.constructor.name)(event, context);
      }
    }
    class Left extends Base {}
    class Right extends Base {
      override overridden() {
        seen.push('never');
      }
      @OnEvent('own')
      own(event: Event, context: HandlerContext) {
        noteTo('Right')(event, context);
      }
    }
    const bus = await busOf([Left, Right]);
    for (const name of ['inherited', 'overridden', 'own']) await bus.emitSync(name);
    expect(seen).toEqual([
      'Left inherited Left.inherited',
      'Right inherited Right.inherited',
      'Left overridden Left.overridden',
      'Right own Right.own',
    ]);
  });

  it('finds methods named by symbols', async () => {
    const handle = Symbol('handle');
    class Symbolic {
      @OnEvent('symbol')
      [handle](event: Event, context: HandlerContext) {
        noteTo('symbolic')(event, context);
      }
    }
    const bus = await busOf([Symbolic]);
    await bus.emitSync('symbol');
    expect(seen).toEqual(['symbolic symbol Symbolic.[handle]']);
  });

  it('finds value, factory and class providers, each once, and runs no getters', async () => {
    class Worker {
      constructor(private readonly name: string) {}
      get trap(): never {
        throw new Error('read');
      }
      @OnEvent('work')
      work() {
        seen.push(this.name);
      }
    }
    class Alias {}
    const bus = await busOf([
      { provide: 'value', useValue: new Worker('value') },
      { provide: Alias, useExisting: 'value' },
      { provide: 'same', useFactory: (worker: Worker) => worker, inject: ['value'] },
      { provide: 'null', useFactory: () => null },
      { provide: 'bare', useValue: Object.create(null) },
    ]);
    await bus.emitSync('work');
    expect(seen).toEqual(['value']);
  });

  it('looks methods up when it calls them, so that tests may spy', async () => {
    class Spied {
      @OnEvent('spied')
      handle() {
        seen.push('original');
      }
    }
    const app = await boot(appOf([Spied]));
    const spy = jest.spyOn(app.get(Spied), 'handle').mockImplementation(() => {
      seen.push('spy');
    });
    await app.get(EventBus).emitSync('spied');
    expect(spy).toHaveBeenCalledTimes(1);
    expect(seen).toEqual(['spy']);
  });

  it('leaves out what a test overrides with a plain object', async () => {
    class Real {
      @OnEvent('real')
      handle() {
        seen.push('real');
      }
    }
    const module = await Test.createTestingModule({ imports: [appOf([Real])] })
      .overrideProvider(Real)
      .useValue({ handle: () => seen.push('mock') })
      .compile();
    const bus = module.get(EventBus);
    await expect(bus.emitSync('real')).rejects.toThrow('call app.init()');
    await module.init();
    await bus.emitSync('real');
    expect(seen).toEqual([]);
    await module.close();
  });
});

describe('duplicates', () => {
  class Shared {
    @OnEvent('shared')
    handle(event: Event, context: HandlerContext) {
      noteTo('shared')(event, context);
    }
    @OnEvent('shared')
    again() {
      seen.push('again');
    }
  }
  @Module({ providers: [Shared] })
  class A {}
  @Module({ providers: [Shared] })
  class B {}

  it('of a class in two modules register once, with one warning', async () => {
    const warn = jest.spyOn(Logger.prototype, 'warn').mockImplementation(() => undefined);
    try {
      const bus = await busOf([], { imports: [A, B] });
      await bus.emitSync('shared');
      expect(seen).toEqual(['shared shared Shared.handle', 'again']);
      const lines = warn.mock.calls.map(([line]) => String(line)).filter((line) => line.includes('Shared'));
      expect(lines).toEqual([
        "Shared is provided by A and by B, so each of its event handlers exists twice. Only the one of A handles events. Provide it in one module and export it, or set the option 'duplicates'.",
      ]);
    } finally {
      warn.mockRestore();
    }
  });

  it('all register where the option says so, each with an id of its own', async () => {
    const bus = await busOf([], { imports: [A, B], duplicates: 'all' });
    await bus.emitSync('shared');
    expect(seen).toEqual(['shared shared Shared.handle', 'again', 'shared shared Shared.handle@B', 'again']);
  });

  it('refuse to boot where the option says so', async () => {
    await expect(boot(appOf([], { imports: [A, B], duplicates: 'error' }))).rejects.toThrow(
      'Shared is provided by A and by B',
    );
  });

  it('of an id refuse to boot and are both named', async () => {
    class One {
      @OnEvent('x', { id: 'same' })
      one() {}
    }
    class Two {
      @OnEvent('y', { id: 'same' })
      two() {}
    }
    await expect(boot(appOf([One, Two]))).rejects.toThrow(
      "Handlers One.one in AppModule and Two.two in AppModule both have the id 'same'.",
    );
  });

  it('of a class name refuse to boot, too', async () => {
    const make = () => {
      class Mailer {
        @OnEvent('mail')
        send() {}
      }
      return Mailer;
    };
    @Module({ providers: [make()] })
    class Other {}
    await expect(boot(appOf([make()], { imports: [Other] }))).rejects.toThrow(
      "both have the id 'Mailer.send'",
    );
  });

  it('of a definition refuse to boot', async () => {
    class Handlers {
      @OnEvent(defineEvent('x', { version: 1 }))
      one() {}
      @OnEvent(defineEvent('x', { version: 2 }))
      two() {}
    }
    await expect(boot(appOf([Handlers]))).rejects.toThrow("Event 'x' is defined twice");
  });
});

describe('buses', () => {
  class Handlers {
    @OnEvent('x')
    main() {
      seen.push('main');
    }
    @OnEvent('x', { bus: 'audit' })
    audit() {
      seen.push('audit');
    }
  }

  it('have names, and handlers of their own', async () => {
    @Injectable()
    class Emitter {
      constructor(
        @Inject(EventBus) readonly main: EventBus,
        @InjectEventBus('audit') readonly audit: EventBus,
      ) {}
    }
    const app = await boot(
      appOf([Handlers, Emitter], { imports: [EventsModule.forRoot({ name: 'audit' })] }),
    );
    const { main, audit } = app.get(Emitter);
    expect([main.name, audit.name]).toEqual([undefined, 'audit']);
    expect(app.get(getEventBusToken('audit'))).toBe(audit);
    await main.emitSync('x');
    await audit.emitSync('x');
    await audit.emitAsync('x');
    await audit.idle({ timeoutMs: 1000 });
    expect(seen).toEqual(['main', 'audit', 'audit']);
  });

  it('that a handler names must exist', async () => {
    await expect(boot(appOf([Handlers]))).rejects.toThrow(
      "Handler Handlers.audit is for the bus 'audit', but the application has only the unnamed one.",
    );
  });

  it('may not have the same name', async () => {
    await expect(boot(appOf([], { imports: [EventsModule.forRoot()] }))).rejects.toThrow(
      'EventsModule.forRoot() is imported twice',
    );
  });

  it('that are not global need an import', async () => {
    @Injectable()
    class Needs {
      constructor(@Inject(EventBus) readonly bus: EventBus) {}
    }
    @Module({ providers: [Needs] })
    class Inner {}
    await expect(boot(appOf([], { imports: [Inner], isGlobal: false }))).rejects.toThrow(/EventBus/);
    const bus = await busOf([Needs], { isGlobal: false });
    expect(bus.name).toBeUndefined();
  });
});

describe('forRoot', () => {
  it('takes a backend, options or nothing', async () => {
    const backend: EventBackend = {
      name: 'own',
      publish: async () => undefined,
      close: async () => undefined,
    };
    for (const [given, name] of [
      [backend, 'own'],
      [{ backend }, 'own'],
      [undefined, 'memory'],
    ] as const) {
      class AppModule {}
      Module({ imports: [EventsModule.forRoot(given)] })(AppModule);
      const bus = (await boot(AppModule)).get(EventBus);
      expect(await bus.emitAsync('x')).toMatchObject({ backend: name });
    }
  });

  it('gives every application its own default backend, also from one module', async () => {
    const App = appOf([]);
    const [one, other] = [await boot(App), await boot(App)];
    await one.get(EventBus).close();
    await expect(other.get(EventBus).emitAsync('x')).resolves.toMatchObject({ backend: 'memory' });
  });
});

describe('forRootAsync', () => {
  @Injectable()
  class Config {
    readonly source = 'configured';
    createEventsOptions(): EventsModuleOptions {
      return { source: this.source };
    }
  }
  @Module({ providers: [Config], exports: [Config] })
  class ConfigModule {}

  it.each([
    [
      'useFactory',
      {
        imports: [ConfigModule],
        inject: [Config],
        useFactory: (config: Config) => ({ source: config.source }),
      },
    ],
    [
      'an async useFactory',
      { useFactory: async () => ({ backend: new MemoryBackend(), source: 'configured' }) },
    ],
    ['useClass', { useClass: Config }],
    ['useExisting', { imports: [ConfigModule], useExisting: Config }],
  ])('takes %s', async (_, options) => {
    class Handlers {
      @OnEvent('x')
      handle({ source }: Event) {
        seen.push(source);
      }
    }
    class AppModule {}
    Module({ imports: [EventsModule.forRootAsync(options)], providers: [Handlers] })(AppModule);
    const bus = (await boot(AppModule)).get(EventBus);
    await bus.emitAsync('x');
    await bus.idle({ timeoutMs: 1000 });
    expect(seen).toEqual(['configured']);
  });

  it('takes a factory that makes a backend, and a name beside it', async () => {
    class AppModule {}
    Module({
      imports: [EventsModule.forRootAsync({ name: 'audit', useFactory: () => new MemoryBackend() })],
    })(AppModule);
    const app = await boot(AppModule);
    expect(app.get<EventBus>(getEventBusToken('audit')).name).toBe('audit');
  });

  it('refuses to do without any of them', () => {
    expect(() => EventsModule.forRootAsync({})).toThrow('needs one of useFactory, useClass and useExisting');
  });

  it('refuses to boot with what a factory got wrong', async () => {
    class AppModule {}
    Module({ imports: [EventsModule.forRootAsync({ useFactory: () => ({ drainTimeoutMs: -1 }) })] })(
      AppModule,
    );
    await expect(boot(AppModule)).rejects.toThrow('drainTimeoutMs = -1');
  });
});

describe('lazy modules', () => {
  class Lazy {
    @OnEvent('lazy')
    handle(event: Event, context: HandlerContext) {
      noteTo('lazy')(event, context);
    }
  }
  @Module({ providers: [Lazy] })
  class LazyModule {}

  it('are registered with one call, however often', async () => {
    const app = await boot(appOf([]));
    const bus = app.get(EventBus);
    await bus.emitSync('lazy');
    const moduleRef = await app.get(LazyModuleLoader).load(() => LazyModule);
    bus.registerModule(moduleRef);
    bus.registerModule(moduleRef);
    await bus.emitSync('lazy');
    expect(seen).toEqual(['lazy lazy Lazy.handle']);
    expect((await bus.stats()).handlers).toBe(1);
  });

  it('of another application are refused', async () => {
    const [one, other] = [await boot(appOf([])), await boot(appOf([]))];
    expect(() => one.get(EventBus).registerModule(other.get(ModuleRef))).toThrow(
      'no module of this application',
    );
  });
});
