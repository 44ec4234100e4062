import 'reflect-metadata';
import { AsyncLocalStorage } from 'node:async_hooks';
import { afterEach, describe, expect, it } from '@jest/globals';
import {
  type ArgumentsHost,
  type CallHandler,
  type CanActivate,
  Catch,
  Controller,
  type ExceptionFilter,
  type ExecutionContext,
  Inject,
  Injectable,
  Module,
  type NestInterceptor,
  type PipeTransform,
  Scope,
  SetMetadata,
  UseFilters,
  UseGuards,
  UseInterceptors,
  UsePipes,
  ValidationPipe,
} from '@nestjs/common';
import { APP_FILTER, APP_GUARD, APP_INTERCEPTOR, APP_PIPE, Reflector, REQUEST } from '@nestjs/core';
import { IsEmail } from 'class-validator';
import { finalize } from 'rxjs';
import {
  Event,
  EventBus,
  EventConfigurationError,
  EventsModule,
  type HandlerContext,
  isEventContext,
  OnEvent,
  UnrecoverableError,
} from 'nestjs-durable-events';
import { boot, closeAll } from './application.js';

/** What ran, in order. */
@Injectable()
class Trail {
  readonly steps: string[] = [];
}

@Injectable()
class RoleGuard implements CanActivate {
  constructor(
    @Inject(Trail) private readonly trail: Trail,
    @Inject(Reflector) private readonly reflector: Reflector,
  ) {}

  canActivate(context: ExecutionContext): boolean {
    const role = this.reflector.getAllAndOverride<string>('role', [context.getHandler(), context.getClass()]);
    const { type } = context.switchToRpc().getData<Event>();
    this.trail.steps.push(`guard ${role} ${type} ${isEventContext(context)} ${context.getHandler().name}`);
    return role !== 'nobody';
  }
}

@Injectable()
class AroundInterceptor implements NestInterceptor {
  constructor(@Inject(Trail) private readonly trail: Trail) {}

  intercept(_context: ExecutionContext, next: CallHandler) {
    this.trail.steps.push('before');
    return next.handle().pipe(finalize(() => this.trail.steps.push('after')));
  }
}

@Injectable()
class TrimPipe implements PipeTransform {
  transform(value: unknown) {
    return typeof value === 'string' ? value.trim() : value;
  }
}

@Catch()
@Injectable()
class ForgivingFilter implements ExceptionFilter {
  constructor(@Inject(Trail) private readonly trail: Trail) {}

  catch(error: Error, host: ArgumentsHost) {
    this.trail.steps.push(
      `filter ${error.message} ${host.getArgByIndex<Event>(0).type} ${host.getArgs().length}`,
    );
    return 'all is well';
  }
}

class Signup {
  @IsEmail()
  email!: string;
}

@Injectable()
@SetMetadata('role', 'anybody')
@UseGuards(RoleGuard)
@UseInterceptors(AroundInterceptor)
@UseFilters(ForgivingFilter)
class Handlers {
  constructor(@Inject(Trail) private readonly trail: Trail) {}

  @OnEvent('open')
  open(event: Event, { handlerId, attempt }: HandlerContext) {
    this.trail.steps.push(`${event.type} ${String(event.data)} ${handlerId} ${attempt}`);
  }

  @OnEvent('closed')
  @SetMetadata('role', 'nobody')
  closed() {
    this.trail.steps.push('closed');
  }

  @OnEvent('failing')
  failing() {
    throw new Error('broken');
  }

  @OnEvent('trimmed')
  @SetMetadata('role', 'trimmer')
  @UsePipes(TrimPipe)
  async trimmed({ data, id, type }: Event<string>) {
    this.trail.steps.push(`${type} '${data}' ${typeof id}`);
  }

  @OnEvent(Signup)
  @UsePipes(new ValidationPipe({ transform: true }))
  signup({ data }: Event<Signup>) {
    this.trail.steps.push(`${data instanceof Signup} ${data.email}`);
  }
}

const ALL = ['guards', 'interceptors', 'pipes', 'filters'] as const;

describe('enhancers', () => {
  afterEach(closeAll);

  async function start(
    enhancers: readonly (typeof ALL)[number][],
    host: 'providers' | 'controllers' = 'providers',
  ) {
    @Module({
      imports: [EventsModule.forRoot({ enhancers, retry: false })],
      providers: [Trail, ...(host === 'providers' ? [Handlers] : [])],
      controllers: host === 'controllers' ? [Handlers] : [],
    })
    class AppModule {}
    const app = await boot(AppModule);
    return { app, bus: app.get(EventBus), steps: app.get(Trail).steps };
  }

  it('are off by default', async () => {
    const { bus, steps } = await start([]);
    await bus.emitSync('open', 1);
    await bus.emitSync('closed');
    await expect(bus.emitSync('failing')).rejects.toThrow('broken');
    await bus.emitSync('trimmed', ' a ');
    expect(steps).toEqual(['open 1 Handlers.open 1', 'closed', "trimmed ' a ' string"]);
  });

  it('run each kind only when it is asked for', async () => {
    const guards = await start(['guards']);
    await guards.bus.emitSync('open', 1);
    expect(guards.steps).toEqual(['guard anybody open true open', 'open 1 Handlers.open 1']);

    const interceptors = await start(['interceptors']);
    await interceptors.bus.emitSync('open', 1);
    expect(interceptors.steps).toEqual(['before', 'open 1 Handlers.open 1', 'after']);
  });

  it.each(['providers', 'controllers'] as const)('run in the order of Nest, on %s', async (host) => {
    const { bus, steps } = await start(ALL, host);
    await bus.emitSync('trimmed', ' a ');
    expect(steps).toEqual(['guard trimmer trimmed true trimmed', 'before', "trimmed 'a' string", 'after']);
  });

  it('run for events from the backend', async () => {
    const { bus, steps } = await start(ALL);
    await bus.emitAsync('open', 1);
    await bus.idle({ timeoutMs: 1000 });
    expect(steps).toEqual(['guard anybody open true open', 'before', 'open 1 Handlers.open 1', 'after']);
  });

  it.each(['providers', 'controllers'] as const)(
    'a guard that refuses is a failed handler, on %s',
    async (host) => {
      const { bus, steps } = await start(['guards'], host);
      await expect(bus.emitSync('closed')).rejects.toThrow('Forbidden resource');
      await bus.emitAsync('closed');
      await bus.idle({ timeoutMs: 1000 });
      const { entries } = await bus.deadLetters.list();
      expect(entries.map(({ handlerId }) => handlerId)).toEqual(['Handlers.closed']);
      expect(steps.filter((step) => step === 'closed')).toEqual([]);
    },
  );

  it('a filter sees the failure and does not turn it into a success', async () => {
    const { bus, steps } = await start(ALL);
    await expect(bus.emitSync('failing')).rejects.toThrow('broken');
    expect(steps.at(-1)).toBe('filter broken failing 2');
    await bus.emitAsync('failing');
    await bus.idle({ timeoutMs: 1000 });
    const { entries } = await bus.deadLetters.list();
    expect(entries[0]!.attempts[0]!.error.message).toBe('broken');
  });

  it('a filter may replace the error, here by one that ends the retries', async () => {
    @Catch()
    class GiveUp implements ExceptionFilter {
      catch(cause: Error) {
        throw new UnrecoverableError('No use.', { cause });
      }
    }
    class Failing {
      @OnEvent('failing')
      @UseFilters(GiveUp)
      fail() {
        throw new Error('broken');
      }
    }
    @Module({ imports: [EventsModule.forRoot({ enhancers: ['filters'], retry: 5 })], providers: [Failing] })
    class AppModule {}
    const bus = (await boot(AppModule)).get(EventBus);
    await bus.emitAsync('failing');
    await bus.idle({ timeoutMs: 1000 });
    const { entries } = await bus.deadLetters.list();
    expect(entries[0]!.attempts.map(({ error }) => error.message)).toEqual(['No use.']);
  });

  it('a ValidationPipe checks and transforms the data of a handler of a class', async () => {
    const { bus, steps } = await start(['pipes']);
    await bus.emitSync(Signup, { email: 'ada@example.org' });
    expect(steps).toEqual(['true ada@example.org']);
    await expect(bus.emitSync(Signup, { email: 'nobody' })).rejects.toThrow('Bad Request Exception');
  });

  it('global ones run, and tell an event from a request', async () => {
    @Injectable()
    class Everywhere implements CanActivate, NestInterceptor, PipeTransform, ExceptionFilter {
      constructor(@Inject(Trail) readonly trail: Trail) {}
      canActivate(context: ExecutionContext) {
        this.trail.steps.push(context.getType());
        return true;
      }
      intercept(_: ExecutionContext, next: CallHandler) {
        this.trail.steps.push('interceptor');
        return next.handle();
      }
      transform(value: unknown) {
        this.trail.steps.push('pipe');
        return value;
      }
      catch(error: Error) {
        this.trail.steps.push(`filter ${error.message}`);
        throw error;
      }
    }
    @Module({
      imports: [EventsModule.forRoot({ enhancers: ALL })],
      providers: [
        Trail,
        Handlers,
        ...[APP_GUARD, APP_INTERCEPTOR, APP_PIPE].map((provide) => ({ provide, useClass: Everywhere })),
      ],
    })
    class AppModule {}
    const app = await boot(AppModule);
    const { steps } = app.get(Trail);
    await app.get(EventBus).emitSync('open', 1);
    expect(steps.filter((step) => !step.startsWith('guard'))).toEqual([
      'event',
      'interceptor',
      'before',
      'pipe',
      'open 1 Handlers.open 1',
      'after',
    ]);
  });

  it('request-scoped ones are made for every event and get it as REQUEST', async () => {
    const seen: string[] = [];
    @Injectable({ scope: Scope.REQUEST })
    class ScopedGuard implements CanActivate {
      constructor(@Inject(REQUEST) private readonly event: Event) {}
      canActivate() {
        seen.push(`local ${String(this.event.data)}`);
        return true;
      }
    }
    @Injectable({ scope: Scope.REQUEST })
    class ScopedGlobal implements CanActivate {
      constructor(@Inject(REQUEST) private readonly event: Event) {}
      canActivate() {
        seen.push(`global ${String(this.event.data)}`);
        return this.event.data !== 3;
      }
    }
    @Controller()
    class Host {
      @OnEvent('tick')
      @UseGuards(ScopedGuard)
      tick({ data }: Event<number>) {
        seen.push(`handled ${data}`);
      }
    }
    class Plain {
      @OnEvent('tock')
      @OnEvent('tick', { priority: -1 })
      tick({ data }: Event<number>) {
        seen.push(`plain ${data}`);
      }
    }
    @Module({
      imports: [EventsModule.forRoot({ enhancers: ['guards'] })],
      controllers: [Host],
      providers: [Plain, { provide: APP_GUARD, useClass: ScopedGlobal }],
    })
    class AppModule {}
    const bus = (await boot(AppModule)).get(EventBus);
    await bus.emitSync('tock', 0);
    await bus.emitSync('tick', 1);
    await bus.emitSync('tick', 2);
    await expect(bus.emitSync('tick', 3)).rejects.toThrow('Forbidden resource');
    expect(seen).toEqual([
      'global 0',
      'plain 0',
      'global 1',
      'local 1',
      'handled 1',
      'global 1',
      'plain 1',
      'global 2',
      'local 2',
      'handled 2',
      'global 2',
      'plain 2',
      'global 3',
    ]);
  });

  it('a global one of transient scope refuses to boot', async () => {
    @Catch()
    @Injectable({ scope: Scope.TRANSIENT })
    class Passing implements ExceptionFilter {
      catch(error: Error) {
        throw error;
      }
    }
    @Module({
      imports: [EventsModule.forRoot({ enhancers: ['filters'] })],
      providers: [{ provide: APP_FILTER, useClass: Passing }],
    })
    class AppModule {}
    await expect(boot(AppModule)).rejects.toThrow(EventConfigurationError);
  });

  it('a class of two modules gets the enhancers of the module that handles', async () => {
    const seen: string[] = [];
    @Injectable()
    class ModuleName {
      constructor(@Inject('NAME') readonly name: string) {}
    }
    @Injectable()
    class NamingGuard implements CanActivate {
      constructor(@Inject(ModuleName) private readonly module: ModuleName) {}
      canActivate() {
        seen.push(this.module.name);
        return true;
      }
    }
    class Shared {
      @OnEvent('shared')
      @UseGuards(NamingGuard)
      handle() {}
    }
    const named = (name: string) => [ModuleName, Shared, { provide: 'NAME', useValue: name }];
    @Module({ providers: named('A') })
    class ModuleA {}
    @Module({ providers: named('B') })
    class ModuleB {}
    @Module({
      imports: [ModuleA, ModuleB, EventsModule.forRoot({ enhancers: ['guards'], duplicates: 'all' })],
    })
    class AppModule {}
    const bus = (await boot(AppModule)).get(EventBus);
    await bus.emitSync('shared');
    expect(seen).toEqual(['A', 'B']);
  });

  it('an interceptor may open an AsyncLocalStorage for the handler, and causes are followed through it', async () => {
    const store = new AsyncLocalStorage<string>();
    class Opening implements NestInterceptor {
      intercept(_: ExecutionContext, next: CallHandler) {
        return store.run('opened', () => next.handle());
      }
    }
    const seen: unknown[] = [];
    @Injectable()
    @UseInterceptors(Opening)
    class Host {
      constructor(@Inject(EventBus) private readonly bus: EventBus) {}
      @OnEvent('first')
      async first() {
        await Promise.resolve();
        await this.bus.emitSync('second');
      }
      @OnEvent('second')
      second(event: Event) {
        seen.push(store.getStore(), event.causationId);
      }
    }
    @Module({ imports: [EventsModule.forRoot({ enhancers: ['interceptors'] })], providers: [Host] })
    class AppModule {}
    const bus = (await boot(AppModule)).get(EventBus);
    await bus.emitSync('first', undefined, { id: 'the-first' });
    expect(seen).toEqual(['opened', 'the-first']);
  });
});
