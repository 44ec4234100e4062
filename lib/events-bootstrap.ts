import { Module, type OnApplicationShutdown, type OnModuleInit, type Provider } from '@nestjs/common';
import { ApplicationConfig, ExternalContextCreator, ModuleRef, ModulesContainer } from '@nestjs/core';
import { EventConfigurationError } from './errors.js';
import { EventBus } from './event-bus.js';
import type { EnhancerTools } from './handlers/enhancers.js';
import { HandlerExplorer } from './handlers/handler-explorer.js';
import type { NestModule } from './handlers/nest-types.js';
import type { EventBusToken } from './events.tokens.js';
import { placeModules } from './module-order.js';

/** Holds bus and handlers; its place in the order of hooks is the outermost. @internal */
@Module({})
export class EventsCoreModule {}

/**
 * Registers the handlers before any other module's `onModuleInit`, so that all of them may emit, and closes the bus
 * after every other module's `onApplicationShutdown`.
 */
export class EventsBootstrap implements OnModuleInit, OnApplicationShutdown {
  static provider(bus: EventBusToken): Provider {
    return {
      provide: EventsBootstrap,
      useFactory: (
        eventBus: EventBus,
        modules: ModulesContainer,
        creator: ExternalContextCreator,
        config: ApplicationConfig,
      ) => new EventsBootstrap(eventBus, modules, { creator, config }),
      inject: [bus, ModulesContainer, ExternalContextCreator, ApplicationConfig],
    };
  }

  constructor(
    private readonly bus: EventBus,
    private readonly modules: ModulesContainer,
    private readonly tools: EnhancerTools,
  ) {
    placeModules(modules, EventsCoreModule, Number.POSITIVE_INFINITY);
  }

  onModuleInit(): void {
    const explorer = new HandlerExplorer(this.bus.parts, this.modules, this.tools, busNames(this.modules));
    explorer.exploreAll();
    this.bus.parts.registerModule = (moduleRef) => explorer.explore(moduleOf(moduleRef, this.modules));
    this.bus.parts.lifecycle.ready();
  }

  async onApplicationShutdown(): Promise<void> {
    await this.bus.close();
  }
}

/** @throws {EventConfigurationError} when two buses have one name. */
function busNames(modules: ModulesContainer): Set<string | undefined> {
  const buses = new Map<string | undefined, EventBus>();
  for (const module of modules.values()) {
    for (const { instance } of module.providers.values()) {
      if (!(instance instanceof EventBus)) continue;
      const other = buses.get(instance.name);
      if (other !== undefined && other !== instance) {
        const which = instance.name === undefined ? 'without a name' : `named '${instance.name}'`;
        throw new EventConfigurationError(
          `The application has two event buses ${which}: EventsModule.forRoot() is imported twice. Import it once, or give one a 'name'.`,
        );
      }
      buses.set(instance.name, instance);
    }
  }
  return new Set(buses.keys());
}

function moduleOf(moduleRef: ModuleRef, modules: ModulesContainer): NestModule {
  for (const module of modules.values()) {
    if (module.getProviderByKey(ModuleRef)?.instance === moduleRef) return module;
  }
  throw new EventConfigurationError(
    'registerModule() was given a ModuleRef that belongs to no module of this application. Pass what LazyModuleLoader.load() returned.',
  );
}
