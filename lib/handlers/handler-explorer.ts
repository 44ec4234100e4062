import { ModulesContainer } from '@nestjs/core';
import type { BusParts } from '../bus-parts.js';
import { maySuspend } from '../dispatch/correlation.js';
import { nameOf } from '../emit/envelope.js';
import { EventConfigurationError } from '../errors.js';
import type { EventClass, EventKey } from '../event-types.js';
import { isEventDefinition } from '../schema/define-event.js';
import { hydrate } from '../schema/event-data-as.js';
import { decoratedMethods, type DecoratedMethod } from './decorated-methods.js';
import { enhancedCall, type EnhancerTools } from './enhancers.js';
import type { EventHandler } from './handler.js';
import { EventContexts, isScoped, scopedCall, singletonCall } from './host-call.js';
import type { InstanceWrapper, NestModule } from './nest-types.js';
import type { EventListenable } from './on-event.decorator.js';

/** Finds the `@OnEvent` methods of an application and registers those of one bus. */
export class HandlerExplorer {
  readonly #contexts = new EventContexts();
  /** First place of every class, to notice one that is provided twice. */
  readonly #places = new Map<object, { instance: unknown; module: string }>();
  readonly #warned = new Set<object>();

  constructor(
    private readonly parts: BusParts,
    private readonly modules: ModulesContainer,
    private readonly enhancers: EnhancerTools,
    /** Names of all buses of the application. */
    private readonly busNames: ReadonlySet<string | undefined>,
  ) {}

  /** @throws {EventConfigurationError} naming the handler that cannot be registered. */
  exploreAll(): void {
    for (const module of this.modules.values()) this.explore(module);
    this.#assertLimits();
  }

  /** Registers the handlers of one module: of a lazy one, once it is loaded. */
  explore(module: NestModule): void {
    for (const collection of [module.providers, module.controllers]) {
      for (const wrapper of collection.values()) this.#exploreWrapper(wrapper as InstanceWrapper, module);
    }
  }

  #exploreWrapper(wrapper: InstanceWrapper, module: NestModule): void {
    for (const decorated of decoratedMethods(wrapper)) {
      const { bus } = decorated.options;
      if (!this.busNames.has(bus)) throw this.#unknownBus(decorated, bus);
      if (bus !== this.parts.options.name) continue;
      const suffix = this.#suffixOf(decorated, wrapper, module);
      if (suffix === undefined) return;
      this.#register(decorated, wrapper, module, suffix);
    }
  }

  #register(decorated: DecoratedMethod, wrapper: InstanceWrapper, module: NestModule, suffix: string): void {
    const { id, method, owner, keys, options } = decorated;
    const call = this.#callOf(decorated, wrapper);
    const suspends = this.#isWrapped(wrapper) || maySuspend(decorated.fn);
    for (const key of keys) {
      if (isEventDefinition(key)) this.parts.registry.define(key);
      const entry = this.parts.factory.make({
        id: id + suffix,
        pattern: nameOf(key as EventKey),
        owner: suffix === '' ? owner : wrapper,
        label: `${decorated.className}.${String(method)} in ${module.name}`,
        call: hydrating(key, call),
        suspends,
        options,
      });
      this.parts.registry.add(entry);
    }
  }

  /** Resolving an instance and running enhancers take their time, whatever the method does. */
  #isWrapped(wrapper: InstanceWrapper): boolean {
    return this.parts.options.enhancers.length > 0 || isScoped(wrapper);
  }

  #callOf({ method }: DecoratedMethod, wrapper: InstanceWrapper): EventHandler {
    if (this.parts.options.enhancers.length > 0) {
      return enhancedCall(wrapper, method, this.#contexts, this.parts.options.enhancers, this.enhancers);
    }
    return isScoped(wrapper) ? scopedCall(wrapper, method, this.#contexts) : singletonCall(wrapper, method);
  }

  /** What sets a second instance of a class apart in ids; `undefined` when it is not to be registered. */
  #suffixOf(
    { hostClass, className }: DecoratedMethod,
    wrapper: InstanceWrapper,
    module: NestModule,
  ): string | undefined {
    const first = this.#places.get(hostClass);
    if (first === undefined) {
      this.#places.set(hostClass, { instance: wrapper.instance, module: module.name });
      return '';
    }
    if (first.instance === wrapper.instance) return '';
    const { duplicates } = this.parts.options;
    const problem = `${className} is provided by ${first.module} and by ${module.name}, so each of its event handlers exists twice.`;
    const mend = `Provide it in one module and export it, or set the option 'duplicates'.`;
    if (duplicates === 'error') throw new EventConfigurationError(`${problem} ${mend}`);
    if (duplicates === 'all') return `@${module.name}`;
    if (!this.#warned.has(wrapper)) {
      this.#warned.add(wrapper);
      this.parts.notices.warn(`${problem} Only the one of ${first.module} handles events. ${mend}`);
    }
    return undefined;
  }

  #unknownBus({ className, method }: DecoratedMethod, bus: string | undefined): EventConfigurationError {
    const known = [...this.busNames].map((name) => (name === undefined ? 'the unnamed one' : `'${name}'`));
    const wanted = bus === undefined ? 'the unnamed bus' : `the bus '${bus}'`;
    return new EventConfigurationError(
      `Handler ${className}.${String(method)} is for ${wanted}, but the application has only ${known.join(', ')}. Import EventsModule.forRoot(${bus === undefined ? '' : `{ name: '${bus}' }`}), or correct the handler's 'bus' option.`,
    );
  }

  #assertLimits(): void {
    for (const { pattern } of this.parts.registry.entries()) {
      if (!pattern.includes('*')) this.parts.registry.plan(pattern);
    }
  }
}

/** A handler that asks for a class gets an instance of it, also when a broker brought plain JSON. */
function hydrating(key: EventListenable, call: EventHandler): EventHandler {
  if (typeof key !== 'function') return call;
  return (event, context) => {
    const data = hydrate(event.data, key as EventClass);
    return call(data === event.data ? event : event.with(data), context);
  };
}
