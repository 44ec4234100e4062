import { type DynamicModule, Module, type Provider, type Type } from '@nestjs/common';
import type { EventBackend } from './backends/backend.js';
import { MemoryBackend } from './backends/memory/memory-backend.js';
import { EventConfigurationError } from './errors.js';
import { EventBus } from './event-bus.js';
import { EventsBootstrap, EventsCoreModule } from './events-bootstrap.js';
import type {
  EventsModuleAsyncOptions,
  EventsModuleOptions,
  EventsOptionsFactory,
  ResolvedEventsOptions,
} from './events-options.js';
import { isBackend, resolveOptions } from './resolve-options.js';
import { EventsRunner, EventsRunnerModule } from './events-runner.js';
import { EVENTS_OPTIONS, getEventBusToken } from './events.tokens.js';

/**
 * Durable, typed events for a Nest application.
 *
 * @example
 * @Module({ imports: [EventsModule.forRoot(new RedisStreamsBackend({ connection: 'redis://localhost' }))] })
 * export class AppModule {}
 */
@Module({})
export class EventsModule {
  /**
   * Provides the `EventBus`. Where it stands in the list of imports does not matter.
   *
   * @param options A backend, options, or nothing: a `MemoryBackend` with 10 workers and a queue of 1000.
   * @throws {EventConfigurationError} naming the option that cannot be used.
   */
  static forRoot(options?: EventBackend | EventsModuleOptions): DynamicModule {
    const { name, isGlobal = true } = options === undefined || isBackend(options) ? {} : options;
    const resolved = { provide: EVENTS_OPTIONS, useFactory: () => resolve(options, name) };
    return assemble(name, isGlobal, [], [resolved]);
  }

  /**
   * As {@link forRoot}, with options from a factory, a class or an existing provider. `name` and `isGlobal` are
   * needed before those can run and stand beside them.
   *
   * @throws {EventConfigurationError} when none of `useFactory`, `useClass` and `useExisting` is given.
   */
  static forRootAsync(options: EventsModuleAsyncOptions): DynamicModule {
    const { name, isGlobal = true, imports = [] } = options;
    return assemble(name, isGlobal, imports, asyncProviders(options));
  }
}

function assemble(
  name: string | undefined,
  isGlobal: boolean,
  imports: NonNullable<DynamicModule['imports']>,
  providers: Provider[],
): DynamicModule {
  const token = getEventBusToken(name);
  const bus = {
    provide: token,
    useFactory: (options: ResolvedEventsOptions) => new EventBus(options),
    inject: [EVENTS_OPTIONS],
  };
  const core: DynamicModule = {
    module: EventsCoreModule,
    global: isGlobal,
    imports,
    providers: [...providers, bus, EventsBootstrap.provider(token)],
    exports: [token],
  };
  const runner: DynamicModule = {
    module: EventsRunnerModule,
    imports: [core],
    providers: [EventsRunner.provider(token)],
  };
  return { module: EventsModule, imports: [core, runner], exports: [core] };
}

function asyncProviders(options: EventsModuleAsyncOptions): Provider[] {
  const { name, inject = [], useFactory, useClass, useExisting } = options;
  if (useFactory !== undefined) {
    const factory = async (...args: unknown[]) => resolve(await useFactory(...args), name);
    return [{ provide: EVENTS_OPTIONS, useFactory: factory, inject }];
  }
  const source: Type<EventsOptionsFactory> | string | symbol | undefined = useExisting ?? useClass;
  if (source === undefined) {
    throw new EventConfigurationError(
      'EventsModule.forRootAsync() needs one of useFactory, useClass and useExisting to make its options.',
    );
  }
  const factory = async (maker: EventsOptionsFactory) => resolve(await maker.createEventsOptions(), name);
  const resolved = { provide: EVENTS_OPTIONS, useFactory: factory, inject: [source] };
  return useExisting !== undefined ? [resolved] : [resolved, source as Type<EventsOptionsFactory>];
}

function resolve(
  options: EventBackend | EventsModuleOptions | undefined,
  name: string | undefined,
): ResolvedEventsOptions {
  return { ...resolveOptions(options, () => new MemoryBackend()), name };
}
