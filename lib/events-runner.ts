import { Module, type OnApplicationBootstrap, type OnModuleDestroy, type Provider } from '@nestjs/common';
import { ModulesContainer } from '@nestjs/core';
import type { EventBus } from './event-bus.js';
import type { EventBusToken } from './events.tokens.js';
import { placeModules } from './module-order.js';

/** Its place in the order of hooks is what it is for. @internal */
@Module({})
export class EventsRunnerModule {}

/**
 * Starts consuming after every other module's `onApplicationBootstrap`, and drains before any other module's
 * `onModuleDestroy`: handlers only ever see an application that is complete.
 */
export class EventsRunner implements OnApplicationBootstrap, OnModuleDestroy {
  static provider(bus: EventBusToken): Provider {
    return {
      provide: EventsRunner,
      useFactory: (eventBus: EventBus, modules: ModulesContainer) => new EventsRunner(eventBus, modules),
      inject: [bus, ModulesContainer],
    };
  }

  constructor(
    private readonly bus: EventBus,
    modules: ModulesContainer,
  ) {
    placeModules(modules, EventsRunnerModule, Number.NEGATIVE_INFINITY);
  }

  async onApplicationBootstrap(): Promise<void> {
    const { autoStart } = this.bus.parts.options;
    if (autoStart) await this.bus.start();
    if (process.listenerCount('SIGTERM') === 0) {
      this.bus.parts.notices.warn(
        'Shutdown hooks are off: on SIGTERM the process ends at once, with handlers running. Call app.enableShutdownHooks() in main.ts.',
      );
    }
  }

  async onModuleDestroy(): Promise<void> {
    await this.bus.drain();
  }
}
