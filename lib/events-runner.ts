import {
  Module,
  type OnApplicationBootstrap,
  type OnApplicationShutdown,
  type OnModuleDestroy,
  type Provider,
} from '@nestjs/common';
import { ModulesContainer } from '@nestjs/core';
import type { EventBus } from './event-bus.js';
import type { EventBusToken } from './events.tokens.js';
import { placeModules } from './module-order.js';

/** Its place in the order of hooks is what it is for. @internal */
@Module({})
export class EventsRunnerModule {}

/** An application that turns shutdown hooks on does so right after it has booted, at the latest. */
const HOOKS_CHECK_MS = 1000;

/**
 * Starts consuming after every other module's `onApplicationBootstrap`, and drains before any other module's
 * `onModuleDestroy`: handlers only ever see an application that is complete. What requests in flight emit after that
 * is drained before any other module's `onApplicationShutdown`.
 */
export class EventsRunner implements OnApplicationBootstrap, OnModuleDestroy, OnApplicationShutdown {
  #hooksCheck: NodeJS.Timeout | undefined;

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
    if (this.bus.parts.options.autoStart) await this.bus.start();
    this.#hooksCheck = setTimeout(() => this.#warnWithoutHooks(), HOOKS_CHECK_MS).unref();
  }

  async onModuleDestroy(): Promise<void> {
    clearTimeout(this.#hooksCheck);
    await this.bus.drain();
  }

  async onApplicationShutdown(): Promise<void> {
    await this.bus.drain();
  }

  #warnWithoutHooks(): void {
    if (process.listenerCount('SIGTERM') > 0) return;
    this.bus.parts.notices.warn(
      'Shutdown hooks are off: on SIGTERM the process ends at once, with handlers running. Call app.enableShutdownHooks() in main.ts.',
    );
  }
}
