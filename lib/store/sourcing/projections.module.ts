import {
  type DynamicModule,
  type InjectionToken,
  Module,
  type OnApplicationBootstrap,
  type OnApplicationShutdown,
  type OnModuleDestroy,
  type OnModuleInit,
  type Type,
} from '@nestjs/common';
import { ModuleRef, ModulesContainer } from '@nestjs/core';
import { placeModules } from '../../module-order.js';
import { EventStore } from '../event-store.js';
import type { Projection } from './projection.js';
import { ProjectionRunner, type ProjectionRunnerOptions } from './projection-runner.js';

/** Options of `ProjectionsModule.forRoot()`. */
export interface ProjectionsModuleOptions extends ProjectionRunnerOptions {
  /** Modules that export what `store` is injected by. */
  readonly imports?: DynamicModule['imports'] | undefined;
  /** Where the events and the checkpoints are, or what it is injected by. Opened at the start, closed in the end. */
  readonly store: EventStore | InjectionToken<EventStore>;
  /** Classes that are providers of some module, or plain projections. */
  readonly projections: readonly (Type<Projection> | Projection)[];
  /** Start when the application has bootstrapped. `false`: call `runner.start()`. Default true. */
  readonly autoStart?: boolean | undefined;
}

const STORE = Symbol('PROJECTIONS_STORE');
const OPTIONS = Symbol('PROJECTIONS_OPTIONS');

/** Its place in the order of hooks is the outermost. @internal */
@Module({})
export class ProjectionsCoreModule {}

/** Its place in the order of hooks is the innermost. @internal */
@Module({})
export class ProjectionsRunnerModule {}

/**
 * Runs projections with the application: from when all of it has bootstrapped, until any of it is destroyed. Provides
 * the {@link ProjectionRunner} everywhere.
 *
 * @example
 * @Module({ imports: [ProjectionsModule.forRoot({ store, projections: [OrderList] })], providers: [OrderList] })
 * export class AppModule {}
 */
@Module({})
export class ProjectionsModule {
  static forRoot(options: ProjectionsModuleOptions): DynamicModule {
    const { store, imports } = options;
    const core: DynamicModule = {
      module: ProjectionsCoreModule,
      global: true,
      imports,
      providers: [
        { provide: OPTIONS, useValue: options },
        store instanceof EventStore
          ? { provide: STORE, useValue: store }
          : { provide: STORE, useExisting: store },
        {
          provide: ProjectionRunner,
          useFactory: (store: EventStore) => new ProjectionRunner(store, [], options),
          inject: [STORE],
        },
        {
          provide: ProjectionsBootstrap,
          useFactory: (...args: ConstructorParameters<typeof ProjectionsBootstrap>) =>
            new ProjectionsBootstrap(...args),
          inject: [OPTIONS, STORE, ProjectionRunner, ModuleRef, ModulesContainer],
        },
      ],
      exports: [ProjectionRunner],
    };
    const runner: DynamicModule = {
      module: ProjectionsRunnerModule,
      imports: [core],
      providers: [
        {
          provide: ProjectionsLifecycle,
          useFactory: (runner: ProjectionRunner, modules: ModulesContainer) =>
            new ProjectionsLifecycle(runner, options.autoStart ?? true, modules),
          inject: [ProjectionRunner, ModulesContainer],
        },
      ],
    };
    return { module: ProjectionsModule, imports: [core, runner], exports: [core] };
  }
}

/** Opens the store before any other module initialises, and closes it after every other module has shut down. */
class ProjectionsBootstrap implements OnModuleInit, OnApplicationShutdown {
  constructor(
    private readonly options: ProjectionsModuleOptions,
    private readonly store: EventStore,
    private readonly runner: ProjectionRunner,
    private readonly moduleRef: ModuleRef,
    modules: ModulesContainer,
  ) {
    placeModules(modules, ProjectionsCoreModule, Number.POSITIVE_INFINITY);
  }

  async onModuleInit(): Promise<void> {
    for (const given of this.options.projections) {
      this.runner.add(typeof given === 'function' ? this.moduleRef.get(given, { strict: false }) : given);
    }
    await this.store.open();
  }

  async onApplicationShutdown(): Promise<void> {
    await this.store.close();
  }
}

/** Starts after every other module's `onApplicationBootstrap`, and stops before any other's `onModuleDestroy`. */
class ProjectionsLifecycle implements OnApplicationBootstrap, OnModuleDestroy {
  constructor(
    private readonly runner: ProjectionRunner,
    private readonly autoStart: boolean,
    modules: ModulesContainer,
  ) {
    placeModules(modules, ProjectionsRunnerModule, Number.NEGATIVE_INFINITY);
  }

  onApplicationBootstrap(): void {
    if (this.autoStart) this.runner.start();
  }

  async onModuleDestroy(): Promise<void> {
    await this.runner.stop();
  }
}
